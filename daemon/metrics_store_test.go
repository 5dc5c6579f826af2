package daemon

import (
	"context"
	"math"
	"testing"
	"time"

	"signet/daemon/internal/store"
	"signet/protocol/algo"
)

// Growth is that of the last week of the log: what lies before it does not
// count, and days without an event do.
func TestGrowthIsThatOfTheLastWeek(t *testing.T) {
	r := startedRig(t)
	r.server.limits.QueuePerUID = 1 << 10
	r.entry("sm2", "SM2")
	c, a := r.caller(callerUID), r.server.appliance()
	sign := func(n int) {
		t.Helper()
		if _, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, n)); err != nil {
			t.Fatal(err)
		}
	}
	sample := func() *storeState {
		t.Helper()
		s := &storeSample{}
		if err := s.take(a.store, r.path("state"), r.clock.real()); err != nil {
			t.Fatal(err)
		}
		return s.last.Load()
	}
	if s := sample(); s.growthSure {
		t.Errorf("a log of seconds grows by %v a second for sure", s.growth)
	}

	sign(100)
	r.clock.pass(growthWindow + 24*time.Hour)
	sign(30)
	r.clock.pass(24 * time.Hour)
	s := sample()
	size := float64(a.store.Position().Size)
	want := float64(s.Used) / size * 30 / growthWindow.Seconds()
	if !s.growthSure || math.Abs(s.growth/want-1) > .1 {
		t.Errorf("growth %v (sure: %v) for 30 events in a week, want %v", s.growth, s.growthSure, want)
	}
	if got, want := s.untilFull(), float64(s.room())/s.growth; got != want || got <= 0 {
		t.Errorf("full in %v s, want %v", got, want)
	}

	r.clock.pass(growthWindow)
	if s := sample(); s.growth != 0 || !s.growthSure || !math.IsInf(s.untilFull(), 1) {
		t.Errorf("after a week without an event: growth %v, full in %v s", s.growth, s.untilFull())
	}
}

// The nearer of the two ends is the one that counts.
func TestRoomEndsAtMaxSizeOrAtTheFileSystem(t *testing.T) {
	for name, c := range map[string]struct {
		state storeState
		want  int64
	}{
		"file system":      {storeState{Usage: store.Usage{File: 160, Held: 120, Used: 100, Limit: 1000}, available: 50}, 70},
		"max_size":         {storeState{Usage: store.Usage{File: 160, Held: 160, Used: 100, Limit: 130}, available: 5000}, 30},
		"no max_size":      {storeState{Usage: store.Usage{File: 160, Held: 160, Used: 100}, available: 5000}, 5060},
		"beyond the limit": {storeState{Usage: store.Usage{File: 160, Held: 160, Used: 100, Limit: 90}, available: 5000}, 0},
	} {
		if got := c.state.room(); got != c.want {
			t.Errorf("%s: room for %d bytes, want %d", name, got, c.want)
		}
	}
}

// A sample that cannot be taken leaves the last one, whose time tells.
func TestSampleStandsWhileTheDiskFails(t *testing.T) {
	r := startedRig(t)
	a := r.server.appliance()
	r.server.sampleStore(a)
	before := r.server.metrics.scrape(t)["signet_store_sampled_timestamp_seconds"]
	s := &r.server.metrics.sample
	if err := s.take(a.store, r.path("nowhere"), r.clock.real()); err == nil {
		t.Error("a directory that is not there was looked at")
	}
	if after := r.server.metrics.scrape(t)["signet_store_sampled_timestamp_seconds"]; after != before || before == 0 {
		t.Errorf("the sample of %v became one of %v", before, after)
	}
}
