package daemon

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/systemd"
)

// tokens reaches every token of the appliance by its name.
type tokens struct {
	drivers []hsm.Driver
	byName  map[string]*token
	journal *systemd.Journal

	mu    sync.Mutex
	state map[string]hsm.State // as last told to the journal
}

func newTokens(drivers []hsm.Driver, journal *systemd.Journal, m *metrics) (*tokens, error) {
	t := &tokens{drivers: drivers, byName: map[string]*token{}, journal: journal, state: map[string]hsm.State{}}
	for _, d := range drivers {
		for _, s := range d.Status() {
			if t.byName[s.Name] != nil {
				return nil, fmt.Errorf("two tokens are named %q", s.Name)
			}
			t.byName[s.Name] = newToken(d, s, m.token(s.Name))
		}
	}
	return t, nil
}

func (t *tokens) status() []hsm.TokenStatus {
	var all []hsm.TokenStatus
	for _, d := range t.drivers {
		all = append(all, d.Status()...)
	}
	return all
}

func (t *tokens) statusOf(name string) (hsm.TokenStatus, bool) {
	for _, s := range t.status() {
		if s.Name == name {
			return s, true
		}
	}
	return hsm.TokenStatus{}, false
}

func (t *tokens) isUp(name string) bool {
	s, ok := t.statusOf(name)
	return ok && s.State == hsm.StateUp
}

func (t *tokens) isLatched(name string) bool {
	s, ok := t.statusOf(name)
	return ok && s.State == hsm.StateLatched
}

// condition is serving, or degraded by the first token that is not up.
func (t *tokens) condition() condition {
	for _, s := range t.status() {
		if s.State == hsm.StateUp {
			continue
		}
		reason := fmt.Sprintf("token %s is %v", s.Name, s.State)
		if s.LastError != "" {
			reason += ": " + s.LastError
		}
		return condition{mode: Degraded, reason: reason, mend: s.Mend}
	}
	return condition{mode: Serving}
}

// report tells the journal about every token that came up, went down or was
// latched since the last report, once.
func (t *tokens) report() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.status() {
		if was := t.state[s.Name]; was == s.State {
			continue
		}
		t.state[s.Name] = s.State
		switch s.State {
		case hsm.StateUp:
			t.journal.Send(systemd.TokenUp, "token "+s.Name+" is up", systemd.Token(s.Name))
		case hsm.StateDown:
			t.journal.Send(systemd.TokenDown, "token "+s.Name+" is down: "+s.LastError, systemd.Token(s.Name),
				systemd.Cause(errors.New(orNone(s.LastError))), systemd.Mend(orNone(s.Mend)))
		case hsm.StateLatched:
			t.journal.Send(systemd.PINLatched, "token "+s.Name+" is latched: "+s.LastError, systemd.Token(s.Name))
		}
	}
}

// errBadSignature is returned for a signature that does not verify: a fault
// of the module, or an attack by faults, which leaks keys.
var errBadSignature = errors.New("the module's signature does not verify with the register's public key")

// wasSent tells whether the module may have signed: what ends before C_Sign is
// no use of the key, and is not counted as one.
func wasSent(err error) bool {
	switch hsm.ClassOf(err) {
	case hsm.ClassUnsupported, hsm.ClassBusy, hsm.ClassAbsent, hsm.ClassUnavailable, hsm.ClassPIN, hsm.ClassMismatch:
		return false
	}
	return true
}

func verify(public algo.PublicKey, a algo.Algorithm, tbs, sig []byte) error {
	if !verifySignatures {
		return nil
	}
	if err := public.Verify(a, tbs, sig); err != nil {
		return fmt.Errorf("%w: %w", errBadSignature, err)
	}
	return nil
}

// close lets go of every module, side by side: one that hangs must not keep
// the others.
func (t *tokens) close() error {
	errs := make([]error, len(t.drivers))
	var wait sync.WaitGroup
	for i, d := range t.drivers {
		wait.Go(func() { errs[i] = d.Close() })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// hsmRetry is when a caller should ask again about a token that is down: the
// driver's own longest pause is not much more.
const hsmRetry = 5 * time.Second

// absentRetry is the same for what does not come back by itself.
const absentRetry = 5 * time.Minute

// hsmError is what a caller is told of a fault of the HSM. Details are for
// the journal.
func hsmError(err error) *protocol.Error {
	if errors.Is(err, errBadSignature) {
		return protocol.NewError(protocol.BadSignature, "the module's signature did not verify and was destroyed")
	}
	if errors.Is(err, errStopped) {
		return protocol.NewError(protocol.HSMUnavailable, "what this needs failed its self-test: an officer looks at signetctl status").WithRule(ruleSelfTest).RetryIn(absentRetry)
	}
	switch hsm.ClassOf(err) {
	case hsm.ClassPIN:
		return protocol.NewError(protocol.PINLatched, "the token's PIN was refused and is latched: an administrator sees signetctl token status for what to do")
	case hsm.ClassUnsupported:
		return unsupportedByToken(err)
	case hsm.ClassRequest:
		return protocol.NewError(protocol.HSMFailed, "the token does not do this with this key")
	case hsm.ClassAnswer:
		return protocol.NewError(protocol.HSMFailed, "the token's answer was not a signature")
	case hsm.ClassMismatch:
		return protocol.NewError(protocol.KeyMismatch, "the key on the token is not the register's, or not the only one")
	case hsm.ClassBusy, hsm.ClassDeadline:
		return protocol.NewError(protocol.DeadlineExceeded, "the call was cancelled, or its deadline passed, before a session of the token was free or had answered")
	case hsm.ClassDevice, hsm.ClassSession, hsm.ClassHandle, hsm.ClassLogin:
		return protocol.NewError(protocol.HSMFailed, "the token failed while it was asked; another try may find it mended")
	case hsm.ClassUnknown:
		return protocol.NewError(protocol.Internal, "")
	case hsm.ClassAbsent:
		return protocol.NewError(protocol.HSMUnavailable, "the key or its token is not there: an officer looks at signetctl status").RetryIn(absentRetry)
	}
	return protocol.NewError(protocol.HSMUnavailable, "the token is not up").RetryIn(hsmRetry)
}
