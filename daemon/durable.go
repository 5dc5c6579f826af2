//go:build !broken_early

package daemon

import "signet/daemon/internal/store"

// makeDurable returns when c is durable, or when it never will be. No
// signature of c may leave before.
func makeDurable(s *store.Store, c *store.Commit) error { return s.Record(c) }
