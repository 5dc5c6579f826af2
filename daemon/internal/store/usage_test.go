package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"signet/daemon/internal/audit"
)

func (r *rig) usage() Usage {
	r.Helper()
	u, err := r.Usage()
	if err != nil {
		r.Fatalf("Usage: %v", err)
	}
	if u.Used <= 0 || u.Used > u.File {
		r.Errorf("Usage = %+v, want some bytes used of those that the file has", u)
	}
	return u
}

func TestUsageGrowsWithWhatIsRecorded(t *testing.T) {
	r := newRig(t, Options{})
	before := r.usage()
	const events, each = 200, 2000
	for i := range events {
		r.record(&Commit{Events: []*audit.Event{use(fmt.Sprint(i, strings.Repeat("x", each)))}})
	}
	after := r.usage()
	if grown := after.Used - before.Used; grown < events*each || grown > 3*events*each {
		t.Errorf("the store uses %d bytes more after %d events of %d", grown, events, each)
	}
	if after.Limit != 0 {
		t.Errorf("Limit = %d without MaxSize", after.Limit)
	}
	if after.Held < after.Used {
		t.Errorf("the file system gave %d bytes, of which %d are used", after.Held, after.Used)
	}
}

// What the limit says is where the store is full, and is known before.
func TestUsageEndsAtTheLimit(t *testing.T) {
	r := newRig(t, Options{MaxSize: 256 << 10})
	if u := r.usage(); u.Used > u.Limit/2 {
		t.Errorf("Usage of an empty store = %+v", u)
	}
	fillUp(t, r.Store)
	if u := r.usage(); u.Used < u.Limit/2 || u.Used > u.Limit {
		t.Errorf("Usage of a full store = %+v, want nearly all of the limit used", u)
	}
}

func TestEachTransactionIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []Group
	r := newRig(t, Options{MaxSize: 256 << 10, Grouped: func(g Group) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, g)
	}})
	two := &Commit{Events: []*audit.Event{use("b"), use("c")}}
	for i, err := range r.together(&Commit{Events: []*audit.Event{use("a")}}, two) {
		if err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
	}
	if n := r.Waiting(); n != 0 {
		t.Errorf("%d commits wait", n)
	}
	fillUp(t, r.Store)
	mu.Lock()
	defer mu.Unlock()
	if g := told[1]; g.Commits != 2 || g.Events != 3 || g.Err != nil || g.Took <= 0 {
		t.Errorf("the group of three events was told as %+v", g)
	}
	if g := told[len(told)-1]; !errors.Is(g.Err, ErrFull) {
		t.Errorf("the last group was told as %+v, want one that found no room", g)
	}
}
