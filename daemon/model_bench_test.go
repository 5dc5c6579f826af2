package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"signet/daemon/internal/model"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol/algo"
	"signet/systemd"
)

// A modelBench is what the worlds of the daemon share: a token with keys, and
// for each worker a server of its own around them.
type modelBench struct {
	keys    []string // CKA_IDs
	servers []*Server
	faults  []*faultyDriver
}

// keysOfAWorld is how many entries an appliance of the model test has.
const keysOfAWorld = 2

func newModelBench(t *testing.T) *modelBench {
	r := newRig(t)
	driver := r.openDriver(nil)
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Error(err)
		}
	})
	b := new(modelBench)
	for range min(runtime.GOMAXPROCS(0), 8) {
		b.addWorker(r, driver)
	}
	r.waitFor(func() bool { return b.servers[0].tokens.isUp("seals") }, "the token")
	for i := range keysOfAWorld {
		key, _, err := driver.Generate(context.Background(), "seals", hsm.Spec{Type: algo.KeyP256, Label: fmt.Sprint("model-", i)})
		if err != nil {
			t.Fatal(err)
		}
		b.keys = append(b.keys, hex.EncodeToString(key.ID))
	}
	return b
}

func (b *modelBench) workers() int { return len(b.servers) }

// addWorker makes a server that is not run: its steps are called one by one.
// Its files lie in memory where there is such a file system, since what a disk
// does to a commit is for other tests.
func (b *modelBench) addWorker(r *rig, driver hsm.Driver) {
	r.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "signet-model-")
	if err != nil {
		dir = r.TempDir()
	}
	r.Cleanup(func() { os.RemoveAll(dir) })
	lock, err := store.AcquireLock(filepath.Join(dir, lockName))
	if err != nil {
		r.Fatal(err)
	}
	faulty := &faultyDriver{Driver: driver}
	o := r.options(faulty)
	o.Lock, o.State, o.Runtime, o.Journal = lock, dir, dir, systemd.Open(io.Discard)
	s, err := New(o)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := errors.Join(lock.Release(), o.Journal.Close()); err != nil {
			r.Error(err)
		}
	})
	b.servers, b.faults = append(b.servers, s), append(b.faults, faulty)
}

// run runs one world on a worker's server.
func (b *modelBench) run(worker int, seed uint64, stats *modelStats) error {
	w := newDaemonWorld(seed, b.servers[worker], b.faults[worker], stats)
	err := w.begin(b.keys)
	if err == nil {
		err = w.live()
	}
	if err != nil {
		if w.a != nil {
			err = errors.Join(err, w.a.store.Close())
		}
		return fmt.Errorf("step %d, at %v: %w\n%s", w.steps, w.clock.now, err, w.policies())
	}
	return w.finish()
}

// A faultyDriver fails to sign the values that are given to it.
type faultyDriver struct {
	hsm.Driver
	fails map[string]bool // by value; nobody signs while it is set
}

var errModelFault = errors.New("the model wanted it to fail")

func (d *faultyDriver) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	all := make([]hsm.Signed, len(tbs))
	for i, value := range tbs {
		if d.fails[string(value)] {
			all[i].Err = &hsm.Error{Class: hsm.ClassDevice, Token: key.Token, Op: "signing", Err: errModelFault}
			continue
		}
		all[i] = d.Driver.Sign(ctx, key, a, [][]byte{value})[0]
	}
	return all
}

// A worldClock is the machine's clocks, which only the world moves.
type worldClock struct {
	now  time.Time
	boot time.Duration
}

func (c *worldClock) sources() Sources {
	return Sources{
		Real: func() time.Time { return c.now },
		Boot: func() time.Duration { return c.boot },
		Sync: func() Sync { return Unsynced },
	}
}

// tell sets the model's clocks by these.
func (c *worldClock) tell(m *model.Appliance) {
	m.Clock.Now, m.Clock.Boot = c.now, c.boot
	m.Clock.Look()
}
