package daemon

import (
	"encoding/json"
	"sync"
	"testing"
	"time"
)

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func fromJSON[T any](t testing.TB, body string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("answer %q: %v", body, err)
	}
	return v
}

// A testClock is the machine's, moved by the test.
type testClock struct {
	mu     sync.Mutex
	ahead  time.Duration // of realtime
	boot   time.Duration // both clocks
	synced Sync
	start  time.Time
}

func newTestClock() *testClock { return &testClock{start: time.Now()} }

func (c *testClock) sources() Sources {
	return Sources{
		Real: c.real,
		Boot: func() time.Duration {
			c.mu.Lock()
			defer c.mu.Unlock()
			return time.Since(c.start) + c.boot
		},
		Sync: func() Sync {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.synced
		},
	}
}

func (c *testClock) real() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead + c.boot)
}

// jump sets realtime only, as somebody who sets the date does.
func (c *testClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// pass lets time pass for both clocks.
func (c *testClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.boot += d
}

func (c *testClock) sync(now Sync) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.synced = now
}
