package register_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
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

// applied is an act of that kind on the entry contracts.
func applied(t testing.TB, kind authority.Kind, content any, facts register.Facts) register.Applied {
	t.Helper()
	data, err := canonical.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return register.Applied{
		Act: authority.Act{Kind: kind, Target: "contracts"}, Content: data, Facts: facts, At: at,
		Proof: register.Proof{Act: `{"kind":"` + string(kind) + `"}`, Signatures: []authority.Signature{{Form: authority.SSH, Value: "c2ln"}}},
	}
}

func newKey(t testing.TB, origin string) *register.Key {
	t.Helper()
	return register.NewKey("seals", []byte{1, 2, 3}, generator(t), origin, strings.Repeat("ab", 32))
}

var users = []policy.Principal{{Name: "oa", ID: 20001}}

// revokedAct is a CRL import whose list has the entry's certificate.
func revokedAct(t testing.TB, entries ...string) register.Applied {
	t.Helper()
	var f register.Facts
	for _, id := range entries {
		f.Revoked = append(f.Revoked, register.Revocation{Entry: id, Since: "2026-11-20T00:00:00Z", Basis: "on list 7"})
	}
	return applied(t, authority.CRLImport, authority.ImportCRL{CRL: "MAA="}, f)
}

// A rite is one kind of act with an entry that it may be applied to.
type rite struct {
	before register.Entry
	act    register.Applied
	status string // after it
	left   bool   // the record is left as it was
}

// rites has one for each kind that is applied to an entry. A kind that Apply
// takes and that has none here fails TestEveryKindOfAnEntryIsTried.
func rites(t testing.TB) map[authority.Kind]rite {
	t.Helper()
	chosen := certificate("01")
	return map[authority.Kind]rite{
		authority.KeyCreate: {register.Entry{}, applied(t, authority.KeyCreate, authority.CreateKey{Type: "EC-P256", Token: "seals", Title: "合同章", Owner: "finance"},
			register.Facts{Key: newKey(t, register.Ceremony)}), "pending", false},
		authority.KeyAdopt: {register.Entry{}, applied(t, authority.KeyAdopt, authority.AdoptKey{Token: "seals", ID: "010203", Title: "合同章", Owner: "finance"},
			register.Facts{Key: newKey(t, register.Adopted)}), "pending", false},
		authority.KeyDestroy:    {in(t, register.Cancelled, 0), applied(t, authority.KeyDestroy, authority.DestroyKey{Basis: "撤销"}, register.Facts{}), "cancelled", false},
		authority.EntryActivate: {in(t, register.Pending, 0), applied(t, authority.EntryActivate, authority.Nothing{}, register.Facts{}), "active", false},
		authority.EntrySuspend:  {in(t, register.Active, 0), applied(t, authority.EntrySuspend, authority.Suspend{Basis: "遗失"}, register.Facts{}), "suspended", false},
		authority.EntryResume:   {in(t, register.Active, 1), applied(t, authority.EntryResume, authority.Resume{Hold: 1}, register.Facts{}), "active", false},
		authority.EntryCancel:   {in(t, register.Active, 1), applied(t, authority.EntryCancel, authority.Cancel{Basis: "撤销"}, register.Facts{}), "cancelled", false},
		authority.PolicySet:     {in(t, register.Active, 0), applied(t, authority.PolicySet, authority.SetPolicy{Text: policyText}, register.Facts{Users: users}), "active", false},
		authority.PolicyNarrow:  {in(t, register.Active, 0), narrowing(t, policyText+"# narrower\n", users), "active", false},
		authority.ApprovalGrant: {in(t, register.Active, 0), applied(t, authority.ApprovalGrant, authority.GrantApproval{Approval: "0123456789abcdef", Request: hash}, register.Facts{}), "active", true},
		authority.ApprovalDeny: {in(t, register.Active, 0), applied(t, authority.ApprovalDeny, authority.EndApproval{Approval: "0123456789abcdef", Request: hash, Basis: "不符"},
			register.Facts{}), "active", true},
		authority.ApprovalRevoke: {in(t, register.Active, 0), applied(t, authority.ApprovalRevoke, authority.EndApproval{Approval: "0123456789abcdef", Request: hash, Basis: "收回"},
			register.Facts{}), "active", true},
		authority.CertRequest: {in(t, register.Active, 0), applied(t, authority.CertRequest, authority.RequestCert{Subject: "CN=x"}, register.Facts{Request: hash}), "active", true},
		authority.CertImport: {in(t, register.Active, 0), applied(t, authority.CertImport, authority.ImportCert{Answer: "MAA="},
			register.Facts{Certificate: &chosen}), "active", false},
		authority.CRLImport: {certified(t, "01"), revokedAct(t, "archive", "contracts"), "suspended", false},
	}
}

// narrowing sets that text in the place of policyText, which these users may
// use.
func narrowing(t testing.TB, text string, of []policy.Principal) register.Applied {
	t.Helper()
	a := applied(t, authority.PolicyNarrow, authority.SetPolicy{Text: text}, register.Facts{Users: of})
	inForce := policyRecord()
	a.Policy = &inForce
	return a
}

func TestPolicyThatIsToNarrowDoesOnlyThat(t *testing.T) {
	other := slices.Clone(users)
	other[0].ID++
	for what, a := range map[string]register.Applied{
		"another purpose":                      narrowing(t, strings.Replace(policyText, "purposes = [", `purposes = ["more", `, 1), users),
		"a name that means another id":         narrowing(t, policyText, other),
		"a policy where there was none before": applied(t, authority.PolicyNarrow, authority.SetPolicy{Text: policyText}, register.Facts{Users: users}),
	} {
		if step, err := register.Apply(in(t, register.Active, 0), a); !errors.Is(err, register.ErrTransition) {
			t.Errorf("%s: %+v, %v, want an illegal transition", what, step.Policy, err)
		}
	}
}

const hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestEveryKindOfAnEntryIsTried(t *testing.T) {
	tried := rites(t)
	for _, rule := range authority.Rules() {
		_, err := register.Apply(register.Entry{}, applied(t, rule.Kind, authority.Nothing{}, register.Facts{}))
		if _, ok := tried[rule.Kind]; ok == (err != nil && strings.Contains(err.Error(), "not an act on an entry")) {
			t.Errorf("%s: Apply says %v, and it is tried: %v", rule.Kind, err, ok)
		}
	}
}

// TestApplyMakesTheNextRevision with the act that made it, and leaves what it
// was given as it was: the same arguments give the same bytes.
func TestApplyMakesTheNextRevision(t *testing.T) {
	for kind, r := range rites(t) {
		step, err := register.Apply(r.before, r.act)
		if err != nil || step.Entry.Status() != r.status || step.Moved == r.left {
			t.Errorf("%s: %s, moved %v, %v", kind, step.Entry.Status(), step.Moved, err)
			continue
		}
		if r.left {
			if !reflect.DeepEqual(step, register.Step{Entry: r.before}) {
				t.Errorf("%s: the record was to be left, and is %+v", kind, step)
			}
			continue
		}
		if step.Entry.ID != "contracts" || step.Entry.Rev != r.before.Rev+1 || !reflect.DeepEqual(step.Entry.Proof, r.act.Proof) {
			t.Errorf("%s: %s revision %d of %+v", kind, step.Entry.ID, step.Entry.Rev, step.Entry.Proof)
		}
		if (step.Policy != nil) != (kind == authority.PolicySet || kind == authority.PolicyNarrow) {
			t.Errorf("%s: policy %+v", kind, step.Policy)
		}
		fresh := rites(t)[kind]
		again, err := register.Apply(fresh.before, fresh.act)
		if err != nil || !reflect.DeepEqual(step, again) {
			t.Errorf("%s: the second time %+v, %v", kind, again, err)
		}
		if !reflect.DeepEqual(r, fresh) {
			t.Errorf("%s: Apply changed its arguments", kind)
		}
	}
}

func TestNewEntryIsWhatTheActAndTheTokenSay(t *testing.T) {
	for _, kind := range []authority.Kind{authority.KeyCreate, authority.KeyAdopt} {
		r := rites(t)[kind]
		step, err := register.Apply(r.before, r.act)
		want := register.Entry{
			ID: "contracts", Class: register.ClassKey, Rev: 1, Title: "合同章", Owner: "finance", Stage: register.Pending,
			Key: r.act.Facts.Key, Created: "2026-11-22T10:51:00Z", Proof: r.act.Proof,
		}
		if err != nil || !reflect.DeepEqual(step.Entry, want) {
			t.Errorf("%s: %+v, %v\nwant %+v", kind, step.Entry, err, want)
		}
		if step.Entry.Key == r.act.Facts.Key {
			t.Errorf("%s: the record and the facts share one key", kind)
		}
		if _, err := register.Apply(step.Entry, r.act); !errors.Is(err, register.ErrExists) {
			t.Errorf("%s of an entry that is there: %v, want ErrExists", kind, err)
		}
	}
}

func TestPolicyOfAnActIsItsNextRevision(t *testing.T) {
	r := rites(t)[authority.PolicySet]
	step, err := register.Apply(r.before, r.act)
	want := policyRecord()
	want.Proof = r.act.Proof
	if err != nil || !reflect.DeepEqual(*step.Policy, want) || step.Entry.PolicyRev != 2 {
		t.Errorf("policy %+v of entry %+v, %v", step.Policy, step.Entry, err)
	}
	r.act.Content = []byte(`{"text":"callers = everybody"}`)
	if step, err := register.Apply(r.before, r.act); !errors.Is(err, authority.ErrMalformed) || !reflect.DeepEqual(step, register.Step{}) {
		t.Errorf("no policy: %+v, %v", step, err)
	}
}

// TestApplyRefuses what does not fit, with nothing in its hands.
func TestApplyRefuses(t *testing.T) {
	refuse := func(kind authority.Kind, what string, want error, edit func(*register.Entry, *register.Applied)) {
		t.Helper()
		r := rites(t)[kind]
		edit(&r.before, &r.act)
		step, err := register.Apply(r.before, r.act)
		if err == nil || want != nil && !errors.Is(err, want) || !reflect.DeepEqual(step, register.Step{}) {
			t.Errorf("%s, %s: %+v, %v, want %v", kind, what, step, err, want)
		}
	}
	for kind, r := range rites(t) {
		if kind == authority.CRLImport { // what a list means is in the facts; it is about no one entry
			continue
		}
		refuse(kind, "other content", authority.ErrMalformed, func(_ *register.Entry, a *register.Applied) { a.Content = []byte(`{"x":1}`) })
		refuse(kind, "content with white space", authority.ErrMalformed, func(_ *register.Entry, a *register.Applied) { a.Content = append([]byte(" "), a.Content...) })
		if r.before.ID == "" {
			refuse(kind, "an entry that is there", register.ErrExists, func(e *register.Entry, _ *register.Applied) { *e = in(t, register.Cancelled, 0) })
			refuse(kind, "no key in the facts", nil, func(_ *register.Entry, a *register.Applied) { a.Facts.Key = nil })
			refuse(kind, "a key of no origin", nil, func(_ *register.Entry, a *register.Applied) { a.Facts.Key.Origin = "" })
			refuse(kind, "a key that is none", nil, func(_ *register.Entry, a *register.Applied) { a.Facts.Key.Public = "AAAA" })
			refuse(kind, "no target", nil, func(_ *register.Entry, a *register.Applied) { a.Act.Target = "" })
			continue
		}
		refuse(kind, "another entry", nil, func(_ *register.Entry, a *register.Applied) { a.Act.Target = "invoices" })
		refuse(kind, "no entry", register.ErrTransition, func(e *register.Entry, _ *register.Applied) { *e = register.Entry{} })
	}
	refuse(authority.KeyCreate, "a key that somebody brought", nil, func(_ *register.Entry, a *register.Applied) { a.Facts.Key.Origin = register.Adopted })
	refuse(authority.KeyAdopt, "a key that was made here", nil, func(_ *register.Entry, a *register.Applied) { a.Facts.Key.Origin = register.Ceremony })
	refuse(authority.KeyAdopt, "a title that moves screens", authority.ErrMalformed, func(_ *register.Entry, a *register.Applied) {
		a.Content = []byte(`{"id":"010203","title":"\u001b[2J","token":"seals"}`)
	})
	for _, kind := range []authority.Kind{authority.KeyDestroy, authority.EntrySuspend, authority.EntryCancel} {
		refuse(kind, "no basis", authority.ErrMalformed, func(_ *register.Entry, a *register.Applied) { a.Content = []byte(`{"basis":""}`) })
	}
	for _, kind := range []authority.Kind{authority.EntryActivate, authority.EntrySuspend, authority.EntryResume, authority.EntryCancel, authority.PolicySet,
		authority.CertRequest, authority.CertImport} {
		for _, stage := range []register.Stage{register.Cancelled, register.Invalid, register.Superseded} {
			refuse(kind, string(stage), register.ErrTransition, func(e *register.Entry, _ *register.Applied) { *e = in(t, stage, 1) })
		}
	}
	refuse(authority.KeyDestroy, "active", register.ErrTransition, func(e *register.Entry, _ *register.Applied) { *e = in(t, register.Active, 0) })
	refuse(authority.EntryResume, "another hold", register.ErrTransition, func(_ *register.Entry, a *register.Applied) { a.Content = []byte(`{"hold":2}`) })
	refuse(authority.CertImport, "no certificate in the facts", nil, func(_ *register.Entry, a *register.Applied) { a.Facts.Certificate = nil })
	refuse(authority.CertImport, "one that it has", register.ErrTransition, func(e *register.Entry, _ *register.Applied) { *e = certified(t, "01") })
	refuse(authority.CRLImport, "no certificate", register.ErrTransition, func(e *register.Entry, _ *register.Applied) { *e = in(t, register.Active, 0) })
}

func TestAListLeavesWhatItDoesNotName(t *testing.T) {
	for _, named := range [][]string{nil, {"archive", "invoices"}} {
		before := certified(t, "01")
		if step, err := register.Apply(before, revokedAct(t, named...)); err != nil || step.Moved || !reflect.DeepEqual(step.Entry, before) {
			t.Errorf("%q: %+v, %v", named, step, err)
		}
	}
}

// TestReplayMakesTheStoredBytes: random acts, one after the other, as the
// daemon carries them out. Whoever has the acts and their facts makes each
// record and policy of the store again, byte for byte.
func TestReplayMakesTheStoredBytes(t *testing.T) {
	moves, refused := 0, 0
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 33))
		var acts []register.Applied
		var stored [][]byte
		var e register.Entry
		for n := range 40 {
			a := randomAct(t, rng)
			a.At = at.Add(time.Duration(n) * time.Hour)
			a.Proof.Act = fmt.Sprintf(`{"nonce":"%d.%d"}`, seed, n)
			step, err := register.Apply(e, a)
			if err != nil {
				refused++
				continue
			}
			a.Proof.Event = uint64(len(acts) + 1) // what the committer sets
			step.Entry.Proof.Event = a.Proof.Event
			if step.Entry.ID == "" {
				continue // a list, before there is an entry
			}
			if step.Moved {
				moves++
				e = step.Entry
			}
			acts, stored = append(acts, a), append(stored, bytesOf(t, e))
			if e, err = register.Parse(stored[len(stored)-1]); err != nil {
				t.Fatal(err)
			}
		}
		wantReplay(t, seed, acts, stored)
	}
	if moves < 1500 || refused < 500 {
		t.Errorf("%d moves and %d refusals: too few to mean anything", moves, refused)
	}
}

func wantReplay(t *testing.T, seed uint64, acts []register.Applied, stored [][]byte) {
	t.Helper()
	var e register.Entry
	for i, a := range acts {
		step, err := register.Apply(e, a)
		if err != nil {
			t.Fatalf("seed %d, act %d (%s): %v", seed, i, a.Act.Kind, err)
		}
		if e = step.Entry; !bytes.Equal(bytesOf(t, e), stored[i]) {
			t.Fatalf("seed %d, act %d (%s): the record is\n%s\nand was\n%s", seed, i, a.Act.Kind, bytesOf(t, e), stored[i])
		}
		if p := step.Policy; p != nil && (p.Rev != e.PolicyRev || !reflect.DeepEqual(p.Proof, a.Proof)) {
			t.Fatalf("seed %d, act %d: policy %+v", seed, i, p)
		}
	}
}

func bytesOf(t *testing.T, e register.Entry) []byte {
	t.Helper()
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// randomAct is one of every kind: most of them fit an entry that lives.
func randomAct(t *testing.T, rng *rand.Rand) register.Applied {
	t.Helper()
	kinds := []authority.Kind{
		authority.KeyCreate, authority.KeyAdopt, authority.KeyDestroy, authority.EntryActivate, authority.EntrySuspend, authority.EntryResume,
		authority.EntryResume, authority.PolicySet, authority.PolicySet, authority.CertRequest, authority.CertImport, authority.CRLImport,
	}
	kind := kinds[rng.IntN(len(kinds))]
	if rng.IntN(30) == 0 {
		kind = authority.EntryCancel
	}
	a := rites(t)[kind].act
	switch kind {
	case authority.EntryResume:
		a.Content = fmt.Appendf(nil, `{"hold":%d}`, rng.IntN(5))
	case authority.CertImport:
		renewed := certificate(fmt.Sprintf("%02x", rng.IntN(256)))
		a.Facts.Certificate = &renewed
	case authority.CRLImport:
		if rng.IntN(2) == 0 {
			a.Facts.Revoked[1].Since, a.Facts.Revoked[1].Basis = "", ""
		}
	}
	return a
}
