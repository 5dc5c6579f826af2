package daemon

import (
	"slices"
	"sync"
)

// Troubles are what made the last use of an entry, or the last record, fail.
// Status shows them until one succeeds: without it an appliance whose tokens
// are up would seem well while it signs nothing.
type troubles struct {
	mu      sync.Mutex
	store   string            // why the last record failed
	entries map[string]string // entry -> why its last use failed
}

func newTroubles() *troubles { return &troubles{entries: map[string]string{}} }

// use notes how the HSM's part of a use ended; "" is well.
func (t *troubles) use(entry, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if why == "" {
		delete(t.entries, entry)
		return
	}
	t.entries[entry] = why
}

// record notes how a record ended; "" is well.
func (t *troubles) record(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.store = why
}

func (t *troubles) recordTrouble() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.store
}

// list returns a sentence for each, in order.
func (t *troubles) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for entry, why := range t.entries {
		list = append(list, "entry "+entry+": its last use failed: "+why)
	}
	slices.Sort(list)
	if t.store != "" {
		list = append(list, "the last record failed: "+t.store)
	}
	return list
}
