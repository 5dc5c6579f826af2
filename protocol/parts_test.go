package protocol_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// signReply has n results whose signatures have size bytes and say which
// result they are.
func signReply(n, size int) *protocol.SignReply {
	reply := new(protocol.SignReply)
	for i := range n {
		sig := append(fmt.Appendf(nil, "%d|", i), make([]byte, size)...)
		reply.Results = append(reply.Results, &protocol.Result{Of: &protocol.Result_Signed{Signed: &protocol.Signed{Signature: sig}}})
	}
	return reply
}

// split writes reply as frames and reads them back.
func split(t *testing.T, reply *protocol.SignReply) []protocol.Frame {
	t.Helper()
	stream, err := protocol.AppendSignReply(nil, 42, reply)
	if err != nil {
		t.Fatal(err)
	}
	var frames []protocol.Frame
	for in := bytes.NewReader(stream); ; {
		f, err := protocol.ReadReply(in)
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatalf("frame %d: %v", len(frames), err)
		}
		frames = append(frames, f)
	}
}

func TestLongRepliesComeInParts(t *testing.T) {
	for _, c := range []struct {
		results, size, frames int
	}{
		{0, 0, 1}, {1, 72, 1}, {256, 72, 1}, {256, 300, 2}, {256, 512, 3}, {2, 40_000, 2}, {3, 70_000, 3}, {1, 900_000, 1},
	} {
		reply := signReply(c.results, c.size)
		frames := split(t, reply)
		if len(frames) != c.frames {
			t.Errorf("%d results of %d bytes: %d frames, want %d", c.results, c.size, len(frames), c.frames)
		}
		joined := new(protocol.SignReply)
		for i, f := range frames {
			last := i == len(frames)-1
			if f.Call != 42 || f.Method != protocol.MethodSign || (f.Kind == protocol.KindReply) != last || (f.Kind == protocol.KindPart) == last {
				t.Errorf("%d results, frame %d of %d: %+v", c.results, i, len(frames), f.Header)
			}
			part := new(protocol.SignReply)
			if err := proto.Unmarshal(f.Payload, part); err != nil {
				t.Fatal(err)
			}
			if len(part.Results) == 0 && c.results > 0 {
				t.Errorf("%d results of %d bytes, frame %d: no result in it", c.results, c.size, i)
			}
			if len(f.Payload) > 60<<10 && len(part.Results) > 1 {
				t.Errorf("%d results of %d bytes, frame %d: %d bytes in %d results", c.results, c.size, i, len(f.Payload), len(part.Results))
			}
			proto.Merge(joined, part)
		}
		if !proto.Equal(joined, reply) {
			t.Errorf("%d results of %d bytes: joined parts are not the reply", c.results, c.size)
		}
	}
}

// TestJoinedPayloadsAreTheReply: a client may join the bytes and decode once.
func TestJoinedPayloadsAreTheReply(t *testing.T) {
	reply := signReply(256, 512)
	var payload []byte
	for _, f := range split(t, reply) {
		payload = append(payload, f.Payload...)
	}
	joined := new(protocol.SignReply)
	if err := proto.Unmarshal(payload, joined); err != nil || !proto.Equal(joined, reply) {
		t.Errorf("joined payloads are not the reply: %v", err)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	got, err := protocol.AppendSignReply([]byte("before"), 1, signReply(200, 600))
	if err != nil || !bytes.HasPrefix(got, []byte("before")) {
		t.Errorf("AppendSignReply overwrote its destination, %v", err)
	}
	frame, err := protocol.AppendMessage([]byte("before"), protocol.KindError, protocol.MethodSign, 7, protocol.NewError(protocol.Busy, "m"))
	if err != nil || !bytes.HasPrefix(frame, []byte("before")) {
		t.Fatalf("AppendMessage: %v", err)
	}
	f, err := protocol.ReadReply(bytes.NewReader(frame[6:]))
	if err != nil || f.Kind != protocol.KindError || f.Call != 7 {
		t.Errorf("ReadReply = %+v, %v", f.Header, err)
	}
}

func TestTextThatIsNotUTF8DoesNotLeave(t *testing.T) {
	if _, err := protocol.AppendMessage(nil, protocol.KindError, protocol.MethodSign, 1, &protocol.Error{Message: "\xff"}); err == nil {
		t.Error("a message that no client can decode was encoded")
	}
}

func TestManyEntriesAreSentInParts(t *testing.T) {
	reply := &protocol.ListEntriesReply{}
	for i := range 2000 {
		reply.Entries = append(reply.Entries, &protocol.EntryInfo{Id: fmt.Sprintf("entry-%04d", i), PublicKey: make([]byte, 91)})
	}
	raw, err := protocol.AppendEntriesReply(nil, 3, reply)
	if err != nil {
		t.Fatal(err)
	}
	joined, frames := &protocol.ListEntriesReply{}, 0
	for in := bytes.NewReader(raw); ; frames++ {
		f, err := protocol.ReadReply(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(f.Payload, joined); err != nil {
			t.Fatal(err)
		}
		if f.Kind == protocol.KindReply {
			break
		}
	}
	if !proto.Equal(joined, reply) || frames < 2 {
		t.Errorf("%d parts join to %d entries, want %d", frames, len(joined.Entries), len(reply.Entries))
	}
}
