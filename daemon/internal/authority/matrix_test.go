package authority_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
)

// A way is one option of the matrix: how many persons of each role, by the
// initials of rule_test.go.
type way map[byte]int

// waysOf reads the row of a kind in the promised matrix. A kind without a row
// fails, and so does a row that says nothing.
func waysOf(t *testing.T, kind authority.Kind, thresholds authority.Thresholds) []way {
	t.Helper()
	for _, row := range matrix {
		if !strings.Contains(" "+row.kinds+" ", " "+string(kind)+" ") {
			continue
		}
		var ways []way
		for _, option := range strings.Split(row.who, " | ") {
			w := way{}
			for _, need := range strings.Split(option, " + ") {
				w[need[0]] = persons(t, need, thresholds)
			}
			ways = append(ways, w)
		}
		return ways
	}
	t.Fatalf("the matrix has no row for %s", kind)
	return nil
}

// persons is how many a need asks for: "S N" of security officers.
func persons(t *testing.T, need string, thresholds authority.Thresholds) int {
	t.Helper()
	switch need[2:] {
	case "M":
		return thresholds.Many
	case "N":
		return map[byte]int{'A': thresholds.Administrator, 'S': thresholds.Security, 'U': thresholds.Auditor}[need[0]]
	}
	n, err := strconv.Atoi(need[2:])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// named are the first persons of each role of a way: "a1 s1 s2".
func (w way) named() string {
	var names []string
	for _, role := range "ASUC" {
		for i := range w[byte(role)] {
			names = append(names, fmt.Sprintf("%c%d", role+'a'-'A', i+1))
		}
	}
	return strings.Join(names, " ")
}

// without is the way with one person of a role less.
func (w way) without(role byte) way {
	less := way{}
	for r, n := range w {
		less[r] = n
	}
	less[role]--
	return less
}

// promised are the ways of a kind on an entry that c1 keeps, or on one that
// nobody keeps. Where the entry has a custodian, uses are his to decide.
func promised(t *testing.T, kind authority.Kind, on authority.Target, thresholds authority.Thresholds) []way {
	t.Helper()
	var ways []way
	for _, w := range waysOf(t, kind, thresholds) {
		decides := kind == authority.ApprovalGrant || kind == authority.ApprovalDeny
		switch {
		case w['C'] > 0 && on != contracts:
		case w['C'] == 0 && on == contracts && decides:
		default:
			ways = append(ways, w)
		}
	}
	return ways
}

// unsigned tells whether the matrix has a kind taken from the group.
func unsigned(t *testing.T, kind authority.Kind) bool {
	t.Helper()
	for _, row := range matrix {
		if strings.Contains(" "+row.kinds+" ", " "+string(kind)+" ") {
			return row.who == "G"
		}
	}
	t.Fatalf("the matrix has no row for %s", kind)
	return false
}

// refused holds a try to an error of the table. Who signed is told once all
// signatures have verified, and not before.
func (c *cast) refused(t *testing.T, what string, on authority.Case, names string, want error) {
	t.Helper()
	signers, err := c.try(on, names)
	persons := "[]"
	if !errors.Is(want, authority.ErrSignature) && !errors.Is(want, authority.ErrDuplicate) {
		persons = c.signersOf(names)
	}
	if !errors.Is(err, want) || fmt.Sprint(signers) != persons {
		t.Errorf("%s: %v, %v, want %v and %s", what, signers, err, want, persons)
	}
}

// wantRefusal holds a case as it is to an error, and to nobody's name.
func wantRefusal(t *testing.T, what string, signers []authority.Signer, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || signers != nil {
		t.Errorf("%s: %v, %v, want %v", what, signers, err, want)
	}
}

// someThresholds are the defaults, and others that the roll permits.
var someThresholds = map[string]authority.Thresholds{
	"defaults": authority.DefaultThresholds,
	"more":     {Administrator: 2, Security: 3, Many: 3, Auditor: 2},
	"many":     {Administrator: 1, Security: 2, Many: 3, Auditor: 1},
}

// TestEveryCellOfTheMatrix tries every kind of the table in every way that the
// promised matrix gives it, and each fault of signing in each.
func TestEveryCellOfTheMatrix(t *testing.T) {
	c := newCast(t)
	cells := 0
	for name, thresholds := range someThresholds {
		c.roll.Thresholds = thresholds
		for _, rule := range authority.Rules() {
			if rule.Kind == authority.Init || unsigned(t, rule.Kind) {
				continue // TestInitIsSignedByAll, TestUnsignedKinds
			}
			targets := []authority.Target{{}}
			if authority.AboutEntry(rule.Kind) {
				targets = []authority.Target{contracts, ledgers}
			}
			for _, on := range targets {
				for _, w := range promised(t, rule.Kind, on, thresholds) {
					t.Run(fmt.Sprintf("%s/%s %s/%s", name, rule.Kind, on.Entry, w.named()), func(t *testing.T) {
						c.cell(t, c.actOn(rule.Kind, on), w)
					})
					cells++
				}
			}
		}
	}
	if cells < 100 {
		t.Errorf("%d cells: too few to mean anything", cells)
	}
}

// cell tries one way of one kind.
func (c *cast) cell(t *testing.T, on authority.Case, w way) {
	all := w.named()
	signers, err := c.try(on, all)
	if err != nil || fmt.Sprint(signers) != c.signersOf(all) {
		t.Errorf("signed by %s: %v, %v", all, signers, err)
	}
	for role := range w {
		c.refused(t, "one of "+string(role)+" less", on, w.without(role).named(), authority.ErrTooFew)
	}
	for role, id := range map[byte]string{'A': "a1", 'S': "s1", 'U': "u1", 'C': "c1"} {
		if w[role] == 0 {
			c.refused(t, id+" too", on, all+" "+id, authority.ErrRole)
		}
	}
	for name, fault := range map[string]struct {
		names string
		want  error
	}{
		"the same signature twice": {all + " " + strings.Fields(all)[0], authority.ErrDuplicate},
		"another key of one":       {all + " " + strings.Fields(all)[0] + "'", authority.ErrDuplicate},
		"one in another's place":   {strings.Fields(all)[0] + "' " + all, authority.ErrDuplicate},
		"a stranger too":           {all + " x", authority.ErrSignature},
		"a stranger alone":         {"x", authority.ErrSignature},
		"c2, of another entry":     {all + " c2", authority.ErrRole},
		"c2 alone":                 {"c2", authority.ErrRole},
		"nobody":                   {"", authority.ErrTooFew},
	} {
		c.refused(t, name, on, fault.names, fault.want)
	}
	c.wrongBytes(t, on, all)
}

// wrongBytes: signatures count over the act alone, for whoever may bring it.
func (c *cast) wrongBytes(t *testing.T, on authority.Case, names string) {
	altered := on
	altered.Signatures = c.sign(on.Raw, names)
	altered.Raw = strings.Replace(on.Raw, `"log_size":17`, `"log_size":18`, 1)
	signers, err := c.underOfficers().Authorise(c.roll, altered)
	wantRefusal(t, "altered act", signers, err, authority.ErrSignature)

	outside := on
	outside.Signatures, outside.InAdminGroup = c.sign(on.Raw, names), false
	signers, err = c.underOfficers().Authorise(c.roll, outside)
	wantRefusal(t, "brought from outside the group", signers, err, authority.ErrRole)

	development := c.underOfficers()
	development.Authority = authority.Development
	signed := on
	signed.Signatures = c.sign(on.Raw, names)
	signers, err = development.Authorise(c.roll, signed)
	wantRefusal(t, "signed, and no officers", signers, err, authority.ErrSignature)
}

// TestMorePersonsThanNeededMaySign: a threshold is a least number.
func TestMorePersonsThanNeededMaySign(t *testing.T) {
	c := newCast(t)
	for kind, names := range map[authority.Kind]string{
		authority.EntryActivate: "s1 s2 s3 s4'", authority.EntrySuspend: "s3 s4", authority.KeyCreate: "a2 a1 s4 s3 s1",
		authority.StoreAccept: "u2 s2 s1 u1",
	} {
		if signers, err := c.try(c.actOn(kind, contracts), names); err != nil || fmt.Sprint(signers) != c.signersOf(names) {
			t.Errorf("%s by %s: %v, %v", kind, names, signers, err)
		}
	}
}

// TestACustodianActsOnWhatHeKeeps: by the entry's id, or by its owner as the
// register has it.
func TestACustodianActsOnWhatHeKeeps(t *testing.T) {
	c := newCast(t)
	keepers := map[authority.Target]string{contracts: "c1", invoices: "c2", receipts: "c3"}
	for _, kind := range []authority.Kind{
		authority.EntrySuspend, authority.PolicyNarrow, authority.ApprovalGrant, authority.ApprovalDeny, authority.ApprovalRevoke,
	} {
		for _, on := range []authority.Target{contracts, invoices, receipts, ledgers, {Entry: "receipts"}, {Owner: "finance"}, {}} {
			for _, id := range []string{"c1", "c2", "c3"} {
				what := fmt.Sprintf("%s of %+v by %s", kind, on, id)
				if id != keepers[on] {
					c.refused(t, what, c.actOn(kind, on), id, authority.ErrRole)
				} else if signers, err := c.try(c.actOn(kind, on), id); err != nil || fmt.Sprint(signers) != "[custodian:"+id+"]" {
					t.Errorf("%s: %v, %v", what, signers, err)
				}
			}
		}
	}
}

// TestUsesAreTheCustodiansToDecide: a security officer approves and denies
// where nobody keeps the entry, and nowhere else; he revokes everywhere.
func TestUsesAreTheCustodiansToDecide(t *testing.T) {
	c := newCast(t)
	for _, kind := range []authority.Kind{authority.ApprovalGrant, authority.ApprovalDeny} {
		for _, on := range []authority.Target{contracts, invoices, receipts} {
			for _, names := range []string{"s1", "s1 s2 s3"} {
				c.refused(t, fmt.Sprintf("%s of %+v by %s", kind, on, names), c.actOn(kind, on), names, authority.ErrRole)
			}
		}
		if _, err := c.try(c.actOn(kind, ledgers), "s1"); err != nil {
			t.Errorf("%s where nobody keeps the entry: %v", kind, err)
		}
	}
	if _, err := c.try(c.actOn(authority.ApprovalRevoke, contracts), "s1"); err != nil {
		t.Errorf("revoking: %v", err)
	}
}

// TestAuditorsAreNotChosenByWhomTheyWatch: a change that touches an auditor,
// or how many of them sign, needs an auditor's signature too.
func TestAuditorsAreNotChosenByWhomTheyWatch(t *testing.T) {
	c := newCast(t)
	officer := func(id string, role authority.Role) string {
		o, _ := c.roll.Find(id)
		o.ID, o.Role, o.Entries, o.Owner = id, role, nil, ""
		if o.Keys == nil {
			o.Name, o.Keys = "somebody new", []authority.Key{parseKey(t, authorizedKey(t, ed25519Key(120).Public()))}
		}
		return contentOf(t, authority.ChangeOfficers{Set: []authority.Officer{o}})
	}
	thresholds := func(x authority.Thresholds) string { return contentOf(t, authority.ChangeOfficers{Thresholds: &x}) }
	for name, change := range map[string]struct {
		content string
		touches bool
	}{
		"a new auditor":                   {officer("u3", authority.Auditor), true},
		"an auditor, set anew":            {officer("u1", authority.Auditor), true},
		"an auditor becomes something":    {officer("u1", authority.Custodian), true},
		"a security officer becomes one":  {officer("s1", authority.Auditor), true},
		"an auditor is removed":           {`{"remove":["u2"]}`, true},
		"an auditor among others":         {`{"remove":["a2","s4","u2"]}`, true},
		"how many auditors sign":          {thresholds(authority.Thresholds{Administrator: 1, Security: 2, Many: 2, Auditor: 2}), true},
		"a new security officer":          {officer("s5", authority.SecurityOfficer), false},
		"an administrator, set anew":      {officer("a1", authority.Administrator), false},
		"a custodian is removed":          {`{"remove":["c1"]}`, false},
		"how many security officers sign": {thresholds(authority.Thresholds{Administrator: 1, Security: 3, Many: 3, Auditor: 1}), false},
	} {
		for m, roll := range map[int]authority.Thresholds{2: authority.DefaultThresholds, 3: someThresholds["many"]} {
			c.roll.Thresholds = roll
			on := c.caseOf(authority.OfficerChange, authority.Target{}, change.content)
			without := "a1 s1 s2 s3"[:len("a1")+3*m]
			with, errWithout := without+" u1", authority.ErrTooFew
			if !change.touches {
				with, without, errWithout = without, without+" u1", authority.ErrRole
			}
			if _, err := c.try(on, with); err != nil {
				t.Errorf("%s by %s: %v", name, with, err)
			}
			c.refused(t, name+" by "+without, on, without, errWithout)
		}
	}
	c.refused(t, "content that is none", c.caseOf(authority.OfficerChange, authority.Target{}, `{"set":1}`), "a1 s1 s2", authority.ErrMalformed)
}

func TestInitIsSignedByAll(t *testing.T) {
	c := newCast(t)
	const all = "a1 a2 c1 c2 c3 s1 s2 s3 s4 u1 u2"
	on := c.actOn(authority.Init, authority.Target{})
	for _, names := range []string{all, "u2 u1 s4' s3' s2 s1 c3 c2' c1 a2 a1"} {
		if signers, err := c.try(on, names); err != nil || fmt.Sprint(signers) != c.signersOf(names) {
			t.Errorf("all of them: %v, %v", signers, err)
		}
	}
	for _, id := range strings.Fields(all) {
		c.refused(t, "all but "+id, on, strings.Replace(all, id, "", 1), authority.ErrTooFew)
		o, _ := c.roll.Find(id)
		if _, err := c.try(on, strings.Replace(all, id, "", 1)); err == nil || !strings.HasSuffix(err.Error(), ": "+authority.Signer{ID: id, Role: o.Role}.String()) {
			t.Errorf("all but %s: %v does not name him alone", id, err)
		}
		c.refused(t, "somebody for "+id, on, strings.Replace(all, id, "x", 1), authority.ErrSignature)
		c.refused(t, id+" twice", on, all+" "+id+"'", authority.ErrDuplicate)
	}
	c.refused(t, "nobody", on, "", authority.ErrTooFew)
	c.wrongBytes(t, on, all)
}

// TestInitIsJudgedByItsOwnOfficers: what roll the caller has does not matter;
// there is none yet.
func TestInitIsJudgedByItsOwnOfficers(t *testing.T) {
	c := newCast(t)
	on := c.actOn(authority.Init, authority.Target{})
	on.Signatures = c.sign(on.Raw, "a1 a2 c1 c2 c3 s1 s2 s3 s4 u1 u2")
	if _, err := c.underOfficers().Authorise(authority.Roll{}, on); err != nil {
		t.Errorf("with the zero roll: %v", err)
	}
}

// TestUnsignedKinds can only stop or note: any member of the group brings
// them, nobody else, and a signature is refused rather than ignored.
func TestUnsignedKinds(t *testing.T) {
	c := newCast(t)
	kinds := 0
	for _, rule := range authority.Rules() {
		if !unsigned(t, rule.Kind) {
			continue
		}
		kinds++
		on := c.actOn(rule.Kind, authority.Target{})
		if signers, err := c.try(on, ""); err != nil || signers != nil {
			t.Errorf("%s: %v, %v", rule.Kind, signers, err)
		}
		for _, names := range []string{"s1 s2", "a1", "x"} {
			c.refused(t, string(rule.Kind)+" signed by "+names, on, names, authority.ErrSignature)
		}
		on.InAdminGroup = false
		c.refused(t, string(rule.Kind)+" from outside", on, "", authority.ErrRole)
	}
	if kinds == 0 {
		t.Error("no kind is unsigned")
	}
}

// TestACertificateCountsWhileItIsValid: an act is judged at the time of its
// event, again and again.
func TestACertificateCountsWhileItIsValid(t *testing.T) {
	c := newCast(t)
	on := c.actOn(authority.EntrySuspend, contracts)
	for _, x := range []struct {
		years int
		want  error
	}{{0, nil}, {-1, authority.ErrSignature}, {3, authority.ErrSignature}} {
		on.At = castAt.AddDate(x.years, 0, 0)
		if _, err := c.try(on, "s4"); !errors.Is(err, x.want) {
			t.Errorf("%d years on: %v, want %v", x.years, err, x.want)
		}
		if _, err := c.try(on, "s4'"); err != nil {
			t.Errorf("%d years on, his ssh key: %v", x.years, err)
		}
	}
}

// TestZeroValuesPermitNothing: a roll or thresholds that somebody forgot, or
// emptied in the file, must not read as nobody being needed.
func TestZeroValuesPermitNothing(t *testing.T) {
	c := newCast(t)
	rolls := map[string]authority.Roll{
		"the zero roll":    {},
		"nobody":           {Thresholds: authority.DefaultThresholds},
		"no thresholds":    {Officers: c.roll.Officers},
		"below nothing":    {Officers: c.roll.Officers, Thresholds: authority.Thresholds{Administrator: -1, Security: -2, Many: -1, Auditor: -3}},
		"some thresholds":  {Officers: c.roll.Officers, Thresholds: authority.Thresholds{Many: 2, Auditor: 1}},
		"other thresholds": {Officers: c.roll.Officers, Thresholds: authority.Thresholds{Administrator: 1, Security: 2}},
	}
	for name, roll := range rolls {
		for _, rule := range authority.Rules() {
			if rule.Unsigned || rule.Kind == authority.Init {
				continue
			}
			on := c.actOn(rule.Kind, contracts)
			if signers, err := c.underOfficers().Authorise(roll, on); err == nil {
				t.Errorf("%s: %s was permitted to %v without a signature", name, rule.Kind, signers)
			}
		}
	}
	if signers, err := (authority.Genesis{Authority: authority.Officers}).Authorise(c.roll, c.actOn(authority.Init, authority.Target{})); err == nil {
		t.Errorf("init that names no officers was permitted to %v", signers)
	}
	on := c.actOn(authority.EntryActivate, contracts)
	on.Signatures = c.sign(on.Raw, "s1 s2 s3")
	for _, name := range []string{"the zero roll", "nobody", "no thresholds", "below nothing"} {
		if signers, err := c.underOfficers().Authorise(rolls[name], on); err == nil {
			t.Errorf("%s: permitted to %v", name, signers)
		}
	}
	for _, regime := range []authority.Regime{"", "Officers", "none"} {
		signers, err := authority.Genesis{Authority: regime}.Authorise(c.roll, on)
		wantRefusal(t, "regime "+string(regime), signers, err, authority.ErrRole)
	}
	signers, err := authority.Genesis{}.Authorise(authority.Roll{}, authority.Case{})
	wantRefusal(t, "all zero", signers, err, authority.ErrRole)
	on.Act.Kind = "key.export"
	signers, err = c.underOfficers().Authorise(c.roll, on)
	wantRefusal(t, "unknown kind", signers, err, authority.ErrRole)
}

func TestSignaturesAreBounded(t *testing.T) {
	c := newCast(t)
	on := c.actOn(authority.EntryActivate, contracts)
	on.Signatures = c.sign(on.Raw, "s1 s2"+strings.Repeat(" s1", 15))
	signers, err := c.underOfficers().Authorise(c.roll, on)
	wantRefusal(t, "17 signatures", signers, err, authority.ErrMalformed)
}
