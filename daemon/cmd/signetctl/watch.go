package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol/admin"
)

// Bounds of a watch. The shortest is what a person can follow.
const (
	usualWatch    = 2 * time.Second
	shortestWatch = 100 * time.Millisecond
	watchTimeout  = 5 * time.Second // of one answer: a daemon that hangs is seen as such
)

// A watch shows the status again and again. It outlives the daemon: a restart
// is what it is for.
type watch struct {
	program *program
	last    sight
	begun   bool
}

// A sight is one answer, or why there is none.
type sight struct {
	status admin.Status
	err    error
}

// watch ends well with its context: to stop watching is no failure.
func (p *program) watch(ctx context.Context, every time.Duration) error {
	if every < shortestWatch {
		return usage(msgWatch, every, shortestWatch)
	}
	w := &watch{program: p}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		now := w.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !w.begun && now.err != nil && isForbidden(now.err) {
			return now.err // waiting does not put an account into a group
		}
		if err := w.show(now, every); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func isForbidden(err error) bool {
	var own *fault
	if errors.As(err, &own) {
		return own.what == msgNeitherSocket || own.what == msgNotPermitted
	}
	return statusOf(err) == exitRefused
}

func (w *watch) look(ctx context.Context) sight {
	ctx, cancel := w.program.within(ctx, watchTimeout)
	defer cancel()
	s, err := readEither(ctx, w.program, func(ctx context.Context, c *admin.Client) (admin.Status, error) { return c.Status(ctx) })
	return sight{s, err}
}

// show draws on a terminal each time, elsewhere only what has changed.
func (w *watch) show(now sight, every time.Duration) error {
	changed := !w.begun || !now.same(w.last)
	w.last, w.begun = now, true
	p := w.program
	switch {
	case screen.IsTerminal(p.out) && !p.json:
		return p.redraw(now, every)
	case !changed:
		return nil
	case p.json:
		return p.printSight(now)
	}
	_, err := fmt.Fprintln(p.out, clock(time.Now())+"  "+screen.Clean(p.sightLine(now)))
	return err
}

// same leaves out what moves all the time: the clock, and the log with each
// use.
func (s sight) same(o sight) bool {
	if s.err != nil || o.err != nil {
		return s.err != nil && o.err != nil && s.err.Error() == o.err.Error()
	}
	still := func(s admin.Status) admin.Status {
		s.Now, s.Events, s.Root = time.Time{}, 0, ""
		return s
	}
	return reflect.DeepEqual(still(s.status), still(o.status))
}

// redraw writes over what stands there, line by line, so that nothing
// flickers and what was longer before is wiped.
func (p *program) redraw(now sight, every time.Duration) error {
	var page bytes.Buffer
	out := p.out
	p.out = &page
	err := p.drawSight(now, every)
	p.out = out
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(page.String(), "\n", "\x1b[K\r\n")
	_, err = fmt.Fprint(out, "\x1b[H", text, "\x1b[J")
	return err
}

func (p *program) drawSight(now sight, every time.Duration) error {
	if err := p.say(msgWatching, clock(time.Now()), every); err != nil {
		return err
	}
	p.blank()
	if now.err == nil {
		return p.showStatus(now.status)
	}
	r := p.report(now.err)
	if err := screen.Indent(p.out, 0, p.outPaint.Text(screen.Bad, p.tr(msgNoStatus))+r.sentence); err != nil {
		return err
	}
	return p.next(text{"%s", "%s"}, r.next)
}

// sightLine is a status on one line: mode, why, tokens that are not up,
// warnings.
func (p *program) sightLine(now sight) string {
	if now.err != nil {
		return p.tr(msgNoStatus) + p.report(now.err).sentence
	}
	parts := []string{p.mode(now.status.Mode).Text}
	if now.status.Reason != "" {
		parts = append(parts, now.status.Reason)
	}
	for _, t := range now.status.Tokens {
		parts = append(parts, fmt.Sprintf("%s %s", t.Name, p.word(t.State).Text))
	}
	parts = append(parts, p.tr(msgEvents, now.status.Events))
	return strings.Join(append(parts, now.status.Warnings...), "; ")
}

// printSight writes the daemon's answer, or the error as failJSON does.
func (p *program) printSight(now sight) error {
	if now.err == nil {
		return p.printJSON(now.status)
	}
	return p.printJSON(p.report(now.err).json())
}
