package daemon

import (
	"fmt"
	"math"
	"sort"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/store"
	"signet/systemd"
)

// growthWindow is the span of the log over which its growth is taken: a week,
// so that nights and weekends are in it. The log itself is what is looked at,
// so a restart does not begin the window anew.
const growthWindow = 7 * 24 * time.Hour

// growthLeast is the shortest span that says anything about growth.
const growthLeast = time.Hour

// growthEach is how often the growth is worked out anew.
const growthEach = time.Minute

// A storeSample is what the disk said when it was last asked. It is asked by
// the ticker and never while metrics are read: a disk that hangs leaves the
// sample as it is, and its time shows that.
type storeSample struct {
	last    atomic.Pointer[storeState]
	failing bool // the ticker's alone
}

type storeState struct {
	store.Usage
	at         time.Time
	available  int64 // bytes of the file system that the daemon may still take
	grownAt    time.Time
	growth     float64 // bytes a second
	growthSure bool    // false while the log is too short to tell
}

// take asks the disk. The ticker alone calls it.
func (s *storeSample) take(st *store.Store, path string, now time.Time) error {
	next := storeState{at: now}
	if last := s.last.Load(); last != nil {
		next.grownAt, next.growth, next.growthSure = last.grownAt, last.growth, last.growthSure
	}
	var err error
	if next.Usage, err = st.Usage(); err != nil {
		return err
	}
	if next.available, err = availableBytes(path); err != nil {
		return err
	}
	if since := now.Sub(next.grownAt); since >= growthEach || since < 0 {
		if err := next.measureGrowth(st, now); err != nil {
			return err
		}
	}
	s.last.Store(&next)
	return nil
}

// sampleStore asks the disk, and tells the journal of the first of the times
// that it cannot.
func (s *Server) sampleStore(a *appliance) {
	err := s.metrics.sample.take(a.store, s.stateDir, s.sources.Real())
	if err != nil && !s.metrics.sample.failing && a.store.Err() == nil {
		s.journal.Send(systemd.StoreFault, "the size of the store could not be read", systemd.Cause(err))
	}
	s.metrics.sample.failing = err != nil
}

func availableBytes(path string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("looking at the file system of %s: %w", path, err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// measureGrowth takes the events of the window at the mean size of an event.
func (s *storeState) measureGrowth(st *store.Store, now time.Time) error {
	s.grownAt, s.growthSure = now, false
	size := st.Position().Size
	first, _, err := st.Event(0)
	if err != nil || first == nil || size == 0 {
		return err
	}
	begin := now.Add(-growthWindow)
	if born := first.Recorded.Time(); begin.Before(born) {
		begin = born
	}
	span := now.Sub(begin)
	if span < growthLeast {
		return nil
	}
	from, err := firstSince(st, size, begin)
	if err != nil {
		return err
	}
	perEvent := float64(s.Used) / float64(size)
	s.growth, s.growthSure = perEvent*float64(size-from)/span.Seconds(), true
	return nil
}

// firstSince is the index of the first event recorded at or after begin, size
// if there is none: recorded never goes back.
func firstSince(st *store.Store, size uint64, begin time.Time) (uint64, error) {
	var fault error
	at := sort.Search(int(size), func(i int) bool {
		var e *audit.Event
		if fault == nil {
			e, _, fault = st.Event(uint64(i))
		}
		return e == nil || !e.Recorded.Time().Before(begin)
	})
	return uint64(at), fault
}

// room is how many bytes the store can still take.
func (s *storeState) room() int64 {
	room := s.available + max(s.Held-s.Used, 0)
	if s.Limit > 0 {
		room = min(room, s.Limit-s.Used)
	}
	return max(room, 0)
}

// untilFull is when the store has no room left if it grows on like this;
// +Inf if it does not grow.
func (s *storeState) untilFull() float64 {
	if s.growth <= 0 {
		return math.Inf(1)
	}
	return float64(s.room()) / s.growth
}

// storeGauges are what log and store take. In the modes without a store there
// are none of them.
func (s *Server) storeGauges() *gaugeSet {
	g := &gaugeSet{}
	var (
		events     = g.desc("signet_log_events_total", "Events of the log since the appliance was made; goes on over restarts.")
		last       = g.desc("signet_log_last_event_timestamp_seconds", "When the newest event was recorded.")
		marked     = g.desc("signet_marker_written_timestamp_seconds", "When this process last wrote the marker file, which guards against an older store put back.")
		queue      = g.desc("signet_commit_queue", "Commits that wait for a transaction.")
		remembered = g.desc("signet_idempotency_requests", "Requests with a request_id whose answers are remembered.")
		tallies    = g.desc("signet_refusal_tallies", "Refusals (uid, entry, rule) that are counted in this minute instead of recorded singly.")
	)
	disk := s.metrics.sample.gauges(g)
	g.read = func(r report) {
		a := s.appliance()
		if a == nil {
			return
		}
		at := a.store.Position()
		r.counter(events, float64(at.Size))
		r.timestamp(last, at.Recorded)
		if ns := s.metrics.marked.Load(); ns != 0 {
			r.timestamp(marked, time.Unix(0, ns))
		}
		r.gauge(queue, float64(a.store.Waiting()))
		r.gauge(remembered, float64(a.store.Requests()))
		r.gauge(tallies, float64(a.ledger.size()))
		disk(r)
	}
	return g
}

// gauges adds what the disk said to a set.
func (s *storeSample) gauges(g *gaugeSet) func(report) {
	var (
		file      = g.desc("signet_store_file_bytes", "Length of the store's file, which grows ahead of what it holds.")
		used      = g.desc("signet_store_used_bytes", "Bytes of the file that hold something.")
		limit     = g.desc("signet_store_limit_bytes", "Where the used bytes end for want of store.max_size.")
		available = g.desc("signet_store_available_bytes", "Bytes of the file system of the store that the daemon may still take.")
		growth    = g.desc("signet_store_growth_bytes_per_second", "Growth over the last 7 days of the log, or its whole life; absent while it spans less than an hour.")
		untilFull = g.desc("signet_store_until_full_seconds", "When max_size or the file system ends the store if it grows on like this; +Inf if it does not grow, absent like the growth.")
		sampled   = g.desc("signet_store_sampled_timestamp_seconds", "When the disk last told these; it is asked every second, and an old time means that it hangs or fails.")
	)
	return func(r report) {
		now := s.last.Load()
		if now == nil {
			return
		}
		r.gauge(file, float64(now.File))
		r.gauge(used, float64(now.Used))
		if now.Limit > 0 {
			r.gauge(limit, float64(now.Limit))
		}
		r.gauge(available, float64(now.available))
		if now.growthSure {
			r.gauge(growth, now.growth)
			r.gauge(untilFull, now.untilFull())
		}
		r.timestamp(sampled, now.at)
	}
}

// size is how many refusals are being counted.
func (l *ledger) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.tallies)
}
