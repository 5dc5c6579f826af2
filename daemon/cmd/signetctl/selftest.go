package main

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

// A selfReport is what a self-test found, as the daemon writes it into the
// content that its act made.
type selfReport struct {
	Checks     []check `json:"checks"`
	Signatures uint64  `json:"signatures"`
}

type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	TookUS int64  `json:"took_us"`
}

func (p *program) selfTest() *cobra.Command {
	return p.actCommand("selftest", helpSelfTest, []authority.Kind{authority.SelfTest}, func(ctx context.Context, by *handing, _ []string) error {
		return p.carry(ctx, by, order{kind: authority.SelfTest, content: just(authority.Nothing{}), done: p.tested})
	})
}

// tested shows the report. Something that failed is no success of this program
// either: whatever failed is stopped.
func (p *program) tested(ctx context.Context, result admin.ActResult) error {
	content, err := p.content(ctx, result.Made)
	if err != nil {
		return err
	}
	var r selfReport
	if json.Unmarshal([]byte(content), &r) != nil {
		return &fault{status: exitUnexpected, what: msgReportUnread, next: hintEvent, nextArgs: []any{result.Event}}
	}
	if p.json {
		err = p.printJSONText(content) // exact, for who hashes it
	} else {
		err = p.showSelfReport(result, r)
	}
	if err != nil {
		return err
	}
	return r.verdict()
}

func (p *program) showSelfReport(result admin.ActResult, r selfReport) error {
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headCheck), Whole: true}, {Heading: p.tr(headResult), Whole: true}, {Heading: p.tr(headTook), Whole: true}, {Heading: p.tr(headWhyNot)},
	}}
	for _, c := range r.Checks {
		t.Row(screen.Cell{Text: c.Name}, p.checkResult(c), screen.Cell{Text: took(c.TookUS)}, screen.Cell{Text: c.Detail})
	}
	if err := t.Write(p.out, p.outPaint); err != nil {
		return err
	}
	return p.say(msgSelfTested, len(r.Checks), r.Signatures, result.Event)
}

func (p *program) checkResult(c check) screen.Cell {
	if c.OK {
		return screen.Cell{Text: p.tr(wordPassed), Tone: screen.Good}
	}
	return screen.Cell{Text: p.tr(wordFailed), Tone: screen.Bad}
}

func took(us int64) string {
	if us < 1000 {
		return strconv.FormatInt(us, 10) + " µs"
	}
	return (time.Duration(us) * time.Microsecond).Round(time.Millisecond).String()
}

func (r selfReport) verdict() error {
	failed := 0
	for _, c := range r.Checks {
		if !c.OK {
			failed++
		}
	}
	if failed == 0 && len(r.Checks) > 0 {
		return nil
	}
	return &fault{status: exitVerification, what: msgSelfTestFailed, args: []any{failed, len(r.Checks)}, next: hintStatus}
}
