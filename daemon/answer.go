package daemon

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
)

// features are what this daemon answers besides unsupported.
var features = []string{"sign", "sm2_e", "digest", "message", "digest_as_message", "batch", "request_id", "approval"}

// answer dispatches one frame of sign.sock. The permit, if there is one, is
// for the answer's signatures.
func (s *Server) answer(ctx context.Context, who Peer, f protocol.Frame) (proto.Message, *permit, *protocol.Error) {
	switch f.Method {
	case protocol.MethodHealth, protocol.MethodTime, protocol.MethodListEntries:
		reply, fault := s.answerEmpty(who, f)
		return reply, nil, fault
	case protocol.MethodSign:
		return s.answerSign(ctx, who, f)
	case protocol.MethodRequestApproval:
		reply, fault := s.answerRequestApproval(ctx, who, f)
		return reply, nil, fault
	case protocol.MethodApprovalStatus:
		reply, fault := s.answerApprovalStatus(who, f)
		return reply, nil, fault
	}
	return nil, nil, protocol.NewError(protocol.Unsupported, "%v is not built yet", f.Method).WithField("method")
}

// answerEmpty answers the requests that have no fields.
func (s *Server) answerEmpty(who Peer, f protocol.Frame) (proto.Message, *protocol.Error) {
	if fault := protocol.ParseEmpty(f.Method, f.Payload); fault != nil {
		return nil, fault
	}
	switch f.Method {
	case protocol.MethodHealth:
		return s.health(), nil
	case protocol.MethodTime:
		return &protocol.TimeReply{Now: timestamppb.New(s.sources.Real())}, nil
	}
	return s.listEntries(who)
}

func (s *Server) answerSign(ctx context.Context, who Peer, f protocol.Frame) (proto.Message, *permit, *protocol.Error) {
	req, fault := protocol.ParseSign(f.Payload)
	if fault != nil {
		return nil, nil, fault
	}
	if len(req.Inputs) > s.limits.Batch {
		return nil, nil, protocol.NewError(protocol.BatchTooLarge, "%d inputs: this appliance takes %d", len(req.Inputs), s.limits.Batch).WithField("inputs")
	}
	a, fault := s.live()
	if fault != nil {
		return nil, nil, fault
	}
	deadline := s.limits.Deadline
	if wanted := time.Duration(req.DeadlineMs) * time.Millisecond; wanted > 0 && wanted < deadline {
		deadline = wanted
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if fault := s.awaitAnchor(ctx, a, req.Entry); fault != nil {
		return nil, nil, fault
	}
	reply, p, fault := a.sign(ctx, who, f.Call, req)
	if fault != nil {
		return nil, nil, fault
	}
	return reply, p, nil
}

func (s *Server) answerRequestApproval(ctx context.Context, who Peer, f protocol.Frame) (proto.Message, *protocol.Error) {
	req, fault := protocol.ParseApprovalRequest(f.Payload)
	if fault != nil {
		return nil, fault
	}
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.Deadline)
	defer cancel()
	reply, fault := a.requestApproval(ctx, who, f.Call, req)
	if fault != nil {
		return nil, fault
	}
	return reply, nil
}

func (s *Server) answerApprovalStatus(who Peer, f protocol.Frame) (proto.Message, *protocol.Error) {
	req, fault := protocol.ParseApprovalStatus(f.Payload)
	if fault != nil {
		return nil, fault
	}
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	reply, fault := a.approvalStatus(who, req.Approval)
	if fault != nil {
		return nil, fault
	}
	return reply, nil
}

func (s *Server) health() *protocol.HealthReply {
	cond := s.condition()
	h := &protocol.HealthReply{
		Mode: cond.mode.String(), Reason: strings.ToValidUTF8(cond.reason, "\uFFFD"), Version: s.version, Features: features,
		Now: timestamppb.New(s.sources.Real()), FrameMax: uint32(s.limits.Frame), BatchMax: uint32(s.limits.Batch),
		RequestIdHours: uint32(store.RememberFor / time.Hour), RequestIdCount: store.RememberCount,
	}
	if a := s.appliance(); a != nil {
		h.Appliance, h.Events = a.id, a.store.Position().Size
	}
	for _, t := range s.tokens.status() {
		reason := t.LastError
		if t.State == hsm.StateUp {
			reason = ""
		}
		h.Tokens = append(h.Tokens, &protocol.TokenHealth{Name: t.Name, State: t.State.String(), Reason: strings.ToValidUTF8(reason, "\uFFFD")})
	}
	return h
}

// listEntries shows the entries whose policy names the caller, and no others.
func (s *Server) listEntries(who Peer) (proto.Message, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	reply := &protocol.ListEntriesReply{}
	for _, acct := range a.book.all() {
		if !acct.policy.Names(who.UID, who.GIDs) {
			continue
		}
		reply.Entries = append(reply.Entries, acct.info())
	}
	return reply, nil
}

func (a *account) info() *protocol.EntryInfo {
	p := a.policy.Policy()
	info := &protocol.EntryInfo{
		Id: a.entry.ID, Class: protocol.EntryClass_KEY, Status: a.entry.Status(), PublicKey: a.key.Public.DER(),
		Purposes: p.Purposes(), BatchMax: uint32(p.Batch()),
	}
	if a.entry.Class == register.ClassSeal {
		info.Class = protocol.EntryClass_SEAL
	}
	for _, alg := range a.algorithms() {
		if slices.Contains(p.Algorithms(), alg) {
			info.Algorithms = append(info.Algorithms, protocol.Algorithm(alg))
		}
	}
	return info
}
