package daemon

import (
	"fmt"
	"sync"
	"time"

	"signet/systemd"
)

// A summary counts allowed uses for the journal: one entry per register entry
// and minute. A journal entry per use would cost more than the signature.
type summary struct {
	mu    sync.Mutex
	since time.Time
	uses  map[string]uint64
}

func newSummary() *summary { return &summary{uses: map[string]uint64{}} }

func (s *summary) add(entry string, n int, at time.Time) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.uses) == 0 {
		s.since = at
	}
	s.uses[entry] += uint64(n)
}

// flush tells the journal what was counted in a minute that is over; with at
// zero, everything.
func (s *summary) flush(journal *systemd.Journal, at time.Time) {
	s.mu.Lock()
	if len(s.uses) == 0 || (!at.IsZero() && at.Truncate(time.Minute).Equal(s.since.Truncate(time.Minute))) {
		s.mu.Unlock()
		return
	}
	uses, since := s.uses, s.since
	s.uses = map[string]uint64{}
	s.mu.Unlock()
	for entry, n := range uses {
		journal.Send(systemd.Uses, fmt.Sprintf("entry %s signed %d times", entry, n), systemd.Entry(entry),
			systemd.Count(n), systemd.Since(since))
	}
}
