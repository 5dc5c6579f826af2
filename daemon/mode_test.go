package daemon

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// status reads the mode as operations do.
func (r *rig) status() admin.Status {
	r.Helper()
	code, body := r.officer("audit", daemonUID+11, auditGID).call("GET", admin.PathStatus, "")
	if code != http.StatusOK {
		r.Fatalf("status: %d %s", code, body)
	}
	return fromJSON[admin.Status](r, body)
}

// expectMode holds every interface to a mode without a store: status and
// Health answer and say what to do, everything else refuses with its code.
func (r *rig) expectMode(mode Mode, code protocol.Code, reason string) {
	r.Helper()
	s := r.status()
	if s.Mode != mode.String() || !strings.Contains(s.Reason, reason) || s.Mend == "" {
		r.Errorf("status = mode %s, reason %q, mend %q; want mode %v, reason %q", s.Mode, s.Reason, s.Mend, mode, reason)
	}
	h, err := r.caller(callerUID).Health(context.Background())
	if err != nil || h.Mode != mode.String() {
		r.Errorf("Health = %v, %v, want mode %v", h, err, mode)
	}
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); !errors.Is(err, code) {
		r.Errorf("Sign = %v, want %v", err, code)
	}
	if status, body := r.administrator().call("GET", admin.PathEntries, ""); status != http.StatusServiceUnavailable {
		r.Errorf("entries: %d %s, want 503", status, body)
	}
}

func TestUninitialisedAnswersStatusAndTakesInitOnly(t *testing.T) {
	r := newRig(t)
	r.start()
	r.expectMode(Uninitialised, protocol.Uninitialised, "no store")
	o := r.administrator()
	if _, code := o.submit(o.act(authority.KeyCreate, "k", authority.CreateKey{Type: "SM2", Token: "seals"})); code != protocol.Malformed && code != protocol.Uninitialised {
		t.Errorf("key.create before init: %v", code)
	}
	r.init()
	r.waitMode(Serving)
	if _, code := o.submit(o.act(authority.Init, "", authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "gm", Deployment: "owner"})); code != protocol.Conflict {
		t.Errorf("second init: %v, want conflict", code)
	}
}

func TestInitRefusesWhatWouldBeFixedForEver(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	good := authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "gm", Deployment: "owner"}
	for name, change := range map[string]func(*authority.Genesis){
		"another name":       func(g *authority.Genesis) { g.Appliance = "seal-b.example.org" },
		"no crypto":          func(g *authority.Genesis) { g.Crypto = "" },
		"unknown crypto":     func(g *authority.Genesis) { g.Crypto = "all" },
		"unknown deployment": func(g *authority.Genesis) { g.Deployment = "cloud" },
		"officers unbuilt":   func(g *authority.Genesis) { g.Authority = authority.Officers },
		"no authority":       func(g *authority.Genesis) { g.Authority = "" },
	} {
		g := good
		change(&g)
		if _, code := o.submit(o.act(authority.Init, "", g)); code != protocol.Malformed {
			t.Errorf("%s: %v, want malformed", name, code)
		}
	}
	if r.server.condition().mode != Uninitialised {
		t.Errorf("mode is %v after refused acts", r.server.condition().mode)
	}
}

func TestRecoveryNamesWhatIsWrongWithTheStore(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(t *testing.T, r *rig)
		reason string
	}{
		{"missing", func(t *testing.T, r *rig) { mustDo(t, os.Remove(r.path("state", storeName))) }, "missing though"},
		{"not a store", func(t *testing.T, r *rig) {
			mustDo(t, os.WriteFile(r.path("state", storeName), []byte("not a database"), 0o600))
		}, "not a signet store"},
		{"empty", func(t *testing.T, r *rig) { mustDo(t, os.Truncate(r.path("state", storeName), 0)) }, "not a signet store"},
		{"older", func(t *testing.T, r *rig) { mustDo(t, os.Rename(r.path("older.db"), r.path("state", storeName))) }, "older than its marker"},
		{"another appliance's", func(t *testing.T, r *rig) {
			m, err := readMarker(r.path("state"))
			mustDo(t, err)
			m.Appliance = strings.Repeat("ab", 32)
			mustDo(t, m.write(r.path("state")))
		}, "another appliance"},
		{"forked", func(t *testing.T, r *rig) {
			m, err := readMarker(r.path("state"))
			mustDo(t, err)
			m.Root = strings.Repeat("cd", 32)
			mustDo(t, m.write(r.path("state")))
		}, "another history"},
		{"marker unreadable", func(t *testing.T, r *rig) {
			mustDo(t, os.WriteFile(r.path("state", markerName), []byte(`{"appliance":`), 0o600))
		}, "reading marker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startedRig(t)
			r.stop()
			copyFile(t, r.path("state", storeName), r.path("older.db"))
			r.start()
			r.waitMode(Serving)
			r.entry("sm2", "SM2")
			r.stop()
			c.spoil(t, r)
			before := fileBytes(t, r.path("state", storeName))
			r.start()
			r.expectMode(InRecovery, protocol.Recovery, c.reason)
			r.stop()
			if after := fileBytes(t, r.path("state", storeName)); after != before {
				t.Errorf("the store was changed (%d bytes before, %d after)", len(before), len(after))
			}
			mustDo(t, os.RemoveAll(r.path("state", storeName))) // no log to check at the end
		})
	}
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	mustDo(t, os.WriteFile(to, []byte(fileBytes(t, from)), 0o600))
}

// fileBytes returns the file's content, "" if there is none.
func fileBytes(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

func TestPoisonMarkKeepsTheStoreClosedUntilCleared(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.server.poison(errors.New("input/output error"))
	r.expectMode(PoisonedMode, protocol.Poisoned, "input/output error")
	r.stop()

	before := fileBytes(t, r.path("state", storeName))
	r.start()
	r.expectMode(PoisonedMode, protocol.Poisoned, "before this process started")
	if fileBytes(t, r.path("state", storeName)) != before {
		t.Error("the store was touched")
	}

	o := r.administrator()
	stale := o.act(authority.ModeClear, "", authority.Nothing{})
	other := o.act(authority.ModeClear, "", authority.CreateKey{})
	other.Content = `{}`
	if _, code := o.submit(other); code != protocol.Malformed {
		t.Errorf("an act whose content is not its own: %v, want malformed", code)
	}
	if code, text := refusalOf(o, o.act(authority.ModeClear, "", authority.CreateKey{})); code != protocol.Malformed || !strings.Contains(text, "content") {
		t.Errorf("with a content: %v %s, want malformed", code, text)
	}
	if r.server.condition().mode != PoisonedMode {
		t.Fatalf("mode is %v after a refused act", r.server.condition().mode)
	}
	if _, code := o.submit(stale); code != 0 {
		t.Fatalf("mode.clear: %v", code)
	}
	r.waitMode(Serving)
	if e := r.lastEvent(); e.Op != "mode.clear" {
		t.Errorf("last event = %+v, want mode.clear", e)
	}
	if _, err := os.Stat(r.path("run", poisonName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("poison mark: %v, want it gone", err)
	}
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil {
		t.Errorf("sign after mode clear: %v", err)
	}
	if _, code := o.submit(o.act(authority.ModeClear, "", authority.Nothing{})); code != protocol.Conflict {
		t.Errorf("mode.clear while serving: %v, want conflict", code)
	}
}

func TestSecondDaemonOnOneStoreIsRefused(t *testing.T) {
	r := startedRig(t)
	r.own(r.path("state"), r.path("run"))
	var err error
	as(daemonUID, nil, func() { _, err = Claim(r.path("state"), r.path("run")) })
	if !errors.Is(err, store.ErrLocked) {
		t.Errorf("second daemon: %v, want ErrLocked", err)
	}
}

func TestRootIsRefused(t *testing.T) {
	needRoot(t)
	r := newRig(t)
	if _, err := Claim(r.path("state"), r.path("run")); !errors.Is(err, ErrRoot) {
		t.Errorf("Claim as root: %v, want ErrRoot", err)
	}
}

func TestDirectoriesOpenToOthersAreRefused(t *testing.T) {
	r := newRig(t)
	mustDo(t, os.Chmod(r.path("state"), 0o750))
	var err error
	as(daemonUID, nil, func() { _, err = Claim(r.path("state"), r.path("run")) })
	if err == nil || !strings.Contains(err.Error(), "0700") {
		t.Errorf("Claim with a state directory of mode 0750: %v", err)
	}
}

// A token that is out makes the mode degraded and its entries unavailable;
// status says what to do.
func TestTokenThatIsOutIsDegradedNotDown(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.token.Control(t, "C_Sign=0x30", "C_OpenSession=0x30") // CKR_DEVICE_ERROR
	c := r.caller(callerUID)
	r.waitFor(func() bool {
		_, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
		if err != nil {
			t.Fatalf("sign: %v", err)
		}
		return r.server.condition().mode == Degraded
	}, "mode degraded")
	reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
	if err != nil || !errors.Is(reply.Results[0].GetError(), protocol.HSMUnavailable) || reply.Results[0].GetError().Retry != protocol.Retry_AFTER {
		t.Errorf("sign = %v, %v, want hsm_unavailable with a time", reply, err)
	}
	s := r.status()
	if s.Mode != "degraded" || s.Tokens[0].State != hsm.StateDown.String() || !strings.Contains(s.Tokens[0].LastError, "CKR_DEVICE_ERROR") || s.Tokens[0].Mend == "" {
		t.Errorf("status = %+v", s)
	}
	r.token.Control(t)
	r.waitMode(Serving)
	if reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil || reply.Results[0].GetSigned() == nil {
		t.Errorf("sign after the fault = %v, %v", reply, err)
	}
}

func TestClockTroubleRefusesBeforeAnythingIsRecorded(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	sign := func() error {
		_, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
		return err
	}
	r.clock.jump(-4 * time.Second)
	if err := sign(); err != nil {
		t.Errorf("4 s behind: %v, want a signature", err)
	}
	r.clock.jump(-10 * time.Second)
	if err := sign(); !errors.Is(err, protocol.ClockBehind) {
		t.Errorf("14 s behind: %v, want clock_behind", err)
	}
	r.clock.jump(14 * time.Second)
	if err := sign(); err != nil {
		t.Errorf("clock mended: %v", err)
	}

	r.clock.jump(90 * time.Second)
	if err := sign(); !errors.Is(err, protocol.ClockJumped) {
		t.Errorf("90 s ahead: %v, want clock_jumped", err)
	}
	if e := r.lastEvent(); e.Reason == "clock_jumped" || e.Recorded.Time().After(r.clock.real().Add(-time.Minute)) {
		t.Errorf("recorded under a jumped clock: %+v", e)
	}
	o := r.administrator()
	if _, code := o.submit(o.act(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})); code != protocol.ClockJumped {
		t.Errorf("act under a jumped clock: %v, want clock_jumped", code)
	}
	o.must(authority.ClockAccept, "", authority.Nothing{})
	if err := sign(); err != nil {
		t.Errorf("clock accepted: %v", err)
	}

	r.clock.jump(2 * time.Minute)
	if err := sign(); !errors.Is(err, protocol.ClockJumped) {
		t.Errorf("2 min ahead: %v, want clock_jumped", err)
	}
	r.clock.jump(-2 * time.Minute)
	if err := sign(); err != nil {
		t.Errorf("the clock came back: %v", err)
	}
	r.clock.jump(2 * time.Minute)
	r.clock.sync(Unsynced)
	if err := sign(); !errors.Is(err, protocol.ClockJumped) {
		t.Errorf("2 min ahead, not synchronised: %v, want clock_jumped", err)
	}
	r.clock.sync(Synced)
	if err := sign(); err != nil {
		t.Errorf("kernel says synchronised: %v", err)
	}
}

func TestRecordedNeverGoesBack(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	for range 4 {
		if _, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil {
			t.Fatal(err)
		}
		r.clock.jump(-time.Second)
	}
	var last time.Time
	for _, e := range r.events() {
		if e.Recorded.Time().Before(last) {
			t.Errorf("event %d was recorded at %v, after %v", e.Seq, e.Recorded.Time(), last)
		}
		last = e.Recorded.Time()
	}
}

func TestStopRecordsItselfAndTheMarker(t *testing.T) {
	r := startedRig(t)
	r.stop()
	m, err := readMarker(r.path("state"))
	if err != nil || m == nil {
		t.Fatalf("marker = %v, %v", m, err)
	}
	s, err := store.Open(filepath.Join(r.path("state"), storeName), store.Options{Now: time.Now})
	mustDo(t, err)
	defer s.Close()
	if got := markerOf(s); got != *m {
		t.Errorf("marker = %+v, the store is at %+v", *m, got)
	}
	e, _, err := s.Event(m.Size - 1)
	if err != nil || e.Kind != "stop" {
		t.Errorf("last event = %+v, %v, want stop", e, err)
	}
}

// What is written to a file that has lost its name is lost with the process:
// nothing may leave that stands nowhere else.
func TestStoreRemovedUnderTheDaemonStopsSigning(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, r *rig){
		"removed":  func(t *testing.T, r *rig) { mustDo(t, os.Rename(r.path("state", storeName), r.path("gone.db"))) },
		"replaced": func(t *testing.T, r *rig) { replaceByCopy(t, r.path("state", storeName)) },
		"its directory moved": func(t *testing.T, r *rig) {
			mustDo(t, os.Rename(r.path("state"), r.path("gone")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startedRig(t)
			r.entry("sm2", "SM2")
			spoil(t, r)
			if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); !errors.Is(err, protocol.Poisoned) {
				t.Errorf("sign: %v, want poisoned", err)
			}
			if s := r.status(); s.Mode != "poisoned" || !strings.Contains(s.Reason, "removed or replaced") {
				t.Errorf("status = %s, %s", s.Mode, s.Reason)
			}
		})
	}
}

func replaceByCopy(t testing.TB, path string) {
	t.Helper()
	copyFile(t, path, path+".copy")
	mustDo(t, os.Rename(path+".copy", path))
}

func TestStartSaysHowTheLastRunEnded(t *testing.T) {
	r := startedRig(t)
	r.stop()
	r.start()
	r.waitMode(Serving)
	if e := r.lastEvent(); e.Kind != "start" || e.Op != afterStop {
		t.Errorf("start after a stop: %+v", e)
	}
	r.stop()
	mustDo(t, os.Remove(r.path("state", markerName)))
	r.start()
	r.waitMode(Serving)
	if e := r.lastEvent(); e.Op != withoutMark {
		t.Errorf("start without a marker: %+v", e)
	}
	if s := r.status(); !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "marker.json was missing") }) {
		t.Errorf("warnings = %q, want one of the marker", s.Warnings)
	}
}

// Status tells that nothing is signed although every token is up.
func TestStatusShowsWhyUsesFail(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	acct := r.server.appliance().book.find("sm2")
	mustDo(t, r.server.tokens.byName["seals"].driver.Destroy(t.Context(), acct.key))
	reply, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
	if err != nil || !errors.Is(reply.Results[0].GetError(), protocol.HSMUnavailable) {
		t.Fatalf("sign with a key that is gone = %v, %v", reply, err)
	}
	if s := r.status(); !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "entry sm2: its last use failed") }) {
		t.Errorf("warnings = %q", s.Warnings)
	}
	r.waitFor(func() bool { return strings.Contains(r.journal.String(), "CAUSE=") }, "the cause in the journal")
}

func TestClockThatWentBackAndReturnedHasNotJumped(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	for _, d := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		r.clock.jump(d)
		r.server.appliance().tick()
	}
	if _, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil {
		t.Errorf("sign: %v", err)
	}
}

// A restart accepts no time that the process before it refused.
func TestRestartDoesNotAcceptAJumpedClock(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.waitFor(func() bool { return readAccepted(r.path("run")) != 0 }, "the accepted time to be kept")
	r.clock.jump(10 * 365 * 24 * time.Hour)
	r.stop()
	r.start()
	r.waitMode(Serving)
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); !errors.Is(err, protocol.ClockJumped) {
		t.Errorf("sign after a restart: %v, want clock_jumped", err)
	}
	if at := r.lastEvent().Recorded.Time(); at.After(time.Now().Add(time.Hour)) {
		t.Errorf("recorded at %v", at)
	}
	r.clock.jump(-10 * 365 * 24 * time.Hour)
}

// A daemon whose store was replaced by an older copy knows what it answered:
// mode clear must not make that undone.
func TestModeClearDoesNotTakeAnOlderStore(t *testing.T) {
	t.Run("in the same process", func(t *testing.T) { putBackOlder(t, false) })
	t.Run("after a restart", func(t *testing.T) { putBackOlder(t, true) })
}

func putBackOlder(t *testing.T, restart bool) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	copyFile(t, r.path("state", storeName), r.path("older.db"))
	r.administrator().must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "stolen"})
	mustDo(t, os.Link(r.path("state", storeName), r.path("newest.db")))
	mustDo(t, os.Rename(r.path("older.db"), r.path("state", storeName)))
	r.waitMode(PoisonedMode) // the ticker looks
	if restart {
		r.stop()
		r.start()
		r.waitMode(PoisonedMode)
	}
	o := r.administrator()
	if _, code := o.submit(o.act(authority.ModeClear, "", authority.Nothing{})); code != protocol.Poisoned {
		t.Fatalf("mode clear over an older store: %v, want poisoned", code)
	}
	mustDo(t, os.Rename(r.path("newest.db"), r.path("state", storeName)))
	if _, code := o.submit(o.act(authority.ModeClear, "", authority.Nothing{})); code != 0 {
		t.Fatalf("mode clear with the file put back: %v", code)
	}
	r.waitMode(Serving)
	if got := r.server.appliance().book.find("sm2").entry.Status(); got != "suspended" {
		t.Errorf("entry is %s", got)
	}
}
