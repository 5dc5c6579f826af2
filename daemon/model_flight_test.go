package daemon

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"signet/daemon/internal/model"
	"signet/protocol"
)

// A modelFlight is a request between its phases.
type modelFlight struct {
	request modelRequest
	use     *use
	model   *model.Flight
	land    func()
	phase   modelPhase
}

// The phases of sign, by what comes next.
type modelPhase int

const (
	toDecide modelPhase = iota
	toSign
	toRecord
	toEnd
)

// fly begins a request, or takes one a phase further. Some requests go all the
// way at once.
func (w *daemonWorld) fly() error {
	if len(w.flights) == 0 || len(w.flights) < 4 && w.One(3) {
		return w.takeOff()
	}
	f := model.Pick(w.Chance, w.flights)
	if err := w.advance(f); err != nil || !w.One(2) {
		return err
	}
	for slices.Contains(w.flights, f) {
		if err := w.advance(f); err != nil {
			return err
		}
	}
	return nil
}

// takeOff is sign up to its decision.
func (w *daemonWorld) takeOff() error {
	r := w.request()
	if w.isFlying(r.UID, r.ID) {
		return w.checkWaits(r)
	}
	f := &modelFlight{request: r, land: func() {}}
	if r.ID != "" {
		land, err := w.a.flights.take(context.Background(), requestKey(r.UID, r.ID))
		if err != nil {
			return err
		}
		f.land = land
		w.requests = append(w.requests, r)
	}
	f.use = newUse(w.a, Peer{UID: r.UID, GIDs: r.GIDs}, uint64(w.steps), r.wire)
	var got *protocol.Error
	if f.use.idem != nil {
		got = f.use.recall()
	}
	var want *model.Fault
	if f.model, want = w.m.Begin(r.Request); !sameFault(got, want) {
		return fmt.Errorf("recalling %+v: the daemon says %v, the model %+v", r.Request, got, want)
	}
	if got != nil {
		w.stats.note("request ids used for other content")
		f.land()
		return nil
	}
	w.flights = append(w.flights, f)
	return nil
}

func (w *daemonWorld) isFlying(uid uint32, id string) bool {
	return id != "" && slices.ContainsFunc(w.flights, func(f *modelFlight) bool { return f.request.ID == id && f.request.UID == uid })
}

// checkWaits: the second of two that are one must not begin before the first
// has its answer.
func (w *daemonWorld) checkWaits(r modelRequest) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.a.flights.take(ctx, requestKey(r.UID, r.ID)); err == nil {
		return fmt.Errorf("request %s of uid %d began twice", r.ID, r.UID)
	}
	w.stats.note("duplicates that waited")
	return nil
}

// advance is the next phase of sign.
func (w *daemonWorld) advance(f *modelFlight) error {
	f.phase++
	switch f.phase - 1 {
	case toDecide:
		return w.decide(f)
	case toSign:
		w.sign(f)
		return nil
	case toRecord:
		return w.record(f)
	}
	f.use.giveBack()
	f.use.recordFailures()
	f.model.End()
	w.landed(f)
	return w.sameReply(f, f.use.reply())
}

func (w *daemonWorld) landed(f *modelFlight) {
	f.land()
	w.flights = slices.DeleteFunc(w.flights, func(other *modelFlight) bool { return other == f })
}

func (w *daemonWorld) decide(f *modelFlight) error {
	got, want := f.use.decide(), f.model.Decide()
	for _, it := range f.model.Items {
		if _, answer := it.Answer(); answer.Reason != "" {
			w.decided++
			w.stats.decided(answer.Reason, answer.Rule)
		}
	}
	if got != nil {
		w.landed(f)
	}
	if !sameFault(got, want) {
		return fmt.Errorf("deciding %+v at %v: the daemon says %v, the model %+v\n%s", f.request.Request, f.use.at.Time, got, want, f.explain())
	}
	return w.checkAfters(f, got)
}

// explain shows what the daemon decided on.
func (f *modelFlight) explain() string {
	var b bytes.Buffer
	for i, it := range f.use.items {
		q, answer := f.model.Items[i].Answer()
		fmt.Fprintf(&b, "item %d: %v (%s), counts %v, approval %+v; the model: %v, approval %+v, %d spent, %d in flight\n", i, it.decision.Reason,
			it.decision.Rule, it.arguments.Use, it.arguments.Approval, answer, q.Approval, len(q.Spent), len(q.InFlight))
	}
	return b.String()
}

// checkAfters holds every refusal's "ask again" to the model.
func (w *daemonWorld) checkAfters(f *modelFlight, answer *protocol.Error) error {
	for i, it := range f.model.Items {
		got := f.use.items[i].refused
		if answer != nil && !f.request.Partial {
			got = answer
		}
		q, a := it.Answer()
		if a.Reason == "" || a.Reason == "allowed" || got == nil || got.Name != a.Reason || f.use.account == nil {
			continue
		}
		after := time.Time{}
		if got.After != nil {
			after = got.After.AsTime()
		}
		if err := f.model.Policy().CheckAfter(q, a, after, w.Samples()); err != nil {
			return err
		}
	}
	return nil
}

// sign has the HSM sign, and sometimes fail.
func (w *daemonWorld) sign(f *modelFlight) {
	if f.request.Algorithm == model.KeyAlgorithm {
		f.use.hashMessages()
	}
	w.faulty.fails = map[string]bool{}
	for i, it := range f.use.items {
		if f.model.Open(i) && w.One(25) {
			w.faulty.fails[string(it.tbs)] = true
		}
	}
	for i, it := range f.use.items {
		if f.model.Open(i) && w.faulty.fails[string(it.tbs)] { // two items may be of one value
			f.model.Fail(i)
			w.stats.note("signatures that the HSM failed to make")
		}
	}
	f.use.signAll(context.Background())
	w.faulty.fails = nil
}

func (w *daemonWorld) record(f *modelFlight) error {
	if err := f.use.record(); err != nil {
		return fmt.Errorf("recording: %v", err)
	}
	if rule := f.model.Record(); rule != "" {
		w.stats.note("uses overtaken")
		w.stats.note("uses overtaken by " + w.whatOvertook(f, rule))
	}
	return nil
}

func (w *daemonWorld) whatOvertook(f *modelFlight, rule string) string {
	switch {
	case rule == "approvals":
		return "the end of their approval"
	case len(w.m.Find(f.request.Entry).Holds()) > 0:
		return "a suspension"
	}
	return "a policy, or a resumption"
}

// sameReply compares the answers, item by item.
func (w *daemonWorld) sameReply(f *modelFlight, reply *protocol.SignReply) error {
	for i, r := range reply.Results {
		want := f.model.Items[i]
		s := r.GetSigned()
		same := s == nil && want.Event < 0 && r.GetError() != nil && sameFault(r.GetError(), want.Fault)
		if s != nil {
			same = int(s.Receipt.Event) == want.Event && s.Repeated == want.Repeated && s.Decided.AsTime().Equal(want.At)
			w.stats.note("signatures given")
		}
		if !same {
			return fmt.Errorf("item %d of %+v: the daemon answers %v, the model %+v, %+v", i, f.request.Request, r, want, want.Fault)
		}
		if s == nil || !s.Repeated {
			continue
		}
		w.stats.note("signatures given once more")
		if e, _, err := w.a.store.Event(s.Receipt.Event); err != nil || e == nil || e.Value != want.Value {
			return fmt.Errorf("item %d repeats event %d, which is not of its value: %w", i, s.Receipt.Event, err)
		}
	}
	return nil
}
