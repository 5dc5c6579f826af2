package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/client"
)

// A fault is an error that signetctl itself found, in the catalog's words.
// It wraps nothing: what it says is final.
type fault struct {
	status   int
	what     text
	args     []any
	lines    []string // more about it, one a line
	next     text     // what to type; zero, for usage only: the help of the verb
	nextArgs []any
}

func (f *fault) Error() string { return f.what.in(english, f.args...) }

// usage returns the fault of a command line or an input that is wrong.
func usage(what text, args ...any) *fault {
	return &fault{status: exitUsage, what: what, args: args}
}

// An advised error says what to type next where its code alone cannot.
type advised struct {
	err      error
	next     text
	nextArgs []any
}

func (a *advised) Error() string { return a.err.Error() }
func (a *advised) Unwrap() error { return a.err }

// A report is an error as it is shown.
type report struct {
	status   int
	sentence string
	lines    []string
	about    []string // code, rule, field, event
	next     string
	said     admin.Error
}

// fail shows err on standard error and returns the exit status.
func (p *program) fail(err error) int {
	p.answerInEnglish()
	r := p.report(err)
	if p.json {
		p.failJSON(r)
		return r.status
	}
	// Not wrapped: a terminal does that, and a script that looks for a
	// sentence finds it whole.
	fmt.Fprintln(p.err, p.errPaint.Text(screen.Bad, "signetctl:")+" "+r.sentence)
	for _, line := range r.lines {
		fmt.Fprintln(p.err, "  "+screen.Clean(line))
	}
	if len(r.about) > 0 {
		fmt.Fprintln(p.err, "  "+strings.Join(r.about, "  "))
	}
	if r.next != "" {
		fmt.Fprintln(p.err, "  "+p.tr(msgNext, r.next))
	}
	return r.status
}

// A reportJSON is an error as the daemon's sockets of HTTP write it, with the
// exit status and the next command beside it.
type reportJSON struct {
	Error admin.Error `json:"error"`
	Exit  int         `json:"exit"`
	Next  string      `json:"next,omitempty"`
}

func (r report) json() reportJSON {
	if r.said.Message == "" {
		r.said.Message = strings.Join(append([]string{r.sentence}, r.lines...), "\n")
	}
	return reportJSON{r.said, r.status, r.next}
}

func (p *program) failJSON(r report) {
	data, err := json.Marshal(r.json())
	if err != nil {
		return // of strings and numbers: cannot be
	}
	line := string(data)
	if screen.IsTerminal(p.err) {
		line = screen.CleanJSON(line)
	}
	fmt.Fprintln(p.err, line)
}

func (p *program) report(err error) report {
	var own *fault
	var dry *dryRefusal
	var said *protocol.Error
	r := report{status: statusOf(err)}
	switch {
	case errors.As(err, &dry):
		words := codeTexts[protocol.Code(dry.said.GetCode())]
		r.sentence, r.next, r.said = p.tr(msgWouldBeRefused, words.what), p.nextAfter(words.next), admin.NewError(dry.said)
	case errors.As(err, &own):
		r.sentence, r.lines, r.next = p.tr(own.what, own.args...), own.lines, p.nextOf(own)
	case errors.As(err, &said):
		r = p.reportSaid(r, said)
	case errors.Is(err, client.ErrConnectionLost) && !errors.Is(err, client.ErrBadAnswer):
		r.sentence, r.next = p.tr(msgLost), p.hint(hintRepeat)
	case errors.Is(err, context.DeadlineExceeded):
		r.sentence, r.next = p.tr(msgDeadline), p.hint(hintService)
	default:
		r.sentence, r.next = p.tr(msgUnexpected, err), p.hint(hintStatus)
	}
	if r.said.Name == "" {
		r.said = admin.Error{Name: exitNames[r.status], Retry: "never"}
		if r.status == exitUnreachable {
			r.said.Retry = "after" // whoever mends the daemon mends this
		}
	}
	return p.inContext(r, err)
}

// inContext says of which file an error is, that nothing was judged, and what
// to type where the verb knows better.
func (p *program) inContext(r report, err error) report {
	var open *undecided
	var one *itemFault
	var more *advised
	if errors.As(err, &open) {
		r.sentence = p.tr(msgDetail, words[resultWords[indeterminate]].text, r.sentence)
	}
	if errors.As(err, &more) {
		r.next = p.hint(more.next, more.nextArgs...)
	}
	if errors.As(err, &one) {
		r.lines = append(one.lines(p), r.lines...)
	}
	return r
}

// nextOf is what to type after a fault: whoever typed a line wrong reads how
// it is typed.
func (p *program) nextOf(f *fault) string {
	if f.next == (text{}) && f.status == exitUsage && p.path != "" {
		return p.hint(hintHelp, p.path)
	}
	return p.hint(f.next, f.nextArgs...)
}

// hint says what to type next. A program is given the command alone, and
// nothing where there is none.
func (p *program) hint(next text, args ...any) string {
	bare, ok := bareHints[next]
	switch {
	case !p.json || !ok:
		return p.tr(next, args...)
	case bare == "":
		return ""
	}
	return p.tr(text{bare, bare}, args...)
}

// exitNames are the names of errors that have no code of the table.
var exitNames = [...]string{
	exitUnexpected: "unexpected", exitUsage: "usage", exitRefused: "unsupported", exitLater: "later", exitMore: "more_signatures",
	exitNotFound: "not_found", exitUnreachable: "unreachable", exitVerification: "verification_failed", exitHSM: "hsm",
	exitConflict: "conflict",
}

// reportSaid shows the daemon's word: the catalog's sentence for its code,
// then what this daemon added.
func (p *program) reportSaid(r report, said *protocol.Error) report {
	words, ok := codeTexts[protocol.Code(said.GetCode())]
	if !ok {
		words.what = msgUnknownCode
	}
	r.sentence = p.tr(words.what)
	switch detail := said.GetMessage(); {
	case strings.Contains(detail, "\n"): // the faults of a text, one a line
		r.lines = strings.Split(strings.TrimSpace(detail), "\n")
	case detail != "":
		r.sentence = p.tr(msgDetail, words.what, detail)
	}
	r.next = p.nextAfter(words.next)
	switch {
	case said.GetField() == "policy": // of an entry that has none yet
		r.next = p.hint(hintPolicySet, p.subject)
	case words.next == hintCommand && p.path != "": // something was asked for wrongly
		r.next = p.hint(hintHelp, p.path)
	}
	r.about = p.aboutSaid(said)
	r.said = admin.NewError(said)
	return r
}

// nextAfter fills in what the verb is about.
func (p *program) nextAfter(next text) string {
	subject := p.subject
	if subject == "" {
		subject = "ENTRY"
	}
	nonce := "NONCE"
	if p.nonce != "" {
		nonce = shortNonce(p.nonce)
	}
	command := strings.NewReplacer("{entry}", subject, "{act}", nonce).Replace(p.hint(next))
	if p.caller && !p.json && slices.Contains([]text{hintRules, hintEntry, hintDevices, hintMode, hintStatus}, next) {
		return p.tr(hintOfficer, command)
	}
	return command
}

func (p *program) aboutSaid(said *protocol.Error) []string {
	about := []string{p.tr(aboutCode, said.GetCode(), said.GetName())}
	if said.GetField() != "" {
		about = append(about, p.tr(aboutField, said.GetField()))
	}
	if said.GetRule() != "" {
		about = append(about, p.tr(aboutRule, said.GetRule()))
	}
	switch {
	case said.Event != nil && said.GetCounted():
		about = append(about, p.tr(aboutCounted, said.GetEvent()))
	case said.Event != nil:
		about = append(about, p.tr(aboutEvent, said.GetEvent()))
	}
	return append(about, p.retryWords(said))
}

func (p *program) retryWords(said *protocol.Error) string { return p.retryWordsIn(nil, said) }

// retryWordsIn says when to ask again by the clock of a zone, of this machine
// for nil.
func (p *program) retryWordsIn(zone *time.Location, said *protocol.Error) string {
	switch {
	case said.GetAfter() != nil:
		return p.tr(retryAt, clockIn(zone, said.GetAfter().AsTime()))
	case said.GetAfterMs() != 0:
		return p.tr(retryIn, time.Duration(said.GetAfterMs())*time.Millisecond)
	case said.GetRetry() == protocol.Retry_AFTER:
		return p.tr(retryLater)
	case said.GetRetry() == protocol.Retry_NOW:
		return p.tr(retryNow)
	}
	return p.tr(retryNever)
}
