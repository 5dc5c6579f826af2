package examples_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

const approvalOfFake = "0123456789abcdef"

// custodians answer a request for an approval that a daemon takes, and what
// became of it, with these infos.
func custodians(t *testing.T, asked, now *protocol.ApprovalInfo) func(p *peer, f protocol.Frame) {
	return func(p *peer, f protocol.Frame) {
		var reply proto.Message = &protocol.ApprovalStatusReply{Approval: now}
		var fault *protocol.Error
		if f.Method == protocol.MethodRequestApproval {
			reply = &protocol.ApprovalReply{Approval: asked, Receipt: &protocol.Receipt{Event: 7}}
			fault = heldToTheFuture(protocol.ParseApprovalRequest(f.Payload))
		} else {
			_, fault = protocol.ParseApprovalStatus(f.Payload)
		}
		if fault != nil {
			t.Errorf("the client sent what a daemon refuses: %v", fault)
		}
		p.send(protocol.KindReply, f.Method, f.Call, reply)
	}
}

// heldToTheFuture: the programs ask for two uses within the next hour.
func heldToTheFuture(r *protocol.ApprovalRequest, fault *protocol.Error) *protocol.Error {
	if fault != nil {
		return fault
	}
	if left := time.Until(r.NotAfter.AsTime()); left < 58*time.Minute || left > time.Hour || r.Count != 2 || r.Form != protocol.ApprovalForm_BY_COUNT {
		return protocol.NewError(protocol.Malformed, "%v, which ends in %v", r, left)
	}
	return nil
}

func TestApprovalIsAskedForAndAskedAbout(t *testing.T) {
	pending := &protocol.ApprovalInfo{Id: approvalOfFake, Entry: entryOfFake, State: protocol.ApprovalState_APPROVAL_PENDING}
	granted := &protocol.ApprovalInfo{Id: approvalOfFake, Entry: entryOfFake, State: protocol.ApprovalState_APPROVAL_GRANTED}
	forEach(t, func(t *testing.T, run runner) {
		d := (&fake{answer: custodians(t, pending, granted)}).start(t)
		o := own(t, append(run("SelfTest"), "approval"), d.socket, entryOfFake, "contract")
		if want := approvalOfFake + " PENDING GRANTED\n"; o.status != 0 || o.out != want {
			t.Errorf("status %d, %q, want %q\n%s", o.status, o.out, want, o.faults)
		}
		for name, infos := range map[string][2]*protocol.ApprovalInfo{
			"of no id": {{Entry: entryOfFake}, granted}, "of another entry": {{Id: approvalOfFake, Entry: "other"}, granted},
			"of nothing": {nil, granted}, "about another": {pending, {Id: "fedcba9876543210"}},
		} {
			d := (&fake{answer: custodians(t, infos[0], infos[1])}).start(t)
			o := own(t, append(run("SelfTest"), "approval"), d.socket, entryOfFake, "contract")
			if o.status != exitUnexpected || !strings.Contains(o.faults, "approval") || strings.Count(o.faults, "\n") != 1 {
				t.Errorf("an answer %s: status %d, want %d and one line of why\n%s%s", name, o.status, exitUnexpected, o.out, o.faults)
			}
		}
	})
}
