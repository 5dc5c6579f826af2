// Package daemon is signetd: it knows its peers, decides, signs through the
// HSM, verifies, records, and answers.
//
// The request path reads conn.go, answer.go, sign.go, judging.go, then the committer of
// internal/store, and delivery.go. Officers' acts read web.go, submit.go, acts.go.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"signet/daemon/internal/certificate"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
	"signet/systemd"
)

// Limits bound what callers can take. All must be set.
type Limits struct {
	Connections       int
	ConnectionsPerUID int
	Frame             int // bytes of a request's payload
	Batch             int // inputs
	QueuePerUID       int // requests in hand
	Deadline          time.Duration
	Idle              time.Duration

	times timeouts
}

// Groups are the gids whose members may use each socket. The mode of a socket
// keeps others from connecting; these hold where somebody loosened it.
type Groups struct{ Clients, Admin, Audit uint32 }

// Options is all that a Server needs from outside. Nothing is optional.
type Options struct {
	Lock       *store.Lock // from Claim, on State; the server's from New on
	Name       string      // the appliance's, of signetd.toml
	State      string      // directory of the store
	Runtime    string      // directory on a tmpfs that outlives the process
	MaxSize    int64       // of the store in bytes
	AnchorEach time.Duration
	SelfTest   time.Duration     // how often, beside each start; 0: on command only
	LogToken   string            // of [log]: where the log's key and the anchor are; empty: nowhere
	Trust      certificate.Trust // the CAs that certificates may lead to
	Limits     Limits
	Groups     Groups
	Drivers    []hsm.Driver
	Journal    *systemd.Journal
	Sources    Sources
	Version    string
}

// A Server is the daemon from New to Run's end.
type Server struct {
	name         string
	stateDir     string
	runtimeDir   string
	maxSize      int
	anchorEach   time.Duration
	logToken     string
	selfTestEach time.Duration
	trust        certificate.Trust
	proposals    *proposals
	limits       Limits
	groups       Groups
	tokens       *tokens
	metrics      *metrics
	journal      *systemd.Journal
	sources      Sources
	clock        *clock
	version      string
	started      time.Time
	lock         *store.Lock
	keptClock    time.Duration // the ticker's alone: what keepClock wrote last
	doors        struct{ sign, admin, audit *door }
	want         want
	pages        *turnstile

	hands     *hands
	calls     context.Context // of every call; ended when draining took too long
	stopCalls context.CancelFunc
	chores    context.Context // of what nobody waits for; ended when the daemon begins to stop
	endChores context.CancelFunc

	mu       sync.Mutex // guards the rest
	cond     condition
	open     *appliance // nil in the modes without a store
	poisoned *appliance // let go of after a failed sync, until mode clear closes it
	warnings []string
	stopping bool
	conns    map[*conn]struct{}
	perUID   map[uint32]*load

	uploading    sync.Mutex // held while a backup is handed in
	telling      sync.Mutex // held while tokens are looked at and the mode is set by them
	initialising sync.Mutex // held by the act that makes or re-opens the store
	serving      sync.WaitGroup
}

// A load is what one uid has open.
type load struct {
	requests int
	unread   int // bytes of answers that are not written
	pace     pace
}

// maxUnreadBytes is what the answers may take that one uid does not read.
const maxUnreadBytes = 8 << 20

// hold counts the bytes of an answer in, false if uid has too many unread.
func (s *Server) hold(uid uint32, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loadOf(uid)
	defer s.dropLoad(uid)
	if l.unread > 0 && l.unread+n > maxUnreadBytes {
		return false
	}
	l.unread += n
	return true
}

func (s *Server) letGo(uid uint32, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loadOf(uid).unread -= n
	s.dropLoad(uid)
}

// ErrRoot is returned when the daemon is run as root.
var ErrRoot = errors.New("signetd does not run as root: start it as its own user, as the unit does")

// Claim makes the directories of state and runtime this process's alone:
// ErrRoot for root, store.ErrLocked if another process has them. It comes
// before anything that a second daemon must not do: a module that it opened
// would log in, and a wrong PIN cost the first one's token another try.
func Claim(state, runtime string) (*store.Lock, error) {
	if os.Geteuid() == 0 || os.Getuid() == 0 {
		return nil, ErrRoot
	}
	if err := checkDirs(state, runtime); err != nil {
		return nil, err
	}
	return store.AcquireLock(filepath.Join(state, lockName))
}

// New prepares a server: opens the store and knows its mode. Tokens come up
// in the background.
func New(o Options) (*Server, error) {
	m := newMetrics()
	t, err := newTokens(o.Drivers, o.Journal, m)
	if err != nil {
		return nil, errors.Join(err, o.Lock.Release())
	}
	s := &Server{
		name: o.Name, stateDir: o.State, runtimeDir: o.Runtime, maxSize: int(o.MaxSize), anchorEach: o.AnchorEach,
		logToken: o.LogToken, selfTestEach: o.SelfTest, trust: o.Trust, proposals: newProposals(),
		limits: o.Limits, groups: o.Groups, tokens: t, metrics: m, journal: o.Journal, sources: o.Sources, clock: newClock(o.Sources, readAccepted(o.Runtime)), version: o.Version,
		started: o.Sources.Real(), lock: o.Lock,
		hands: newHands(), conns: map[*conn]struct{}{}, perUID: map[uint32]*load{}, pages: newTurnstile(pagesAtOnce),
	}
	s.calls, s.stopCalls = context.WithCancel(context.Background())
	s.chores, s.endChores = context.WithCancel(s.calls)
	s.limits.times = o.Limits.times.orUsual()
	s.hangDoors()
	m.registry.MustRegister(s.applianceGauges(), s.loadGauges(), s.storeGauges(), t.gauges())
	s.start()
	return s, nil
}

// checkDirs refuses directories that others can read or that are not ours:
// the store has personal data, and a mark that others can remove is no mark.
func checkDirs(dirs ...string) error {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("looking at directory: %w; make it for signetd's user (systemd-tmpfiles --create, or install -d -m 0700)", err)
		}
		if !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
			return fmt.Errorf("directory %s has mode %v: want a directory of mode 0700", dir, info.Mode())
		}
	}
	return nil
}

// aside runs work that a stop waits for, unless the daemon is stopping.
func (s *Server) aside(work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.serving.Go(work)
	}
}

// enter sets the mode; the store is let go of where the mode has none.
func (s *Server) enter(c condition) {
	s.mu.Lock()
	was := s.cond
	s.cond = c
	if c.mode == PoisonedMode && s.open != nil {
		s.poisoned = s.open
	}
	if c.mode != Degraded && c.mode != Serving {
		s.open = nil
	}
	s.mu.Unlock()
	s.sayMode(was, c)
}

func (s *Server) sayMode(was, now condition) {
	if was == now {
		return
	}
	text := "mode is " + now.mode.String()
	if now.reason != "" {
		text += ": " + now.reason
	}
	s.journal.Send(systemd.ModeChanged, text, systemd.Mode(now.mode.String()), systemd.WasMode(was.mode.String()), systemd.Mend(orNone(now.mend)))
	if err := systemd.Status(text); err != nil {
		s.journal.Send(systemd.InternalError, "telling systemd the mode", systemd.Cause(err))
	}
}

// adopt makes an open appliance the one that serves.
func (s *Server) adopt(a *appliance) {
	s.writeMarker(a)
	s.dropStaged() // there is a store now
	s.mu.Lock()
	s.open = a
	s.mu.Unlock()
	s.aside(func() {
		a.proveAll(s.chores)
		a.proveCounts(s.chores)
	})
	s.TokensChanged()
}

// TokensChanged sets serving or degraded by what the tokens are now. Drivers
// call it from any goroutine.
func (s *Server) TokensChanged() {
	// One at a time: of two that look at the tokens the later one must have
	// the last word.
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.isStopping() {
		return // tokens that are let go of are not down
	}
	s.tokens.report()
	s.lookAtAnchor()
	now := s.tokens.condition()
	s.mu.Lock()
	if s.open == nil {
		s.mu.Unlock()
		return
	}
	was := s.cond
	s.cond = now
	s.mu.Unlock()
	s.sayMode(was, now)
}

// orNone keeps a field of the journal from being empty: the catalog's text
// would show its bare name.
func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

func (s *Server) condition() condition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cond
}

func (s *Server) appliance() *appliance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// live returns the appliance, or why there is none.
func (s *Server) live() (*appliance, *protocol.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopping:
		return nil, protocol.NewError(protocol.ShuttingDown, "the daemon is stopping: connect again")
	case s.open == nil:
		return nil, s.cond.refusal()
	}
	return s.open, nil
}

func (s *Server) warn(key, text string) {
	s.mu.Lock()
	s.warnings = append(s.warnings, text)
	s.mu.Unlock()
	s.journal.Send(systemd.ConfigWarning, text, systemd.Key(key))
}

// admit counts a request of uid in, false if it has enough in hand.
func (s *Server) admit(uid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loadOf(uid)
	if l.requests >= s.limits.QueuePerUID {
		return false
	}
	if l.requests == 0 {
		l.pace.begin(time.Now())
	}
	l.requests++
	return true
}

func (s *Server) dismiss(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.loadOf(uid)
	l.requests--
	l.pace.answered(time.Now())
	s.dropLoad(uid)
}

// busy tells uid when there will be a place for another request.
func (s *Server) busy(uid uint32) *protocol.Error {
	s.mu.Lock()
	after := s.loadOf(uid).pace.comeBack(time.Now())
	s.mu.Unlock()
	if keepsRefused {
		go func() { <-s.calls.Done() }()
	}
	return protocol.NewError(protocol.Busy, "%d requests of uid %d are in hand", s.limits.QueuePerUID, uid).RetryIn(after)
}

func (s *Server) loadOf(uid uint32) *load {
	l := s.perUID[uid]
	if l == nil {
		l = &load{}
		s.perUID[uid] = l
	}
	return l
}

func (s *Server) dropLoad(uid uint32) {
	if l := s.perUID[uid]; l != nil && l.requests == 0 && l.unread == 0 {
		delete(s.perUID, uid)
	}
}
