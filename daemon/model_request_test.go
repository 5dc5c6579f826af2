package daemon

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"signet/daemon/internal/model"
	"signet/protocol"
	"signet/protocol/algo"
)

// A modelRequest is one request to sign, for both.
type modelRequest struct {
	model.Request
	wire *protocol.SignRequest
}

// request draws one that the policy mostly allows.
func (w *daemonWorld) request() modelRequest {
	if len(w.requests) > 0 && w.One(9) {
		if r, ok := w.again(); ok {
			return r
		}
	}
	entry := model.Pick(w.Chance, w.entries)
	p := w.m.Find(entry).Policy
	r := modelRequest{Request: model.Request{
		UID: model.Pick(w.Chance, p.Users).ID, GIDs: []uint32{model.Pick(w.Chance, []uint32{5, 30001, 30002})}, Entry: entry,
		Algorithm: model.KeyAlgorithm, Partial: w.One(3),
	}}
	w.spoilRequest(&r)
	said := saying{purpose: model.Pick(w.Chance, p.Purposes), carries: slices.Clone(p.Require)}
	if p.Approvals != nil || w.One(10) {
		if a := w.approvalFor(&r); a != nil {
			said.purpose, said.doc, said.values = a.Purpose, a.Doc, a.Digests
		}
	}
	w.spoilSaying(&said)
	w.fill(&r, p, said)
	return r
}

// spoilRequest now and then changes who asks, for what, or how.
func (w *daemonWorld) spoilRequest(r *modelRequest) {
	if w.One(12) {
		r.UID = model.Pick(w.Chance, []uint32{20001, 20002, 20003, 29999})
	}
	if w.One(60) {
		r.Algorithm = "SM2-SM3"
	}
	if w.One(80) {
		r.Entry = "nobody"
	}
	if w.One(5) {
		w.serial++
		r.ID = fmt.Sprintf("r-%d", w.serial)
	}
}

// A saying is what a request says of its use.
type saying struct {
	purpose, doc string
	carries      []string
	values       []string // to be signed, as an approval has them
}

func (w *daemonWorld) spoilSaying(s *saying) {
	if w.One(10) {
		s.carries = model.Some(w.Chance, model.AllFields)
	}
	if w.One(15) {
		s.purpose = model.Pick(w.Chance, w.shape.Purposes)
	}
	carries := slices.Contains(s.carries, "doc_sm3")
	if carries && s.doc == "" || s.doc != "" && w.One(10) {
		s.doc = w.hashOfADocument()
	}
	if s.doc != "" && !carries {
		s.carries = append(s.carries, "doc_sm3")
	}
}

// again repeats a request, or uses its id for something else. What is past the
// time for which it is remembered may be forgotten by now, or not.
func (w *daemonWorld) again() (modelRequest, bool) {
	r := w.requests[max(len(w.requests)-1-w.IntN(20), 0)]
	if age, ok := w.m.Remembered(r.UID, r.ID); ok && age > 23*time.Hour {
		return r, false
	}
	if w.One(6) {
		r.wire = protocolCopy(r.wire)
		r.Partial = !r.Partial
		r.wire.Partial = r.Partial
		r.Content = contentOf(r.Request)
	}
	return r, true
}

// protocolCopy is a request of its own with the same parts.
func protocolCopy(r *protocol.SignRequest) *protocol.SignRequest {
	return &protocol.SignRequest{
		Entry: r.Entry, Algorithm: r.Algorithm, Inputs: r.Inputs, Context: r.Context, RequestId: r.RequestId, Approval: r.Approval,
		Partial: r.Partial, Form: r.Form,
	}
}

// hashOfADocument is one of few, so that approvals are of the documents of
// requests.
func (w *daemonWorld) hashOfADocument() string {
	sum := sha256.Sum256([]byte{byte(w.IntN(4))})
	return hex.EncodeToString(sum[:])
}

// approvalFor names an approval, mostly one that may serve.
func (w *daemonWorld) approvalFor(r *modelRequest) *model.Approved {
	running := w.m.Running()
	if w.One(12) || len(running) == 0 {
		r.Approval = model.Pick(w.Chance, []string{"", "0123456789abcdef"})
		return nil
	}
	serves := slices.DeleteFunc(slices.Clone(running), func(id string) bool {
		a := w.m.Asked(id)
		return a.Entry != r.Entry || a.State() != "granted"
	})
	if len(serves) == 0 || w.One(8) {
		serves = running[max(len(running)-8, 0):]
	}
	r.Approval = model.Pick(w.Chance, serves[max(len(serves)-4, 0):])
	a := w.m.Asked(r.Approval)
	if !w.One(10) {
		r.UID = a.UID
	}
	return a
}

// fill makes the items and the request on the wire.
func (w *daemonWorld) fill(r *modelRequest, p *model.Policy, said saying) {
	r.wire = &protocol.SignRequest{
		Entry: r.Entry, Algorithm: protocol.Algorithm(named(algo.Parse, r.Algorithm)), Form: protocol.SignForm_RAW, Partial: r.Partial,
		RequestId: r.ID, Approval: r.Approval, Context: contextOf(said),
	}
	n := 1
	if w.One(4) {
		n = w.Between(2, 5)
	}
	for i := range n {
		it := model.Item{Operation: model.Pick(w.Chance, p.Operations), Purpose: said.purpose, Doc: said.doc, Carries: said.carries}
		if w.One(12) {
			it.Operation = model.Pick(w.Chance, w.shape.Operations)
		}
		in := &protocol.Input{}
		if i > 0 && w.One(10) {
			it.Purpose = model.Pick(w.Chance, w.shape.Purposes)
			in.Context = &protocol.Context{Purpose: it.Purpose}
		}
		if len(said.values) > 0 && !w.One(8) {
			it.Operation, it.Value = "digest", said.values[(i+w.IntN(2))%len(said.values)]
		}
		w.fillInput(&it, in)
		r.Items, r.wire.Inputs = append(r.Items, it), append(r.wire.Inputs, in)
	}
	r.Content = contentOf(r.Request)
}

func contentOf(r model.Request) string {
	return fmt.Sprintf("%s %s %s %v %v", r.Entry, r.Algorithm, r.Approval, r.Partial, r.Items)
}

// fillInput makes the bytes that are to be signed.
func (w *daemonWorld) fillInput(it *model.Item, in *protocol.Input) {
	raw := binary.BigEndian.AppendUint64(nil, w.Uint64())
	sum := sha256.Sum256(raw)
	if it.Value == "" {
		it.Value = hex.EncodeToString(sum[:])
	}
	if it.Operation == "message" {
		in.Value = &protocol.Input_Message{Message: raw}
		return
	}
	digest, _ := hex.DecodeString(it.Value)
	in.Value = &protocol.Input_Digest{Digest: digest}
}

// contextOf has each field that is carried, and the purpose, which is none.
func contextOf(said saying) *protocol.Context {
	c := &protocol.Context{Purpose: said.purpose}
	set := map[string]func(){
		"doc_id": func() { c.DocId = "d" }, "doc_no": func() { c.DocNo = "n" }, "doc_title": func() { c.DocTitle = "t" },
		"doc_sm3": func() { c.DocSm3, _ = hex.DecodeString(said.doc) }, "user_id": func() { c.UserId = "u" }, "user_name": func() { c.UserName = "n" },
		"dept": func() { c.Dept = "e" }, "client_ip": func() { c.ClientIp = "192.0.2.1" }, "approval_ref": func() { c.ApprovalRef = "r" },
		"pages": func() { c.Pages = 3 },
	}
	for _, field := range said.carries {
		set[field]()
	}
	return c
}
