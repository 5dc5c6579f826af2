package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// selfTestNow is a run on command, with its report.
func (r *certRig) selfTestNow() (selfReport, admin.ActResult) {
	r.Helper()
	made := r.administrator().must(authority.SelfTest, "", authority.Nothing{})
	status, body := r.administrator().call("GET", admin.PathContents+"/"+made.Made, "")
	if status != 200 {
		r.Fatalf("the report: %d %s", status, body)
	}
	var report selfReport
	mustDo(r, json.Unmarshal([]byte(fromJSON[admin.Content](r, body).Content), &report))
	return report, made
}

// mustFail is a run in which exactly these checks fail.
func (r *certRig) mustFail(want ...string) {
	r.Helper()
	report, made := r.selfTestNow()
	if got := report.failed(); !slices.Equal(got, want) {
		r.Errorf("failed were %q, want %q", got, want)
	}
	result, rule := audit.Allowed, ""
	if len(want) > 0 {
		result, rule = audit.Failed, strings.Join(want, ", ")
	}
	if e := r.events()[made.Event+1]; e.Kind != audit.KindSelfTest || e.Result != result || e.Rule != rule {
		r.Errorf("event %d: %+v, want %s of %s", e.Seq, e, result, rule)
	}
}

// mustBeStopped wants the use of an entry refused by the self-test.
func (r *certRig) mustBeStopped(entry string) {
	r.Helper()
	fault := r.use(entry)
	if fault == nil || protocol.Code(fault.Code) != protocol.HSMUnavailable || fault.Rule != ruleSelfTest || fault.Event == nil {
		r.Errorf("signing with %s: %v, want it stopped by the self-test", entry, fault)
		return
	}
	if e := r.events()[*fault.Event]; e.Kind != audit.KindSign || e.Result != audit.Failed || e.Rule != ruleSelfTest || e.Entry != entry || e.Sig != "" {
		r.Errorf("event %d: %+v, want the use of %s stopped", e.Seq, e, entry)
	}
}

// mustBeSaid wants a failure in journal and status.
func (r *certRig) mustBeSaid(check string) {
	r.Helper()
	if !strings.Contains(r.journal.String(), "critical selftest-failed") || !strings.Contains(r.journal.String(), check) {
		r.Errorf("no alarm of %s in the journal", check)
	}
	_, body := r.administrator().call("GET", admin.PathStatus, "")
	if warnings := fromJSON[admin.Status](r, body).Warnings; !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "self-test of "+check) }) {
		r.Errorf("status does not warn of %s: %q", check, warnings)
	}
}

// selfTestRig has entries "one" and "two" of SM2, tested in this order.
func selfTestRig(t *testing.T) *certRig {
	t.Helper()
	r := startedCertRig(t, algo.KeySM2)
	r.entry("one", "SM2")
	r.entry("two", "SM2")
	return r
}

func TestSelfTestOnCommandTestsAllThatIsInUse(t *testing.T) {
	r := selfTestRig(t)
	r.entry("p256", "EC-P256")
	r.administrator().must(authority.KeyCreate, "pending", authority.CreateKey{Type: "SM2", Token: "seals"})
	report, made := r.selfTestNow()
	var want []string
	for _, known := range algo.KnownAnswers() {
		want = append(want, known.Name)
	}
	want = append(want, "random of token seals", "key of entry one", "key of entry p256", "key of entry two", "stored data")
	var got []string
	for _, c := range report.Checks {
		got = append(got, c.Name)
		if !c.OK {
			t.Errorf("%s failed: %s", c.Name, c.Detail)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("checks are %q,\nwant %q", got, want)
	}
	events := r.events()
	act, run := events[made.Event], events[made.Event+1]
	if report.Signs != 3 || act.Count != 3 || act.Role != "unsigned" || run.Kind != audit.KindSelfTest || run.Count != 0 || run.Result != audit.Allowed {
		t.Errorf("%d signatures; the act %+v, the run %+v", report.Signs, act, run)
	}
	if code := r.try(authority.SelfTest, "", authority.Suspend{Basis: "x"}); code != protocol.Malformed {
		t.Errorf("a self-test with a content: %v, want malformed", code)
	}
}

// Members of the admin group need no officer for it.
func TestSelfTestNeedsNoOfficer(t *testing.T) {
	o := startedOfficers(t)
	if code := o.try(authority.SelfTest, "", authority.Nothing{}); code != 0 {
		t.Errorf("without a signature: %v", code)
	}
}

func TestSelfTestRunsByTheClock(t *testing.T) {
	r := newCertRig(t, algo.KeySM2)
	r.selfTest = 24 * time.Hour
	r.start()
	r.init()
	r.waitMode(Serving)
	t.Cleanup(r.checkSigns)
	runs := func() (n int) {
		for _, e := range r.events() {
			if e.Kind == audit.KindSelfTest {
				n++
				if e.Result != audit.Allowed || e.Op != string(authority.SelfTest) || e.UID != nil {
					t.Errorf("event %d: %+v", e.Seq, e)
				}
			}
		}
		return n
	}
	r.waitFor(func() bool { return runs() == 1 }, "the first run")
	r.entry("sm2", "SM2")
	r.clock.pass(24 * time.Hour)
	r.waitFor(func() bool { return runs() == 2 }, "the run of the next day")
	if e := r.lastEvent(); e.Kind != audit.KindSelfTest || e.Count != 1 {
		t.Errorf("the run of the next day: %+v, want one signature", e)
	}
	r.mustUse("sm2")
}

func TestSelfTestIsDueEachDayAndForATokenThatCameUp(t *testing.T) {
	status := func(states ...hsm.State) (all []hsm.TokenStatus) {
		for i, s := range states {
			all = append(all, hsm.TokenStatus{Name: string(rune('a' + i)), State: s})
		}
		return all
	}
	const up, down, connecting = hsm.StateUp, hsm.StateDown, hsm.StateConnecting
	began := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	d := newSelfTests(24 * time.Hour)
	for i, step := range []struct {
		after  time.Duration
		tokens []hsm.TokenStatus
		want   bool
	}{
		{0, status(connecting, down), false}, // it will be up, or down, in a moment
		{time.Second, status(down, down), true},
		{2 * time.Second, status(down, down), false},
		{3 * time.Second, status(up, down), true},
		{4 * time.Second, status(up, down), false},
		{5 * time.Second, status(down, up), true},
		{6 * time.Second, status(up, up), false}, // both were tested
		{5*time.Second + 24*time.Hour - 1, status(up, up), false},
		{5*time.Second + 24*time.Hour, status(up, up), true},
		{24 * time.Hour, status(up, up), true}, // the clock was set back
		{24*time.Hour + 1, status(up, up), false},
	} {
		if got := d.due(began.Add(step.after), step.tokens); got != step.want {
			t.Errorf("step %d: due is %v, want %v", i, got, step.want)
		}
	}
	if newSelfTests(0).due(began, status(up)) {
		t.Error("due where it is to run on command only")
	}
}

func TestKeyThatSignsWronglyIsStoppedAlone(t *testing.T) {
	r := selfTestRig(t)
	r.token.Control(t, "sign=wrong*1")
	r.mustFail("key of entry one")
	r.mustBeStopped("one")
	r.mustUse("two")
	r.mustBeSaid("key of entry one")
	r.mustBeStopped("one") // the fault is over, and nobody has found it well
	r.mustFail()
	r.mustUse("one", "two")
}

func TestTokenWhoseRandomNumbersAreNoneIsStopped(t *testing.T) {
	r := selfTestRig(t)
	for _, fault := range []string{"random=constant", "random=repeat", "random=biased"} {
		r.token.Control(t, fault)
		r.mustFail("random of token seals")
		r.mustBeStopped("one")
		r.mustBeStopped("two")
		r.mustBeSaid("random of token seals")
		if err := r.server.appliance().selfTests.stops("one", "another", algo.SM2SM3); err != nil {
			t.Errorf("another token is stopped too: %v", err)
		}
		r.token.Control(t)
		r.mustFail()
		r.mustUse("one", "two")
		r.clock.pass(time.Minute) // refusals are counted by the minute
	}
}

// What the published answers disprove is not used; what does not rest on it is.
func TestAlgorithmWhoseKnownAnswerFailsIsStoppedAlone(t *testing.T) {
	r := selfTestRig(t)
	r.entry("p256", "EC-P256")
	report := new(selfReport)
	report.addKnown([]algo.KnownAnswer{{Name: "sm2-verify", Err: errors.New("the published answer is not what comes out")}, {Name: "sha384"}})
	if got := report.failed(); !slices.Equal(got, []string{"sm2-verify"}) {
		t.Errorf("failed are %q", got)
	}
	tests := r.server.appliance().selfTests
	tests.learn(report)
	r.mustBeStopped("one")
	r.mustUse("p256")
	for _, a := range algo.All() {
		if stopped := tests.stops("p256", "seals", a) != nil; stopped != (a == algo.SM2SM3) {
			t.Errorf("%v is stopped: %v", a, stopped)
		}
	}
	log := new(selfReport) // every signature rests on the log's hash
	log.addKnown([]algo.KnownAnswer{{Name: "sm3", Err: errors.New("x")}})
	tests.learn(log)
	r.mustBeStopped("p256")
	r.mustFail()
	r.mustUse("one", "two", "p256")
}

// A token that fails while it is asked says nothing of its keys: nothing would
// let them go on once it is up again.
func TestTokenThatFailsIsNotTakenForItsKeys(t *testing.T) {
	r := selfTestRig(t)
	r.token.Control(t, "C_Sign=0x30*1")
	report, _ := r.selfTestNow()
	if failed := report.failed(); !slices.Contains(failed, "key of entry one") {
		t.Errorf("failed are %q: the report does not tell of the key that could not be asked", failed)
	}
	r.token.Control(t)
	r.waitMode(Serving)
	r.mustUse("one", "two")
}

func TestDamagedLogStopsEverything(t *testing.T) {
	r := selfTestRig(t)
	r.damage([]byte(`"clock":"unknown"`), []byte(`"clock":"unknowm"`))
	r.mustFail("stored data")
	r.mustBeStopped("one")
	r.mustBeStopped("two")
	r.mustBeSaid("stored data")
	r.damage([]byte(`"clock":"unknowm"`), []byte(`"clock":"unknown"`))
	r.mustFail()
	r.mustUse("one", "two")
}

func TestDamagedRecordStopsItsEntryAlone(t *testing.T) {
	r := selfTestRig(t)
	r.damage([]byte(`"id":"one"`), []byte(`"id":"ome"`))
	r.mustFail("record of entry one")
	r.mustBeStopped("one")
	r.mustUse("two")
	r.mustBeSaid("record of entry one")
	r.damage([]byte(`"id":"ome"`), []byte(`"id":"one"`))
	r.mustFail()
	r.mustUse("one", "two")
}

// damage changes bytes of the store's file while the daemon has it open.
func (r *rig) damage(from, to []byte) {
	r.Helper()
	f, err := os.OpenFile(r.path("state", storeName), os.O_RDWR, 0)
	mustDo(r, err)
	defer f.Close()
	data, err := os.ReadFile(f.Name())
	mustDo(r, err)
	n := 0
	for at := 0; ; n++ {
		i := bytes.Index(data[at:], from)
		if i < 0 {
			break
		}
		at += i
		_, err := f.WriteAt(to, int64(at))
		mustDo(r, err)
		at += len(from)
	}
	if n == 0 {
		r.Fatalf("%s is nowhere in the store", from)
	}
}
