package register_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol/canonical"
)

// asking is a request for three uses by their count, which two persons are to
// grant.
func asking() register.Asking {
	return register.Asking{
		V: register.AskingVersion, Entry: "contracts", UID: 20001, Made: "2026-11-22T09:00:00Z", Nonce: strings.Repeat("0a", 16),
		Purpose: "contract", Justification: "年度采购合同 <№ 7>", Person: "zhang.san", Dept: "采购部", DocID: "d-1", DocNo: "HT-2026-7", Pages: 12,
		Form: policy.ByCount, Count: 3, From: "2026-11-22T09:00:00Z", Until: "2026-11-23T09:00:00Z", Persons: 2,
	}
}

var (
	docSM3    = strings.Repeat("ab", 32)
	digestOf3 = []string{strings.Repeat("01", 32), strings.Repeat("02", 48), strings.Repeat("03", 64)}
)

func bound(form policy.Form, set func(*register.Asking)) register.Asking {
	a := asking()
	a.Form = form
	set(&a)
	return a
}

// askings has one of each form.
func askings() map[string]register.Asking {
	return map[string]register.Asking{
		"count":      asking(),
		"document":   bound(policy.ByDocument, func(a *register.Asking) { a.DocSM3 = docSM3 }),
		"references": bound(policy.ByReferences, func(a *register.Asking) { a.RefsSM3 = docSM3 }),
		"digests":    bound(policy.ByDigests, func(a *register.Asking) { a.Digests = digestOf3 }),
		"an instant": bound(policy.ByCount, func(a *register.Asking) { a.Until = a.From }),
	}
}

func marshalled(t testing.TB, marshal func() ([]byte, error)) []byte {
	t.Helper()
	data, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAskingIsReadBack(t *testing.T) {
	for name, a := range askings() {
		got, err := register.ParseAsking(marshalled(t, a.Marshal))
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, a)
		}
	}
}

// One fault each: nobody is shown a request that is not what it says.
func TestAskingIsHeldToItsForm(t *testing.T) {
	for name, a := range map[string]register.Asking{
		"other version":            bound(policy.ByCount, func(a *register.Asking) { a.V = 2 }),
		"no entry":                 bound(policy.ByCount, func(a *register.Asking) { a.Entry = "" }),
		"entry of two words":       bound(policy.ByCount, func(a *register.Asking) { a.Entry = "a b" }),
		"no nonce":                 bound(policy.ByCount, func(a *register.Asking) { a.Nonce = "" }),
		"upper nonce":              bound(policy.ByCount, func(a *register.Asking) { a.Nonce = strings.Repeat("0A", 16) }),
		"nonce of 15 bytes":        bound(policy.ByCount, func(a *register.Asking) { a.Nonce = strings.Repeat("0a", 15) }),
		"no uses":                  bound(policy.ByCount, func(a *register.Asking) { a.Count = 0 }),
		"nobody to grant it":       bound(policy.ByCount, func(a *register.Asking) { a.Persons = 0 }),
		"fewer than nobody":        bound(policy.ByCount, func(a *register.Asking) { a.Persons = -1 }),
		"not made":                 bound(policy.ByCount, func(a *register.Asking) { a.Made = "" }),
		"made in local time":       bound(policy.ByCount, func(a *register.Asking) { a.Made = "2026-11-22T17:00:00+08:00" }),
		"from in fractions":        bound(policy.ByCount, func(a *register.Asking) { a.From = "2026-11-22T09:00:00.5Z" }),
		"until a day":              bound(policy.ByCount, func(a *register.Asking) { a.Until = "2026-11-23" }),
		"until before from":        bound(policy.ByCount, func(a *register.Asking) { a.Until = "2026-11-22T08:59:59Z" }),
		"no form":                  bound(0, func(*register.Asking) {}),
		"count of a digest":        bound(policy.ByCount, func(a *register.Asking) { a.Digests = digestOf3 }),
		"count of references":      bound(policy.ByCount, func(a *register.Asking) { a.RefsSM3 = docSM3 }),
		"no document":              bound(policy.ByDocument, func(*register.Asking) {}),
		"document and references":  bound(policy.ByDocument, func(a *register.Asking) { a.DocSM3, a.RefsSM3 = docSM3, docSM3 }),
		"document and digests":     bound(policy.ByDocument, func(a *register.Asking) { a.DocSM3, a.Digests = docSM3, digestOf3 }),
		"short document":           bound(policy.ByDocument, func(a *register.Asking) { a.DocSM3 = docSM3[2:] }),
		"upper document":           bound(policy.ByDocument, func(a *register.Asking) { a.DocSM3 = strings.ToUpper(docSM3) }),
		"document of other digits": bound(policy.ByDocument, func(a *register.Asking) { a.DocSM3 = "xy" + docSM3[2:] }),
		"no references":            bound(policy.ByReferences, func(a *register.Asking) { a.DocSM3 = docSM3 }),
		"references and digests":   bound(policy.ByReferences, func(a *register.Asking) { a.RefsSM3, a.Digests = docSM3, digestOf3 }),
		"no digests":               bound(policy.ByDigests, func(*register.Asking) {}),
		"fewer digests than uses":  bound(policy.ByDigests, func(a *register.Asking) { a.Digests = digestOf3[:2] }),
		"more digests than uses":   bound(policy.ByDigests, func(a *register.Asking) { a.Digests, a.Count = digestOf3, 2 }),
		"a digest twice": bound(policy.ByDigests, func(a *register.Asking) {
			a.Digests = []string{digestOf3[0], digestOf3[1], digestOf3[0]}
		}),
		"short digest": bound(policy.ByDigests, func(a *register.Asking) { a.Digests, a.Count = []string{docSM3[:62]}, 1 }),
		"long digest":  bound(policy.ByDigests, func(a *register.Asking) { a.Digests, a.Count = []string{strings.Repeat("0", 130)}, 1 }),
		"odd digest":   bound(policy.ByDigests, func(a *register.Asking) { a.Digests, a.Count = []string{docSM3 + "0"}, 1 }),
		"257 digests": bound(policy.ByDigests, func(a *register.Asking) {
			a.Count = register.MaxAskedDigests + 1
			for i := range a.Count {
				a.Digests = append(a.Digests, fmt.Sprintf("%064x", i))
			}
		}),
	} {
		data := marshalled(t, a.Marshal)
		if got, err := register.ParseAsking(data); err == nil || !reflect.DeepEqual(got, register.Asking{}) {
			t.Errorf("%s: %+v, %v, want nothing and an error", name, got, err)
		}
		if got, err := register.NewApproval(data, 1); err == nil || !reflect.DeepEqual(got, register.Approval{}) {
			t.Errorf("%s: NewApproval = %+v, %v, want nothing and an error", name, got, err)
		}
	}
}

// begun is the approval of a request, nothing decided.
func begun(t testing.TB, a register.Asking) register.Approval {
	t.Helper()
	approval, err := register.NewApproval(marshalled(t, a.Marshal), 7)
	if err != nil {
		t.Fatal(err)
	}
	return approval
}

func grantOf(a register.Approval, set func(*authority.GrantApproval)) authority.GrantApproval {
	g := authority.GrantApproval{Approval: a.ID, Request: a.Request}
	set(&g)
	return g
}

func whole(*authority.GrantApproval) {}

func decided(t testing.TB, a register.Approval, kind authority.Kind, content any, by ...string) (register.Approval, error) {
	t.Helper()
	act := authority.Act{Kind: kind, Target: "contracts"}
	return a.Decided(act, marshalled(t, func() ([]byte, error) { return canonical.Marshal(content) }), by, 9)
}

func mustDecide(t testing.TB, a register.Approval, kind authority.Kind, content any, by ...string) register.Approval {
	t.Helper()
	next, err := decided(t, a, kind, content, by...)
	if err != nil {
		t.Fatalf("%s by %v: %v", kind, by, err)
	}
	return next
}

func granted(t testing.TB, a register.Approval) register.Approval {
	t.Helper()
	return mustDecide(t, a, authority.ApprovalGrant, grantOf(a, whole), "carl", "cora")
}

func ending(a register.Approval) authority.EndApproval {
	return authority.EndApproval{Approval: a.ID, Request: a.Request, Basis: "合同未定稿"}
}

func TestPersonsWhoGrantAddUp(t *testing.T) {
	a := begun(t, asking())
	one := mustDecide(t, a, authority.ApprovalGrant, grantOf(a, whole), "carl")
	if one.State != policy.Pending {
		t.Errorf("after one of two persons it is %s", one.State)
	}
	if _, err := decided(t, one, authority.ApprovalGrant, grantOf(a, whole), "carl"); !errors.Is(err, register.ErrTransition) {
		t.Errorf("the same person again: %v, want ErrTransition", err)
	}
	two := mustDecide(t, one, authority.ApprovalGrant, grantOf(a, whole), "cora", "carl")
	if two.State != policy.Granted || !slices.Equal(two.By(), []string{"carl", "cora"}) {
		t.Errorf("after two: %s by %v", two.State, two.By())
	}
	if len(one.Grants) != 1 || len(a.Grants) != 0 {
		t.Error("a step changed the approval before it")
	}
	if both := granted(t, a); both.State != policy.Granted {
		t.Errorf("two persons in one act: %s", both.State)
	}
	if _, err := decided(t, a, authority.ApprovalGrant, grantOf(a, whole)); !errors.Is(err, register.ErrTransition) {
		t.Errorf("granted by nobody: %v, want ErrTransition", err)
	}
}

// A grant may allow less than was asked for, never more, and the least holds.
func TestGrantOnlyNarrows(t *testing.T) {
	a := begun(t, asking())
	if a.Count != 3 || a.Until != "2026-11-23T09:00:00Z" {
		t.Fatalf("it begins with %d until %s", a.Count, a.Until)
	}
	two := mustDecide(t, a, authority.ApprovalGrant, grantOf(a, func(g *authority.GrantApproval) { g.Count, g.Until = 2, "2026-11-22T12:00:00Z" }), "carl")
	if two.Count != 2 || two.Until != "2026-11-22T12:00:00Z" {
		t.Errorf("narrowed: %d until %s", two.Count, two.Until)
	}
	wider := mustDecide(t, two, authority.ApprovalGrant, grantOf(a, func(g *authority.GrantApproval) { g.Count, g.Until = 3, "2026-11-22T18:00:00Z" }), "cora")
	if wider.Count != 2 || wider.Until != "2026-11-22T12:00:00Z" {
		t.Errorf("a wider grant after it: %d until %s", wider.Count, wider.Until)
	}
	for name, set := range map[string]func(*authority.GrantApproval){
		"more uses":       func(g *authority.GrantApproval) { g.Count = 4 },
		"a later end":     func(g *authority.GrantApproval) { g.Until = "2026-11-23T09:00:01Z" },
		"an end too soon": func(g *authority.GrantApproval) { g.Until = "2026-11-22T08:59:59Z" },
		"an end in words": func(g *authority.GrantApproval) { g.Until = "tomorrow" },
		"a local end":     func(g *authority.GrantApproval) { g.Until = "2026-11-22T18:00:00+08:00" },
		"other id":        func(g *authority.GrantApproval) { g.Approval = "0123456789abcdef" },
		"other content":   func(g *authority.GrantApproval) { g.Request = docSM3 },
	} {
		if got, err := decided(t, a, authority.ApprovalGrant, grantOf(a, set), "carl"); !errors.Is(err, authority.ErrMalformed) || !reflect.DeepEqual(got, register.Approval{}) {
			t.Errorf("%s: %+v, %v, want nothing and ErrMalformed", name, got, err)
		}
	}
	digests := begun(t, askings()["digests"])
	if _, err := decided(t, digests, authority.ApprovalGrant, grantOf(digests, func(g *authority.GrantApproval) { g.Count = 2 }), "carl"); !errors.Is(err, authority.ErrMalformed) {
		t.Errorf("two of three digests: %v, want ErrMalformed", err)
	}
}

func TestActsAreHeldToTheApproval(t *testing.T) {
	a := begun(t, asking())
	content := marshalled(t, func() ([]byte, error) { return canonical.Marshal(grantOf(a, whole)) })
	for name, c := range map[string]struct {
		act     authority.Act
		content []byte
	}{
		"other entry":        {authority.Act{Kind: authority.ApprovalGrant, Target: "others"}, content},
		"no entry":           {authority.Act{Kind: authority.ApprovalGrant}, content},
		"content of another": {authority.Act{Kind: authority.ApprovalDeny, Target: "contracts"}, content},
		"no content":         {authority.Act{Kind: authority.ApprovalRevoke, Target: "contracts"}, nil},
		"another kind":       {authority.Act{Kind: authority.EntrySuspend, Target: "contracts"}, content},
		"no kind":            {authority.Act{Target: "contracts"}, content},
	} {
		if got, err := a.Decided(c.act, c.content, []string{"carl"}, 9); !errors.Is(err, authority.ErrMalformed) || !reflect.DeepEqual(got, register.Approval{}) {
			t.Errorf("%s: %+v, %v, want nothing and ErrMalformed", name, got, err)
		}
	}
	for _, kind := range []authority.Kind{authority.ApprovalDeny, authority.ApprovalRevoke} {
		for name, end := range map[string]authority.EndApproval{
			"no basis":      {Approval: a.ID, Request: a.Request},
			"other id":      {Approval: "0123456789abcdef", Request: a.Request, Basis: "x"},
			"other content": {Approval: a.ID, Request: docSM3, Basis: "x"},
		} {
			if _, err := decided(t, a, kind, end, "carl"); !errors.Is(err, authority.ErrMalformed) {
				t.Errorf("%s, %s: %v, want ErrMalformed", kind, name, err)
			}
		}
	}
}

// transitions is the whole table: an approval that has ended stays so.
func TestApprovalTransitions(t *testing.T) {
	pending := begun(t, asking())
	states := map[policy.State]register.Approval{
		policy.Pending: pending,
		policy.Granted: granted(t, pending),
		policy.Denied:  mustDecide(t, pending, authority.ApprovalDeny, ending(pending), "carl"),
		policy.Revoked: mustDecide(t, pending, authority.ApprovalRevoke, ending(pending), "carl"),
	}
	want := map[policy.State]map[authority.Kind]policy.State{
		policy.Pending: {authority.ApprovalGrant: policy.Granted, authority.ApprovalDeny: policy.Denied, authority.ApprovalRevoke: policy.Revoked},
		policy.Granted: {authority.ApprovalGrant: policy.Granted, authority.ApprovalRevoke: policy.Revoked},
	}
	for state, a := range states {
		if a.State != state {
			t.Errorf("the %s approval is %s", state, a.State)
		}
		for kind, content := range map[authority.Kind]any{
			authority.ApprovalGrant: grantOf(a, whole), authority.ApprovalDeny: ending(a), authority.ApprovalRevoke: ending(a),
		} {
			next, err := decided(t, a, kind, content, "dora", "emil")
			after, may := want[state][kind]
			if may && (err != nil || next.State != after) {
				t.Errorf("%s on %s: %s, %v, want %s", kind, state, next.State, err, after)
			}
			if !may && (!errors.Is(err, register.ErrTransition) || !reflect.DeepEqual(next, register.Approval{})) {
				t.Errorf("%s on %s: %+v, %v, want nothing and ErrTransition", kind, state, next, err)
			}
		}
		if _, err := a.Spent("a"); (err == nil) != (state == policy.Granted) {
			t.Errorf("a use of the %s approval: %v", state, err)
		}
	}
	revoked := mustDecide(t, states[policy.Granted], authority.ApprovalRevoke, ending(pending), "sue")
	if e := revoked.Ended; e == nil || e.Event != 9 || e.Basis != "合同未定稿" || !slices.Equal(e.By, []string{"sue"}) {
		t.Errorf("it says of its end %+v", e)
	}
}

func TestApprovalIsSpentToItsCountAndNoFurther(t *testing.T) {
	a := granted(t, begun(t, asking()))
	if got, err := a.Spent("a", "b", "c", "d"); !errors.Is(err, register.ErrNotApproved) || !reflect.DeepEqual(got, register.Approval{}) {
		t.Errorf("4 uses of 3: %+v, %v, want nothing and ErrNotApproved", got, err)
	}
	two, err := a.Spent("a", "a")
	if err != nil || two.Used != 2 || a.Used != 0 {
		t.Fatalf("two of 3: %d used, %v; before it %d", two.Used, err, a.Used)
	}
	if _, err := two.Spent("b", "c"); !errors.Is(err, register.ErrNotApproved) {
		t.Errorf("two more: %v, want ErrNotApproved", err)
	}
	// A later grant may leave less than was used by then.
	less := mustDecide(t, two, authority.ApprovalGrant, grantOf(a, func(g *authority.GrantApproval) { g.Count = 1 }), "dora")
	if _, err := less.Spent("a"); !errors.Is(err, register.ErrNotApproved) {
		t.Errorf("one more after a grant of 1: %v, want ErrNotApproved", err)
	}
	if _, err := register.ParseApproval(marshalled(t, less.Marshal)); err != nil {
		t.Errorf("it is not read back: %v", err)
	}
}

// Who approves two contracts has not approved one of them twice.
func TestEachDigestIsSignedOnce(t *testing.T) {
	asked := asking()
	asked.Form, asked.Digests, asked.Count = policy.ByDigests, []string{strings.Repeat("a1", 32), strings.Repeat("b2", 32)}, 2
	a := granted(t, begun(t, asked))
	if _, err := a.Spent(strings.Repeat("c3", 32)); !errors.Is(err, register.ErrNotApproved) {
		t.Errorf("a digest that was not asked for: %v", err)
	}
	if _, err := a.Spent(asked.Digests[1], asked.Digests[1]); !errors.Is(err, register.ErrNotApproved) {
		t.Errorf("one digest twice at once: %v", err)
	}
	one, err := a.Spent(asked.Digests[1])
	if err != nil || !slices.Equal(one.Signed, []uint32{1}) || a.Signed != nil {
		t.Fatalf("the second: %v, %v", one.Signed, err)
	}
	if _, err := one.Spent(asked.Digests[1]); !errors.Is(err, register.ErrNotApproved) {
		t.Errorf("the second once more: %v", err)
	}
	both, err := one.Spent(asked.Digests[0])
	if err != nil {
		t.Errorf("the first: %v", err)
	}
	if got, err := register.ParseApproval(marshalled(t, both.Marshal)); err != nil || !reflect.DeepEqual(got, both) {
		t.Errorf("it is read back as %+v, %v", got, err)
	}
	both.Signed = []uint32{0, 0}
	if _, err := register.ParseApproval(marshalled(t, both.Marshal)); err == nil {
		t.Error("a record with one digest signed twice is read")
	}
}

func TestArgumentIsWhatDecideLooksAt(t *testing.T) {
	a := begun(t, asking())
	a = mustDecide(t, a, authority.ApprovalGrant, grantOf(a, func(g *authority.GrantApproval) { g.Until = "2026-11-22T12:00:00Z" }), "carl", "cora")
	a, err := a.Spent("a")
	if err != nil {
		t.Fatal(err)
	}
	want := policy.Approval{
		ID: a.ID, State: policy.Granted, Form: policy.ByCount, Fits: true, By: []string{"carl", "cora"},
		From: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Count: 3, Used: 1, Reserved: 2,
	}
	if got := a.Argument(2, true); !reflect.DeepEqual(got, want) {
		t.Errorf("Argument = %+v\nwant %+v", got, want)
	}
	if a.Argument(0, false).Fits {
		t.Error("what does not fit is said to fit")
	}
}

func TestDecidersAreTheSigners(t *testing.T) {
	for role, want := range map[string][]string{
		"custodian:carl custodian:cora": {"carl", "cora"},
		"security officer:sue":          {"sue"},
		"security:sue":                  {"sue"},
		"unsigned":                      {"uid:1000"},
		"":                              nil,
		"custodian":                     nil,
	} {
		if got := register.Deciders(role, 1000); !slices.Equal(got, want) {
			t.Errorf("Deciders(%q) = %q, want %q", role, got, want)
		}
	}
}

func TestApprovalsAreOrderedByTheirEnd(t *testing.T) {
	a := begun(t, asking())
	later := begun(t, bound(policy.ByCount, func(a *register.Asking) { a.Until = "2026-11-23T09:00:01Z" }))
	narrowed := mustDecide(t, a, authority.ApprovalGrant, grantOf(a, func(g *authority.GrantApproval) { g.Until = a.Asked.From }), "carl", "cora")
	if bytes.Compare(a.Key(), later.Key()) >= 0 || len(a.Key()) != 16 {
		t.Errorf("keys %x and %x", a.Key(), later.Key())
	}
	if !bytes.Equal(a.Key(), narrowed.Key()) {
		t.Error("a grant moves the record to another key")
	}
	if !register.CheckApprovalID(a.ID) || register.CheckApprovalID(strings.ToUpper(a.ID)+"A") || register.CheckApprovalID(a.ID[1:]) || register.CheckApprovalID("") {
		t.Errorf("CheckApprovalID of %s and what is not one", a.ID)
	}
}

// records are approvals in each state, as they are stored.
func records(t testing.TB) map[string]register.Approval {
	t.Helper()
	all := map[string]register.Approval{}
	for name, asked := range askings() {
		all[name] = begun(t, asked)
	}
	a := all["count"]
	all["granted by one"] = mustDecide(t, a, authority.ApprovalGrant, grantOf(a, whole), "carl")
	all["granted"] = granted(t, a)
	all["narrowed"] = mustDecide(t, a, authority.ApprovalGrant, grantOf(a, func(g *authority.GrantApproval) { g.Count, g.Until = 1, "2026-11-22T12:00:00Z" }), "carl", "cora")
	all["denied"] = mustDecide(t, all["granted by one"], authority.ApprovalDeny, ending(a), "cora")
	all["revoked"] = mustDecide(t, all["granted"], authority.ApprovalRevoke, ending(a), "sue")
	used, err := all["granted"].Spent("a", "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	all["used up"] = used
	all["used and revoked"] = mustDecide(t, used, authority.ApprovalRevoke, ending(a), "sue")
	return all
}

func TestApprovalIsReadBack(t *testing.T) {
	for name, a := range records(t) {
		got, err := register.ParseApproval(marshalled(t, a.Marshal))
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, a)
		}
	}
}

// A record that no events could have made allows nothing: it is not read.
func TestRecordThatNoEventsMadeIsRefused(t *testing.T) {
	for name, change := range map[string]func(*register.Approval){
		"other id":                      func(a *register.Approval) { a.ID = "0123456789abcdef" },
		"other content":                 func(a *register.Approval) { a.Asked.Count = 100 },
		"hash of other content":         func(a *register.Approval) { a.Request = docSM3 },
		"id and hash of other content":  func(a *register.Approval) { a.Request, a.ID = docSM3, docSM3[:16] },
		"no content":                    func(a *register.Approval) { a.Asked = register.Asking{} },
		"no state":                      func(a *register.Approval) { a.State = policy.NoApproval },
		"granted, and pending":          func(a *register.Approval) { a.State = policy.Pending },
		"granted by nobody":             func(a *register.Approval) { a.Grants = nil },
		"granted by too few":            func(a *register.Approval) { a.Grants[0].By = []string{"carl", "carl"} },
		"granted, and ended":            func(a *register.Approval) { a.Ended = &register.Verdict{By: []string{"sue"}, Basis: "x", Event: 9} },
		"revoked by nothing":            func(a *register.Approval) { a.State = policy.Revoked },
		"denied by nothing":             func(a *register.Approval) { a.State = policy.Denied },
		"no uses":                       func(a *register.Approval) { a.Count = 0 },
		"more uses than were asked for": func(a *register.Approval) { a.Count = 4 },
		"more used than asked for":      func(a *register.Approval) { a.Used = 4 },
		"a later end":                   func(a *register.Approval) { a.Until = "2026-11-23T09:00:01Z" },
		"an end before its start":       func(a *register.Approval) { a.Until = "2026-11-22T08:59:59Z" },
		"no end":                        func(a *register.Approval) { a.Until = "" },
		"an end in words":               func(a *register.Approval) { a.Until = "tomorrow" },
	} {
		a := records(t)["granted"]
		change(&a)
		if got, err := register.ParseApproval(marshalled(t, a.Marshal)); err == nil || !reflect.DeepEqual(got, register.Approval{}) {
			t.Errorf("%s: %+v, %v, want nothing and an error", name, got, err)
		}
	}
}

// FuzzParseAsking: no bytes panic, what is accepted is written back the same,
// and begins an approval that allows nothing yet.
func FuzzParseAsking(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		asked, err := register.ParseAsking(data)
		if err != nil {
			return
		}
		again, err := asked.Marshal()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
		a, err := register.NewApproval(data, 1)
		if err != nil || a.State != policy.Pending {
			t.Fatalf("an approval of it is %s, %v", a.State, err)
		}
		if _, err := a.Spent("a"); err == nil {
			t.Fatal("what nobody granted is spent")
		}
		if read, err := register.ParseApproval(marshalled(t, a.Marshal)); err != nil || !reflect.DeepEqual(read, a) {
			t.Fatalf("the record of it reads as %+v, %v", read, err)
		}
	})
}

// FuzzParseApproval: no bytes panic, and what is accepted is written back the
// same, allows no more than was asked for, and is spent no further.
func FuzzParseApproval(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := register.ParseApproval(data)
		if err != nil {
			return
		}
		again, err := a.Marshal()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
		arg := a.Argument(0, true)
		from, until, err := a.Asked.Window()
		if err != nil || arg.Count > a.Asked.Count || arg.Until.After(until) || arg.From != from {
			t.Fatalf("%+v is more than was asked for, %+v", arg, a.Asked)
		}
		next, err := a.Spent("a")
		if err == nil && (a.State != policy.Granted || len(a.By()) < a.Asked.Persons || next.Used > a.Asked.Count) {
			t.Fatalf("%+v is spent", a)
		}
	})
}
