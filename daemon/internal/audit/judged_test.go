package audit_test

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/policy"
)

var decidedAt = time.Date(2026, 11, 22, 10, 51, 0, 123456000, time.UTC)

// judgedArguments are arguments as a decision on a use may have them, chosen
// by the bits of n.
func judgedArguments(n uint) policy.Arguments {
	bit := func(i uint) bool { return n>>i&1 == 1 }
	a := policy.Arguments{
		Engine: policy.EngineVersion, Decided: decidedAt, Local: 28800, Clock: "sane", UID: 20001, GIDs: []uint32{20000, 7},
		Op: "digest", Alg: "SM2-SM3", Purpose: "contract", Batch: 1, Class: "key", Unbounded: true,
		Proven: !bit(0), Active: !bit(1), KeyMatches: !bit(2), Carries: []string{"doc_id", "user_id"},
	}
	if bit(3) {
		a.Certificate = &policy.Certificate{Revoked: bit(4), ListMade: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	}
	if bit(5) {
		a.Clock = []string{"behind", "jumped", "unknown"}[n>>6%3]
	}
	if bit(7) {
		a.Stale = []policy.Stale{{Kind: "user", Principal: policy.Principal{Name: "oa:x"}}, {Kind: "group", Principal: policy.Principal{Name: "desk"}}}
	}
	if bit(8) {
		a.Use = []string{"entry.day 2026-11-21T16:00Z 3+1/50", "caller.lifetime - ?+0/7"}
	}
	if bit(9) {
		a.Approval = &policy.Approval{
			ID: "0123456789abcdef", State: policy.Granted, Form: policy.ByCount, Fits: true, By: []string{"carl"},
			From: decidedAt.Truncate(time.Second), Until: decidedAt.Truncate(time.Second).Add(time.Hour), Count: 3, Used: 1, Reserved: 1, Unknown: bit(0),
		}
	}
	return a
}

// judgedEvent is the event of a use that was decided from a.
func judgedEvent(t *testing.T, a policy.Arguments) *audit.Event {
	t.Helper()
	decided := audit.At(a.Decided)
	e := &audit.Event{
		V: audit.EventVersion, Kind: audit.KindSign, Decided: &decided, UID: &a.UID, GID: &a.GIDs[0], GIDs: a.GIDs[1:],
		Op: a.Op, Alg: a.Alg, Purpose: a.Purpose, DocID: "x", UserID: "u", Entry: "contracts", Rev: 3, PolicyRev: 2,
	}
	if err := e.Judge(a); err != nil {
		t.Fatal(err)
	}
	return e
}

// What a decision was made from is read back from the line of its event.
func TestArgumentsComeBackFromTheLine(t *testing.T) {
	for n := range uint(1 << 10) {
		want := judgedArguments(n)
		line, err := judgedEvent(t, want).AppendLine(nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.ParseEvent(line)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Arguments(audit.Subject{Class: policy.ClassKey, Validity: policy.Validity{Unbounded: true}, Certificate: want.Certificate != nil})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d: %+v, %v\nwant %+v\nline %s", n, got, err, want, line)
		}
	}
}

func TestOrdinaryUseRecordsNothingThatItsRevisionsFix(t *testing.T) {
	e := judgedEvent(t, judgedArguments(0))
	if e.But != nil || e.Given != "" || e.CRLMade != "" || e.Approval != "" || e.Use != nil {
		t.Errorf("but %v, given %q, crl_made %q, approval %q, use %v: want nothing", e.But, e.Given, e.CRLMade, e.Approval, e.Use)
	}
}

func TestArgumentsThatNoDecisionWroteAreRefused(t *testing.T) {
	for name, edit := range map[string]func(*audit.Event){
		"no uid": func(e *audit.Event) { e.UID = nil }, "no gid": func(e *audit.Event) { e.GID = nil }, "no decided": func(e *audit.Event) { e.Decided = nil },
		"a word of but":                   func(e *audit.Event) { e.But = []string{"tired"} },
		"revoked without a certificate":   func(e *audit.Event) { e.But = []string{"revoked"} },
		"stale of another kind":           func(e *audit.Event) { e.But = []string{"stale:host:x"} },
		"a list without a certificate":    func(e *audit.Event) { e.CRLMade = "2026-11-20T00:00:00Z" },
		"given that is no JSON":           func(e *audit.Event) { e.Given = "{" },
		"given with a field of its own":   func(e *audit.Event) { e.Given = `{"id":"","state":"none","x":1}` },
		"given of another approval":       func(e *audit.Event) { e.Given, e.Approval = `{"id":"a","state":"none"}`, "b" },
		"given of a state that is no one": func(e *audit.Event) { e.Given = `{"id":"","state":"perhaps"}` },
	} {
		e := judgedEvent(t, judgedArguments(0))
		edit(e)
		if a, err := e.Arguments(audit.Subject{Class: policy.ClassKey}); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestOnlyAllowedSignaturesAreUses(t *testing.T) {
	e := judgedEvent(t, judgedArguments(0))
	for _, kind := range []audit.Kind{audit.KindSign, audit.KindStamp, audit.KindRead, audit.KindRefuse, audit.KindAct, audit.KindApproval} {
		for _, result := range []audit.Result{audit.Allowed, audit.Refused, audit.Failed, ""} {
			e.Kind, e.Result = kind, result
			if want := (kind == audit.KindSign || kind == audit.KindStamp) && result == audit.Allowed; e.Uses() != want {
				t.Errorf("%s %s: a use is %v", kind, result, e.Uses())
			}
		}
	}
}

// FuzzArguments: whatever a line says, reading it back neither panics nor gives
// arguments that another line would be written for.
func FuzzArguments(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 24 {
		a := judgedArguments(uint(r.UintN(1 << 10)))
		e := &audit.Event{}
		if err := e.Judge(a); err != nil {
			f.Fatal(err)
		}
		f.Add(strings.Join(e.But, "\n"), e.Given, e.Approval, e.CRLMade, strings.Join(e.Use, "\n"), a.Certificate != nil)
	}
	f.Fuzz(func(t *testing.T, but, given, approval, made, use string, certified bool) {
		e := judgedEvent(t, judgedArguments(0))
		e.Given, e.Approval, e.CRLMade = given, approval, made
		if but != "" {
			e.But = strings.Split(but, "\n")
		}
		if use != "" {
			e.Use = strings.Split(use, "\n")
		}
		subject := audit.Subject{Class: policy.ClassKey, Validity: policy.Validity{Unbounded: true}, Certificate: certified}
		a, err := e.Arguments(subject)
		if err != nil {
			return
		}
		again := *e
		if err := again.Judge(a); err != nil {
			t.Fatal(err)
		}
		b, err := again.Arguments(subject)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%+v\nthen %+v, %v", a, b, err)
		}
	})
}
