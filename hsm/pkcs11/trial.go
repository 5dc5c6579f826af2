package pkcs11

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"signet/hsm"
	"signet/protocol/algo"
)

// TryMechanisms implements hsm.Driver. The whole trial has the time of one key
// ceremony.
//
// It has a thread and a session beside the workers', the ones that a ceremony
// would have: a worker that makes a 4096-bit key would keep signatures waiting
// for seconds.
func (d *Driver) TryMechanisms(ctx context.Context, token string) (hsm.Trial, error) {
	const op = "trying the mechanisms"
	t, err := d.token(token, op)
	if err != nil {
		return hsm.Trial{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.profile.Deadlines.KeyGen)
	defer cancel()
	r, err := run(ctx, t, task[*trial]{limit: t.profile.Deadlines.Login, once: true, do: func(s *session) (*trial, error) {
		return s.beginTrial(ctx)
	}})
	if err != nil {
		return hsm.Trial{}, t.failed(op, err)
	}
	found, err := r.outcome(ctx)
	return found, t.failed(op, err)
}

// A trial is one call of TryMechanisms.
type trial struct {
	pool *pool
	done chan struct{} // closed when the trial has ended
	err  error         // why it ended before it was through; set before done is closed

	mu      sync.Mutex // guards the rest
	stopped bool       // the caller has gone: nothing more is begun or noted
	found   hsm.Trial
}

// beginTrial starts a trial. A worker does it, because a goroutine of the
// driver may only be started by another one: Close waits for them all.
func (s *session) beginTrial(ctx context.Context) (*trial, error) {
	t := s.pool.token
	if !t.ceremony.TryLock() {
		return nil, errCeremony
	}
	r := &trial{pool: s.pool, done: make(chan struct{})}
	t.spawn(func() {
		defer t.ceremony.Unlock()
		defer close(r.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r.err = r.perform(ctx)
	})
	return r, nil
}

// outcome waits for the end of the trial or of ctx. A call that is inside the
// module by then goes on there, and what it made ends with its session.
func (r *trial) outcome(ctx context.Context) (hsm.Trial, error) {
	select {
	case <-r.done:
		return r.found, r.err
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	return r.found, refuse(hsm.ClassDeadline, "waiting for the module: %w", ctx.Err())
}

func (r *trial) perform(ctx context.Context) error {
	for _, typ := range algo.KeyTypes() {
		k := &keyTrial{trial: r, found: hsm.KeyTrial{Type: typ}}
		err := k.perform(ctx)
		if left := k.drop(); left != nil {
			err = left
		}
		r.note(k.found)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *trial) note(k hsm.KeyTrial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.found.Keys = append(r.found.Keys, k)
	}
}

// count counts a signature that is about to be asked for, so that the caller's
// number is never too small; false if he has gone.
func (r *trial) count() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.found.Signatures++
	}
	return !r.stopped
}

// goesOn is asked between two calls of the module.
func (r *trial) goesOn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return refuse(hsm.ClassDeadline, "trying the next key: %w", err)
	}
	if r.pool.ended() {
		return errEnded
	}
	return nil
}

// claim is what the token lists of a mechanism.
func (r *trial) claim(mechanism, use uint, typ algo.KeyType) hsm.Attempt {
	a := hsm.Attempt{Mechanism: mechanismName(mechanism), Claim: hsm.Claimed, Finding: hsm.NotKnown, Why: "the trial ended before it was tried"}
	if !r.pool.listed.told {
		a.Claim = hsm.Untold
	}
	if err := r.pool.listed.lacks(mechanism, use, typ); err != nil {
		a.Claim, a.ClaimWhy = hsm.Disclaimed, err.Error()
	}
	return a
}

// errKeyLeft is returned if a module kept a key against its orders and does
// not destroy it either.
var errKeyLeft = errors.New("a key of the trial is STILL ON THE TOKEN")

// endsTrial tells whether after this fault nothing more can be learned, or
// nothing more may be made.
func endsTrial(err error) bool {
	if errors.Is(err, errKeyLeft) {
		return true
	}
	switch classOf(err) {
	case hsm.ClassDevice:
		return !vague(codeOf(err))
	case hsm.ClassUnavailable, hsm.ClassDeadline, hsm.ClassPIN:
		return true
	}
	return false
}

// encodingOf tells the form of an answer, whatever the profile says of it.
func encodingOf(a algo.Algorithm, typ algo.KeyType, answer []byte) hsm.Encoding {
	if _, err := algo.Encode(a, typ, algo.FormatRaw, answer); err == nil {
		return hsm.EncodingRaw
	}
	strict, err := algo.Encode(a, typ, algo.FormatDER, answer)
	switch {
	case err != nil:
		return hsm.EncodingOther
	case slices.Equal(strict, answer):
		return hsm.EncodingDER
	}
	return hsm.EncodingNotDER
}
