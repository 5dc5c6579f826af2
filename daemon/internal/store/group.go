package store

import "time"

// A Group is what one transaction of the committer carried.
type Group struct {
	Commits int
	Events  int
	Took    time.Duration // from its begin until it was durable, or failed
	Err     error         // ErrFull, ErrPoisoned or another fault: nothing of the group is recorded
}

// tellGroup tells of a transaction that began at a time.
func (s *Store) tellGroup(group []*Commit, began time.Time, err error) {
	if s.grouped == nil {
		return
	}
	g := Group{Commits: len(group), Took: time.Since(began), Err: err}
	for _, c := range group {
		g.Events += len(c.Events)
	}
	s.grouped(g)
}

// Waiting is how many commits have been handed over and are not in a
// transaction yet.
func (s *Store) Waiting() int { return len(s.queue) }
