package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"google.golang.org/protobuf/proto"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
)

var signers = []struct {
	entry, key string
	alg        algo.Algorithm
}{
	{"sm2", "SM2", algo.SM2SM3},
	{"p256", "EC-P256", algo.ECDSAP256SHA256},
	{"rsa", "RSA-2048", algo.RSAPKCS1SHA256},
}

func TestSignVerifiesAndRecordsEveryAlgorithm(t *testing.T) {
	r := startedRig(t)
	for _, c := range signers {
		pub := r.entry(c.entry, c.key)
		req := signRequest(c.entry, c.alg, 3)
		reply, err := r.caller(callerUID).Sign(context.Background(), req)
		if err != nil {
			t.Fatalf("%s: %v", c.entry, err)
		}
		for i, in := range req.Inputs {
			_, value := inputValue(in)
			r.checkSigned(pub, c.alg, value, reply.Results[i])
		}
	}
}

func TestMessageIsHashedByTheDaemonAsByTheClient(t *testing.T) {
	r := startedRig(t)
	message := []byte("合同 2026-17")
	for _, c := range signers {
		pub := r.entry(c.entry, c.key)
		req := signRequest(c.entry, c.alg, 0)
		req.Inputs = []*protocol.Input{{Value: &protocol.Input_Message{Message: message}}}
		reply, err := r.caller(callerUID).Sign(context.Background(), req)
		if err != nil {
			t.Fatalf("%s: %v", c.entry, err)
		}
		tbs, err := algo.ToBeSigned(c.alg, pub, message)
		if err != nil {
			t.Fatal(err)
		}
		r.checkSigned(pub, c.alg, tbs, reply.Results[0])
	}
}

// SM3(file) is 32 bytes, as e is. Signed as e it gives a signature that
// openssl pkeyutl accepts over SM3(file) and nobody accepts over the file.
func TestPlainSM3SignedAsEIsNotASignatureOfTheFile(t *testing.T) {
	r := startedRig(t)
	pub := r.entry("sm2", "SM2")
	file := []byte("the file")
	right, err := algo.SM2E(pub, file)
	if err != nil {
		t.Fatal(err)
	}
	plain := sm3.Sum(file)
	sign := func(in *protocol.Input) []byte {
		req := signRequest("sm2", algo.SM2SM3, 0)
		req.Inputs = []*protocol.Input{in}
		reply, err := r.caller(callerUID).Sign(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		return reply.Results[0].GetSigned().GetSignature()
	}
	good := sign(&protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: right}})
	wrong := sign(&protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: plain[:]}})
	asMessage := sign(&protocol.Input{Value: &protocol.Input_DigestAsMessage{DigestAsMessage: plain[:]}})
	if err := pub.Verify(algo.SM2SM3, right, good); err != nil {
		t.Errorf("signature over e = SM3(ZA || M): %v", err)
	}
	if err := pub.Verify(algo.SM2SM3, right, wrong); !errors.Is(err, algo.ErrSignature) {
		t.Errorf("SM3(M) signed as e passes for a signature of M: %v", err)
	}
	if err := pub.Verify(algo.SM2SM3, right, asMessage); !errors.Is(err, algo.ErrSignature) {
		t.Errorf("SM3(M) signed as a message passes for a signature of M: %v", err)
	}
	judge := opensslJudge{t, pub, file}
	if !judge.accepts(good) || judge.accepts(wrong) || judge.accepts(asMessage) {
		t.Error("openssl dgst -sm3 judges otherwise")
	}
	kinds := []string{}
	for _, e := range r.events() {
		if e.Kind == audit.KindSign {
			kinds = append(kinds, e.Input)
		}
	}
	if want := []string{"sm2_e", "sm2_e", "digest_as_message"}; !slices.Equal(kinds, want) {
		t.Errorf("the log names the inputs %v, want %v", kinds, want)
	}
}

// gate is a driver whose signatures wait at a gate, so that a test can hold
// them between the HSM's answer and the record.
type gate struct {
	hsm.Driver
	waiting atomic.Int64
	open    chan struct{}
}

func (g *gate) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	signed := g.Driver.Sign(ctx, key, a, tbs)
	if g.open != nil {
		g.waiting.Add(int64(len(tbs)))
		<-g.open
	}
	return signed
}

// gatedRig has an entry sm2 whose signatures wait at the gate from now on.
func gatedRig(t *testing.T) (*rig, *gate) {
	t.Helper()
	g, r := &gate{}, newRig(t)
	r.wrap = func(d hsm.Driver) hsm.Driver { g.Driver = d; return g }
	r.start()
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	g.open = make(chan struct{})
	return r, g
}

// Signatures that the HSM has made when their entry is suspended must not
// leave: the answer to the suspend means that nothing more will.
func TestSuspensionOvertakesSignaturesInFlight(t *testing.T) {
	const inFlight = 64
	g := &gate{}
	r := newRig(t)
	r.limits.QueuePerUID = inFlight
	r.wrap = func(d hsm.Driver) hsm.Driver { g.Driver = d; return g }
	r.start()
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	g.open = make(chan struct{})
	r.server.tokens.byName["seals"].gate = newTurnstile(inFlight)

	c := r.caller(callerUID)
	left := make(chan *protocol.Result, inFlight)
	var wait sync.WaitGroup
	for range inFlight {
		wait.Go(func() {
			reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
			if err != nil {
				t.Errorf("sign: %v", err)
				return
			}
			left <- reply.Results[0]
		})
	}
	r.waitFor(func() bool { return g.waiting.Load() == inFlight }, "64 signatures made by the HSM")
	r.administrator().must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "lost"})
	close(g.open)
	wait.Wait()
	close(left)
	n := 0
	for res := range left {
		n++
		if res.GetSigned() != nil {
			t.Errorf("a signature left after the suspension was answered: event %d", res.GetSigned().Receipt.Event)
		} else if !errors.Is(res.GetError(), protocol.Changed) {
			t.Errorf("answer = %v, want changed", res.GetError())
		}
	}
	if n != inFlight {
		t.Errorf("%d answers, want %d", n, inFlight)
	}
	r.checkNoUseAfter("sm2")
}

// checkNoUseAfter holds the log to what it promises: no allowed use stands
// behind a suspension.
func (r *rig) checkNoUseAfter(entry string) {
	r.Helper()
	suspended := false
	for _, e := range r.events() {
		switch {
		case e.Entry != entry:
		case e.Op == string(authority.EntrySuspend) && e.Result == audit.Allowed:
			suspended = true
		case e.Op == string(authority.EntryResume) && e.Result == audit.Allowed:
			suspended = false
		case suspended && (e.Result == audit.Allowed || e.Sig != ""):
			r.Errorf("event %d is a use behind the suspension: %+v", e.Seq, e)
		}
	}
	if !suspended {
		r.Error("no suspension in the log")
	}
}

func TestWrongSignatureNeverLeaves(t *testing.T) {
	r := startedRig(t)
	pub := r.entry("p256", "EC-P256")
	r.token.Control(t, "sign=wrong:1/2")
	const tries = 40
	c := r.caller(callerUID)
	bad := 0
	for range tries {
		req := signRequest("p256", algo.ECDSAP256SHA256, 1)
		reply, err := c.Sign(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		if fault := reply.Results[0].GetError(); fault != nil {
			if !errors.Is(fault, protocol.BadSignature) {
				t.Fatalf("answer = %v, want bad_signature", fault)
			}
			bad++
			continue
		}
		_, value := inputValue(req.Inputs[0])
		r.checkSigned(pub, algo.ECDSAP256SHA256, value, reply.Results[0])
	}
	if bad == 0 || bad == tries {
		t.Errorf("%d of %d signatures were wrong: the fault did not work as wanted", bad, tries)
	}
	failed := uint64(0)
	for _, e := range r.events() {
		if e.Result == audit.Failed && e.Reason == "bad_signature" {
			failed++
		}
	}
	if failed == 0 {
		t.Error("the log has no event of a bad signature")
	}
}

func TestSameRequestIsAnsweredFromTheLog(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	req := signRequest("sm2", algo.SM2SM3, 3)
	req.RequestId = "contract-17"
	first, err := c.Sign(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	size := len(r.events())
	again, err := c.Sign(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i := range req.Inputs {
		was, is := first.Results[i].GetSigned(), again.Results[i].GetSigned()
		if is == nil || !is.Repeated || !bytes.Equal(was.Signature, is.Signature) || was.Receipt.Event != is.Receipt.Event {
			t.Errorf("input %d: again %v, first %v", i, is, was)
		}
	}
	if n := len(r.events()); n != size {
		t.Errorf("%d events after the repetition, want %d", n, size)
	}

	other := proto.Clone(req).(*protocol.SignRequest)
	rand.Read(other.Inputs[1].GetSm2E())
	if _, err := c.Sign(context.Background(), other); !errors.Is(err, protocol.RequestIDReused) {
		t.Errorf("other content: %v, want request_id_reused", err)
	}
}

func TestRequestsAreRememberedAcrossARestart(t *testing.T) {
	r := startedRig(t)
	r.entry("p256", "EC-P256")
	req := signRequest("p256", algo.ECDSAP256SHA256, 1)
	req.RequestId = "r1"
	first, err := r.caller(callerUID).Sign(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.start()
	r.waitMode(Serving)
	again, err := r.caller(callerUID).Sign(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Results[0].GetSigned().GetSignature(), again.Results[0].GetSigned().GetSignature()) {
		t.Errorf("after the restart: %v, before: %v", again, first)
	}
}

func TestDuplicatesInFlightWaitForTheFirst(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	req := signRequest("sm2", algo.SM2SM3, 1)
	req.RequestId = "same"
	const n = 16
	sigs := make([][]byte, n)
	c := r.caller(callerUID)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			reply, err := c.Sign(context.Background(), req)
			if err != nil {
				t.Error(err)
				return
			}
			sigs[i] = reply.Results[0].GetSigned().GetSignature()
		})
	}
	wait.Wait()
	for _, sig := range sigs {
		if len(sig) == 0 || !bytes.Equal(sig, sigs[0]) {
			t.Fatalf("answers differ: %x and %x", sig, sigs[0])
		}
	}
	uses := 0
	for _, e := range r.events() {
		if e.Kind == audit.KindSign {
			uses++
		}
	}
	if uses != 1 {
		t.Errorf("%d uses in the log, want 1", uses)
	}
}

// The items of a batch that were allowed keep their answers; those that were
// refused are decided anew when the request comes again.
func TestPartialBatchDecidesRefusedItemsAnew(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	req := signRequest("sm2", algo.SM2SM3, 3)
	req.RequestId, req.Partial = "partial", true
	req.Inputs[1].Context = &protocol.Context{Purpose: "invoice"}
	reply, err := c.Sign(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	for i, res := range reply.Results {
		if refused := res.GetError() != nil; refused != (i == 1) {
			t.Errorf("input %d: %v", i, res)
		}
	}
	if !errors.Is(reply.Results[1].GetError(), protocol.PurposeRefused) {
		t.Errorf("input 1: %v, want purpose", reply.Results[1].GetError())
	}
	again, err := c.Sign(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if !again.Results[i].GetSigned().GetRepeated() {
			t.Errorf("input %d was signed again", i)
		}
	}
	if !again.Results[1].GetError().GetCounted() {
		t.Errorf("input 1: %v, want the refusal counted", again.Results[1])
	}

	req.Partial, req.RequestId = false, "whole"
	if _, err := c.Sign(context.Background(), req); !errors.Is(err, protocol.PurposeRefused) {
		t.Errorf("whole batch: %v, want purpose", err)
	}
}
