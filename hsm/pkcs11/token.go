package pkcs11

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"signet/hsm"
)

// A token is one configured token: its status, and the goroutine that keeps
// it connected.
type token struct {
	cfg     Token
	profile hsm.Profile
	module  *module
	latch   hsm.Latch
	workers int // sessions wanted: as configured, at most the profile's
	backoff func(int) time.Duration
	changed func()
	spawn   func(func())  // starts a goroutine that Close waits for
	stop    chan struct{} // closed by Close

	clear    chan chan error // from ClearPIN to the supervisor
	ceremony sync.Mutex      // held by the one ceremony or trial that may run; only ever tried
	writing  sync.Mutex      // held by the one PutData that may run; only ever tried
	login    sync.Mutex      // held during a login, and guards the anchors: two at once could cost two tries of the PIN
	hung     atomic.Int32    // calls that the module has held for longer than their deadline

	tried     chan struct{} // closed when the first attempt to connect has ended
	firstOnce sync.Once     // closes tried

	mu     sync.Mutex // guards status and pool
	status hsm.TokenStatus
	pool   *pool // nil unless up
}

func newToken(c Config, cfg Token, latch hsm.Latch, d *Driver) *token {
	t := &token{
		cfg: cfg, profile: c.Profile, module: d.module, latch: latch, workers: cfg.Sessions,
		backoff: c.Backoff, changed: c.Changed, spawn: d.work.Go, stop: d.stop,
		clear: make(chan chan error), tried: make(chan struct{}),
		status: hsm.TokenStatus{
			Name: cfg.Name, Module: c.Name, URI: cfg.URI.String(), State: hsm.StateConnecting, Since: time.Now().UTC(),
			Configured: cfg.Sessions, Profile: c.Profile.Name, Pinned: c.SHA256 != "", Production: c.Profile.Production,
		},
	}
	if limit := c.Profile.MaxSessions; limit > 0 {
		t.workers = min(t.workers, limit)
	}
	if t.backoff == nil {
		t.backoff = Backoff
	}
	if t.changed == nil {
		t.changed = func() {}
	}
	return t
}

// supervise keeps the token connected until Close.
func (t *token) supervise() {
	var reply chan error // of the officer who asked for this attempt
	atOnce, n := true, 1 // may the next reconnect be made at once, and the number of the next that waits
	for first := true; ; first = false {
		p, err := t.attempt(!first)
		if err == nil {
			t.came(p) // before the reply: who has it looks at the status next
		}
		if reply != nil {
			reply <- err // has room for it
		}
		again := false
		if err == nil {
			born := time.Now()
			err = t.serve(p)
			if time.Since(born) > steady {
				atOnce, n = true, 1
			}
			again, atOnce = atOnce && classOf(err) != hsm.ClassPIN && !t.closing(), false
		}
		t.lost(err)
		if again {
			reply = nil
			continue
		}
		var stopped bool
		if reply, stopped = t.pause(n, err); stopped {
			t.lost(errClosed)
			return
		}
		n++
	}
}

// attempt makes one connection. It waits for it to end whatever that takes:
// two logins at once could cost two tries of the PIN. If it takes longer than
// the profile allows, the status says so meanwhile.
func (t *token) attempt(anew bool) (*pool, error) {
	type result struct {
		pool *pool
		err  error
	}
	done := make(chan result, 1)
	t.spawn(func() {
		p, err := t.connect(anew)
		done <- result{p, err}
	})
	late := time.NewTimer(t.profile.Deadlines.Login)
	defer late.Stop()
	for {
		select {
		case r := <-done:
			return r.pool, r.err
		case <-late.C:
			t.lost(refuse(hsm.ClassDeadline, "connecting: the module has not answered for %v", t.profile.Deadlines.Login))
		case reply := <-t.clear:
			reply <- refuse(hsm.ClassBusy, "an attempt to connect is under way: want it to end first")
		}
	}
}

// serve waits while callers use the pool, until it fails or the driver is
// closed.
func (t *token) serve(p *pool) error {
	defer t.module.release()
	for {
		select {
		case err := <-p.broken:
			p.end()
			return err
		case reply := <-t.clear:
			reply <- nil // it is up: there is nothing to clear
		case <-t.stop:
			p.end()
			return errClosed
		}
	}
}

var errClosed = refuse(hsm.ClassUnavailable, "the driver is closed")

// pause waits until the next attempt is due. A latched token waits for an
// officer only.
func (t *token) pause(n int, err error) (reply chan error, stopped bool) {
	var due <-chan time.Time
	if classOf(err) != hsm.ClassPIN {
		timer := time.NewTimer(t.backoff(n))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
		return nil, t.closing()
	case <-t.stop:
		return nil, true
	case reply := <-t.clear:
		if err := t.latch.Clear(); err != nil {
			reply <- refuse(hsm.ClassUnavailable, "%w", err)
			return nil, false
		}
		return reply, false
	}
}

// closing tells whether Close was called.
func (t *token) closing() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

func (t *token) clearPIN(ctx context.Context) error {
	reply := make(chan error, 1)
	select {
	case t.clear <- reply:
	case <-ctx.Done():
		return refuse(hsm.ClassBusy, "waiting for the token: %w", ctx.Err())
	case <-t.stop:
		return errClosed
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return refuse(hsm.ClassDeadline, "waiting for the login: %w", ctx.Err())
	}
}

// came notes that the token is up.
func (t *token) came(p *pool) {
	info := p.slot.token
	t.update(func(s *hsm.TokenStatus) {
		t.pool = p
		s.State, s.Since, s.LastError, s.Mend = hsm.StateUp, time.Now().UTC(), "", ""
		s.Manufacturer, s.Model = trim(info.ManufacturerID), trim(info.Model)
		s.Serial, s.Firmware = trim(info.SerialNumber), version(info.FirmwareVersion)
		s.Notices = p.notices()
	})
}

// lost notes why the token is not up.
func (t *token) lost(err error) {
	state := hsm.StateDown
	if classOf(err) == hsm.ClassPIN {
		state = hsm.StateLatched
	}
	t.update(func(s *hsm.TokenStatus) {
		t.pool = nil
		if s.State != state {
			s.State, s.Since = state, time.Now().UTC()
		}
		s.LastError, s.Mend = err.Error(), mend(t.cfg.Name, err)
	})
}

// update changes the status under the lock and tells the listener without it.
func (t *token) update(change func(*hsm.TokenStatus)) {
	t.mu.Lock()
	change(&t.status)
	t.mu.Unlock()
	t.firstOnce.Do(func() { close(t.tried) })
	t.changed()
}

func (t *token) snapshot() hsm.TokenStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	s.Notices = slices.Clone(s.Notices)
	s.Hung = int(t.hung.Load())
	if t.pool != nil {
		s.Open = int(t.pool.open.Load())
	}
	return s
}

// connected returns the pool, or why there is none. While the first attempt
// to connect runs it waits: a request that comes with the start of the process
// is early, not wrong.
func (t *token) connected(ctx context.Context) (*pool, error) {
	select {
	case <-t.tried:
	case <-ctx.Done():
		return nil, refuse(hsm.ClassBusy, "waiting for the token to connect: %w", ctx.Err())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pool != nil {
		return t.pool, nil
	}
	class := hsm.ClassUnavailable
	if t.status.State == hsm.StateLatched {
		class = hsm.ClassPIN
	}
	if t.status.LastError == "" {
		return nil, refuse(class, "the token is %v", t.status.State)
	}
	return nil, refuse(class, "the token is %v: %s", t.status.State, t.status.LastError)
}

// failed makes the error that leaves the driver.
func (t *token) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &hsm.Error{Class: classOf(err), Token: t.cfg.Name, Op: op, Err: err}
}

// warn adds a notice that lasts as long as the connection.
func (p *pool) warn(text string) {
	p.token.mu.Lock()
	defer p.token.mu.Unlock()
	p.warnings = append(p.warnings, text)
}

// notices, called with token.mu held, are what a person should know about a token that works.
func (p *pool) notices() []string {
	t, profile := p.token, p.token.profile
	var all []string
	if !profile.Production {
		all = append(all, fmt.Sprintf("profile %s is not for production", profile.Name))
	}
	if len(profile.Unverified) > 0 {
		all = append(all, fmt.Sprintf("profile %s has values that were not seen in a primary source: %v", profile.Name, profile.Unverified))
	}
	if !matches(profile, p.slot.token) {
		all = append(all, fmt.Sprintf("profile %s is for tokens of %s: this one is of %s %s", profile.Name,
			madeBy(profile), trim(p.slot.token.ManufacturerID), trim(p.slot.token.Model)))
	}
	if open := int(p.open.Load()); open < t.cfg.Sessions {
		all = append(all, fmt.Sprintf("%d of %d sessions are open: the profile or the token gives no more", open, t.cfg.Sessions))
	}
	return append(all, p.warnings...)
}
