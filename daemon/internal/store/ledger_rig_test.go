package store

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol/canonical"
)

// useAt is the event of a use of entry by uid that was decided at a time.
func useAt(entry string, uid uint32, at time.Time) *audit.Event {
	e := use("sig")
	decided := audit.At(at)
	e.Entry, e.UID, e.Decided = entry, &uid, &decided
	return e
}

func usesAt(entry string, uid uint32, times ...time.Time) *Commit {
	c := new(Commit)
	for _, at := range times {
		c.Events = append(c.Events, useAt(entry, uid, at))
	}
	return c
}

// asking is a request for n uses of the entry contracts by uid 20001.
func asking(n uint32, nonce int) register.Asking {
	return register.Asking{
		V: register.AskingVersion, Entry: "contracts", UID: 20001, Made: "2026-03-01T09:00:00Z", Nonce: fmt.Sprintf("%032x", nonce),
		Purpose: "contract", Justification: "年度采购合同", Person: "zhang.san", Form: policy.ByCount, Count: n,
		From: "2026-03-01T09:00:00Z", Until: "2026-03-02T09:00:00Z", Persons: 1,
	}
}

func contentOfAsking(t testing.TB, a register.Asking) []byte {
	t.Helper()
	content, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// asks is the commit of a request.
func asks(t testing.TB, a register.Asking) *Commit {
	t.Helper()
	content := contentOfAsking(t, a)
	return &Commit{
		Events: []*audit.Event{{
			Kind: audit.KindApproval, Entry: a.Entry, UID: &a.UID, Result: audit.Allowed,
			Approval: register.ApprovalID(content), Value: authority.ContentHash(content),
		}},
		Asked: content,
	}
}

// decides is the commit of an act of that kind on an approval. A grant is for
// as many uses as were asked for.
func decides(t testing.TB, kind authority.Kind, request []byte, role string) *Commit {
	t.Helper()
	var content any = authority.EndApproval{Approval: register.ApprovalID(request), Request: authority.ContentHash(request), Basis: "no longer needed"}
	if kind == authority.ApprovalGrant {
		content = authority.GrantApproval{Approval: register.ApprovalID(request), Request: authority.ContentHash(request)}
	}
	data, err := canonical.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	act := authority.Act{
		V: authority.ActVersion, Appliance: strings.Repeat("0", 64), Kind: kind, Target: "contracts", ContentSHA: authority.ContentHash(data),
		Nonce: authority.NewNonce(), NotAfter: "2026-03-02T08:00:00Z", LogRoot: strings.Repeat("0", 64),
	}
	raw, err := act.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	expiry, err := act.Expiry()
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(1000)
	return &Commit{
		Events: []*audit.Event{{
			Kind: audit.KindAct, Op: string(kind), Entry: "contracts", UID: &uid, Role: role, Act: string(raw),
			Approval: register.ApprovalID(request), Result: audit.Allowed,
		}},
		Change: &Change{Blobs: [][]byte{data}, Nonce: act.Nonce, Expiry: expiry},
	}
}

// spends is a commit of n uses under an approval.
func spends(t testing.TB, request []byte, n int) *Commit {
	t.Helper()
	c := new(Commit)
	for range n {
		e := useAt("contracts", 20001, time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC))
		e.Approval = register.ApprovalID(request)
		c.Events = append(c.Events, e)
	}
	return c
}

// approval returns one that must be there.
func (r *rig) approval(request []byte) register.Approval {
	r.Helper()
	a, err := r.Approval(register.ApprovalID(request))
	if err != nil || a == nil {
		r.Fatalf("Approval = %+v, %v", a, err)
	}
	return *a
}

func (r *rig) wantApproval(request []byte, state policy.State, used uint32) {
	r.Helper()
	if a := r.approval(request); a.State != state || a.Used != used {
		r.Errorf("the approval is %v with %d used, want %v with %d", a.State, a.Used, state, used)
	}
}

// log returns every event.
func (r *rig) events() (all []*audit.Event) {
	r.Helper()
	for size := r.Position().Size; uint64(len(all)) < size; {
		lines, err := r.Events(uint64(len(all)), maxPage)
		if err != nil || len(lines) == 0 {
			r.Fatalf("Events(%d) = %d lines, %v", len(all), len(lines), err)
		}
		for _, line := range lines {
			e, err := audit.ParseEvent(line)
			if err != nil {
				r.Fatal(err)
			}
			all = append(all, e)
		}
	}
	return all
}

// checkLedger counts the log by hand and holds the store to it.
func (r *rig) checkLedger() {
	r.Helper()
	all, spent := map[user]*naive{}, map[string]uint32{}
	for _, e := range r.events() {
		if !e.Uses() {
			continue
		}
		if all[userOf(e)] == nil {
			all[userOf(e)] = newNaive()
		}
		all[userOf(e)].add(e.Decided.Time())
		if e.Approval != "" {
			spent[e.Approval]++
		}
	}
	entries := map[string][]Uses{}
	for of, n := range all {
		entries[of.entry] = append(entries[of.entry], n.uses(of.uid))
	}
	for entry, want := range entries {
		slices.SortFunc(want, func(a, b Uses) int { return int(int64(a.UID) - int64(b.UID)) })
		if got, err := r.Uses(entry); err != nil || !reflect.DeepEqual(got, want) {
			r.Errorf("Uses(%s) = %+v, %v\nthe log has %+v", entry, got, err, want)
		}
	}
	approvals, err := r.Approvals(time.Time{})
	if err != nil {
		r.Errorf("Approvals: %v", err)
	}
	for _, a := range approvals {
		if a.Used != spent[a.ID] {
			r.Errorf("approval %s has %d used, the log has %d", a.ID, a.Used, spent[a.ID])
		}
		delete(spent, a.ID)
	}
	if len(spent) > 0 {
		r.Errorf("the log spends approvals that are not there: %v", spent)
	}
}

// A naive keeps every count for ever.
type naive struct {
	total             uint64
	minutes, quarters map[int64]uint32
}

func newNaive() *naive {
	return &naive{minutes: map[int64]uint32{}, quarters: map[int64]uint32{}}
}

func (n *naive) add(at time.Time) {
	n.total++
	n.minutes[at.Unix()/60]++
	n.quarters[at.Unix()/900]++
}

// uses is what of it a store keeps.
func (n *naive) uses(uid uint32) Uses {
	u := Uses{UID: uid, Total: n.total, Minutes: map[int64]uint32{}, Quarters: map[int64]uint32{}}
	for range 2 {
		newest := int64(-1)
		for m := range n.minutes {
			if _, have := u.Minutes[m]; !have {
				newest = max(newest, m)
			}
		}
		if newest >= 0 {
			u.Minutes[newest] = n.minutes[newest]
		}
	}
	newest := int64(0)
	for q := range n.quarters {
		newest = max(newest, q)
	}
	for q, uses := range n.quarters {
		if q >= newest-32*24*4 {
			u.Quarters[q] = uses
		}
	}
	return u
}
