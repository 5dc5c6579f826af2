package protocol_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/protocol"
)

// approvalRequest is the smallest request for that form that is understood,
// with a count of 0.
func approvalRequest(form protocol.ApprovalForm) *protocol.ApprovalRequest {
	r := &protocol.ApprovalRequest{
		Entry: "contracts", Context: &protocol.Context{Purpose: "contract", UserId: "zhang"}, Justification: "why", Form: form,
	}
	switch form {
	case protocol.ApprovalForm_BY_DOCUMENT:
		r.Context.DocSm3 = make([]byte, 32)
	case protocol.ApprovalForm_BY_REFERENCES:
		r.RefsSm3 = make([]byte, 32)
	case protocol.ApprovalForm_BY_DIGESTS:
		r.Digests = [][]byte{make([]byte, 32), bytes.Repeat([]byte{1}, 32)}
	}
	return r
}

func approvalForms() []protocol.ApprovalForm {
	return []protocol.ApprovalForm{
		protocol.ApprovalForm_BY_DOCUMENT, protocol.ApprovalForm_BY_REFERENCES, protocol.ApprovalForm_BY_DIGESTS, protocol.ApprovalForm_BY_COUNT,
	}
}

// reparseApproval sends r through the wire form.
func reparseApproval(t *testing.T, r *protocol.ApprovalRequest) (*protocol.ApprovalRequest, *protocol.Error) {
	t.Helper()
	payload, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.ParseApprovalRequest(payload)
}

// TestWhatIsAskedForIsSaidInFull: who decides and records reads one count, and
// never has to know what its absence means.
func TestWhatIsAskedForIsSaidInFull(t *testing.T) {
	for _, form := range approvalForms() {
		want := approvalRequest(form)
		want.Count = 1
		if form == protocol.ApprovalForm_BY_DIGESTS {
			want.Count = 2
		}
		got, fault := reparseApproval(t, approvalRequest(form))
		if fault != nil || !proto.Equal(got, want) {
			t.Errorf("%v without a count: %v, %v, want %v", form, got, fault, want)
		}
	}
}

// TestTimesAreCutToSeconds: what custodians are shown has whole seconds, and
// so has what is judged.
func TestTimesAreCutToSeconds(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 31, 0, 999_999_999, time.UTC)
	early := time.Date(1969, 12, 31, 23, 59, 58, 1, time.UTC) // seconds before the epoch are cut downwards, too
	r := approvalRequest(protocol.ApprovalForm_BY_COUNT)
	r.NotBefore, r.NotAfter = timestamppb.New(early), timestamppb.New(at)
	got, fault := reparseApproval(t, r)
	if fault != nil {
		t.Fatal(fault)
	}
	if want := early.Truncate(time.Second); !got.NotBefore.AsTime().Equal(want) || want.Second() != 58 {
		t.Errorf("not_before %v, want %v", got.NotBefore.AsTime(), want)
	}
	if want := at.Truncate(time.Second); !got.NotAfter.AsTime().Equal(want) {
		t.Errorf("not_after %v, want %v", got.NotAfter.AsTime(), want)
	}
	absent, fault := reparseApproval(t, approvalRequest(protocol.ApprovalForm_BY_COUNT))
	if fault != nil || absent.NotBefore != nil || absent.NotAfter != nil {
		t.Errorf("absent times became %v, %v (%v)", absent.GetNotBefore(), absent.GetNotAfter(), fault)
	}
}

// TestWhatBindsIsOfItsForm: a field that its form does not look at is refused,
// or a custodian would think that it binds.
func TestWhatBindsIsOfItsForm(t *testing.T) {
	for _, form := range approvalForms() {
		for _, other := range approvalForms() {
			r, add := approvalRequest(form), approvalRequest(other)
			proto.Merge(r, &protocol.ApprovalRequest{RefsSm3: add.RefsSm3})
			if len(r.Digests) == 0 {
				r.Digests = add.Digests
			}
			foreign := form != other && (len(add.RefsSm3) != 0 || len(add.Digests) != 0)
			if _, fault := reparseApproval(t, r); (fault != nil) != foreign || foreign && !errors.Is(fault, protocol.Malformed) {
				t.Errorf("%v with what binds %v: %v", form, other, fault)
			}
		}
	}
}

// TestCustodiansAreShownNothingPrivate finds the fields by itself: one that is
// added to Context is allowed here on purpose, or refused.
func TestCustodiansAreShownNothingPrivate(t *testing.T) {
	shown := map[protoreflect.Name]bool{"purpose": true, "doc_id": true, "doc_no": true, "user_id": true, "dept": true}
	each(new(protocol.Context), func(fd protoreflect.FieldDescriptor) {
		r := approvalRequest(protocol.ApprovalForm_BY_COUNT)
		r.Context.ProtoReflect().Set(fd, protoreflect.ValueOfString("a"))
		_, fault := reparseApproval(t, r)
		if (fault == nil) != shown[fd.Name()] {
			t.Errorf("%s: %v, want it shown: %v", fd.Name(), fault, shown[fd.Name()])
		}
		if fault != nil && (!errors.Is(fault, protocol.Malformed) || fault.GetField() != "context."+string(fd.Name())) {
			t.Errorf("%s: %v", fd.Name(), fault)
		}
	})
}

// TestEveryTextOfARequestForApprovalIsBounded finds the string fields by
// itself.
func TestEveryTextOfARequestForApprovalIsBounded(t *testing.T) {
	texts := 0
	try := func(fd protoreflect.FieldDescriptor, parent func(*protocol.ApprovalRequest) protoreflect.Message) {
		texts++
		for name, s := range map[string]string{"513 bytes": strings.Repeat("x", 513), "a control character": "a\u0007", "an override": "a\u202eb"} {
			r := approvalRequest(protocol.ApprovalForm_BY_COUNT)
			parent(r).Set(fd, protoreflect.ValueOfString(s))
			if _, fault := reparseApproval(t, r); !errors.Is(fault, protocol.Malformed) || !strings.HasSuffix(fault.GetField(), string(fd.Name())) {
				t.Errorf("%s with %s: %v", fd.FullName(), name, fault)
			}
		}
	}
	each(new(protocol.ApprovalRequest), func(fd protoreflect.FieldDescriptor) {
		try(fd, func(r *protocol.ApprovalRequest) protoreflect.Message { return r.ProtoReflect() })
	})
	each(new(protocol.Context), func(fd protoreflect.FieldDescriptor) {
		try(fd, func(r *protocol.ApprovalRequest) protoreflect.Message { return r.Context.ProtoReflect() })
	})
	if texts != 3+9 {
		t.Errorf("%d string fields, want 3 of ApprovalRequest and 9 of Context", texts)
	}
}

// TestSignTakesTheIDOfAnApproval: and nothing else, so that a slip is a fault
// of the request and not an approval that is missing.
func TestSignTakesTheIDOfAnApproval(t *testing.T) {
	for id, ok := range map[string]bool{
		"": true, "0123456789abcdef": true, "0000000000000000": true,
		"0123456789abcde": false, "0123456789abcdef0": false, "0123456789ABCDEF": false, "0123456789abcdeg": false, "ap-1": false,
	} {
		r := signRequest()
		r.Approval = id
		_, fault := reparse(t, r)
		if (fault == nil) != ok || fault != nil && (!errors.Is(fault, protocol.Malformed) || fault.GetField() != "approval") {
			t.Errorf("approval %q: %v", id, fault)
		}
		if asked := protocol.CheckApprovalID("approval", id); (asked == nil) != (ok && id != "") {
			t.Errorf("CheckApprovalID(%q) = %v", id, asked)
		}
	}
}
