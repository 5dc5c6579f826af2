package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"signet/policy/zoneinfo"
	"signet/protocol/stricttoml"
)

// FuzzParse: no text panics; every fault has a line of the text; a policy that
// is read is read from its own text again as the same policy, refuses the zero
// request, and can be asked at any time.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			checkFaults(t, text, err)
			if !reflect.DeepEqual(p, Policy{}) {
				t.Error("a refused policy is not the zero policy")
			}
			return
		}
		again, err := Parse([]byte(p.Text()))
		if err != nil || !reflect.DeepEqual(p, again) || p.Hash() != again.Hash() {
			t.Errorf("parsing the policy's own text: %v", err)
		}
		everybody := Lookup{User: anyID, Group: anyID}
		then, err := Resolve(p, everybody)
		if err != nil {
			t.Fatalf("Resolve: %v", err)
		}
		b, stale := Bind(p, then, everybody)
		if len(stale) > 0 {
			t.Errorf("stale at once: %v", stale)
		}
		if Decide(b, Usage{}, Request{}, Instant{}).Allowed() {
			t.Error("the zero request is allowed")
		}
		for _, at := range oddTimes {
			checkAt(t, b, at)
		}
	})
}

// checkFaults: the faults of a text that is not too long have each a place.
func checkFaults(t *testing.T, text []byte, err error) {
	t.Helper()
	var faults stricttoml.Faults
	if !errors.As(err, &faults) && len(text) <= MaxText {
		t.Fatalf("no faults: %v", err)
	}
	for _, f := range faults {
		if f.Line < 1 || f.Line > 1+bytes.Count(text, []byte("\n")) || f.Problem == "" {
			t.Errorf("fault %+v", f)
		}
	}
}

// oddTimes are a plain one, both ends of what a time can be, the last day of a
// leap year, a leap day, a repeated hour and a skipped one.
var oddTimes = []time.Time{
	noon, {}, time.Date(9999, 12, 31, 23, 59, 59, 1e9-1, time.UTC), time.Date(2028, 12, 31, 12, 0, 0, 0, time.UTC),
	time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC),
}

// checkAt asks for all that a policy counts at one time.
func checkAt(t *testing.T, b Bound, at time.Time) {
	t.Helper()
	p := b.Policy()
	now := p.At(at, SaneClock)
	counts := p.Windows(at)
	for _, c := range counts {
		if w := (Span{c.Start, c.End}); c.Period != Lifetime && !w.Holds(at) {
			t.Errorf("%v at %v: window %v to %v", c.Quota, at, c.Start, c.End)
		}
	}
	for _, op := range Operations() {
		r := good()
		r.Operation, r.Entry.Class, r.Entry.Validity = op, op.class(), Validity{From: time.Unix(0, 0), Until: at}
		r.Carries = FieldsOf(AllFields()...)
		if d := Decide(b, Usage{Counts: counts}, r, now); d.Allowed() == (d.Rule != "") || d.Allowed() && p.approvals != nil && op.signs() {
			t.Errorf("%v at %v: %+v", op, at, d)
		}
	}
	if p.zone == nil {
		return
	}
	if open := p.schedule.next(p.zone, at); !open.IsZero() {
		opens := p.At(open, SaneClock)
		if by := p.schedule.closedBy(opens.Time, opens.Offset); by != "" || open.Before(at) {
			t.Errorf("next at %v is %v, closed by %q", at, open, by)
		}
	}
	if from, until := zoneinfo.Bounds(p.zone, at); from.After(at) || !until.IsZero() && !until.After(at) {
		t.Errorf("the offset of %v at %v: from %v to %v", p.zone, at, from, until)
	}
}

func anyID(string) (uint32, error) { return 1001, nil }

// FuzzReplay: no recorded arguments panic, and what replays is recorded as
// the same decision again.
func FuzzReplay(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		var a Arguments
		if json.Unmarshal(line, &a) != nil {
			return
		}
		replayUnder(t, a, contracts)
		replayUnder(t, a, officeText)
	})
}

// replayUnder replays arguments under one policy, and what is recorded of them.
func replayUnder(t *testing.T, a Arguments, text string) {
	t.Helper()
	b, then := mustBind(t, text)
	want, err := a.Replay(b.Policy(), then)
	if err != nil {
		return
	}
	r, requestErr := a.request()
	clock, clockErr := parseClock(a.Clock)
	u, usageErr := a.usage()
	if err := errors.Join(requestErr, clockErr, usageErr); err != nil {
		t.Fatal(err)
	}
	again := Record(a.bound(b.Policy(), then), u, r, Instant{a.Decided, a.Local, clock})
	if got, err := again.Replay(b.Policy(), then); err != nil || got != want {
		t.Errorf("recorded again: %+v, %v, want %+v", got, err, want)
	}
}
