package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"signet/testsoftHSM/stage"
)

// A result is what a campaign has seen.
type result struct {
	kills    int
	acked    int    // signatures that callers received
	events   uint64 // in the log at the end
	repeated int    // signatures asked for again by request_id and given again
	missing  int    // answers without an event
	faults   []string
}

// fault is all faults as one error, as far as a person reads.
func (r *result) fault() error {
	const most = 20
	faults := r.faults
	if len(faults) > most {
		faults = append(faults[:most:most], fmt.Sprintf("and %d more", len(r.faults)-most))
	}
	return errors.New(strings.Join(faults, "\n"))
}

func (r *result) wrong(format string, a ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, a...))
}

// callers of a campaign, each with a connection and a uid of its own.
const callers = 8

// latestKill is how long after the first answer of a round the kill comes at
// the latest.
const latestKill = 60 * time.Millisecond

// patience bounds the wait for an answer. It is reached only by a fault.
const patience = 30 * time.Second

// campaign puts up an appliance of programs with that build tag and kills its
// daemon. It ends early when something is wrong.
func campaign(ctx context.Context, tag string, kills int, seed uint64, out io.Writer) (done result, err error) {
	s, err := stage.NewBuilt(ctx, tag)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c := newRounds(s, seed)
	if err := c.run(ctx, kills, out); err != nil {
		said, unread := s.Said() // goes with the stage
		return result{}, errors.Join(fmt.Errorf("after %d kills: %w\nsignetd said:\n%s", c.kills, err, said), unread)
	}
	return c.result, nil
}

// rounds is a campaign on its way.
type rounds struct {
	result
	*stage.Stage
	random  *rand.Rand
	auditor auditor
	callers []*caller
	log     *replica
	notes   []note // of all rounds
}

func newRounds(s *stage.Stage, seed uint64) *rounds {
	c := &rounds{Stage: s, random: rand.New(rand.NewPCG(seed, 1)), auditor: newAuditor(s), log: newReplica()}
	for i := range callers {
		c.callers = append(c.callers, newCaller(i, seed))
	}
	return c
}

// run is the whole campaign. Without an error, what it found is in result.
func (c *rounds) run(ctx context.Context, kills int, out io.Writer) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	if err := initialise(ctx, c.Stage); err != nil {
		return fmt.Errorf("initialising: %w", err)
	}
	for c.kills < kills && len(c.faults) == 0 {
		if err := c.round(ctx); err != nil {
			return err
		}
		if c.kills%10 == 0 {
			fmt.Fprintf(out, "crash: %d kills, %d answers, %d events\n", c.kills, c.acked, c.events)
		}
	}
	if len(c.faults) > 0 {
		return nil
	}
	return c.finish(ctx)
}

// restart starts the daemon anew. It must find its store as it left it.
func (c *rounds) restart(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return err
	}
	_, err := c.WaitMode(ctx, "serving")
	return err
}

// round lets the callers sign, kills the daemon, starts it anew and compares.
func (c *rounds) round(ctx context.Context) error {
	fresh, err := c.signUntilKilled(ctx)
	if err != nil {
		return err
	}
	c.kills++
	if err := c.restart(ctx); err != nil {
		return err
	}
	if err := c.compare(ctx, fresh); err != nil || len(c.faults) > 0 {
		return err
	}
	c.notes = append(c.notes, fresh...)
	if err := c.repeat(ctx, fresh); err != nil {
		return err
	}
	return c.resume(ctx)
}

// signUntilKilled returns what the callers were answered before the kill.
func (c *rounds) signUntilKilled(ctx context.Context) ([]note, error) {
	first := make(chan struct{}, callers)
	ended := make(chan error, callers)
	for _, caller := range c.callers {
		if err := caller.connect(ctx, c.Socket("sign")); err != nil {
			return nil, err
		}
	}
	for _, caller := range c.callers {
		go func() { ended <- caller.signUntilLost(ctx, first) }()
	}
	err := c.awaitMoment(ctx, first, ended)
	// A daemon that ended by itself cannot be killed: that is a fault, too.
	if err := errors.Join(err, c.Kill()); err != nil {
		return nil, err
	}
	var fresh []note
	for range c.callers {
		if err := <-ended; err != nil {
			return nil, err
		}
	}
	for _, caller := range c.callers {
		fresh = append(fresh, caller.take()...)
	}
	c.acked += len(fresh)
	return fresh, nil
}

// awaitMoment waits for an answer and then for a moment of chance.
func (c *rounds) awaitMoment(ctx context.Context, first <-chan struct{}, ended <-chan error) error {
	select {
	case <-first:
	case err := <-ended:
		return fmt.Errorf("a caller ended before the kill: %w", err)
	case <-time.After(patience):
		return fmt.Errorf("no answer within %v", patience)
	case <-ctx.Done():
		return ctx.Err()
	}
	// The moment itself is what is drawn: there is no condition to wait for.
	moment := time.NewTimer(time.Duration(c.random.Int64N(int64(latestKill))))
	defer moment.Stop()
	select {
	case <-moment.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// compare reads what the log has now and holds the answers against it.
func (c *rounds) compare(ctx context.Context, answers []note) error {
	size, err := c.log.follow(ctx, c.auditor)
	if err != nil {
		return err
	}
	c.events = size
	for _, n := range answers {
		c.hold(n)
	}
	return nil
}

// hold compares one answer with its event.
func (c *rounds) hold(n note) {
	at, ok := c.log.bySignature[string(n.signature)]
	if !ok {
		c.missing++
		c.wrong("missing: uid %d was given a signature with the receipt of event %d; the log of %d events does not have it", n.uid, n.event, c.events)
		return
	}
	e := c.log.events[at]
	switch {
	case at != n.event:
		c.wrong("event %d: the receipt says event %d", at, n.event)
	case e.leaf != n.leaf:
		c.wrong("event %d: leaf hash is %x, the receipt says %x", at, e.leaf, n.leaf)
	case e.value != n.value:
		c.wrong("event %d: value is %s, the caller asked for %s", at, e.value, n.value)
	case e.requestID != n.requestID():
		c.wrong("event %d: request_id is %q, the caller's was %q", at, e.requestID, n.requestID())
	}
}

// finish stops the daemon as systemd would, starts it once more, and reads the
// whole log anew: what was compared in an early round must still be there.
func (c *rounds) finish(ctx context.Context) error {
	if err := c.stop(); err != nil {
		return err
	}
	if err := c.restart(ctx); err != nil {
		return err
	}
	c.log = newReplica()
	if err := c.compare(ctx, c.notes); err != nil {
		return err
	}
	return c.stop()
}

func (c *rounds) stop() error {
	code, err := c.Stop()
	if err == nil && code != 0 {
		err = fmt.Errorf("signetd stopped with status %d", code)
	}
	return err
}
