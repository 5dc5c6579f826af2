//go:build broken_early

package daemon

import "signet/daemon/internal/store"

// A control: this build answers first and records afterwards. The harness that
// kills the daemon (testsoftHSM/crash) must find answers without an event.
func makeDurable(s *store.Store, c *store.Commit) error {
	next := s.Position().Size
	for i := range c.Events {
		c.Receipts = append(c.Receipts, store.Receipt{Event: next + uint64(i)})
	}
	later := *c
	later.Receipts = nil
	go s.Record(&later)
	return nil
}
