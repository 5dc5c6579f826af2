package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"signet/protocol"
)

// An appliance answers batches: each signature is the request's id and the
// first byte of its e.
type appliance struct {
	health  *protocol.HealthReply
	entries *protocol.ListEntriesReply
	refuse  func(r *protocol.SignRequest) *protocol.Error
	asked   []string // entry, request_id and number of inputs
}

func (a *appliance) serve(p *peer) {
	for f, more := p.next(); more; f, more = p.next() {
		switch f.Method {
		case protocol.MethodHealth:
			p.send(protocol.KindReply, f.Method, f.Call, a.health)
		case protocol.MethodListEntries:
			p.send(protocol.KindReply, f.Method, f.Call, a.entries)
		default:
			a.sign(p, f)
		}
	}
}

func (a *appliance) sign(p *peer, f protocol.Frame) {
	r, fault := protocol.ParseSign(f.Payload)
	if fault != nil {
		p.t.Error(fault)
		return
	}
	a.asked = append(a.asked, fmt.Sprintf("%s %d", r.RequestId, len(r.Inputs)))
	if a.refuse != nil {
		if e := a.refuse(r); e != nil {
			p.send(protocol.KindError, f.Method, f.Call, e)
			return
		}
	}
	var out []*protocol.Result
	for _, in := range r.Inputs {
		out = append(out, signed(fmt.Sprintf("%s/%d", r.RequestId, in.GetSm2E()[0])))
	}
	p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: out})
}

func numbered(n int) *protocol.SignRequest {
	r := signRequest(n)
	for i, in := range r.Inputs {
		in.GetSm2E()[0] = byte(i)
	}
	return r
}

func newAppliance(batch uint32) *appliance {
	return &appliance{
		health:  &protocol.HealthReply{BatchMax: 100, FrameMax: protocol.MaxRequest},
		entries: &protocol.ListEntriesReply{Entries: []*protocol.EntryInfo{{Id: "other", BatchMax: 1}, {Id: "contract", BatchMax: batch}}},
	}
}

func TestBatchIsSplitAndJoinedInOrder(t *testing.T) {
	for name, test := range map[string]struct {
		batch uint32
		n     int
		asked []string
	}{
		"the policy's batch":    {4, 10, []string{"job.0 4", "job.4 4", "job.8 2"}},
		"the appliance's batch": {0, 150, []string{"job.0 100", "job.100 50"}},
		"one input":             {4, 1, []string{"job.0 1"}},
		"exactly one request":   {4, 4, []string{"job.0 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(test.batch)
			c := daemons(t, a.serve)
			reply, err := c.SignBatch(bounded(t), withID(numbered(test.n), "job"))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			if !slices.Equal(a.asked, test.asked) {
				t.Errorf("requests were %q, want %q", a.asked, test.asked)
			}
			for i, r := range reply.Results {
				if got := string(r.GetSigned().GetSignature()); !strings.HasSuffix(got, fmt.Sprintf("/%d", i)) {
					t.Errorf("result %d is %q", i, got)
				}
			}
			if len(reply.Results) != test.n {
				t.Errorf("%d results, want %d", len(reply.Results), test.n)
			}
		})
	}
}

func TestBatchSaysHowFarItCame(t *testing.T) {
	a := newAppliance(4)
	a.refuse = func(r *protocol.SignRequest) *protocol.Error {
		if r.RequestId == "job.4" {
			return protocol.NewError(protocol.NotActive, "suspended").WithField("inputs[2]")
		}
		return nil
	}
	c := daemons(t, a.serve)
	reply, err := c.SignBatch(bounded(t), withID(numbered(10), "job"))
	var stopped *BatchError
	if reply != nil || !errors.As(err, &stopped) || !errors.Is(err, protocol.NotActive) {
		t.Fatalf("SignBatch = %v, %v, want a BatchError of not_active", reply, err)
	}
	if len(stopped.Done) != 4 || stopped.Tried != 4 || string(stopped.Done[3].GetSigned().GetSignature()) != "job.0/3" {
		t.Errorf("BatchError has %d results and tried %d, want the first 4 and 4", len(stopped.Done), stopped.Tried)
	}
	c.Close()
	if want := []string{"job.0 4", "job.4 4"}; !slices.Equal(a.asked, want) {
		t.Errorf("requests were %q, want %q: nothing after the one that failed", a.asked, want)
	}
}

func TestBatchOfLongMessagesFitsTheFrame(t *testing.T) {
	request := signRequest(0)
	for range 9 {
		request.Inputs = append(request.Inputs, &protocol.Input{Value: &protocol.Input_Message{Message: make([]byte, 20<<10)}})
	}
	parts, err := split(withID(request, strings.Repeat("x", 62)), limits{256, protocol.MaxRequest})
	if err != nil {
		t.Fatal(err)
	}
	inputs := 0
	for _, p := range parts {
		q := question{method: protocol.MethodSign, deadline: true}
		if q.body, err = proto.Marshal(p); err != nil || len(q.payload(bounded(t))) > protocol.MaxRequest {
			t.Errorf("part of %d inputs has %d bytes, %v", len(p.Inputs), len(q.body), err)
		}
		inputs += len(p.Inputs)
	}
	if len(parts) != 3 || inputs != 9 {
		t.Errorf("%d parts with %d inputs, want 3 with 9", len(parts), inputs)
	}
}

func TestBatchNeedsRoomInTheRequestID(t *testing.T) {
	for n, ok := range map[int]bool{10: true, 11: true, 100: false, 1000: false} { // "62.10" and "62.100"
		_, err := split(withID(numbered(n), strings.Repeat("x", 61)), limits{256, protocol.MaxRequest})
		if (err == nil) != ok || !ok && !errors.Is(err, protocol.TooLarge) {
			t.Errorf("request_id of 61 characters with %d inputs: %v, want it taken: %v", n, err, ok)
		}
	}
	if _, err := split(numbered(1000), limits{256, protocol.MaxRequest}); err != nil {
		t.Errorf("without a request_id: %v", err)
	}
}

// A field that a later version gives SignRequest must not be lost in a batch.
func TestPartsHaveEveryField(t *testing.T) {
	request := &protocol.SignRequest{
		Entry: "e", Algorithm: 1, Inputs: numbered(1).Inputs, Context: &protocol.Context{Purpose: "p"},
		Approval: "a", Partial: true, DeadlineMs: 5, Form: 1, Attributes: true,
	}
	fields := request.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Name() != protoreflect.Name("request_id") && !request.ProtoReflect().Has(f) {
			t.Fatalf("this test does not set %s", f.Name())
		}
	}
	if got := part(request, 0, request.Inputs); !proto.Equal(got, request) {
		t.Errorf("part = %v, want %v", got, request)
	}
}
