package policy

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// replayed records a decision, passes it through JSON as the log does, and
// decides again.
func replayed(t *testing.T, b Bound, then Resolved, r Request, at Instant) (Decision, []byte) {
	t.Helper()
	line, err := json.Marshal(Record(b, Usage{}, r, at))
	if err != nil {
		t.Fatal(err)
	}
	var a Arguments
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	d, err := a.Replay(b.Policy(), then)
	if err != nil {
		t.Fatalf("Replay of %s: %v", line, err)
	}
	return d, line
}

func TestReplayGivesTheRecordedDecision(t *testing.T) {
	b, then := mustBind(t, contracts)
	for _, tt := range refusals {
		r, at := good(), sane
		tt.change(&r, &at)
		want := Decide(b, Usage{}, r, at)
		if got, line := replayed(t, b, then, r, at); got != want {
			t.Errorf("%s: replay of %s = %+v, want %+v", tt.name, line, got, want)
		}
	}
	rng := rand.New(rand.NewPCG(20250927, 2))
	allowed := 0
	for range 3000 {
		b, then := mustBind(t, randomPolicy(rng).text())
		r, at := randomRequest(rng), sane
		at.Time = policyFrom.Add(time.Duration(rng.Int64N(int64(48 * time.Hour))))
		want := Decide(b, Usage{}, r, at)
		if want.Allowed() {
			allowed++
		}
		if got, line := replayed(t, b, then, r, at); got != want {
			t.Fatalf("replay of %s = %+v, want %+v", line, got, want)
		}
	}
	if allowed < 50 {
		t.Errorf("%d allowed: too few to mean anything", allowed)
	}
}

func TestArgumentsKeepTheirNames(t *testing.T) {
	b, then := mustBind(t, contracts)
	_, line := replayed(t, b, then, good(), sane)
	want := `{"engine":2,"decided":"2026-06-01T04:00:00Z","local":28800,"clock":"sane","uid":1001,"gids":[1001,5],` +
		`"op":"digest","alg":"SM2-SM3","purpose":"contract","batch":16,"class":"key","active":true,"key_matches":true,` +
		`"valid_from":"2026-02-01T00:00:00Z","valid_until":"2026-11-01T00:00:00Z","proven":true}`
	if string(line) != want {
		t.Errorf("recorded:\n%s\nwant:\n%s", line, want)
	}
	certified := good()
	certified.Entry.Certificate = &Certificate{Revoked: true, ListMade: noon.In(time.FixedZone("", 8*3600))}
	_, line = replayed(t, b, then, certified, sane)
	want = strings.TrimSuffix(want, "}") + `,"certificate":{"revoked":true,"list_made":"2026-06-01T04:00:00Z"}}`
	if string(line) != want {
		t.Errorf("recorded:\n%s\nwant:\n%s", line, want)
	}
	b, _ = Bind(b.Policy(), then, system(nil))
	_, line = replayed(t, b, then, Request{}, Instant{})
	want = `{"engine":2,"decided":"0001-01-01T00:00:00Z","local":0,"clock":"unknown","uid":0,"batch":0,"active":false,"key_matches":false,` +
		`"stale":[{"kind":"user","principal":{"name":"oa","id":1001}},{"kind":"group","principal":{"name":"docs","id":2001}}]}`
	if string(line) != want {
		t.Errorf("recorded:\n%s\nwant:\n%s", line, want)
	}
}

// A user and a group may have one name; only one of them is stale.
func TestReplayKeepsUsersAndGroupsApart(t *testing.T) {
	text := strings.Replace(contracts, `groups = ["docs", 30001]`, `groups = ["oa"]`, 1)
	p := mustParse(t, text)
	then, err := Resolve(p, system(names))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := Bind(p, then, Lookup{User: system(nil).User, Group: system(names).Group})
	r := good()
	r.UID, r.GIDs = 9, []uint32{1001}
	if d := Decide(b, Usage{}, r, sane); !d.Allowed() {
		t.Fatalf("a member of the group: %+v", d)
	}
	if d, line := replayed(t, b, then, r, sane); !d.Allowed() {
		t.Errorf("replay of %s = %+v", line, d)
	}
	r.UID, r.GIDs = 1001, nil
	if d, line := replayed(t, b, then, r, sane); d.Reason != NotACaller {
		t.Errorf("replay of %s = %+v, want the stale user refused", line, d)
	}
}

func TestReplayRefusesWhatThisEngineCannotHaveRecorded(t *testing.T) {
	b, then := mustBind(t, contracts)
	good := Record(b, Usage{}, good(), sane)
	tests := []struct {
		name   string
		change func(*Arguments)
		want   string
	}{
		{"engine 0", func(a *Arguments) { a.Engine = 0 }, "engine 0"},
		{"engine 3", func(a *Arguments) { a.Engine = 3 }, "engine 3"},
		{"proof in engine 1", func(a *Arguments) { a.Engine = 1 }, "engine 1"},
		{"certificate in engine 1", func(a *Arguments) { a.Engine, a.Proven, a.Certificate = 1, false, new(Certificate) }, "engine 1"},
		{"operation", func(a *Arguments) { a.Op = "sign" }, `"sign"`},
		{"algorithm", func(a *Arguments) { a.Alg = "MD5" }, `"MD5"`},
		{"class", func(a *Arguments) { a.Class = "chop" }, `"chop"`},
		{"clock", func(a *Arguments) { a.Clock = "" }, `clock state ""`},
	}
	for _, tt := range tests {
		a := good
		tt.change(&a)
		d, err := a.Replay(b.Policy(), then)
		if err == nil || !strings.Contains(err.Error(), tt.want) || d.Allowed() {
			t.Errorf("%s: Replay = %+v, %v, want an error with %s", tt.name, d, err, tt.want)
		}
	}
}

// TestEngine2JudgesWhatIsProvenAndHasNoCertificateAsEngine1Did: each request
// of the table as engine 1 recorded it, which knew neither field.
func TestEngine2JudgesWhatIsProvenAndHasNoCertificateAsEngine1Did(t *testing.T) {
	b, then := mustBind(t, contracts)
	as1 := append([]refusal{{"allowed", func(*Request, *Instant) {}, Allowed, "", time.Time{}}}, refusals...)
	judged := 0
	for _, tt := range as1 {
		r, at := good(), sane
		tt.change(&r, &at)
		if !r.Entry.Proven || r.Entry.Certificate != nil {
			continue
		}
		judged++
		a := Record(b, Usage{}, r, at)
		a.Engine, a.Proven = 1, false
		line, err := json.Marshal(a)
		if err != nil || strings.Contains(string(line), "proven") || strings.Contains(string(line), "certificate") {
			t.Fatalf("%s: %s, %v: engine 1 wrote no such field", tt.name, line, err)
		}
		var back Arguments
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatal(err)
		}
		d, err := back.Replay(b.Policy(), then)
		if err != nil || d.Reason != tt.reason || d.Rule != tt.rule || !d.After.Equal(tt.after) {
			t.Errorf("%s: replay = %+v, %v, want %v by %s", tt.name, d, err, tt.reason, tt.rule)
		}
	}
	if judged < 25 {
		t.Errorf("%d requests were judged: too few to mean anything", judged)
	}
}
