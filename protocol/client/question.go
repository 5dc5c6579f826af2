package client

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// A question is one request, encoded once however often it is sent.
type question struct {
	method     protocol.Method
	body       []byte
	deadline   bool // tell the daemon the time left in the context
	repeatable bool // twice is as good as once
}

// An asker makes a call and decodes its answer. Conn and Client do.
type asker interface {
	ask(ctx context.Context, q *question, reply proto.Message) error
}

// bodies are buffers of encoded requests.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

func ask(ctx context.Context, a asker, q question, request, reply proto.Message) error {
	buffer := bodies.Get().(*[]byte)
	defer bodies.Put(buffer)
	var err error
	if q.body, err = (proto.MarshalOptions{}).MarshalAppend((*buffer)[:0], request); err != nil {
		return fmt.Errorf("encoding %v request: %w", q.method, err)
	}
	if largest := q.method.MaxPayload(); len(q.body) > largest {
		return protocol.NewError(protocol.TooLarge, "request of %d bytes: %v takes at most %d", len(q.body), q.method, largest)
	}
	err = a.ask(ctx, &q, reply)
	*buffer = q.body[:0] // at most a request is kept
	return err
}

// payload is what is sent now. A deadline stands behind the fields that the
// caller set: the caller's own message is never written to.
func (q *question) payload(ctx context.Context) []byte {
	ms := uint64(0)
	if q.deadline {
		ms = deadlineOf(ctx)
	}
	if ms == 0 {
		return q.body
	}
	told := protowire.AppendTag(q.body, deadlineField, protowire.VarintType)
	told = protowire.AppendVarint(told, ms)
	if len(told) > q.method.MaxPayload() {
		return q.body
	}
	q.body = told[:len(q.body)]
	return told
}

// deadlineField is SignRequest.deadline_ms.
const deadlineField = 8

// deadlineOf is how long the daemon may take, in milliseconds: the time left
// less a tenth, at most a second, in which its answer travels. 0 is as long as
// the appliance takes anyway.
func deadlineOf(ctx context.Context) uint64 {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(end)
	left -= min(left/10, time.Second)
	if left > math.MaxInt32*time.Millisecond {
		return 0
	}
	return uint64(max(left.Milliseconds(), 1))
}

func health(ctx context.Context, a asker) (*protocol.HealthReply, error) {
	reply := new(protocol.HealthReply)
	if err := ask(ctx, a, question{method: protocol.MethodHealth, repeatable: true}, new(protocol.HealthRequest), reply); err != nil {
		return nil, err
	}
	return reply, nil
}

func clock(ctx context.Context, a asker) (*protocol.TimeReply, error) {
	reply := new(protocol.TimeReply)
	if err := ask(ctx, a, question{method: protocol.MethodTime, repeatable: true}, new(protocol.TimeRequest), reply); err != nil {
		return nil, err
	}
	return reply, nil
}

func listEntries(ctx context.Context, a asker) (*protocol.ListEntriesReply, error) {
	reply := new(protocol.ListEntriesReply)
	if err := ask(ctx, a, question{method: protocol.MethodListEntries, repeatable: true}, new(protocol.ListEntriesRequest), reply); err != nil {
		return nil, err
	}
	return reply, nil
}

func sign(ctx context.Context, a asker, request *protocol.SignRequest) (*protocol.SignReply, error) {
	q := question{
		method:     protocol.MethodSign,
		deadline:   request.GetDeadlineMs() == 0,
		repeatable: request.GetRequestId() != "",
	}
	reply := new(protocol.SignReply)
	if err := ask(ctx, a, q, request, reply); err != nil {
		return nil, err
	}
	if got, want := len(reply.Results), len(request.GetInputs()); got != want {
		return nil, fmt.Errorf("%w: %d results for %d inputs", ErrBadAnswer, got, want)
	}
	for i, r := range reply.Results {
		if r.GetSigned() == nil && r.GetError() == nil {
			return nil, fmt.Errorf("%w: result %d is neither signed nor error", ErrBadAnswer, i)
		}
	}
	return reply, nil
}
