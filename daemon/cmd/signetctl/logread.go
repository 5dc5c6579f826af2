package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"signet/daemon/internal/audit"
	"signet/protocol/admin"
)

// page is how many events are asked for at once. Fewer than the daemon would
// give: an event may hold a whole act.
const page = 500

// A logLine is one event: the exact leaf, and what it says as far as this
// program knows.
type logLine struct {
	raw   string
	event audit.Event
}

// A logReader reads pages over one connection: the log has one event for each
// connection that reads it.
type logReader struct {
	program *program
	client  *admin.Client
	size    uint64 // of the log when the reading began
	begun   bool
	partial bool // the daemon leaves out what this account may not see
}

// readLog gives the selected events to each, in the log's order. What is
// recorded after the reading began is not read, so that it ends.
func (p *program) readLog(ctx context.Context, s selection, each func(logLine) error) error {
	return p.withLog(ctx, func(ctx context.Context, r *logReader) error {
		err := r.read(ctx, s, each)
		if err == nil && r.partial && !p.json {
			err = p.aside().say(msgLogPartial)
		}
		return err
	})
}

// withLog has read use a reader of whichever socket answers.
func (p *program) withLog(ctx context.Context, read func(context.Context, *logReader) error) error {
	_, err := readEither(ctx, p, func(ctx context.Context, c *admin.Client) (struct{}, error) {
		r := &logReader{program: p, client: c}
		err := read(ctx, r)
		if r.begun && errors.Is(err, admin.ErrUnreachable) {
			err = &fault{status: exitUnreachable, what: msgLogCut, args: []any{err}, next: hintService} // final: to begin again would repeat lines
		}
		return struct{}{}, err
	})
	return err
}

func (r *logReader) read(ctx context.Context, s selection, each func(logLine) error) error {
	first, err := r.fetch(ctx, s.from, 1)
	if err != nil {
		return err
	}
	r.size, r.begun = first.Size, true
	if s.hasFrom || s.limit == 0 {
		return r.forward(ctx, s, each)
	}
	lines, err := r.backward(ctx, s)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if err := each(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *logReader) forward(ctx context.Context, s selection, each func(logLine) error) error {
	found := 0
	for from := s.from; from < r.size; from = min(from+page, r.size) {
		lines, err := r.window(ctx, from, min(from+page, r.size))
		if err != nil {
			return err
		}
		for _, line := range lines {
			if !s.matches(line) {
				continue
			}
			if err := each(line); err != nil {
				return err
			}
			if found++; found == s.limit {
				return nil
			}
		}
	}
	return nil
}

// backward returns the newest s.limit events that match, oldest first.
func (r *logReader) backward(ctx context.Context, s selection) ([]logLine, error) {
	var found []logLine
	for to := r.size; to > 0 && len(found) < s.limit; to -= min(page, to) {
		lines, err := r.window(ctx, to-min(page, to), to)
		if err != nil {
			return nil, err
		}
		for _, line := range slices.Backward(lines) {
			if s.matches(line) && len(found) < s.limit {
				found = append(found, line)
			}
		}
	}
	slices.Reverse(found)
	return found, nil
}

// window reads the events from up to, not including, to.
func (r *logReader) window(ctx context.Context, from, to uint64) ([]logLine, error) {
	var lines []logLine
	for from < to {
		answer, err := r.fetch(ctx, from, int(to-from))
		if err != nil {
			return nil, err
		}
		next, ok := from, false
		if lines, next, ok = take(lines, answer, from); !ok || next > to {
			return nil, badLog(from)
		}
		r.partial, from = r.partial || answer.Partial, next
	}
	return lines, nil
}

// take adds a page to lines and returns where the next one begins: each event
// follows the one before, or, where only a part is shown, comes after it.
func take(lines []logLine, answer admin.Events, from uint64) (taken []logLine, next uint64, ok bool) {
	next = from
	for _, raw := range answer.Lines {
		line, ok := parseLine(raw)
		if !ok || line.event.Seq < next || line.event.Seq > next && !answer.Partial {
			return nil, 0, false
		}
		lines, next = append(lines, line), line.event.Seq+1
	}
	if answer.Partial {
		next = max(next, answer.Next)
	}
	return lines, next, next > from
}

func (r *logReader) fetch(ctx context.Context, from uint64, limit int) (admin.Events, error) {
	ctx, cancel := r.program.within(ctx, readTimeout)
	defer cancel()
	return r.client.Events(ctx, from, limit)
}

// parseLine takes an event for what this program knows of it: a newer daemon
// may say more. A line end inside would make two events of one.
func parseLine(raw string) (logLine, bool) {
	line := logLine{raw: raw}
	if strings.ContainsAny(raw, "\r\n") || json.Unmarshal([]byte(raw), &line.event) != nil {
		return logLine{}, false
	}
	return line, true
}

func badLog(seq uint64) error {
	return &fault{status: exitUnexpected, what: msgBadLog, args: []any{seq}, next: hintStatus}
}
