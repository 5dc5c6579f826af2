package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
	"signet/testsoftHSM/stage"
)

const (
	measuring = 5 * time.Second
	inHand    = 16                   // of each connection while the capacity is measured: far below busy
	beat      = 2 * time.Millisecond // between two bursts of the flood
	patience  = 30 * time.Second     // for answers; reached only by a fault

	// Parts of the requests that carry a request_id, and a deadline that is
	// longer than the queue. The ids of a caller come round again: the answer
	// is then the recorded one. New ids for ever would fill what the daemon
	// remembers, 1,000,000 of them, and that is no leak.
	withID       = 8 // one in so many
	ids          = 256
	withDeadline = 4
	deadlineMs   = 5000
)

// A signature as its caller received it.
type signature struct {
	event    uint64
	key      int
	value    [32]byte
	sig      []byte // of one in keepSig, the others' are dropped
	repeated bool   // the recorded answer of an earlier request
}

// keepSig is how many signatures there are to one that is verified.
const keepSig = 32

// A tally is what the callers were answered.
type tally struct {
	signed []signature
	busy   int
}

// A caller is one connection of a uid. It speaks frames itself: the load must
// not cost what the daemon needs.
type caller struct {
	uid    uint32
	conn   net.Conn
	keys   []key
	random *rand.Rand
	sent   uint64        // frames, the call ids
	slots  chan struct{} // a place for each answer while the capacity is measured
	dead   chan struct{} // closed when no answer comes any more; fault says why

	mu      sync.Mutex // guards the rest
	waiting map[uint64]asked
	idle    chan struct{} // closed when nothing waits any more, if set
	signed  []signature
	busy    int
	fault   error
}

// asked is what a call in flight wants signed.
type asked struct {
	key   int
	value [32]byte
}

// callers are all connections.
type callers []*caller

func newCallers(s *stage.Stage, keys []key) (callers, error) {
	var all callers
	for i, uid := range callerUIDs {
		c := &caller{uid: uid, keys: keys, random: rand.New(rand.NewPCG(1, uint64(i))), waiting: map[uint64]asked{}, slots: make(chan struct{}, inHand), dead: make(chan struct{})}
		var err error
		stage.As(uid, []uint32{stage.ClientsGID}, func() { c.conn, err = net.Dial("unix", s.Socket("sign")) })
		if err != nil {
			return nil, err
		}
		go c.read()
		all = append(all, c)
	}
	return all, nil
}

// each runs f for every caller side by side.
func (all callers) each(f func(*caller) error) error {
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, c := range all {
		wait.Go(func() { errs[i] = f(c) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// measure has every caller keep a few requests in hand, and returns how many
// signatures a second come of it.
func (all callers) measure(ctx context.Context, length time.Duration) (float64, error) {
	began := time.Now()
	before := all.answers()
	err := all.each(func(c *caller) error {
		for time.Since(began) < length && ctx.Err() == nil {
			select {
			case c.slots <- struct{}{}:
			case <-c.dead:
				return c.fault
			}
			if err := c.send(1); err != nil {
				return err
			}
		}
		return nil
	})
	rate := float64(all.answers()-before) / time.Since(began).Seconds()
	return rate, errors.Join(err, ctx.Err(), all.each((*caller).settle))
}

func (all callers) answers() (n int) {
	for _, c := range all {
		c.mu.Lock()
		n += len(c.signed)
		c.mu.Unlock()
	}
	return n
}

// flood sends twice what is signed, whatever comes back. It begins with
// capacity, in signatures a second, and follows it where it turns out to be
// higher. It returns how many a second were signed and offered.
func (all callers) flood(ctx context.Context, capacity float64, length time.Duration) (signed, offered float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	began := time.Now()
	requests, answers := all.requests(), all.answers()
	var rate atomic.Int64
	rate.Store(int64(2 * capacity))
	var following sync.WaitGroup
	following.Go(func() { all.follow(ctx, capacity, &rate) })
	err = all.each(func(c *caller) error { return c.flood(ctx, &rate, len(all)) })
	took := time.Since(began).Seconds()
	offered, signed = float64(all.requests()-requests)/took, float64(all.answers()-answers)/took
	cancel()
	following.Wait()
	return signed, offered, errors.Join(err, all.each((*caller).settle))
}

// follow keeps the rate at twice the most that was signed in a second.
func (all callers) follow(ctx context.Context, capacity float64, rate *atomic.Int64) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last, at := all.answers(), time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, signed := time.Now(), all.answers()
		capacity = max(capacity, float64(signed-last)/now.Sub(at).Seconds())
		rate.Store(int64(2 * capacity))
		last, at = signed, now
	}
}

// flood is one caller's part of it.
func (c *caller) flood(ctx context.Context, rate *atomic.Int64, callers int) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	due := 0.0
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-c.dead:
			return c.fault
		case <-tick.C:
		}
		now := time.Now()
		due += now.Sub(last).Seconds() * float64(rate.Load()) / float64(callers)
		last = now
		if err := c.send(int(due)); err != nil {
			return err
		}
		due -= float64(int(due))
	}
}

func (all callers) requests() (n uint64) {
	for _, c := range all {
		n += c.sent
	}
	return n
}

// send writes n requests at once.
func (c *caller) send(n int) error {
	var frames []byte
	c.mu.Lock()
	for range n {
		c.sent++
		request, what := c.request(c.sent)
		var err error
		if frames, err = protocol.AppendMessage(frames, protocol.KindRequest, protocol.MethodSign, c.sent, request); err != nil {
			c.mu.Unlock()
			return err
		}
		c.waiting[c.sent] = what
	}
	c.mu.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := c.conn.Write(frames)
	return err
}

func (c *caller) request(call uint64) (*protocol.SignRequest, asked) {
	id := ""
	what := asked{key: int(call) % len(c.keys)}
	if call%withID == 0 {
		n := call / withID % ids
		id = fmt.Sprintf("soak-%d", n)
		what = asked{key: int(n) % len(c.keys), value: sha256.Sum256(fmt.Appendf(nil, "%d %s", c.uid, id))}
	} else {
		for i := 0; i < len(what.value); i += 8 {
			binary.BigEndian.PutUint64(what.value[i:], c.random.Uint64())
		}
	}
	k := c.keys[what.key]
	r := &protocol.SignRequest{
		Entry: k.id, Algorithm: protocol.Algorithm(k.alg), Form: protocol.SignForm_RAW,
		Context: &protocol.Context{Purpose: purpose}, Inputs: []*protocol.Input{k.input(what.value[:])}, RequestId: id,
	}
	if call%withDeadline == 0 {
		r.DeadlineMs = deadlineMs
	}
	return r, what
}

// read takes answers until the connection ends.
func (c *caller) read() {
	for {
		f, err := protocol.ReadReply(c.conn)
		if err != nil {
			c.fail(fmt.Errorf("uid %d: reading answers: %w", c.uid, err))
			return
		}
		if err := c.take(f); err != nil {
			c.fail(fmt.Errorf("uid %d: call %d: %w", c.uid, f.Call, err))
			return
		}
		select {
		case <-c.slots:
		default:
		}
	}
}

// fail ends the caller, and whoever waits for it.
func (c *caller) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = err
	close(c.dead)
}

func (c *caller) take(f protocol.Frame) error {
	s, err := signatureOf(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	what, ok := c.waiting[f.Call]
	if !ok {
		return errors.New("answered, but not asked, or answered twice")
	}
	delete(c.waiting, f.Call)
	if s == nil {
		c.busy++
	} else {
		one := signature{event: s.Receipt.GetEvent(), key: what.key, value: what.value, repeated: s.Repeated}
		if len(c.signed)%keepSig == 0 {
			one.sig = s.Signature
		}
		c.signed = append(c.signed, one)
	}
	if len(c.waiting) == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
	return nil
}

// signatureOf returns nil for busy. Every other refusal is a fault.
func signatureOf(f protocol.Frame) (*protocol.Signed, error) {
	switch f.Kind {
	case protocol.KindReply:
		reply := new(protocol.SignReply)
		if err := proto.Unmarshal(f.Payload, reply); err != nil {
			return nil, err
		}
		if len(reply.Results) != 1 || reply.Results[0].GetSigned() == nil {
			return nil, fmt.Errorf("answered with %v", reply.Results)
		}
		return reply.Results[0].GetSigned(), nil
	case protocol.KindError:
		fault := new(protocol.Error)
		if err := proto.Unmarshal(f.Payload, fault); err != nil {
			return nil, err
		}
		if !errors.Is(fault, protocol.Busy) {
			return nil, fault
		}
		if fault.AfterMs == 0 {
			return nil, errors.New("busy without a time")
		}
		return nil, nil
	}
	return nil, fmt.Errorf("frame of kind %d", f.Kind)
}

// settle waits until every request is answered.
func (c *caller) settle() error {
	c.mu.Lock()
	if len(c.waiting) == 0 || c.fault != nil {
		defer c.mu.Unlock()
		return c.fault
	}
	idle := make(chan struct{})
	c.idle = idle
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-c.dead:
		return c.fault
	case <-time.After(patience):
		return fmt.Errorf("uid %d: requests were not answered within %v", c.uid, patience)
	}
}

// end closes the connections and adds up.
func (all callers) end() (t tally, err error) {
	for _, c := range all {
		err = errors.Join(err, c.settle())
		c.mu.Lock()
		t.busy += c.busy
		t.signed = append(t.signed, c.signed...)
		c.mu.Unlock()
		c.conn.Close()
	}
	return t, err
}
