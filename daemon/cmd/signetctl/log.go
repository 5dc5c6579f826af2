package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
)

// newest is how many events people are shown who do not say.
const newest = 50

// A selection is which events are wanted. Without from it is the newest that
// match, with it the first that match from there on.
type selection struct {
	from    uint64
	hasFrom bool
	limit   int // 0: all
	entry   string
	result  string
}

func (s selection) matches(e logLine) bool {
	return (s.entry == "" || e.event.Entry == s.entry) && (s.result == "" || string(e.event.Result) == s.result)
}

func (p *program) logList() *cobra.Command {
	var s selection
	results := []string{string(audit.Allowed), string(audit.Refused), string(audit.Failed)}
	var cmd *cobra.Command
	cmd = p.command("list", helpLogList, func(ctx context.Context, _ []string) error {
		s.hasFrom = cmd.Flags().Changed("from")
		if !cmd.Flags().Changed("limit") && !p.json {
			s.limit = newest
		}
		if s.limit < 0 {
			return usage(msgLimit, s.limit)
		}
		if s.result != "" {
			if err := oneOf("result", s.result, results); err != nil {
				return err
			}
		}
		return p.listLog(ctx, s)
	})
	cmd.Flags().Uint64Var(&s.from, "from", 0, p.tr(flagFrom))
	cmd.Flags().IntVar(&s.limit, "limit", 0, p.tr(flagLimit))
	cmd.Flags().StringVar(&s.entry, "entry", "", p.tr(flagEntry))
	cmd.Flags().StringVar(&s.result, "result", "", p.tr(flagResult))
	complete(cmd, "entry", p.entryIDs)
	offer(cmd, "result", results)
	return cmd
}

func (p *program) listLog(ctx context.Context, s selection) error {
	if p.json {
		return p.readLog(ctx, s, func(line logLine) error { return p.printJSONText(line.raw) })
	}
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headSeq), Whole: true}, {Heading: p.tr(headRecorded, time.Now().Format("-07:00")), Whole: true},
		{Heading: p.tr(headUID), Whole: true}, {Heading: p.tr(headEntry)}, {Heading: p.tr(headWhat)}, {Heading: p.tr(headResult)},
	}}
	err := p.readLog(ctx, s, func(line logLine) error {
		p.logRow(&t, line.event)
		return nil
	})
	if err != nil {
		return err
	}
	if t.Empty() {
		return p.say(msgNoEvents)
	}
	return t.Write(p.out, p.outPaint)
}

func (p *program) logRow(t *screen.Table, e audit.Event) {
	uid := ""
	if e.UID != nil {
		uid = strconv.FormatUint(uint64(*e.UID), 10)
	}
	t.Row(screen.Cell{Text: strconv.FormatUint(e.Seq, 10)},
		screen.Cell{Text: e.Recorded.Time().Local().Format("2006-01-02 15:04:05")},
		screen.Cell{Text: uid}, screen.Cell{Text: e.Entry}, screen.Cell{Text: whatOf(e)}, p.resultOf(e))
}

// whatOf is what was asked for, in the log's own words.
func whatOf(e audit.Event) string {
	parts := []string{string(e.Kind)}
	if e.Kind == audit.KindAct || e.Kind == audit.KindApproval {
		parts = nil // their op says what they are
	}
	for _, part := range []string{e.Op, e.Purpose, e.DocNo, e.DocID} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Kind == audit.KindRefusedMany {
		parts = append(parts, "x"+strconv.FormatUint(e.Count, 10))
	}
	return strings.Join(parts, " ")
}

func (p *program) resultOf(e audit.Event) screen.Cell {
	cell := p.word(string(e.Result))
	if e.Reason != "" {
		cell.Text = strings.TrimSpace(cell.Text + " " + e.Reason)
	}
	return cell
}
