package pkcs11

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// A module is one loaded library. It is initialised once for all its tokens
// and never unloaded: vendors' destructors crash.
type module struct {
	path   string
	sha256 string // wanted, lower-case hex; "" for any file
	env    map[string]string

	// calls is held for reading by whoever is inside the library, so that
	// nobody finalises it meanwhile. It is only ever tried for writing: one
	// call that hangs must not stop the others.
	calls   sync.RWMutex
	closing sync.Mutex   // held while a session is closed: SoftHSM2 was seen to crash where several closed at once
	epoch   atomic.Int64 // number of times that C_Initialize made new state

	mu    sync.Mutex     // guards the rest, and is held while loading
	ctx   *p11.Ctx       // nil until loaded, then fixed
	list  unsafe.Pointer // CK_FUNCTION_LIST; the same
	sum   string         // SHA-256 of the file, lower-case hex; the same
	owned bool           // we initialised it, so we finalise it
	ready bool           // it is initialised
	users int            // connections that exist or are being made
}

// acquire makes the module ready for one more connection. With anew it is
// initialised again if nobody else uses it: some modules recover from a lost
// link, or see a new token, only then. The context it returns stays valid.
func (m *module) acquire(anew bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.load(); err != nil {
		return err
	}
	if anew && m.users == 0 && m.calls.TryLock() {
		m.stop()
		m.calls.Unlock()
	}
	if !m.ready {
		if err := m.start(); err != nil {
			return err
		}
	}
	m.users++
	return nil
}

func (m *module) release() {
	m.mu.Lock()
	m.users--
	m.mu.Unlock()
}

// enter is called before one or more calls into the library. It returns the
// epoch: handles of another one mean nothing, or worse, something else.
func (m *module) enter() int64 {
	m.calls.RLock()
	return m.epoch.Load()
}

func (m *module) leave() { m.calls.RUnlock() }

// load checks the file, sets the environment and loads the library.
//
// Between the check and dlopen somebody could exchange the file; whoever can
// do that can write where root put a module, and has no need to. The check is
// there against the wrong file.
func (m *module) load() error {
	if m.ctx != nil {
		return nil
	}
	sum, err := m.hash()
	if err != nil {
		return err
	}
	for name, value := range m.env {
		if err := os.Setenv(name, value); err != nil {
			return refuse(hsm.ClassUnavailable, "setting %s for the module: %w", name, err)
		}
	}
	list, err := probe(m.path)
	if err != nil {
		return refuse(hsm.ClassUnavailable, "loading module %s: %w", m.path, err)
	}
	ctx := p11.New(m.path)
	if ctx == nil {
		return refuse(hsm.ClassUnavailable, "loading module %s: the library refuses it", m.path)
	}
	m.ctx, m.list, m.sum = ctx, list, sum
	return nil
}

// hash returns the SHA-256 of the file, which transcripts name, if it is the
// one wanted.
func (m *module) hash() (string, error) {
	f, err := os.Open(m.path)
	if err != nil {
		return "", refuse(hsm.ClassUnavailable, "opening module: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", refuse(hsm.ClassUnavailable, "reading module: %w", err)
	}
	got := hex.EncodeToString(h.Sum(nil))
	if m.sha256 != "" && got != m.sha256 {
		return "", refuse(hsm.ClassUnavailable, "module %s has sha256 %s: the configuration wants %s", m.path, got, m.sha256)
	}
	return got, nil
}

// start initialises the library. Where another user of this process did so
// before, it is his to finalise.
func (m *module) start() error {
	m.calls.RLock()
	err := m.ctx.Initialize()
	m.calls.RUnlock()
	adopted := hasCode(err, p11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	if err != nil && !adopted {
		return fmt.Errorf("initialising module %s: %w", m.path, called("C_Initialize", err))
	}
	m.ready, m.owned = true, !adopted
	if !adopted {
		m.epoch.Add(1)
	}
	return nil
}

// stop finalises the library if it is ours, and makes the next acquire
// initialise it. The caller holds calls for writing: no call is inside.
func (m *module) stop() {
	if m.owned {
		m.ctx.Finalize() // it may have lost its state already; start will tell
	}
	m.ready, m.owned = false, false
}

// close finalises the library when the last connection is gone. It is an
// error if a call is still inside.
func (m *module) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ready {
		return nil
	}
	if !m.calls.TryLock() {
		return refuse(hsm.ClassDevice, "closing module %s: a call has not come back, so the module is not finalised", m.path)
	}
	defer m.calls.Unlock()
	m.stop()
	return nil
}

// trim removes the padding of a fixed-size text: blanks by the standard, NULs
// by some modules.
func trim(s string) string { return strings.TrimRight(s, " \x00") }
