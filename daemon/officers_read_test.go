package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// readAll reads the log in pages, as the CLI does.
func (o *officer) readAll(limit int) []*audit.Event {
	o.Helper()
	var events []*audit.Event
	for next, size := uint64(0), uint64(1); next < size; {
		status, body := o.call("GET", fmt.Sprintf("%s?from=%d&limit=%d", admin.PathEvents, next, limit), "")
		if status != 200 {
			o.Fatalf("events: %d %s", status, body)
		}
		page := fromJSON[admin.Events](o, body)
		if page.Next == next {
			o.Fatalf("the page from %d leads nowhere", next)
		}
		next, size = page.Next, page.Size
		for _, line := range page.Lines {
			e, err := audit.ParseEvent([]byte(line))
			mustDo(o, err)
			events = append(events, e)
		}
	}
	return events
}

// reader is a member of signet-audit by his uid.
func (r *officers) reader(uid int) *officer { return r.officer("audit", uid, auditGID) }

func (o *officer) codeOf(path string) protocol.Code {
	o.Helper()
	status, body := o.call("GET", path, "")
	if status == 200 {
		return 0
	}
	return protocol.Code(fromJSON[admin.Fault](o, body).Error.Code)
}

// used is an appliance with an entry that carl keeps and one that he does not,
// each of them used, refused and suspended once.
func used(t *testing.T) *officers {
	t.Helper()
	r := startedOfficers(t)
	for _, id := range []string{"kept", "other"} {
		r.activeEntry(id, "EC-P256")
		if _, err := r.caller(callerUID).Sign(t.Context(), signRequest(id, algo.ECDSAP256SHA256, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.caller(otherUID).Sign(t.Context(), signRequest(id, algo.ECDSAP256SHA256, 1)); !errors.Is(err, protocol.NotACaller) {
			t.Fatalf("signing as a stranger: %v", err)
		}
	}
	r.must(authority.EntrySuspend, "other", authority.Suspend{Basis: "x"}, "sara")
	return r
}

func TestAuditorAndSecurityOfficerReadTheWholeLog(t *testing.T) {
	needRoot(t)
	r := used(t)
	for _, uid := range []int{auditorUID, securityUID} {
		events := r.reader(uid).readAll(7)
		for i, e := range events {
			if e.Seq != uint64(i) {
				t.Fatalf("uid %d: event %d at place %d", uid, e.Seq, i)
			}
		}
		if last := events[len(events)-1]; last.Kind != audit.KindRead || *last.UID != uint32(uid) {
			t.Errorf("uid %d: the last event is %+v, want that he reads", uid, last)
		}
	}
}

// However small his pages, a custodian gets what he keeps, all of it and
// nothing else.
func TestCustodianReadsTheEventsOfHisEntryOnly(t *testing.T) {
	needRoot(t)
	r := used(t)
	want := map[string]int{}
	for _, e := range r.events() {
		if e.Entry == "kept" {
			want[string(e.Kind)]++
		}
	}
	for _, limit := range []int{1, 3, 1000} {
		got := map[string]int{}
		for _, e := range r.reader(custodianUID).readAll(limit) {
			if e.Entry != "kept" {
				t.Errorf("pages of %d: event %d of entry %q (%s)", limit, e.Seq, e.Entry, e.Kind)
			}
			got[string(e.Kind)]++
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || got["refuse"] == 0 || got["sign"] == 0 || got["act"] != 3 {
			t.Errorf("pages of %d: %v, want %v", limit, got, want)
		}
	}
}

// Membership in a group shows how the appliance is, not what it did.
func TestGroupAloneReadsStatusAndMetricsOnly(t *testing.T) {
	needRoot(t)
	r := used(t)
	e := r.events()[0]
	nobody := r.reader(20099)
	for path, want := range map[string]protocol.Code{
		admin.PathStatus: 0, admin.PathMetrics: 0, admin.PathTokens: 0,
		admin.PathEvents + "?from=0&limit=10": protocol.RoleRefused,
		admin.PathContents + "/" + e.Value:    protocol.RoleRefused,
	} {
		if got := nobody.codeOf(path); got != want {
			t.Errorf("%s by a member of the group without a record: %v, want %v", path, got, want)
		}
	}
	if got := r.reader(auditorUID).codeOf(admin.PathContents + "/" + e.Value); got != 0 {
		t.Errorf("the facts of the genesis event for an auditor: %v", got)
	}
	if h, err := r.caller(callerUID).Health(t.Context()); err != nil || h.Mode != "serving" {
		t.Errorf("health: %v, %v", h, err)
	}
}

// A uid gives no right to change anything, and a record without one does not
// read: the officer who loses his uid by an act stops reading.
func TestReaderIsKnownByHisRecordAsItIsNow(t *testing.T) {
	needRoot(t)
	r := used(t)
	events := admin.PathEvents + "?from=0&limit=10"
	reader := r.reader(securityUID)
	if got := reader.codeOf(events); got != 0 {
		t.Fatalf("sara reads: %v", got)
	}
	sara := r.people["sara"].Officer
	sara.UID = nil
	r.must(authority.OfficerChange, "", authority.ChangeOfficers{Set: []authority.Officer{sara}}, "sun", "sven", "adam")
	if got := reader.codeOf(events); got != protocol.RoleRefused {
		t.Errorf("sara reads without a uid in her record: %v, want role", got)
	}
}

func TestCustodianSuspendsHisEntryAtOnceAndNoOther(t *testing.T) {
	r := used(t)
	r.must(authority.EntrySuspend, "kept", authority.Suspend{Basis: "lost"}, "carl")
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("kept", algo.ECDSAP256SHA256, 1)); !errors.Is(err, protocol.NotActive) {
		t.Errorf("signing with what he suspended: %v, want not_active", err)
	}
	for _, c := range []struct {
		kind   authority.Kind
		target string
		body   any
		by     []string
	}{
		{authority.EntrySuspend, "other", authority.Suspend{Basis: "x"}, []string{"carl"}},
		{authority.EntryResume, "kept", authority.Resume{}, []string{"carl"}},
		{authority.EntryResume, "kept", authority.Resume{}, []string{"carl", "sara", "sven"}},
		{authority.PolicySet, "kept", authority.SetPolicy{Text: policyFor(otherUID)}, []string{"carl"}},
		{authority.EntryCancel, "kept", authority.Cancel{Basis: "x"}, []string{"carl"}},
	} {
		if got := r.try(c.kind, c.target, c.body, c.by...); got != protocol.RoleRefused {
			t.Errorf("%s of %s by %v: %v, want role", c.kind, c.target, c.by, got)
		}
	}
	shown := r.server.appliance().describeEntry(r.server.appliance().book.find("kept"))
	if !slices.Equal(shown.Custodians, []string{"carl"}) || !strings.Contains(shown.Holds[0].Basis, "lost") {
		t.Errorf("the entry names the custodians %v and the holds %v", shown.Custodians, shown.Holds)
	}
}
