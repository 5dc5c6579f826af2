package protocol_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/protocol"
	"signet/protocol/algo"
)

// FuzzParseSign: no payload panics; what is accepted is within its bounds,
// can be encoded, and is then accepted as the same request.
func FuzzParseSign(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, fault := protocol.ParseSign(payload)
		if fault != nil {
			checkRefused(t, r == nil, protocol.MethodSign, fault)
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

// FuzzParseApprovalRequest: the same, and what is accepted says what it asks
// for in full: nothing is left to be completed when it is parsed again.
func FuzzParseApprovalRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, fault := protocol.ParseApprovalRequest(payload)
		if fault != nil {
			checkRefused(t, r == nil, protocol.MethodRequestApproval, fault)
			return
		}
		checkAsked(t, r)
		encoded, err := proto.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, fault := protocol.ParseApprovalRequest(encoded)
		if fault != nil || !proto.Equal(again, r) {
			t.Fatalf("encoded again: %v, %v", again, fault)
		}
	})
}

func checkAsked(t *testing.T, r *protocol.ApprovalRequest) {
	t.Helper()
	c, form := r.GetContext(), r.Form
	private := c.GetDocTitle() + c.GetUserName() + c.GetClientIp() + c.GetApprovalRef()
	switch {
	case protocol.CheckEntryID("", r.Entry) != nil, len(r.RequestId) > protocol.MaxRequestID, c.GetPurpose() == "", c.GetUserId() == "", private != "":
		t.Fatalf("accepted: %v", r)
	case len(r.Justification) < 1 || len(r.Justification) > protocol.MaxJustification, r.Count < 1 || r.Count > protocol.MaxApprovalCount:
		t.Fatalf("accepted: %v", r)
	case form < protocol.ApprovalForm_BY_DOCUMENT || form > protocol.ApprovalForm_BY_COUNT:
		t.Fatalf("accepted: %v", r)
	case form == protocol.ApprovalForm_BY_DOCUMENT && len(c.GetDocSm3()) != 32:
		t.Fatalf("accepted: %v", r)
	case (form == protocol.ApprovalForm_BY_REFERENCES) != (len(r.RefsSm3) == 32) || len(r.RefsSm3)%32 != 0:
		t.Fatalf("accepted: %v", r)
	case (form == protocol.ApprovalForm_BY_DIGESTS) != (len(r.Digests) > 0) || len(r.Digests) > 0 && len(r.Digests) != int(r.Count):
		t.Fatalf("accepted: %v", r)
	}
	for _, at := range []*timestamppb.Timestamp{r.NotBefore, r.NotAfter} {
		if at != nil && (!at.IsValid() || at.Nanos != 0) {
			t.Fatalf("accepted: %v", r)
		}
	}
}

// FuzzParseApprovalStatus: what is accepted is the id of an approval.
func FuzzParseApprovalStatus(f *testing.F) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, fault := protocol.ParseApprovalStatus(payload)
		if fault != nil {
			checkRefused(t, r == nil, protocol.MethodApprovalStatus, fault)
			return
		}
		if id, err := hex.DecodeString(r.Approval); err != nil || len(id) != 8 || hex.EncodeToString(id) != r.Approval {
			t.Fatalf("accepted: %q", r.Approval)
		}
	})
}

// checkRefused: a refusal is of the request, says something, can be sent, and
// has no request beside it.
func checkRefused(t *testing.T, alone bool, m protocol.Method, fault *protocol.Error) {
	t.Helper()
	if !alone || fault.Code < 100 || fault.Code >= 200 || fault.Message == "" {
		t.Fatalf("refused with %v, alone: %v", fault, alone)
	}
	if _, err := protocol.AppendMessage(nil, protocol.KindError, m, 1, fault); err != nil {
		t.Fatalf("the error cannot be sent: %v", err)
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
