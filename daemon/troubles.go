package daemon

import (
	"fmt"
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
	records map[string]string // entry -> why its record is not proven
	lists   []string          // which imported lists are not held, and why
	counts  string            // why the counts are not held to the log
}

func newTroubles() *troubles {
	return &troubles{entries: map[string]string{}, records: map[string]string{}}
}

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

// unproven notes that the record of an entry does not prove itself. It stays:
// nothing that this process does could prove it.
// It returns false if that is known.
func (t *troubles) unproven(entry string, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.records[entry]
	t.records[entry] = err.Error()
	return !known
}

// unheld notes that the list that an event imported does not prove itself.
func (t *troubles) unheld(event uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lists = append(t.lists, fmt.Sprintf("the list of revoked certificates of event %d is not held: %v", event, err))
}

// uncounted notes why the counts of uses are not held to the log.
func (t *troubles) uncounted(why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts = why
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
	list := slices.Clone(t.lists)
	for entry, why := range t.entries {
		list = append(list, "entry "+entry+": its last use failed: "+why)
	}
	for entry, why := range t.records {
		list = append(list, "entry "+entry+" is not used: "+why)
	}
	slices.Sort(list)
	if t.counts != "" {
		list = append(list, t.counts)
	}
	if t.store != "" {
		list = append(list, "the last record failed: "+t.store)
	}
	return list
}
