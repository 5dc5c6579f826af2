package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"signet/protocol"
	"signet/protocol/client"
	"signet/testsoftHSM/stage"
)

// callerUIDs are those that the policy names: two callers may have one uid.
// stage.OtherUID is not among them, since it is in no policy by definition.
var callerUIDs = []uint32{stage.CallerUID, stage.CallerUID + 2}

// A caller is a document system: a uid with one connection.
type caller struct {
	index      int
	uid        uint32
	random     *rand.Rand
	client     *client.Conn
	requests   int                   // made in all, for request_id
	notes      []note                // since take
	unanswered *protocol.SignRequest // with a request_id, cut off by the kill
}

// A note is one signature as its caller received it.
type note struct {
	caller    int
	uid       uint32
	event     uint64
	leaf      [32]byte
	signature []byte
	value     string // hex
	index     int    // of the input
	request   *protocol.SignRequest
}

func (n note) requestID() string { return n.request.GetRequestId() }

func newCaller(index int, seed uint64) *caller {
	return &caller{index: index, uid: callerUIDs[index%len(callerUIDs)], random: rand.New(rand.NewPCG(seed, uint64(100+index)))}
}

// connect takes a new connection in place of the one that was lost.
func (c *caller) connect(ctx context.Context, socket string) (err error) {
	if c.client != nil {
		c.client.Close()
	}
	c.client, err = stage.DialAs(ctx, c.uid, []uint32{stage.ClientsGID}, socket)
	return err
}

// take returns what was noted since the last call.
func (c *caller) take() []note {
	notes := c.notes
	c.notes = nil
	return notes
}

// signUntilLost signs until the connection is lost, which is no error: it is
// what the kill does. first is told of an answer, if somebody still listens.
func (c *caller) signUntilLost(ctx context.Context, first chan<- struct{}) error {
	for {
		request := c.next()
		reply, err := c.client.Sign(ctx, request)
		if errors.Is(err, client.ErrConnectionLost) {
			if request.RequestId != "" {
				c.unanswered = request
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("uid %d: %w", c.uid, err)
		}
		if err := c.note(request, reply); err != nil {
			return err
		}
		select {
		case first <- struct{}{}:
		default:
		}
	}
}

// next makes a request: a third of them batches, half of them with a
// request_id.
func (c *caller) next() *protocol.SignRequest {
	entry := entries[c.random.IntN(len(entries))]
	c.requests++
	request := &protocol.SignRequest{
		Entry: entry.id, Algorithm: entry.algorithm, Form: protocol.SignForm_RAW, Context: &protocol.Context{Purpose: purpose},
	}
	if c.random.IntN(2) == 0 {
		request.RequestId = fmt.Sprintf("caller-%d.%d", c.index, c.requests)
	}
	inputs := 1
	if c.random.IntN(3) == 0 {
		inputs += 1 + c.random.IntN(7)
	}
	for range inputs {
		request.Inputs = append(request.Inputs, entry.input(c.value()))
	}
	return request
}

func (c *caller) value() []byte {
	value := make([]byte, 0, 32)
	for len(value) < 32 {
		value = append(value, byte(c.random.Uint32()))
	}
	return value
}

// note keeps what was received.
func (c *caller) note(request *protocol.SignRequest, reply *protocol.SignReply) error {
	for i, r := range reply.Results {
		s := r.GetSigned()
		if s == nil {
			return fmt.Errorf("uid %d was refused: %w", c.uid, r.GetError())
		}
		if len(s.Receipt.GetLeafHash()) != 32 {
			return fmt.Errorf("uid %d: receipt with a leaf hash of %d bytes", c.uid, len(s.Receipt.GetLeafHash()))
		}
		c.notes = append(c.notes, note{
			caller: c.index, uid: c.uid, event: s.Receipt.Event, leaf: [32]byte(s.Receipt.LeafHash),
			signature: s.Signature, value: hexOf(valueOf(request.Inputs[i])), index: i, request: request,
		})
	}
	return nil
}
