package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
)

// A program is one run of signetctl: its streams, its language, and the flags
// that every verb has.
type program struct {
	in       io.Reader
	out, err io.Writer
	lang     language
	outPaint screen.Paint
	errPaint screen.Paint

	sign, admin, audit endpoint
	json               bool
	timeout            time.Duration // zero: as long as the verb usually allows

	agentSocket string // of ssh-agent; empty for none

	path    string // the command as it is typed, once it has failed
	subject string // entry or token that the verb is about
	nonce   string // of the act that was handed in
	caller  bool   // the verb is a caller's: what officers look at is not for this account
}

func newProgram(in io.Reader, out, err io.Writer, getenv func(string) string) *program {
	colour := getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	return &program{
		in: in, out: out, err: err, lang: languageOf(getenv),
		outPaint: screen.Paint{Colour: colour && screen.IsTerminal(out)},
		errPaint: screen.Paint{Colour: colour && screen.IsTerminal(err)},
		sign:     signEndpoint.from(getenv),
		admin:    adminEndpoint.from(getenv),
		audit:    auditEndpoint.from(getenv),

		agentSocket: getenv("SSH_AUTH_SOCK"),
	}
}

// run carries out one command line and returns the exit status.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	p.path = cmd.CommandPath()
	if ctx.Err() != nil {
		err = &fault{status: exitUnexpected, what: msgInterrupted, next: hintLog}
	}
	return p.fail(err)
}

// tr returns a text in the language of this run.
func (p *program) tr(t text, args ...any) string { return t.in(p.lang, args...) }

// answerInEnglish is for words that stand in an answer: with --json a program
// reads it, whoever sits there.
func (p *program) answerInEnglish() {
	if p.json {
		p.lang = english
	}
}

// say writes a line for people to standard output.
func (p *program) say(t text, args ...any) error {
	_, err := fmt.Fprintln(p.out, p.tr(t, args...))
	return err
}

// next writes the command to type next.
func (p *program) next(t text, args ...any) error {
	return p.say(msgNext, p.tr(t, args...))
}

// printJSON writes v as one line of JSON.
func (p *program) printJSON(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding JSON: %w", err)
	}
	return p.printJSONText(string(data))
}

// printJSONText writes one JSON text as it is, except to a terminal.
func (p *program) printJSONText(line string) error {
	if screen.IsTerminal(p.out) {
		line = screen.CleanJSON(line)
	}
	_, err := fmt.Fprintln(p.out, line)
	return err
}

// waiting shows on a terminal that an answer takes long. The function it
// returns ends that.
func (p *program) waiting() (stop func()) {
	return p.during(func() string { return p.tr(msgWaiting) })
}

// during shows on a terminal what is going on, if it takes longer than a
// second. The function it returns ends that; before, nothing else may be
// written there.
func (p *program) during(what func() string) (stop func()) {
	if !screen.IsTerminal(p.err) {
		return func() {}
	}
	return screen.Waiting(p.err, what)
}

// within bounds what a verb waits for, by --timeout where it is given.
func (p *program) within(ctx context.Context, usual time.Duration) (context.Context, context.CancelFunc) {
	if p.timeout > 0 {
		usual = p.timeout
	}
	return context.WithTimeout(ctx, usual)
}

// clock writes a time for people: in their zone, with its offset.
func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return clockIn(nil, at)
}

// clockIn writes a time by the clock of a zone, of this machine for nil.
func clockIn(zone *time.Location, at time.Time) string {
	if zone == nil {
		zone = time.Local
	}
	return at.In(zone).Format("2006-01-02 15:04:05 -07:00")
}
