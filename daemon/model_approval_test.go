package daemon

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/model"
	"signet/protocol"
)

// A modelAsking is one request for approval, for both.
type modelAsking struct {
	model.Asking
	wire *protocol.ApprovalRequest
}

// ask asks for an approval, mostly one that the policy lets be asked for.
func (w *daemonWorld) ask() error {
	k := w.asking()
	if w.isFlying(k.UID, k.ID) {
		return nil // it would wait
	}
	reply, got := w.a.requestApproval(context.Background(), Peer{UID: k.UID, GIDs: k.GIDs}, uint64(w.steps), k.wire)
	repeated, want := w.m.Ask(k.Asking)
	if !sameFault(got, want) {
		return fmt.Errorf("asking %+v: the daemon says %v, the model %+v", k.Asking, got, want)
	}
	if got != nil {
		w.stats.note("requests for approval refused")
		return nil
	}
	if reply.Repeated != (repeated != "") || reply.Repeated && reply.Approval.Id != repeated {
		return fmt.Errorf("asking %+v: approval %s, repeated %v; the model repeats %q", k.Asking, reply.Approval.Id, reply.Repeated, repeated)
	}
	if reply.Repeated {
		w.stats.note("requests for approval repeated")
		return nil
	}
	w.stats.note("approvals asked for")
	w.m.Enter(reply.Approval.Id, k.Asking)
	if k.ID != "" {
		w.askings = append(w.askings, k)
	}
	return nil
}

func (w *daemonWorld) asking() modelAsking {
	if len(w.askings) > 0 && w.One(8) {
		k := model.Pick(w.Chance, w.askings)
		if age, ok := w.m.Remembered(k.UID, k.ID); ok && age < 23*time.Hour {
			return k
		}
	}
	entry := model.Pick(w.Chance, w.entries)
	for _, id := range w.entries {
		if w.m.Find(id).Policy.Approvals != nil && !w.One(4) {
			entry = id // where there is something to ask for
		}
	}
	p := w.m.Find(entry).Policy
	asked := p.Approvals
	if asked == nil {
		asked = &model.Approvals{Forms: []string{"count"}}
	}
	k := modelAsking{Asking: model.Asking{
		UID: model.Pick(w.Chance, p.Users).ID, GIDs: []uint32{model.Pick(w.Chance, []uint32{5, 30001})}, Entry: entry, Purpose: model.Pick(w.Chance, p.Purposes),
		Form: model.Pick(w.Chance, asked.Forms), Doc: w.hashOfADocument(), Count: w.Between(0, max(asked.Most, 1)),
	}}
	w.spoilAsking(&k, asked)
	w.fillAsking(&k)
	return k
}

func (w *daemonWorld) spoilAsking(k *modelAsking, asked *model.Approvals) {
	switch w.IntN(12) {
	case 0:
		k.UID = 29999
	case 1:
		k.Entry = "nobody"
	case 2:
		k.Form = model.Pick(w.Chance, w.shape.Forms)
	case 3:
		k.Count = max(asked.Most, 1) + w.IntN(2)
	case 4:
		k.Life = max(asked.Longest, time.Hour) + time.Duration(w.IntN(2))*time.Second
	case 5:
		k.Purpose = model.Pick(w.Chance, w.shape.Purposes)
	case 6, 7:
		k.After = w.Duration(2 * time.Hour)
	case 8, 9:
		k.Life = time.Duration(w.Between(60, 3600)) * time.Second
	case 10:
		w.serial++
		k.ID = fmt.Sprintf("a-%d", w.serial)
	case 11:
		if len(w.requests) > 0 {
			if r := model.Pick(w.Chance, w.requests); w.fresh(r) {
				k.UID, k.GIDs, k.ID = r.UID, r.GIDs, r.ID
			}
		}
	}
}

// fresh tells whether a request is surely remembered.
func (w *daemonWorld) fresh(r modelRequest) bool {
	age, ok := w.m.Remembered(r.UID, r.ID)
	return ok && age < 23*time.Hour
}

var wireForms = map[string]protocol.ApprovalForm{
	"document": protocol.ApprovalForm_BY_DOCUMENT, "references": protocol.ApprovalForm_BY_REFERENCES,
	"digests": protocol.ApprovalForm_BY_DIGESTS, "count": protocol.ApprovalForm_BY_COUNT,
}

func (w *daemonWorld) fillAsking(k *modelAsking) {
	k.wire = &protocol.ApprovalRequest{
		Entry: k.Entry, Context: &protocol.Context{Purpose: k.Purpose, UserId: "u"}, Justification: "the model wants it",
		Form: wireForms[k.Form], RequestId: k.ID,
	}
	doc, _ := hex.DecodeString(k.Doc)
	if k.Form != "document" {
		k.Doc = ""
	}
	switch k.Form {
	case "document":
		k.wire.Context.DocSm3, k.wire.Count = doc, uint32(k.Count)
	case "digests":
		for range max(k.Count, 1) {
			var value [32]byte
			binary.BigEndian.PutUint64(value[:], w.Uint64())
			k.Digests, k.wire.Digests = append(k.Digests, hex.EncodeToString(value[:])), append(k.wire.Digests, value[:])
		}
	case "references":
		k.wire.RefsSm3, k.wire.Count = doc, uint32(k.Count)
	case "count":
		k.wire.Count = uint32(k.Count)
	}
	from := w.clock.now.Truncate(time.Second)
	if k.After != 0 {
		from = w.clock.now.Add(k.After).Truncate(time.Second)
		k.wire.NotBefore = timestamppb.New(from)
	}
	if k.Life == 0 && k.After == 0 {
		k.Content = fmt.Sprintf("approval %+v", k.Asking)
		return
	}
	if k.Life != 0 {
		k.wire.NotAfter = timestamppb.New(from.Add(k.Life))
	}
	k.Content = fmt.Sprintf("approval %+v from %v", k.Asking, from)
}

// decideApproval has officers grant, deny or revoke.
func (w *daemonWorld) decideApproval() error {
	running := w.m.Running()
	if len(running) == 0 {
		return w.ask()
	}
	id := model.Pick(w.Chance, running[max(len(running)-6, 0):])
	for _, pending := range running {
		if w.m.Asked(pending).State() == "pending" && w.One(3) {
			id = pending
		}
	}
	a := w.m.Asked(id)
	kinds := map[string][]string{
		"pending": {"approval.grant", "approval.grant", "approval.grant", "approval.grant", "approval.deny"},
		"granted": {"approval.grant", "approval.revoke", "approval.revoke", "approval.deny"},
	}[a.State()]
	if len(kinds) == 0 {
		kinds = []string{"approval.grant", "approval.deny", "approval.revoke"}
	}
	x := model.Act{Kind: model.Pick(w.Chance, kinds), Entry: a.Entry, Approval: id}
	if x.Kind != "approval.grant" {
		return w.end(x.Kind, id)
	}
	record, _, _ := w.a.approvals.find(id)
	if w.One(6) {
		x.Count = w.Between(1, 4)
	}
	content := authority.GrantApproval{Approval: id, Request: record.Request, Count: uint32(x.Count)}
	if w.One(8) {
		from, until := a.Window()
		x.Until = from.Add(w.Duration(until.Sub(from) + time.Minute)).Truncate(time.Second)
		content.Until = x.Until.Format(time.RFC3339)
	}
	return w.act(x, content)
}

// end denies or revokes.
func (w *daemonWorld) end(kind, id string) error {
	record, _, _ := w.a.approvals.find(id)
	return w.act(model.Act{Kind: kind, Entry: w.m.Asked(id).Entry, Approval: id},
		authority.EndApproval{Approval: id, Request: record.Request, Basis: "the model wants it"})
}
