package protocol_test

import (
	"bytes"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
	"signet/protocol/algo"
)

// FuzzParseSign: no payload panics; what is accepted is within its bounds,
// can be encoded, and is then accepted as the same request.
func FuzzParseSign(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, fault := protocol.ParseSign(payload)
		if fault != nil {
			if r != nil || fault.Code < 100 || fault.Code >= 200 || fault.Message == "" {
				t.Fatalf("refused with %v and a request %v", fault, r)
			}
			if _, err := protocol.AppendMessage(nil, protocol.KindError, protocol.MethodSign, 1, fault); err != nil {
				t.Fatalf("the error cannot be sent: %v", err)
			}
			return
		}
		checkAccepted(t, r)
		encoded, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, fault := protocol.ParseSign(encoded)
		if fault != nil || !proto.Equal(again, r) {
			t.Fatalf("encoded again: %v, %v", again, fault)
		}
	})
}

func checkAccepted(t *testing.T, r *protocol.SignRequest) {
	t.Helper()
	a := algo.Algorithm(r.Algorithm)
	if !a.Valid() || r.Form != protocol.SignForm_RAW || len(r.Inputs) < 1 || len(r.Inputs) > protocol.MaxBatch {
		t.Fatalf("accepted: %v", r)
	}
	if protocol.CheckEntryID("", r.Entry) != nil || len(r.RequestId) > protocol.MaxRequestID {
		t.Fatalf("accepted: %v", r)
	}
	for _, in := range r.Inputs {
		switch v := in.Value.(type) {
		case *protocol.Input_Digest:
			if a == algo.SM2SM3 || len(v.Digest) != a.DigestSize() || len(v.Digest) == 0 {
				t.Fatalf("accepted: %v", in)
			}
		case *protocol.Input_Message:
			if len(v.Message) == 0 || len(v.Message) > protocol.MaxMessage {
				t.Fatalf("accepted: %v", in)
			}
		case *protocol.Input_Sm2E, *protocol.Input_DigestAsMessage:
			if a != algo.SM2SM3 || len(in.GetSm2E())+len(in.GetDigestAsMessage()) != 32 {
				t.Fatalf("accepted: %v", in)
			}
		default:
			t.Fatalf("accepted without a value: %v", in)
		}
	}
}

// FuzzReadRequest: no stream panics; the frames that are read are, byte for
// byte, what stood in the stream; and it ends with an answer or at a boundary.
func FuzzReadRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := bytes.NewReader(stream)
		var read []byte
		for {
			frame, err := protocol.ReadRequest(in, protocol.MaxRequest)
			if err == io.EOF {
				if !bytes.Equal(read, stream) {
					t.Fatalf("a clean end after %d of %d bytes", len(read), len(stream))
				}
				return
			}
			if err != nil {
				return
			}
			if frame.Kind != protocol.KindRequest && frame.Kind != protocol.KindCancel || len(frame.Payload) > protocol.MaxLargeRequest {
				t.Fatalf("accepted %+v", frame.Header)
			}
			read = protocol.AppendFrame(read, frame.Kind, frame.Method, frame.Call, frame.Payload)
			if !bytes.HasPrefix(stream, read) {
				t.Fatalf("frame %+v is not what was sent", frame.Header)
			}
			parse(frame)
		}
	})
}

// FuzzReadReply: no stream of a daemon panics a client.
func FuzzReadReply(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		v := vector{fromDaemon: true, stream: stream}
		if lines := v.outcome(); len(lines) == 0 {
			t.Fatal("no outcome")
		}
	})
}
