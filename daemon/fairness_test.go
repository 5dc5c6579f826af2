package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

const thirdUID = 20003

// entryOf makes an active P-256 entry that only uid may use.
func (r *rig) entryOf(id string, uid int) {
	r.Helper()
	o := r.administrator()
	o.must(authority.KeyCreate, id, authority.CreateKey{Type: "EC-P256", Token: "seals"})
	o.must(authority.PolicySet, id, authority.SetPolicy{Text: fmt.Sprintf(policyText, myUID(uid))})
	o.must(authority.EntryActivate, id, authority.Nothing{})
}

// stepper is a driver that holds every signature until the test lets one go,
// and notes whose signatures began in which order.
type stepper struct {
	hsm.Driver
	step  chan struct{} // nil: nothing is held
	letGo func()        // all that is held, and holds nothing from then on
	gone  int           // how many the test let go

	mu     sync.Mutex
	begun  []string // CKA_IDs
	values []string
}

func (s *stepper) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	var all []hsm.Signed
	for _, value := range tbs {
		if s.step != nil {
			s.mu.Lock()
			s.begun, s.values = append(s.begun, string(key.ID)), append(s.values, string(value))
			s.mu.Unlock()
			<-s.step
		}
		all = append(all, s.Driver.Sign(ctx, key, a, [][]byte{value})...)
	}
	for i := range all {
		all[i].Took = 0 // not known: every turn stays one item
	}
	return all
}

func (s *stepper) order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.begun)
}

// steppedRig is a rig with entries of those names, whose signatures are held
// from now on.
func steppedRig(t *testing.T, entries map[string]int) (*rig, *stepper) {
	t.Helper()
	s, r := &stepper{}, newRig(t)
	r.wrap = func(d hsm.Driver) hsm.Driver { s.Driver = d; return s }
	r.limits.QueuePerUID, r.limits.Deadline = 64, time.Minute
	r.start()
	r.init()
	r.waitMode(Serving)
	for id, uid := range entries {
		r.entryOf(id, uid)
	}
	s.step = make(chan struct{})
	s.letGo = sync.OnceFunc(func() { close(s.step) })
	r.Cleanup(s.letGo) // before the daemon stops
	return r, s
}

func (r *rig) gate() *turnstile { return r.server.tokens.byName["seals"].gate }

// slots is how many items of one token are in hand at most.
const slots = 4 * perSession

// A flood is requests in flight of one uid on many connections.
type flood struct {
	conns []net.Conn
	calls uint64 // on each connection
	items int    // that wait at a time, or are with the driver
}

// floodWith sends as many requests as uid may have in hand and waits until
// they are.
func (r *rig) floodWith(s *stepper, uid int, entry string, conns int, inputs int) *flood {
	r.Helper()
	f := &flood{calls: uint64(r.limits.QueuePerUID / conns), items: r.limits.QueuePerUID * min(inputs, signersPerUse)}
	for range conns {
		conn := r.dial("sign", uid, clientsGID)
		f.conns = append(f.conns, conn)
		for call := range f.calls {
			frame, err := protocol.AppendMessage(nil, protocol.KindRequest, protocol.MethodSign, call, signRequest(entry, algo.ECDSAP256SHA256, inputs))
			mustDo(r, err)
			mustWrite(r, conn, frame)
		}
	}
	r.standing(s, f.items)
	return f
}

// standing waits until that many items are at the turnstile or held in the
// driver, and none is on its way.
func (r *rig) standing(s *stepper, items int) {
	r.Helper()
	r.waitFor(func() bool { return len(s.order())-s.gone == slots && r.gate().inLine() == items-slots }, fmt.Sprintf("%d items at the turnstile", items))
}

// inLine counts all who wait.
func (t *turnstile) inLine() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, l := range t.lines {
		n += l.waiters.Len()
	}
	return n
}

func (f *flood) cancel(t testing.TB) {
	for _, conn := range f.conns {
		for call := range f.calls {
			mustWrite(t, conn, protocol.AppendFrame(nil, protocol.KindCancel, 0, call, nil))
		}
	}
}

// The single requests of two uids come in turn with a flood of a third one,
// which has 16,384 items in hand: what the flood has signed before them is
// counted in items, not in requests and not in time.
func TestFloodDelaysOthersByTheirTurnsOnly(t *testing.T) {
	needRoot(t)
	r, s := steppedRig(t, map[string]int{"flood": callerUID, "second": otherUID, "third": thirdUID})
	flooding := r.floodWith(s, callerUID, "flood", 16, 256)
	others := map[string]*client.Conn{"second": r.caller(otherUID), "third": r.caller(thirdUID)}
	for range 5 {
		answers := make(chan error, len(others))
		r.standing(s, flooding.items)
		came := 0
		for entry, c := range others {
			go func() { answers <- signOne(c, entry) }()
			came++
			r.standing(s, flooding.items+came)
		}
		// Each turn around the three uids is one item of each; it may stand
		// anywhere when the others come.
		if flooded, most := r.letThemBegin(s, came), len(others); flooded > most {
			t.Fatalf("%d items of the flood began before those of two others who came after them, want at most %d", flooded, most)
		}
		for range others {
			r.letGoUntil(s, answers)
		}
	}
	flooding.cancel(t)
	s.letGo()
}

func signOne(c *client.Conn, entry string) error {
	reply, err := c.Sign(context.Background(), signRequest(entry, algo.ECDSAP256SHA256, 1))
	if err != nil {
		return err
	}
	if fault := reply.Results[0].GetError(); fault != nil {
		return fault
	}
	return nil
}

// letThemBegin lets signatures go, one at a time, until those of the newcomers
// have begun too, and returns how many of the flood's began before that.
func (r *rig) letThemBegin(s *stepper, newcomers int) (flooded int) {
	r.Helper()
	floodKey := string(r.server.appliance().book.find("flood").key.ID)
	for began := len(s.order()); newcomers > 0 && flooded < 100; began++ {
		s.step <- struct{}{}
		s.gone++
		r.waitFor(func() bool { return len(s.order()) > began }, "the next signature")
		if s.order()[began] == floodKey {
			flooded++
		} else {
			newcomers--
		}
	}
	return flooded
}

// letGoUntil lets signatures go until an answer comes, which must be one.
func (r *rig) letGoUntil(s *stepper, answers <-chan error) {
	r.Helper()
	deadline := time.After(patience)
	for {
		select {
		case s.step <- struct{}{}:
			s.gone++
		case err := <-answers:
			mustDo(r, err)
			return
		case <-deadline:
			r.Fatal("no answer came")
		}
	}
}

// A request that has to wait longer than its deadline is answered 301, and
// nothing of it ever reaches the module.
func TestDeadlineThatPassesInTheLineNeverReachesTheModule(t *testing.T) {
	r, s := steppedRig(t, map[string]int{"flood": callerUID})
	r.limits.QueuePerUID = slots
	flooding := r.floodWith(s, callerUID, "flood", 4, 1)
	r.waitFor(func() bool { return len(s.order()) == slots }, "every slot to be taken")
	req := signRequest("flood", algo.ECDSAP256SHA256, 3)
	req.DeadlineMs = 30
	reply, err := r.caller(callerUID).Sign(context.Background(), req)
	mustDo(t, err)
	for i, result := range reply.Results {
		if !errors.Is(result.GetError(), protocol.DeadlineExceeded) {
			t.Errorf("item %d: %v, want deadline", i, result)
		}
	}
	s.letGo()
	flooding.drain(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range req.Inputs {
		if slices.Contains(s.values, string(in.GetDigest())) {
			t.Error("the driver was asked for a signature whose deadline had passed")
		}
	}
	if n := r.gate().inLine(); n != 0 {
		t.Errorf("%d are still in line", n)
	}
}

// drain reads every answer.
func (f *flood) drain(t testing.TB) {
	t.Helper()
	for _, conn := range f.conns {
		conn.SetDeadline(time.Now().Add(patience))
		for range f.calls {
			for kind := protocol.KindPart; kind == protocol.KindPart; {
				frame, err := protocol.ReadReply(conn)
				mustDo(t, err)
				kind = frame.Kind
			}
		}
	}
}

// The turn that comes in the moment in which a deadline passes is passed on,
// and thousands of deadlines that pass at once cost a step each.
func TestTurnstileSurvivesAMassOfDeadlines(t *testing.T) {
	const mass = 20000
	gate := newTurnstile(1)
	mustEnter(t, gate, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for i := range mass {
		wait.Go(func() {
			if n, err := gate.enter(ctx, uint32(i%3), 1); err == nil {
				gate.leave(n)
			}
		})
	}
	for gate.inLine() != mass {
		runtime.Gosched()
	}
	go gate.leave(1)
	cancel()
	wait.Wait()
	mustEnter(t, gate, 1)
	if gate.inLine() != 0 || len(gate.lines) != 0 || gate.ring.Len() != 0 || gate.free != 0 {
		t.Errorf("left behind: %d in line, %d lines, %d in the ring, %d free", gate.inLine(), len(gate.lines), gate.ring.Len(), gate.free)
	}
}

func TestBusyCallersArePromisedPlacesOneBehindTheOther(t *testing.T) {
	now := time.Now()
	var p pace
	p.begin(now)
	if got := p.comeBack(now); got != assumedPace {
		t.Errorf("before anything was measured: %v, want %v", got, assumedPace)
	}
	p = pace{}
	p.begin(now)
	for range 100 {
		now = now.Add(2 * time.Millisecond)
		p.answered(now)
	}
	for i := range 3 {
		if got, want := p.comeBack(now), time.Duration(i+1)*2*time.Millisecond; got != want {
			t.Errorf("promise %d: %v, want %v", i, got, want)
		}
	}
	for range 10000 {
		p.comeBack(now)
	}
	if got := p.comeBack(now); got != longestPace {
		t.Errorf("under a mass of callers: %v, want %v", got, longestPace)
	}
	if got := p.comeBack(now.Add(5 * time.Second)); got != longestPace {
		t.Errorf("while nothing is answered: %v, want %v", got, longestPace)
	}
}

// What a caller is told at a full queue is near the time in which places
// really become free.
func TestBusyTellsATimeThatFitsTheQueue(t *testing.T) {
	r, s := steppedRig(t, map[string]int{"flood": callerUID})
	r.floodWith(s, callerUID, "flood", 16, 1)
	var told []uint32
	c := r.caller(callerUID)
	for range 3 {
		var fault *protocol.Error
		if _, err := c.Sign(context.Background(), signRequest("flood", algo.ECDSAP256SHA256, 1)); !errors.As(err, &fault) || !errors.Is(err, protocol.Busy) {
			t.Fatalf("request over the queue: %v, want busy", err)
		}
		told = append(told, fault.AfterMs)
	}
	if !slices.IsSorted(told) || told[0] == 0 || told[2] == told[0] || told[2] > uint32(longestPace.Milliseconds()) {
		t.Errorf("told to come back in %v ms, want times one behind the other", told)
	}
	s.letGo()
}

// An officer's suspension gets through while callers take every place at
// sign.sock and auditors every place at audit.sock.
func TestSuspensionGetsThroughAFloodOfConnections(t *testing.T) {
	needRoot(t)
	r, s := steppedRig(t, map[string]int{"flood": callerUID})
	flooding := r.floodWith(s, callerUID, "flood", 16, 256)
	fill := func(socket string, gid, refused int, uids ...int) {
		for _, uid := range uids {
			for range refused {
				r.dial(socket, uid, gid)
			}
		}
	}
	fill("sign", clientsGID, r.limits.ConnectionsPerUID+1, callerUID, otherUID, thirdUID)
	fill("audit", auditGID, peoplesPlacesPerUID+1, daemonUID+20, daemonUID+21, daemonUID+22)
	if line := firstLine(t, r.dial("audit", daemonUID+23, auditGID)); !strings.Contains(line, "429") {
		t.Errorf("audit.sock, one connection more: %q, want 429", line)
	}
	r.administrator().must(authority.EntrySuspend, "flood", authority.Suspend{Basis: "lost"})
	flooding.cancel(t)
	s.letGo()
}

// mustEnter takes one slot.
func mustEnter(t *testing.T, gate *turnstile, uid uint32) {
	t.Helper()
	if n, err := gate.enter(context.Background(), uid, 1); err != nil || n != 1 {
		t.Fatalf("enter(%d) = %d, %v", uid, n, err)
	}
}
