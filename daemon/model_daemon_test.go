package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/model"
	"signet/daemon/internal/register"
	"signet/protocol"
	"signet/protocol/canonical"
)

// A daemonWorld is an appliance with a store of its own, beside the model of
// it. One goroutine steps requests through the phases of sign, and between any
// two of them brings acts, moves the clocks, and crashes: what comes between
// what is the seed's to say.
type daemonWorld struct {
	model.Chance
	stats *modelStats
	*Server
	faulty *faultyDriver
	clock  *worldClock
	zone   *time.Location

	a *appliance       // the daemon's
	m *model.Appliance // the model's

	shape    model.Shape
	entries  []string
	amiss    time.Duration    // by how much realtime was set wrong
	older    *model.Appliance // as the copy of the store is
	flights  []*modelFlight
	requests []modelRequest // that had a request_id
	askings  []modelAsking  // that had one
	serial   int            // of request ids
	decided  int
	steps    int
}

// Who brings acts in a world. Grants of several add up.
var modelOfficers = []uint32{20011, 20012, 20013}

func newDaemonWorld(seed uint64, s *Server, faulty *faultyDriver, stats *modelStats) *daemonWorld {
	w := &daemonWorld{Chance: model.NewChance(seed), stats: stats, Server: s, faulty: faulty}
	w.zone = model.Zone(model.Pick(w.Chance, model.Zones))
	w.clock = &worldClock{now: w.Beginning(w.zone), boot: time.Hour}
	w.shape = model.Shape{
		Users: []model.Account{{ID: 20001}, {ID: 20002}, {ID: 20003}}, Groups: []model.Account{{ID: 30001}, {ID: 30002}},
		Operations: []string{"digest", "message"}, Algorithms: []string{model.KeyAlgorithm}, Purposes: []string{"contract", "invoice", "notice"},
		Forms: []string{"document", "digests", "count", "references"}, Zone: w.zone.String(), Begins: w.clock.now,
	}
	return w
}

// begin makes the store and the entries.
func (w *daemonWorld) begin(keys []string) error {
	for _, left := range []string{w.storePath(), w.copyPath(), filepath.Join(w.stateDir, markerName)} { // of another world
		if err := os.RemoveAll(left); err != nil {
			return err
		}
	}
	w.sources = w.clock.sources()
	w.Server.clock = newClock(w.sources, 0)
	w.m = model.New(w.clock.now)
	w.clock.tell(w.m)
	if err := w.genesis(); err != nil {
		return err
	}
	for i, key := range keys {
		id := fmt.Sprintf("entry-%d", i)
		w.entries = append(w.entries, id)
		if err := w.act(model.Act{Kind: "key.adopt", Entry: id}, authority.AdoptKey{Token: "seals", ID: key, Title: "model"}); err != nil {
			return err
		}
		if err := w.setPolicy(id); err != nil {
			return err
		}
		if err := w.act(model.Act{Kind: "entry.activate", Entry: id}, authority.Nothing{}); err != nil {
			return err
		}
	}
	return nil
}

func (w *daemonWorld) genesis() error {
	genesis := authority.Genesis{Appliance: w.name, Authority: authority.Development, Crypto: "mixed", Deployment: "owner"}
	act, content, err := w.document(authority.Act{Kind: authority.Init}, genesis)
	if err != nil {
		return err
	}
	raw, err := act.Bytes()
	if err != nil {
		return err
	}
	sub := submission{who: Peer{UID: modelOfficers[0], GIDs: []uint32{adminGID}}, act: act, raw: string(raw), content: content}
	a, err := w.createStore(sub, genesis, register.Facts{}, nil, 0)
	if err != nil {
		return err
	}
	w.m.Genesis(sub.who.UID)
	w.serve(a)
	return nil
}

// serve makes an appliance that was opened the one that the world asks. Its
// token has no anchor of another.
func (w *daemonWorld) serve(a *appliance) {
	w.a = a
	w.tokens.byName["seals"].heldTo.Store(a)
}

// document completes an act about the log as it is.
func (w *daemonWorld) document(a authority.Act, content any) (authority.Act, []byte, error) {
	data, err := canonical.Marshal(content)
	if err != nil {
		return a, nil, err
	}
	until := w.clock.now
	if w.a != nil {
		at := w.a.store.Position()
		a.Appliance, a.LogSize, a.LogRoot = w.a.id, at.Size, hex.EncodeToString(at.Root[:])
		if at.Recorded.After(until) {
			until = at.Recorded
		}
	}
	a.V, a.ContentSHA, a.Nonce = authority.ActVersion, authority.ContentHash(data), authority.NewNonce()
	a.NotAfter = until.Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	return a, data, nil
}

// act brings an act to both.
func (w *daemonWorld) act(x model.Act, content any) error {
	if x.UID == 0 {
		x.UID = model.Pick(w.Chance, modelOfficers)
	}
	act, data, err := w.document(authority.Act{Kind: authority.Kind(x.Kind), Target: x.Entry}, content)
	if err != nil {
		return err
	}
	raw, err := act.Bytes()
	if err != nil {
		return err
	}
	sub := submission{who: Peer{UID: x.UID, GIDs: []uint32{adminGID}}, inAdmin: true, act: act, raw: string(raw), content: data}
	_, got := w.a.apply(context.Background(), &sub)
	if want := w.m.Do(x); !sameFault(got, want) {
		return fmt.Errorf("act %+v: the daemon says %v, the model %+v\n%s", x, got, want, data)
	}
	if got == nil {
		w.stats.note("acts: " + x.Kind)
	} else {
		w.stats.note("acts refused")
	}
	return nil
}

// sameFault compares what a caller or officer is told. Which event tells of it
// is a part of that.
func sameFault(got *protocol.Error, want *model.Fault) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	event := -1
	if got.Event != nil {
		event = int(*got.Event)
	}
	return got.Name == want.Name && got.Rule == want.Rule && event == want.Event && got.Counted == want.Counted
}

func (w *daemonWorld) policyFor() *model.Policy {
	w.shape.Begins = w.clock.now
	p := w.Policy(w.shape)
	if p.CRLMaxAge = 0; w.One(40) { // the keys have no certificates
		p.CRLMaxAge = time.Hour
	}
	if w.One(30) {
		p.Algorithms = []string{"SM2-SM3"}
	}
	if p.Approvals != nil && w.One(15) {
		p.Approvals.Custodians = []string{"carl", "cora"}
	}
	return p
}

func (w *daemonWorld) setPolicy(entry string) error {
	p := w.policyFor()
	return w.act(model.Act{Kind: "policy.set", Entry: entry, Policy: p}, authority.SetPolicy{Text: p.Text(w.Rand), Nobody: true})
}

func (w *daemonWorld) narrow(entry string) error {
	x := model.Act{Kind: "policy.narrow", Entry: entry, Narrows: !w.One(4)}
	before := w.m.Find(entry).Policy
	if x.Policy = w.Wider(before); x.Narrows {
		x.Policy = w.Narrower(before)
	}
	return w.act(x, authority.SetPolicy{Text: x.Policy.Text(w.Rand), Nobody: true})
}

// live goes on until enough was decided, and brings what is in flight to its
// end.
func (w *daemonWorld) live() error {
	for ; w.decided < perDaemonWorld && w.steps < 40*perDaemonWorld; w.steps++ {
		if err := w.step(); err != nil {
			return err
		}
	}
	for len(w.flights) > 0 {
		if err := w.advance(w.flights[0]); err != nil {
			return err
		}
	}
	return nil
}

func (w *daemonWorld) step() error {
	switch n := w.IntN(1000); {
	case n < 10:
		return w.officer()
	case n < 30:
		return w.decideApproval()
	case n < 42:
		return w.ask()
	case n < 170:
		return w.moveClock()
	case n < 190:
		w.a.tick()
		w.m.Tick()
		return nil
	case n < 193:
		return w.restart(true)
	case n < 194:
		return w.restart(false)
	case n < 200:
		return w.restoreStore()
	case n < 220:
		return w.overtake()
	case n < 240:
		return w.letOn()
	}
	return w.fly()
}

// overtake changes what a use in flight was decided by: its entry is suspended
// or has another policy, or its approval is revoked.
func (w *daemonWorld) overtake() error {
	for _, f := range w.flights {
		entry, a := f.request.Entry, w.m.Asked(f.request.Approval)
		switch {
		case f.phase != toSign && f.phase != toRecord:
			continue
		case a != nil && a.Entry == entry && !w.One(4):
			return w.end("approval.revoke", f.request.Approval)
		case w.One(3):
			return w.act(model.Act{Kind: "entry.suspend", Entry: entry}, authority.Suspend{Basis: "the model wants it"})
		case w.One(2):
			return w.narrow(entry)
		}
		return w.setPolicy(entry)
	}
	return nil
}

// letOn resumes what is suspended.
func (w *daemonWorld) letOn() error {
	for _, id := range w.entries {
		if holds := w.m.Find(id).Holds(); len(holds) > 0 {
			return w.act(model.Act{Kind: "entry.resume", Entry: id, Hold: holds[0]}, authority.Resume{Hold: holds[0]})
		}
	}
	return nil
}

// officer does something to an entry. What is suspended is mostly resumed
// before anything else happens to it.
func (w *daemonWorld) officer() error {
	entry := model.Pick(w.Chance, w.entries)
	holds := w.m.Find(entry).Holds()
	switch n := w.IntN(10); {
	case len(holds) > 0 && n < 6, n == 0:
		hold := uint32(w.IntN(3))
		if len(holds) > 1 && n < 5 {
			hold = model.Pick(w.Chance, holds)
		}
		return w.act(model.Act{Kind: "entry.resume", Entry: entry, Hold: hold}, authority.Resume{Hold: hold})
	case n < 4:
		return w.act(model.Act{Kind: "entry.suspend", Entry: entry}, authority.Suspend{Basis: "the model wants it"})
	case n < 6:
		return w.narrow(entry)
	case n == 6:
		return w.act(model.Act{Kind: "entry.activate", Entry: entry}, authority.Nothing{})
	}
	return w.setPolicy(entry)
}

// moveClock lets time pass, or has somebody set the clock; what he set wrong
// is set right again, or accepted, a little later.
func (w *daemonWorld) moveClock() error {
	before := w.clock.now
	switch n := w.IntN(200); {
	case w.amiss != 0 && n < 80:
		w.clock.now, w.amiss = w.clock.now.Add(-w.amiss), 0
	case w.m.Clock.Jumped() && n < 110:
		w.amiss = min(w.amiss, 0)
		return w.act(model.Act{Kind: "clock.accept"}, authority.Nothing{})
	case w.amiss != 0 || n >= 8:
		to := w.Later(w.zone, w.clock.now)
		w.clock.boot += to.Sub(w.clock.now)
		w.clock.now = to
	case n < 3:
		w.clock.now = w.clock.now.Add(-w.Duration(maxBehind))
		w.stats.note("clocks set back by up to 5 s")
	case n < 5:
		w.clock.now = w.clock.now.Add(w.Duration(maxJump))
		w.stats.note("clocks set forward by up to 60 s")
	case n < 7:
		w.amiss = -6*time.Second - w.Duration(3*time.Hour)
		w.stats.note("clocks set back by more")
	default:
		w.amiss = maxJump + time.Millisecond + w.Duration(40*24*time.Hour)
		w.stats.note("clocks set forward by more")
	}
	if w.amiss != 0 && w.clock.now.Equal(before) {
		w.clock.now = w.clock.now.Add(w.amiss)
	}
	w.stats.crossed(w.zone, before, w.clock.now)
	w.clock.tell(w.m)
	w.a.instant() // as the ticker does
	return nil
}

// restart ends the process and begins the next one on the same file. A crash
// loses what is in flight, and what was only counted.
func (w *daemonWorld) restart(crash bool) error {
	for !crash && len(w.flights) > 0 {
		if err := w.advance(w.flights[0]); err != nil {
			return err
		}
	}
	for _, f := range w.flights {
		if f.phase == toRecord {
			w.stats.note("uses lost by a crash between signature and record")
		}
	}
	end := w.a.close
	if w.flights = nil; crash {
		w.stats.note("crashes")
		end = w.a.store.Close // what is in the store is durable either way
	} else {
		w.stats.note("restarts")
	}
	if err := end(); err != nil {
		return err
	}
	reboot := w.One(4)
	if reboot {
		w.clock.boot = 0
		w.Server.clock = newClock(w.sources, 0)
		w.amiss = min(w.amiss, 0) // what is ahead nobody can tell now
	} else {
		w.Server.clock = newClock(w.sources, w.Server.clock.accepted())
	}
	if err := w.openAgain(); err != nil {
		return err
	}
	if err := w.a.recordStart(true); err != nil {
		return err
	}
	w.m.Restart(crash, reboot)
	return nil
}

// finish stops the appliance and holds its log to the model's, and to itself.
func (w *daemonWorld) finish() error {
	err := w.checkLog()
	if err == nil {
		err = w.checkCounts()
	}
	if err = errors.Join(err, w.a.store.Check(context.Background()), w.a.store.Close()); err != nil {
		return fmt.Errorf("%w\n%s", err, w.policies())
	}
	return nil
}

// policies are the texts in force, for whoever looks for a fault.
func (w *daemonWorld) policies() string {
	var parts []string
	for _, id := range w.entries {
		if acct := w.a.book.find(id); acct != nil {
			parts = append(parts, fmt.Sprintf("policy of %s (revision %d, %s):\n%s", id, acct.entry.Rev, acct.entry.Status(), acct.record.Text))
		}
	}
	return strings.Join(parts, "\n")
}
