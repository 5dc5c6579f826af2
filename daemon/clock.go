package daemon

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"signet/policy"
)

// How far the clock may be behind the log, and how far it may run ahead of
// the time since boot between two looks at it.
const (
	maxBehind = 5 * time.Second
	maxJump   = 60 * time.Second
)

// Sources is where times come from: the kernel, or a test.
type Sources struct {
	Real func() time.Time     // CLOCK_REALTIME
	Boot func() time.Duration // CLOCK_BOOTTIME: runs on through sleep, is never set
	Sync func() Sync          // the kernel's word on whether realtime is disciplined
}

// A Sync is what the kernel says about its clock. The zero value is that it
// did not say: under ProtectClock= of the unit it may not be asked.
type Sync uint8

const (
	SyncUnknown Sync = iota
	Unsynced
	Synced
)

var syncNames = [...]string{SyncUnknown: "unknown", Unsynced: "unsynced", Synced: "synced"}

func (s Sync) String() string {
	if int(s) >= len(syncNames) {
		return syncNames[SyncUnknown]
	}
	return syncNames[s]
}

// SystemSources are the kernel's.
func SystemSources() Sources {
	return Sources{Real: time.Now, Boot: bootTime, Sync: kernelSync}
}

func bootTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// kernelSync asks adjtimex(2), which needs no privilege to read.
func kernelSync() Sync {
	state, err := unix.Adjtimex(new(unix.Timex))
	switch {
	case err != nil:
		return SyncUnknown
	case state == unix.TIME_ERROR:
		return Unsynced
	}
	return Synced
}

// A clock judges the time before anything is recorded with it: one event that
// is dated ten years ahead would stop signing for ten years.
type clock struct {
	from Sources

	mu     sync.Mutex
	offset time.Duration // realtime minus boottime when last accepted
	known  bool
	jumped bool
}

// newClock goes on from the offset that an earlier process of this boot
// accepted, so that a restart does not accept what it refused; 0 is none.
func newClock(from Sources, accepted time.Duration) *clock {
	c := &clock{from: from, offset: accepted, known: accepted != 0}
	c.observe(from.Real())
	return c
}

// accepted is the offset to go on from.
func (c *clock) accepted() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// now returns the time and whether it can be trusted after an event recorded
// at last.
func (c *clock) now(last time.Time) (time.Time, policy.Clock) {
	at := c.from.Real().Round(0).UTC()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observe(at)
	switch {
	case c.jumped:
		return at, policy.JumpedClock
	case last.Sub(at) > maxBehind:
		return at, policy.BehindClock
	}
	return at, policy.SaneClock
}

// observe compares realtime with boottime since it was last accepted. A jump
// stays until the clock has come back, the kernel says that it is disciplined,
// or an officer's act accepts the time.
func (c *clock) observe(at time.Time) {
	offset := time.Duration(at.UnixNano()) - c.from.Boot()
	c.jumped = c.known && offset-c.offset > maxJump && c.from.Sync() != Synced
	// Never lower but by accept: a clock that is set back and then right
	// again has not jumped.
	if !c.jumped && (!c.known || offset > c.offset) {
		c.offset, c.known = offset, true
	}
}

// recording is the time for the field recorded: none while the clock cannot be
// trusted, so that the committer stays at the last event's.
func (c *clock) recording() time.Time {
	at := c.from.Real()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observe(at)
	if c.jumped {
		return time.Time{}
	}
	return at
}

// accept takes the time as it is.
func (c *clock) accept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = false
	c.observe(c.from.Real())
}

// syncState is the event's field clock.
func (c *clock) syncState() string { return c.from.Sync().String() }

var clockNames = map[policy.Clock]string{
	policy.SaneClock: "sane", policy.BehindClock: "behind", policy.JumpedClock: "jumped",
}

func clockName(c policy.Clock) string {
	if name, ok := clockNames[c]; ok {
		return name
	}
	return "unknown"
}
