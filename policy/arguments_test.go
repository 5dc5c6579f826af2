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
	want := `{"engine":3,"decided":"2026-06-01T04:00:00Z","local":28800,"clock":"sane","uid":1001,"gids":[1001,5],` +
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
	want = `{"engine":3,"decided":"0001-01-01T00:00:00Z","local":0,"clock":"unknown","uid":0,"batch":0,"active":false,"key_matches":false,` +
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
		{"engine 4", func(a *Arguments) { a.Engine = 4 }, "engine 4"},
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

// replayedUse is replayed of a use.
func replayedUse(t *testing.T, b Bound, then Resolved, u Usage, r Request, at Instant) (Decision, []byte) {
	t.Helper()
	line, err := json.Marshal(Record(b, u, r, at))
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

// TestReplayGivesTheReasonOfAnOffice: the ends of windows are not recorded, so
// that when to ask again is not replayed; reason and rule are.
func TestReplayGivesTheReasonOfAnOffice(t *testing.T) {
	for _, tt := range officeRefusals {
		u := officeUse(t)
		tt.change(u)
		if c := u.count(OfEntry, Day); !c.Start.IsZero() && (u.at.Time.Before(c.Start) || !u.at.Time.Before(c.End)) && u.at.Time.After(c.Start) {
			continue // the count of a window that is over: the end is not recorded, and replay checks the window by itself
		}
		b, then := mustResolve(t, u.policy)
		if got, line := replayedUse(t, b, then, u.usage, u.request, u.at); got.Reason != tt.reason || got.Rule != tt.rule {
			t.Errorf("%s: replay of %s = %+v, want %v by %s", tt.name, line, got, tt.reason, tt.rule)
		}
	}
}

func TestReplayGivesTheReasonOfRandomUses(t *testing.T) {
	rng := rand.New(rand.NewPCG(20250927, 38))
	reached := map[string]int{}
	for range 400 {
		p := randomWorldPolicy(t, rng)
		b, then := mustResolve(t, p)
		all := likely(p, one(rng, Operations()...)).variations(p.zone, worldTimes)
		for range 20 {
			s := one(rng, all...)
			at, u := p.At(s.at, SaneClock), s.usage(p)
			for i := range u.Counts { // several quotas at once
				u.Counts[i].Spent += uint64(rng.IntN(3) / 2 * rng.IntN(6))
				u.Counts[i].Unknown = rng.IntN(30) == 0
			}
			want := Decide(b, u, s.request, at)
			if got, line := replayedUse(t, b, then, u, s.request, at); got.Reason != want.Reason || got.Rule != want.Rule {
				t.Fatalf("replay of %s = %+v, want %+v", line, got, want)
			}
			reached[want.Rule]++
		}
	}
	if len(reached) < 20 || reached[""] < 500 {
		t.Errorf("reached %v: too few to mean anything", reached)
	}
}

func TestArgumentsOfAnOfficeKeepTheirNames(t *testing.T) {
	u := officeUse(t)
	u.policy.quotas = []Quota{{OfEntry, Day, 50}, {OfCaller, Lifetime, 9}}
	u.usage.Counts = u.policy.Windows(tenOClock)
	u.count(OfEntry, Day).Spent, u.count(OfEntry, Day).Reserved = 3, 1
	u.usage.Approval.From = u.usage.Approval.From.In(mustZone(t, "Asia/Shanghai"))
	b, then := mustResolve(t, u.policy)
	d, line := replayedUse(t, b, then, u.usage, u.request, u.at)
	want := `{"engine":3,"decided":"2027-05-11T02:00:00Z","local":28800,"clock":"sane","uid":1001,` +
		`"op":"stamp","alg":"SM2-SM3","purpose":"contract","batch":1,"class":"seal","active":true,"key_matches":true,` +
		`"valid_from":"2026-01-01T00:00:00Z","valid_until":"2030-01-01T00:00:00Z","proven":true,` +
		`"certificate":{"revoked":false,"list_made":"2027-05-11T01:00:00Z"},` +
		`"version":"v4","container":"ofd","carries":["doc_no","user_id","pages"],` +
		`"use":["entry.day 2027-05-10T16:00Z 3+1/50","caller.lifetime - 0+0/9"],` +
		`"approval":{"id":"0123456789abcdef","state":"granted","form":"document","fits":true,"by":["carl","cora"],` +
		`"from":"2027-05-11T01:00:00Z","until":"2027-05-11T03:00:00Z","count":3}}`
	if string(line) != want || !d.Allowed() {
		t.Errorf("recorded, replayed as %v:\n%s\nwant:\n%s", d.Reason, line, want)
	}
}

// TestWhatIsOutsideItsEnumerationIsRecordedAsAbsent, and refused alike.
func TestWhatIsOutsideItsEnumerationIsRecordedAsAbsent(t *testing.T) {
	for _, change := range []func(*use){
		func(u *use) { u.request.Version = 77 }, func(u *use) { u.request.Container = 77 }, func(u *use) { u.request.Operation = 77 },
		func(u *use) { u.request.Algorithm = 77 }, func(u *use) { u.request.Entry.Class = 77 }, func(u *use) { u.request.Carries = 1 },
		func(u *use) { u.usage.Approval.State = 77 }, func(u *use) { u.usage.Approval.Form = 77 },
	} {
		u := officeUse(t)
		change(u)
		b, then := mustResolve(t, u.policy)
		want := Decide(b, u.usage, u.request, u.at)
		got, line := replayedUse(t, b, then, u.usage, u.request, u.at)
		if got.Allowed() || got.Reason != want.Reason || got.Rule != want.Rule || strings.Contains(string(line), "77") {
			t.Errorf("replay of %s = %+v, want %+v", line, got, want)
		}
	}
}

// TestAnEngineJudgesNoPolicyThatItCouldNotRead: to leave out the rules that it
// lacked would allow what the policy refuses.
func TestAnEngineJudgesNoPolicyThatItCouldNotRead(t *testing.T) {
	b, then := mustBind(t, contracts)
	old := Record(b, Usage{}, good(), sane)
	for _, tt := range []struct {
		name   string
		change func(*Policy)
		engine int // the first that reads it
	}{
		{"as it is", func(*Policy) {}, 1},
		{"crl_max_age", func(p *Policy) { p.crlMaxAge = time.Hour }, 2},
		{"versions", func(p *Policy) { p.versions = Versions() }, 3},
		{"containers", func(p *Policy) { p.containers = Containers() }, 3},
		{"require", func(p *Policy) { p.require = []Field{UserID} }, 3},
		{"zone", func(p *Policy) { p.zone = mustZone(t, "Asia/Shanghai") }, 3},
		{"hours", func(p *Policy) { p.schedule.hasHours = true }, 3},
		{"weekdays", func(p *Policy) { p.schedule.hasWeekdays = true }, 3},
		{"holidays", func(p *Policy) { p.schedule.holidays = []days{{1, 1}} }, 3},
		{"quotas", func(p *Policy) { p.quotas = []Quota{{OfEntry, Day, 0}} }, 3},
		{"approvals", func(p *Policy) { p.approvals = new(Approvals) }, 3},
	} {
		p := b.Policy()
		tt.change(&p)
		for engine := 1; engine <= 3; engine++ {
			a := old
			if a.Engine = engine; engine == 1 {
				a.Proven = false
			}
			d, err := a.Replay(p, then)
			if (err == nil) != (engine >= tt.engine) || err != nil && d.Allowed() {
				t.Errorf("%s, engine %d: %+v, %v", tt.name, engine, d, err)
			}
		}
	}
}

// TestOldEnginesAreNotHeldToWhatTheyDidNotKnow: an event has the context of
// its request whichever engine decided, and engines 1 and 2 gave it no thought.
func TestOldEnginesAreNotHeldToWhatTheyDidNotKnow(t *testing.T) {
	b, then := mustBind(t, contracts)
	a := Record(b, Usage{}, good(), sane)
	a.Engine, a.Carries = 2, []string{"doc_id", "user_id"}
	if d, err := a.Replay(b.Policy(), then); err != nil || !d.Allowed() {
		t.Errorf("Replay = %+v, %v", d, err)
	}
	stamp := mustParse(t, strings.Replace(contracts, `["digest", "message"]`, `["stamp"]`, 1))
	a.Carries, a.Op, a.Class = nil, "stamp", "seal"
	for engine, want := range map[int]Reason{2: Allowed, 3: VersionRefused} {
		a.Engine = engine
		if d, err := a.Replay(stamp, then); err != nil || d.Reason != want {
			t.Errorf("a stamp by engine %d: %+v, %v, want %v", engine, d, err, want)
		}
	}
	for name, change := range map[string]func(*Arguments){
		"counts": func(a *Arguments) { a.Use = []string{"entry.lifetime - 0+0/1"} }, "approval": func(a *Arguments) { a.Approval = new(Approval) },
		"version": func(a *Arguments) { a.Version = "v4" }, "container": func(a *Arguments) { a.Container = "ofd" },
	} {
		a := Record(b, Usage{}, good(), sane)
		a.Engine = 2
		change(&a)
		if d, err := a.Replay(b.Policy(), then); err == nil || d.Allowed() {
			t.Errorf("%s in engine 2: %+v, %v", name, d, err)
		}
	}
}
