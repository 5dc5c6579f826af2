package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/model"
)

// checkLog holds the log to the model's, and to itself.
func (w *daemonWorld) checkLog() error {
	raw, err := w.lines()
	if err != nil {
		return err
	}
	got, err := linesOf(raw)
	if err != nil {
		return err
	}
	if err := sameLog(got, w.m.Log); err != nil {
		return err
	}
	return w.checkReplay(raw)
}

func (w *daemonWorld) lines() (all [][]byte, err error) {
	for {
		page, err := w.a.store.Events(uint64(len(all)), 1000)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
	}
}

func lineOf(e *audit.Event) model.Line {
	l := model.Line{
		Kind: string(e.Kind), Op: e.Op, Entry: e.Entry, Result: string(e.Result), Reason: e.Reason, Rule: e.Rule, Approval: e.Approval,
		Recorded: e.Recorded.Time(),
	}
	if e.UID != nil {
		l.UID = *e.UID
	}
	if e.Decided != nil {
		l.Decided = e.Decided.Time()
	}
	if e.Kind == audit.KindRefusedMany {
		l.Count = e.Count
	}
	return l
}

// sameLog compares line by line. Counts of refusals that were due together may
// stand in any order.
func sameLog(got, want []model.Line) error {
	if len(got) != len(want) {
		return fmt.Errorf("the log has %d events, the model %d lines", len(got), len(want))
	}
	sortCounted(got)
	sortCounted(want)
	for i := range got {
		if !sameLine(got[i], want[i]) {
			around := func(lines []model.Line) (text string) {
				for j := max(i-3, 0); j < min(i+3, len(lines)); j++ {
					text += fmt.Sprintf("  %d %+v\n", j, lines[j])
				}
				return text
			}
			return fmt.Errorf("event %d is another one; the log:\n%sthe model:\n%s", i, around(got), around(want))
		}
	}
	return nil
}

func sameLine(a, b model.Line) bool {
	times := a.Decided.Equal(b.Decided) && a.Recorded.Equal(b.Recorded)
	a.Decided, a.Recorded, b.Decided, b.Recorded = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return times && a == b
}

func sortCounted(lines []model.Line) {
	text := func(l model.Line) string { return fmt.Sprint(l.UID, l.Entry, l.Rule, l.Reason, l.Result) }
	order := func(a, b model.Line) int {
		return cmp.Or(a.Recorded.Compare(b.Recorded), strings.Compare(text(a), text(b)))
	}
	for i := 0; i < len(lines); i++ {
		n := slices.IndexFunc(lines[i:], func(l model.Line) bool { return l.Kind != string(audit.KindRefusedMany) })
		if n < 0 {
			n = len(lines) - i
		}
		slices.SortStableFunc(lines[i:i+n], order)
		i += n
	}
}

// linesOf reads the log as the model has it.
func linesOf(raw [][]byte) ([]model.Line, error) {
	var all []model.Line
	for _, line := range raw {
		e, err := audit.ParseEvent(line)
		if err != nil {
			return nil, err
		}
		all = append(all, lineOf(e))
	}
	return all, nil
}

// checkCounts holds what the store counted to its log.
func (w *daemonWorld) checkCounts() error {
	found, err := w.a.store.Recount(context.Background())
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("%d counts of the store are wrong, the first: %+v", len(found), found[0])
	}
	return err
}
