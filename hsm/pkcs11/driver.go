// Package pkcs11 drives a PKCS#11 module: it implements hsm.Driver on
// miekg/pkcs11, which nothing else in signet uses outside tests.
//
// Each token has a supervisor that connects, waits for a fault, and connects
// again, and while it is connected a pool of workers. A worker is a locked OS
// thread with a session of its own; all work on keys happens there. The
// module's faults end as states of a token, never of the process, as long as
// the library does not end the process itself.
package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"signet/hsm"
)

// Config says which module to drive, and which of its tokens.
type Config struct {
	Name    string            // of the module, as configured
	Path    string            // of the library
	SHA256  string            // of the library, 64 hex digits; empty: any file, and status says so
	Env     map[string]string // set in the process before the library is loaded
	Profile hsm.Profile       // from hsm.ParseProfile
	Tokens  []Token           // at least one

	// LatchDir keeps the PIN latches: a directory of mode 0700 that outlives
	// the process.
	LatchDir string

	// Changed is called, with no lock held and from any goroutine, after the
	// status of a token has changed. Optional. It must not wait for the
	// driver.
	Changed func()

	// Backoff gives the wait before reconnect number n = 1, 2, ... in a row;
	// the one before them is made at once. Optional: Backoff of this package.
	Backoff func(n int) time.Duration
}

// Token says how to reach one token.
type Token struct {
	Name     string                     // unique in the appliance, [a-z0-9-]{1,32}
	URI      hsm.URI                    // must match one token only
	PIN      func() (hsm.Secret, error) // called before each login; the driver wipes what it returns
	Sessions int                        // workers, 1 to 64
}

// maxSessions bounds the workers of a token. Each is an OS thread.
const maxSessions = 64

var _ hsm.Driver = (*Driver)(nil)

// Driver is an hsm.Driver for one module.
type Driver struct {
	module *module
	tokens []*token
	stop   chan struct{}
	work   sync.WaitGroup // every goroutine of the driver
	linger time.Duration  // how long Close waits for them
	once   func() error
}

// Open starts a driver. It does not wait for the module: tokens come up in
// the background, and what stands in their way is in their status. An error
// means that the configuration cannot be used.
func Open(c Config) (*Driver, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("opening module %s: %w", c.Name, err)
	}
	d := &Driver{
		module: &module{path: c.Path, sha256: strings.ToLower(c.SHA256), env: c.Env},
		stop:   make(chan struct{}),
		linger: c.Profile.Deadlines.Sign + time.Second, // the second is for closing sessions
	}
	for _, t := range c.Tokens {
		latch, err := hsm.NewLatch(c.LatchDir, t.Name)
		if err != nil {
			return nil, fmt.Errorf("opening module %s: %w", c.Name, err)
		}
		d.tokens = append(d.tokens, newToken(c, t, latch, d))
	}
	d.once = sync.OnceValue(d.close)
	for _, t := range d.tokens {
		d.work.Go(t.supervise)
	}
	return d, nil
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

func (c Config) check() error {
	var faults []error
	if c.Path == "" {
		faults = append(faults, errors.New("path is empty: want that of a library"))
	}
	if c.SHA256 != "" && !hexSHA256.MatchString(c.SHA256) {
		faults = append(faults, errors.New("sha256: want 64 hex digits, or nothing"))
	}
	if c.Profile.Name == "" || c.Profile.Deadlines.Sign <= 0 || c.Profile.Deadlines.Login <= 0 || c.Profile.Deadlines.KeyGen <= 0 {
		faults = append(faults, errors.New("profile is empty: want one from hsm.ParseProfile"))
	}
	if len(c.Tokens) == 0 {
		faults = append(faults, errors.New("no tokens: want at least one"))
	}
	seen := make(map[string]bool)
	for _, t := range c.Tokens {
		if seen[t.Name] {
			faults = append(faults, fmt.Errorf("token %s is given twice", t.Name))
		}
		seen[t.Name] = true
		faults = append(faults, t.check())
	}
	return errors.Join(faults...)
}

func (t Token) check() error {
	switch {
	case t.URI == hsm.URI{}:
		return fmt.Errorf("token %s: URI is empty: want one from hsm.ParseURI", t.Name)
	case t.PIN == nil:
		return fmt.Errorf("token %s: no PIN: want a function that reads it", t.Name)
	case t.Sessions < 1 || t.Sessions > maxSessions:
		return fmt.Errorf("token %s: %d sessions: want 1 to %d", t.Name, t.Sessions, maxSessions)
	}
	return nil
}

// Status implements hsm.Driver.
func (d *Driver) Status() []hsm.TokenStatus {
	all := make([]hsm.TokenStatus, len(d.tokens))
	for i, t := range d.tokens {
		all[i] = t.snapshot()
	}
	return all
}

// ClearPIN implements hsm.Driver.
func (d *Driver) ClearPIN(ctx context.Context, name string) error {
	const op = "clearing the PIN latch"
	t, err := d.token(name, op)
	if err != nil {
		return err
	}
	return t.failed(op, t.clearPIN(ctx))
}

// Close implements hsm.Driver. The library is not finalised while a call is
// inside it, and never unloaded.
func (d *Driver) Close() error { return d.once() }

func (d *Driver) close() error {
	close(d.stop)
	drained := make(chan struct{})
	go func() {
		d.work.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		return d.module.close()
	case <-time.After(d.linger):
		return refuse(hsm.ClassDeadline, "closing module %s: calls are still inside it after %v, so it is not finalised", d.module.path, d.linger)
	}
}

// token returns a configured token.
func (d *Driver) token(name, op string) (*token, error) {
	for _, t := range d.tokens {
		if t.cfg.Name == name {
			return t, nil
		}
	}
	return nil, &hsm.Error{Class: hsm.ClassAbsent, Token: name, Op: op, Err: errors.New("no such token is configured in this module")}
}
