package store

import (
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
)

// granted makes an approval for n uses and returns what was asked for.
func (r *rig) granted(n uint32, nonce int) (request []byte) {
	r.Helper()
	c := asks(r, asking(n, nonce))
	r.record(c)
	r.record(decides(r, authority.ApprovalGrant, c.Asked, "custodian:carl"))
	return c.Asked
}

func TestApprovalFollowsFromItsEvents(t *testing.T) {
	r := newRig(t, Options{})
	c := asks(t, asking(3, 1))
	request := c.Asked
	seq := r.record(c).Receipts[0].Event
	if got, err := r.Blob(authority.ContentHash(request)); err != nil || string(got) != string(request) {
		t.Errorf("the content of the request is %q, %v", got, err)
	}
	if a := r.approval(request); a.Event != seq || a.State != policy.Pending || !reflect.DeepEqual(c.Approvals, []register.Approval{a}) {
		t.Errorf("asked for: %+v, told %+v", a, c.Approvals)
	}
	c = r.record(decides(t, authority.ApprovalGrant, request, "custodian:carl"))
	if a := r.approval(request); a.State != policy.Granted || a.Grants[0].Event != c.Receipts[0].Event || !slices.Equal(a.By(), []string{"carl"}) || !reflect.DeepEqual(c.Approvals, []register.Approval{a}) {
		t.Errorf("granted: %+v, told %+v", a, c.Approvals)
	}
	c = r.record(spends(t, request, 2))
	r.wantApproval(request, policy.Granted, 2)
	if a := r.approval(request); !reflect.DeepEqual(c.Approvals, []register.Approval{a}) {
		t.Errorf("used: told %+v, want %+v", c.Approvals, a)
	}
	r.reopen()
	r.wantApproval(request, policy.Granted, 2)
	r.record(decides(t, authority.ApprovalRevoke, request, "security:sue"))
	r.wantApproval(request, policy.Revoked, 2)
	if c := r.record(uses("none")); c.Approvals != nil {
		t.Errorf("a use without an approval tells of %+v", c.Approvals)
	}
}

// Who brings an act unsigned is the person.
func TestUnsignedGrantIsOfItsBringer(t *testing.T) {
	r := newRig(t, Options{})
	c := asks(t, asking(1, 1))
	r.record(c)
	r.record(decides(t, authority.ApprovalGrant, c.Asked, "unsigned"))
	if by := r.approval(c.Asked).By(); !slices.Equal(by, []string{"uid:1000"}) {
		t.Errorf("granted by %v", by)
	}
}

// The content of an act may come with others, or be there already.
func TestContentIsFoundByItsHash(t *testing.T) {
	r := newRig(t, Options{})
	for i, with := range []func(*Commit){
		func(c *Commit) { c.Change.Blobs = append([][]byte{[]byte("{}")}, c.Change.Blobs...) },
		func(c *Commit) {
			r.record(&Commit{Events: uses("before").Events, Change: &Change{Blobs: c.Change.Blobs}})
			c.Change.Blobs = nil
		},
	} {
		ask := asks(t, asking(1, i))
		r.record(ask)
		grant := decides(t, authority.ApprovalGrant, ask.Asked, "custodian:carl")
		with(grant)
		r.record(grant)
		r.wantApproval(ask.Asked, policy.Granted, 0)
	}
}

// What lies under a name need not be what the name says: the file is not proof.
func TestContentUnderAnotherNameIsRefused(t *testing.T) {
	r := newRig(t, Options{})
	said, lies := contentOfAsking(t, asking(1, 1)), contentOfAsking(t, asking(9, 2))
	c := asks(t, asking(1, 1))
	r.record(c)
	grant := decides(t, authority.ApprovalGrant, c.Asked, "custodian:carl")
	key := blobKey(grant.Change.Blobs[0])
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, r.path, func(tx *bolt.Tx) error {
		return errors.Join(tx.Bucket(bucketBlob).Put(blobKey(said), lies), tx.Bucket(bucketBlob).Put(key, []byte("{}")))
	})
	r.edited = true
	r.open()
	grant.Change.Blobs = nil
	if err := r.Record(grant); !errors.Is(err, authority.ErrMalformed) {
		t.Errorf("a grant of other content: %v, want ErrMalformed", err)
	}
	again := asks(t, asking(9, 2))
	again.Asked, again.Events[0].Value = nil, authority.ContentHash(said)
	if err := r.Record(again); err == nil {
		t.Error("a request of other content was recorded")
	}
}

// Each event of a group sees what those before it made.
func TestApprovalWithinOneTransaction(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "contracts", 1)))
	ask := asks(t, asking(3, 1))
	guarded := func(c *Commit) *Commit {
		c.Guard = &Guard{Entry: "contracts", Rev: 1}
		return c
	}
	early, two := guarded(spends(t, ask.Asked, 1)), guarded(spends(t, ask.Asked, 2))
	tooMany, last := guarded(spends(t, ask.Asked, 2)), guarded(spends(t, ask.Asked, 1))
	late := guarded(spends(t, ask.Asked, 1))
	for i, err := range r.together(ask, early, decides(t, authority.ApprovalGrant, ask.Asked, "custodian:carl"),
		two, tooMany, last, decides(t, authority.ApprovalRevoke, ask.Asked, "custodian:carl"), late) {
		if err != nil {
			t.Errorf("commit %d: %v", i, err)
		}
	}
	for name, c := range map[string]struct {
		*Commit
		overtaken bool
	}{"before the grant": {early, true}, "two of three": {two, false}, "two of one": {tooMany, true}, "the last": {last, false}, "revoked": {late, true}} {
		if c.Overtaken != c.overtaken {
			t.Errorf("%s: overtaken is %v", name, c.Overtaken)
		}
	}
	r.wantApproval(ask.Asked, policy.Revoked, 3)
}

// The control: a use is never in the log behind the end of its approval.
func TestUseIsOvertakenByTheEndOfItsApproval(t *testing.T) {
	revoke := func(r *rig, request []byte) {
		r.record(decides(r, authority.ApprovalRevoke, request, "custodian:carl"))
	}
	for name, end := range map[string]func(*rig, []byte){
		"revoked":    revoke,
		"used up":    func(r *rig, request []byte) { r.record(spends(r, request, 3)) },
		"too little": func(r *rig, request []byte) { r.record(spends(r, request, 2)) },
	} {
		r := newRig(t, Options{})
		r.record(act(entry(t, "contracts", 1)))
		request := r.granted(3, 1)
		end(r, request)
		before := r.approval(request)
		c := spends(t, request, 2)
		c.Events[0].Given, c.Events[1].Sig = "{}", "the signature"
		c.Guard = &Guard{Entry: "contracts", Rev: 1}
		c.Events = append(c.Events, &audit.Event{Kind: audit.KindSign, Result: audit.Failed, Reason: "hsm_failed"})
		r.record(c)
		if !c.Overtaken || c.Approvals != nil {
			t.Errorf("%s: overtaken %v, told of %v", name, c.Overtaken, c.Approvals)
		}
		for i, e := range c.Events[:2] {
			if e.Result != audit.Refused || e.Reason != "changed" || e.Rule != "approvals" || e.Sig != "" || e.Approval != before.ID {
				t.Errorf("%s: event %d is %s %s %s, signature %q, approval %q", name, i, e.Result, e.Reason, e.Rule, e.Sig, e.Approval)
			}
		}
		if c.Events[0].Given != "{}" || c.Events[2].Result != audit.Failed {
			t.Errorf("%s: given is %q, what had failed is %s", name, c.Events[0].Given, c.Events[2].Result)
		}
		if after := r.approval(request); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: the approval is %+v, was %+v", name, after, before)
		}
	}
}

// An approval spends for whom, and for what, it was asked for.
func TestUseUnderAnApprovalOfSomethingElseIsOvertaken(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "contracts", 1)))
	request := r.granted(3, 1)
	for name, change := range map[string]func(*audit.Event){
		"other uid":    func(e *audit.Event) { uid := uint32(20002); e.UID = &uid },
		"other entry":  func(e *audit.Event) { e.Entry = "others" },
		"unknown":      func(e *audit.Event) { e.Approval = "0123456789abcdef" },
		"not an id":    func(e *audit.Event) { e.Approval = "0123456789ABCDEF" },
		"upper a long": func(e *audit.Event) { e.Approval += "00" },
	} {
		c := spends(t, request, 1)
		change(c.Events[0])
		c.Guard = &Guard{Entry: "contracts", Rev: 1}
		if r.record(c); !c.Overtaken {
			t.Errorf("%s: the use was recorded as allowed", name)
		}
		unguarded := spends(t, request, 1)
		change(unguarded.Events[0])
		if err := r.Record(unguarded); !errors.Is(err, register.ErrNotApproved) {
			t.Errorf("%s, unguarded: %v, want ErrNotApproved", name, err)
		}
	}
	r.wantApproval(request, policy.Granted, 0)
}

// What cannot be entered fails its own commit, and nothing of it is written.
func TestCommitThatCannotBeEnteredIsNotMade(t *testing.T) {
	r := newRig(t, Options{})
	r.record(act(entry(t, "contracts", 1)))
	request := r.granted(1, 1)
	pending := asks(t, asking(1, 2))
	r.record(pending)
	edited := func(c *Commit, change func(*Commit)) *Commit {
		change(c)
		return c
	}
	grant := func(role string) *Commit { return decides(t, authority.ApprovalGrant, pending.Asked, role) }
	fresh := func() *Commit { return asks(t, asking(1, 3)) }
	for name, c := range map[string]struct {
		commit *Commit
		want   error // nil: any
	}{
		"asked twice":            {asks(t, asking(1, 2)), register.ErrTransition},
		"granted twice by one":   {decides(t, authority.ApprovalGrant, request, "custodian:carl"), register.ErrTransition},
		"denied when granted":    {decides(t, authority.ApprovalDeny, request, "custodian:carl"), register.ErrTransition},
		"act on nothing":         {decides(t, authority.ApprovalGrant, contentOfAsking(t, asking(1, 9)), "custodian:carl"), register.ErrTransition},
		"act on another":         {edited(grant("custodian:carl"), func(c *Commit) { c.Events[0].Approval = register.ApprovalID(request) }), authority.ErrMalformed},
		"act of another kind":    {edited(grant("custodian:carl"), func(c *Commit) { c.Events[0].Op = string(authority.ApprovalDeny) }), nil},
		"act without its bytes":  {edited(grant("custodian:carl"), func(c *Commit) { c.Events[0].Act = "{}" }), authority.ErrMalformed},
		"act without content":    {edited(grant("custodian:carl"), func(c *Commit) { c.Change.Blobs = nil }), nil},
		"act without a uid":      {edited(grant("custodian:carl"), func(c *Commit) { c.Events[0].UID = nil }), nil},
		"act of nobody":          {grant(""), register.ErrTransition},
		"request without words":  {edited(fresh(), func(c *Commit) { c.Asked = nil }), nil},
		"request of other words": {edited(fresh(), func(c *Commit) { c.Asked = contentOfAsking(t, asking(1, 4)) }), nil},
		"words that are no request": {edited(fresh(), func(c *Commit) {
			c.Asked = []byte("{}")
			c.Events[0].Value, c.Events[0].Approval = authority.ContentHash(c.Asked), register.ApprovalID(c.Asked)
		}), nil},
		"request of another id":    {edited(fresh(), func(c *Commit) { c.Events[0].Approval = register.ApprovalID(request) }), nil},
		"request for another":      {edited(fresh(), func(c *Commit) { uid := uint32(1); c.Events[0].UID = &uid }), nil},
		"request of nobody":        {edited(fresh(), func(c *Commit) { c.Events[0].UID = nil }), nil},
		"request on another entry": {edited(fresh(), func(c *Commit) { c.Events[0].Entry = "others" }), nil},
		"words without a request":  {edited(uses("x"), func(c *Commit) { c.Asked = pending.Asked }), errAsked},
		"words of a refusal":       {edited(fresh(), func(c *Commit) { c.Events[0].Result = audit.Refused }), errAsked},
		"two of one use":           {spends(t, request, 2), register.ErrNotApproved},
	} {
		before := bucketsOf(t, r.Store)
		good := uses("good")
		errs := r.together(c.commit, good)
		if err := errs[0]; err == nil || !errors.Is(err, cmpOr(c.want, err)) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Record = %v, want %v", name, err, c.want)
		}
		if errs[1] != nil || c.commit.Receipts != nil || c.commit.Approvals != nil {
			t.Errorf("%s: the other one: %v; receipts %v", name, errs[1], c.commit.Receipts)
		}
		after := bucketsOf(t, r.Store)
		for _, bucket := range []string{"usage", "appr", "blob", "nonce"} {
			if !reflect.DeepEqual(before[bucket], after[bucket]) {
				t.Errorf("%s: bucket %s was changed", name, bucket)
			}
		}
		if grown := len(after["ev"]) - len(before["ev"]); grown != 2 {
			t.Errorf("%s: %d events more, want the good one and the plug", name, grown)
		}
	}
}

func cmpOr(want, otherwise error) error {
	if want == nil {
		return otherwise
	}
	return want
}

// A request that its guard overtakes is refused, and asks for nothing.
func TestOvertakenRequestAsksForNothing(t *testing.T) {
	r := newRig(t, Options{})
	c := asks(t, asking(1, 1))
	content := c.Asked
	c.Guard = &Guard{Entry: "contracts", Rev: 1}
	r.record(c)
	if a, err := r.Approval(register.ApprovalID(content)); err != nil || a != nil || !c.Overtaken {
		t.Errorf("Approval = %+v, %v, overtaken %v", a, err, c.Overtaken)
	}
	if got, err := r.Blob(authority.ContentHash(content)); err != nil || got != nil {
		t.Errorf("its content is stored: %q, %v", got, err)
	}
}

func TestApprovalsAreListedByTheirEnd(t *testing.T) {
	r := newRig(t, Options{})
	var want []string
	end := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for i := range 2*maxPage + 10 {
		a := asking(1, i)
		a.Until = end.Add(time.Duration(i) * time.Second).Format(time.RFC3339)
		c := asks(t, a)
		want = append(want, register.ApprovalID(c.Asked))
		if i%500 == 0 {
			r.record(c)
			continue
		}
		done := r.Announce()
		go func() { r.Record(c); done() }()
	}
	r.waitFor(func() bool { return r.Position().Size == uint64(1+len(want)) }, "all requests")
	for since, from := range map[time.Time]int{
		{}: 0, end: 0, end.Add(7 * time.Second): 7, end.Add(7*time.Second + 1): 8, end.Add(time.Hour): len(want),
	} {
		all, err := r.Approvals(since)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range all {
			got = append(got, a.ID)
		}
		if !slices.Equal(got, want[from:]) {
			t.Errorf("since %v: %d approvals, want %d in the order of their end", since, len(got), len(want)-from)
		}
	}
}

// A record that no events made is not used: it allows nothing, and costs that
// approval, not the appliance.
func TestDamagedApprovalIsRefused(t *testing.T) {
	base := &rig{TB: t, path: t.TempDir() + "/signet.db", clock: newTestClock()}
	base.options.Now = base.clock.now
	create(t, base.path)
	base.open()
	request, other := base.granted(3, 1), base.granted(3, 2)
	one, two := base.approval(request), base.approval(other)
	if err := base.Close(); err != nil {
		t.Fatal(err)
	}
	whole := contentOf(t, base.path)
	id, err := approvalIDKey(one.ID)
	if err != nil {
		t.Fatal(err)
	}
	record := func(a register.Approval) []byte { return []byte(mustMarshal(t, a.Marshal)) }
	more := one
	more.Count = 4
	for name, change := range map[string]func(*bolt.Bucket) error{
		"record cut off":      func(b *bolt.Bucket) error { return b.Put(one.Key(), record(one)[1:]) },
		"record is empty":     func(b *bolt.Bucket) error { return b.Put(one.Key(), nil) },
		"record of more uses": func(b *bolt.Bucket) error { return b.Put(one.Key(), record(more)) },
		"record of another":   func(b *bolt.Bucket) error { return b.Put(one.Key(), record(two)) },
		"id of another":       func(b *bolt.Bucket) error { return b.Put(id, two.Key()) },
		"id leads to nothing": func(b *bolt.Bucket) error { return b.Put(id, []byte("x")) },
		"id leads to an id":   func(b *bolt.Bucket) error { return b.Put(id, id) },
		"record is gone":      func(b *bolt.Bucket) error { return b.Delete(one.Key()) },
		"record of a later end": func(b *bolt.Bucket) error {
			later := append(be64(1<<40), one.Key()[8:]...)
			return errors.Join(b.Delete(one.Key()), b.Put(later, record(one)), b.Put(id, later))
		},
		"id leads to no bytes": func(b *bolt.Bucket) error { return b.Put(id, nil) },
	} {
		r := &rig{TB: t, path: base.path, clock: base.clock, options: base.options}
		if err := os.WriteFile(r.path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		edit(t, r.path, func(tx *bolt.Tx) error { return change(tx.Bucket(bucketAppr)) })
		r.open()
		if a, err := r.Approval(one.ID); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Approval = %+v, %v, want ErrDamaged", name, a, err)
		}
		all, err := r.Approvals(time.Time{})
		if err != nil || !slices.ContainsFunc(all, func(a register.Approval) bool { return reflect.DeepEqual(a, two) }) {
			t.Errorf("%s: Approvals = %+v, %v, want the other one among them", name, all, err)
		}
		if strings.Contains(name, "record") && slices.ContainsFunc(all, func(a register.Approval) bool { return a.ID == one.ID && a.State != policy.NoApproval }) {
			t.Errorf("%s: Approvals = %+v, want the id alone, in no state", name, all)
		}
		errs := r.together(spends(t, request, 1), spends(t, other, 1))
		if !errors.Is(errs[0], ErrDamaged) {
			t.Errorf("%s: a use of it: %v, want ErrDamaged", name, errs[0])
		}
		if errs[1] != nil {
			t.Errorf("%s: a use of another approval in the same group: %v", name, errs[1])
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
