package client

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

const approvalID = "0123456789abcdef"

func approvalRequest() *protocol.ApprovalRequest {
	return &protocol.ApprovalRequest{
		Entry: "contract", Form: protocol.ApprovalForm_BY_COUNT, Count: 2, Justification: "why",
		Context: &protocol.Context{Purpose: "contract", UserId: "zhang"},
	}
}

// approves answers every request with an approval of that entry and id.
func approves(entry, id string) func(p *peer) {
	info := &protocol.ApprovalInfo{Id: id, Entry: entry, State: protocol.ApprovalState_APPROVAL_PENDING}
	return func(p *peer) {
		for f, ok := p.next(); ok; f, ok = p.next() {
			if f.Method == protocol.MethodApprovalStatus {
				p.send(protocol.KindReply, f.Method, f.Call, &protocol.ApprovalStatusReply{Approval: info})
				continue
			}
			p.send(protocol.KindReply, f.Method, f.Call, &protocol.ApprovalReply{Approval: info})
		}
	}
}

func TestApprovalIsAskedForAsItIsGiven(t *testing.T) {
	c := start(t, func(p *peer) {
		f, _ := p.next()
		asked, fault := protocol.ParseApprovalRequest(f.Payload)
		if fault != nil || f.Method != protocol.MethodRequestApproval || !proto.Equal(asked, approvalRequest()) {
			p.t.Errorf("%v asked for %v (%v)", f.Method, asked, fault)
		}
		p.send(protocol.KindReply, f.Method, f.Call, &protocol.ApprovalReply{
			Approval: &protocol.ApprovalInfo{Id: approvalID, Entry: "contract"}, Receipt: &protocol.Receipt{Event: 7},
		})
		f, _ = p.next()
		about, fault := protocol.ParseApprovalStatus(f.Payload)
		if fault != nil || f.Method != protocol.MethodApprovalStatus || about.GetApproval() != approvalID {
			p.t.Errorf("%v about %v (%v)", f.Method, about, fault)
		}
		p.send(protocol.KindReply, f.Method, f.Call, &protocol.ApprovalStatusReply{
			Approval: &protocol.ApprovalInfo{Id: approvalID, State: protocol.ApprovalState_APPROVAL_GRANTED},
		})
		p.hold()
	})
	reply, err := c.RequestApproval(bounded(t), approvalRequest())
	if err != nil || reply.GetApproval().GetId() != approvalID || reply.GetReceipt().GetEvent() != 7 {
		t.Fatalf("RequestApproval = %v, %v", reply, err)
	}
	info, err := c.ApprovalStatus(bounded(t), approvalID)
	if err != nil || info.GetState() != protocol.ApprovalState_APPROVAL_GRANTED {
		t.Errorf("ApprovalStatus = %v, %v", info, err)
	}
}

// What names no approval, or another one, is no answer.
func TestAnswerAboutAnotherApprovalIsBad(t *testing.T) {
	for name, script := range map[string]func(p *peer){
		"no id": approves("contract", ""), "not an id": approves("contract", "1"),
		"another entry": approves("other", approvalID),
		"no approval": func(p *peer) {
			f, _ := p.next()
			p.send(protocol.KindReply, f.Method, f.Call, &protocol.ApprovalReply{})
			p.hold()
		},
	} {
		if reply, err := start(t, script).RequestApproval(bounded(t), approvalRequest()); !errors.Is(err, ErrBadAnswer) || reply != nil {
			t.Errorf("%s: RequestApproval = %v, %v, want ErrBadAnswer", name, reply, err)
		}
	}
	for _, id := range []string{"", "fedcba9876543210"} {
		if info, err := start(t, approves("contract", id)).ApprovalStatus(bounded(t), approvalID); !errors.Is(err, ErrBadAnswer) || info != nil {
			t.Errorf("answer about %q: ApprovalStatus = %v, %v, want ErrBadAnswer", id, info, err)
		}
	}
}

func TestRequestForApprovalThatWasLost(t *testing.T) {
	lose := func(p *peer) { p.next() }
	t.Run("is repeated with a request_id", func(t *testing.T) {
		c := daemons(t, lose, approves("contract", approvalID))
		request := approvalRequest()
		request.RequestId = "a"
		if _, err := c.RequestApproval(bounded(t), request); err != nil {
			t.Errorf("RequestApproval = %v, want the second daemon's answer", err)
		}
	})
	t.Run("is not repeated without one", func(t *testing.T) {
		c := daemons(t, lose)
		if _, err := c.RequestApproval(bounded(t), approvalRequest()); !errors.Is(err, ErrConnectionLost) || Advise(err).Unspent {
			t.Errorf("RequestApproval = %v, want ErrConnectionLost and an unknown outcome", err)
		}
	})
	t.Run("its status is asked for again", func(t *testing.T) {
		c := daemons(t, lose, approves("contract", approvalID))
		if _, err := c.ApprovalStatus(bounded(t), approvalID); err != nil {
			t.Errorf("ApprovalStatus = %v, want the second daemon's answer", err)
		}
	})
}
