package replay_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/replay"
	"signet/policy"
)

// Both of two that were under way saw the same last use as free: by its own
// arguments each decision is right.
func TestOneUseTooManyIsCounted(t *testing.T) {
	for key, text := range map[string]string{
		"quotas.hour":              "[quotas]\nhour = 3\n",
		"quotas.day":               "[quotas]\nday = 3\nmonth = 100\n",
		"quotas.month":             "[quotas]\nmonth = 3\n",
		"quotas.lifetime":          "[quotas]\nlifetime = 3\n",
		"quotas.minute":            "[quotas]\nminute = 3\n",
		"quotas.per_caller.minute": "[quotas.per_caller]\nminute = 3\n",
		"quotas.per_caller.day":    "[quotas]\nday = 100\n[quotas.per_caller]\nday = 3\n",
	} {
		r := newRecorder(t)
		r.entry("contract", plain+"zone = \"Asia/Shanghai\"\n"+text)
		r.signs(2, use{})
		if strings.Contains(key, "per_caller") {
			r.signs(3, use{uid: 20002})
		}
		r.careless = true
		one, two := r.decide(use{}), r.decide(use{})
		r.commit(one)
		e := r.commit(two)
		wantOnly(t, key, r, e, replay.Count, "use 4 of 3 by "+key+",")
	}
}

// wantOnly wants e to differ so, and no other event.
func wantOnly(t *testing.T, name string, r *recorder, e *audit.Event, class replay.Class, text string) {
	t.Helper()
	found := replayed(t, r.contents, r.lines()).Differences()
	is := func(d replay.Difference) bool { return d.Class == class && strings.Contains(d.Text, text) }
	elsewhere := func(d replay.Difference) bool { return d.Event != e.Seq }
	if !slices.ContainsFunc(found, is) || slices.ContainsFunc(found, elsewhere) {
		t.Errorf("%s: want %s at event %d that says %q, and no other event; found %s", name, class, e.Seq, text, shown(found))
	}
}

func wantNone(t *testing.T, name string, r *recorder) {
	t.Helper()
	if found := replayed(t, r.contents, r.lines()).Differences(); len(found) != 0 {
		t.Errorf("%s: %s", name, shown(found))
	}
}

const daily = plain + "zone = \"Europe/Berlin\"\n[quotas]\nday = 3\n"

// The day in which the clock is set back has 25 hours: its uses are counted as
// those of one day, and those of the days beside it are not.
func TestUsesAreCountedByTheDayOfTheZone(t *testing.T) {
	r := recorderAt(t, time.Date(2026, 10, 24, 21, 59, 58, 0, time.UTC)) // 23:59:58
	r.entry("contract", daily)
	r.signs(1, use{}) // 23:59:59
	r.signs(1, use{}) // 00:00:00 of the 25th
	r.now = time.Date(2026, 10, 25, 22, 59, 57, 0, time.UTC)
	r.signs(2, use{}) // until 23:59:59
	if e := r.sign(use{}); e.Reason != "quota" {
		t.Fatalf("a fourth use of the day: %s %s", e.Result, e.Reason)
	}
	r.signs(1, use{}) // 00:00:00 of the 26th
	wantNone(t, "three uses a day", r)

	r.careless = true
	r.now = time.Date(2026, 10, 26, 22, 0, 0, 0, time.UTC)
	r.signs(1, use{})
	one, two := r.decide(use{}), r.decide(use{})
	r.wait(2 * time.Hour).commit(one) // recorded on the day after: it counts on its own
	wantOnly(t, "four uses", r, r.commit(two), replay.Count, "use 4 of 3 by quotas.day, from 2026-10-25T23:00:00Z")
}

// A use that is recorded on the day after counts for its own day, also where no
// other use was recorded of that day before.
func TestLateUseCountsForItsOwnDay(t *testing.T) {
	r := newRecorder(t)
	r.now = time.Date(2026, 11, 21, 22, 59, 58, 0, time.UTC) // 23:59:58
	r.entry("contract", daily)
	late := r.decide(use{})
	r.wait(2*time.Second).signs(3, use{}) // from 00:00:01 on
	r.commit(late)
	wantNone(t, "one use, then three", r)
}

// A quota that is set in the middle of a window counts what was used before.
func TestQuotaSetAtNoonCountsTheMorning(t *testing.T) {
	r := newRecorder(t)
	r.now = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	r.entry("contract", plain)
	r.signs(3, use{})
	r.wait(6*time.Hour).setPolicy("contract", strings.Replace(daily, "day = 3", "day = 5", 1))
	r.signs(1, use{})
	wantNone(t, "four of five", r)
	r.careless = true
	one, two := r.decide(use{}), r.decide(use{})
	r.commit(one)
	wantOnly(t, "six of five", r, r.commit(two), replay.Count, "use 6 of 5 by quotas.day, from 2026-11-21T23:00:00Z")
}

// After a restore a window is unknown until it ends, and a lifetime until
// another policy is set.
func TestRestoreLeavesWindowsUnknown(t *testing.T) {
	r := newRecorder(t)
	r.entry("contract", plain+"zone = \"Asia/Shanghai\"\n[quotas]\nday = 9\nlifetime = 9\n")
	r.signs(2, use{})
	r.wait(time.Minute).act(authority.Restore, "", authority.RestoreStore{Size: 1, Root: document, Epoch: 2, Basis: "fire"}, register.Facts{})
	r.start()
	if e := r.wait(time.Minute).sign(use{}); e.Reason != "quota" || e.Rule != "quotas.lifetime" {
		t.Fatalf("a use after the restore: %s by %s", e.Reason, e.Rule)
	}
	r.wait(24 * time.Hour)
	r.setPolicy("contract", plain+"zone = \"Asia/Shanghai\"\n[quotas]\nday = 9\nlifetime = 12\n")
	r.signs(1, use{})
	wantNone(t, "a restore", r)
}

// A clock that was set back asks for windows that are over: what was counted of
// them is dropped here and in the daemon, and the answer is a refusal anyway.
func TestClockThatIsBehindAsksForOldWindows(t *testing.T) {
	r := newRecorder(t)
	r.entry("contract", counted)
	r.signs(2, use{})
	at := r.now
	r.wait(48 * time.Hour).start()
	for range 3 * 4096 {
		r.append(&audit.Event{Kind: audit.KindRead, Result: audit.Allowed})
	}
	r.now = at
	if e := r.sign(use{clock: policy.BehindClock}); e.Reason != "clock_behind" || !strings.Contains(strings.Join(e.Use, " "), "2+0/3") {
		t.Fatalf("by a clock of two days before: %s, %v", e.Reason, e.Use)
	} else {
		e.Use[3] = strings.Replace(e.Use[3], " 2+", " 0+", 1) // the daemon has dropped it too
	}
	wantNone(t, "a clock that is behind", r)
}

// Uses whose windows are dropped are not counted twice, and not left out
// without a word.
func TestUseOfLongAgoIsNoUse(t *testing.T) {
	r := newRecorder(t)
	r.entry("contract", daily)
	late := r.decide(use{})
	for range 2 * 4096 {
		r.append(&audit.Event{Kind: audit.KindRead, Result: audit.Allowed})
	}
	r.wait(48 * time.Hour)
	for range 2 * 4096 {
		r.append(&audit.Event{Kind: audit.KindRead, Result: audit.Allowed})
	}
	wantNone(t, "reads", r)
	wantOnly(t, "a use of two days before", r, r.commit(late), replay.Count, "when the log was at")
}
