package main

import (
	"encoding/hex"
	"strings"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
)

// An ownApproval is what a caller is told of what he asked for. Words are those
// of the admin interface.
type ownApproval struct {
	ID      string    `json:"id"`
	Entry   string    `json:"entry"`
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"` // of who denied or revoked
	Form    string    `json:"form"`
	Count   uint32    `json:"count"`
	Used    uint32    `json:"used"`
	Persons uint32    `json:"persons"`
	Granted uint32    `json:"granted"` // persons who have
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Request string    `json:"request"` // SM3 of what custodians approve
}

func ownOf(info *protocol.ApprovalInfo) ownApproval {
	return ownApproval{
		ID: info.GetId(), Entry: info.GetEntry(), State: plainName("APPROVAL_", info.GetState().String()), Reason: info.GetReason(),
		Form: plainName("BY_", info.GetForm().String()), Count: info.GetCount(), Used: info.GetUsed(), Persons: info.GetPersons(), Granted: info.GetGranted(),
		From: info.GetNotBefore().AsTime(), Until: info.GetNotAfter().AsTime(), Request: hex.EncodeToString(info.GetRequest()),
	}
}

// plainName is the name of a protobuf enum as JSON has it.
func plainName(prefix, name string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

func (p *program) showOwned(o ownApproval) error {
	var list screen.List
	list.Add(p.tr(labelApproval), screen.Cell{Text: o.ID})
	list.Add(p.tr(headEntry), screen.Cell{Text: o.Entry})
	list.Add(p.tr(headState), p.approvalState(o.State, o.Used, o.Count))
	list.Add(p.tr(labelWhy), screen.Cell{Text: o.Reason})
	list.Add(p.tr(headForm), p.word(o.Form))
	list.Add(p.tr(headUses), screen.Cell{Text: p.tr(msgUses, o.Used, o.Count)})
	list.Add(p.tr(labelPersons), screen.Cell{Text: p.tr(msgPersons, o.Granted, o.Persons)})
	list.Add(p.tr(labelSpan), screen.Cell{Text: p.span(o.From, o.Until, nil)})
	list.Add(p.tr(labelRequest), screen.Cell{Text: o.Request})
	return list.Write(p.out, p.outPaint)
}
