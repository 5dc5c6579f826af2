package authority_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
)

// clone is a roll whose officers may be changed one by one.
func clone(r authority.Roll) authority.Roll {
	r.Officers = slices.Clone(r.Officers)
	for i := range r.Officers {
		r.Officers[i].Keys = slices.Clone(r.Officers[i].Keys)
	}
	return r
}

// at is the officer of that id, to be changed.
func at(r *authority.Roll, id string) *authority.Officer {
	i := slices.IndexFunc(r.Officers, func(o authority.Officer) bool { return o.ID == id })
	return &r.Officers[i]
}

func dismiss(r *authority.Roll, ids ...string) {
	r.Officers = slices.DeleteFunc(r.Officers, func(o authority.Officer) bool { return slices.Contains(ids, o.ID) })
}

func uid(n uint32) *uint32 { return &n }

// TestRollNamesEveryFault: the whole text of each, so that nothing else is
// said and nothing is left out.
func TestRollNamesEveryFault(t *testing.T) {
	c := newCast(t)
	twin := newUKey(t, 9) // s4's key pair, in another certificate
	s4, _ := c.roll.Find("s4")
	if twin.key == s4.Keys[0] || twin.key.Fingerprint() != s4.Keys[0].Fingerprint() {
		t.Fatal("the twin is not another certificate of the same key pair")
	}
	ssh := func(number byte) authority.Key { return parseKey(t, authorizedKey(t, ed25519Key(number).Public())) }
	for name, x := range map[string]struct {
		edit func(*authority.Roll)
		want string
	}{
		"as many as there are": {func(r *authority.Roll) { r.Thresholds.Security, r.Thresholds.Many = 4, 4 },
			"thresholds: security is 4: want 2 to 3 (there are 4 security officers, and one may be ill)\n" +
				"thresholds: many is 4: want at least 4, and officers enough for it (there are 4 security officers, and one may be ill; not below security)"},
		"many, all of them": {func(r *authority.Roll) { r.Thresholds.Many = 4 },
			"thresholds: many is 4: want 2 to 3 (there are 4 security officers, and one may be ill; not below security)"},
		"many below security": {func(r *authority.Roll) { r.Thresholds.Security = 3 },
			"thresholds: many is 2: want 3 to 3 (there are 4 security officers, and one may be ill; not below security)"},
		"one alone": {func(r *authority.Roll) { r.Thresholds.Security = 1 },
			"thresholds: security is 1: want 2 to 3 (there are 4 security officers, and one may be ill)"},
		"three, and one is dismissed": {func(r *authority.Roll) { r.Thresholds.Many = 3; dismiss(r, "s4") },
			"thresholds: many is 3: want 2 to 2 (there are 3 security officers, and one may be ill; not below security)"},
		"two security officers": {func(r *authority.Roll) { dismiss(r, "s3", "s4") },
			"thresholds: security is 2: want at least 2, and officers enough for it (there are 2 security officers, and one may be ill)\n" +
				"thresholds: many is 2: want at least 2, and officers enough for it (there are 2 security officers, and one may be ill; not below security)"},
		"no thresholds": {func(r *authority.Roll) { r.Thresholds = authority.Thresholds{} },
			"thresholds: security is 0: want 2 to 3 (there are 4 security officers, and one may be ill)\n" +
				"thresholds: many is 0: want 2 to 3 (there are 4 security officers, and one may be ill; not below security)\n" +
				"thresholds: administrator is 0: want 1 to 2 (there are 2 administrators)\n" +
				"thresholds: auditor is 0: want 1 to 2 (there are 2 auditors)"},
		"more than there are": {func(r *authority.Roll) { r.Thresholds.Administrator, r.Thresholds.Auditor = 3, -1 },
			"thresholds: administrator is 3: want 1 to 2 (there are 2 administrators)\n" +
				"thresholds: auditor is -1: want 1 to 2 (there are 2 auditors)"},
		"no auditor": {func(r *authority.Roll) { dismiss(r, "u1", "u2") },
			"thresholds: auditor is 1: want at least 1, and officers enough for it (there are 0 auditors)"},
		"one key, two persons": {func(r *authority.Roll) { at(r, "s2").Keys[1] = at(r, "a1").Keys[0] },
			"officer s2: keys[1]: " + ssh(1).Fingerprint() + " is a key of a1 too: one key is one person's"},
		"one key twice": {func(r *authority.Roll) { at(r, "s2").Keys[1] = at(r, "s2").Keys[0] },
			"officer s2: keys[1]: " + ssh(7).Fingerprint() + " is a key of s2 too: one key is one person's"},
		"one key pair, two certificates": {func(r *authority.Roll) { at(r, "u1").Keys[1] = twin.key },
			"officer u1: keys[1]: " + twin.key.Fingerprint() + " is a key of s4 too: one key is one person's"},
		"no key, twice": {func(r *authority.Roll) { at(r, "a1").Keys[0], at(r, "a2").Keys[0] = authority.Key{}, authority.Key{} },
			"officer a1: keys[0]: key: form \"\": want ssh or gmt35275\nofficer a2: keys[0]: key: form \"\": want ssh or gmt35275"},
		"root": {func(r *authority.Roll) { at(r, "a1").UID = uid(0) },
			"officer a1: uid: 0 is root, which is nobody in particular: want the account of the person, or nothing"},
		"one account, two persons": {func(r *authority.Roll) { at(r, "a1").UID, at(r, "u1").UID = uid(2001), uid(2001) },
			"officer u1: uid: 2001 is that of a1 too: one account is one person's"},
		"out of order": {func(r *authority.Roll) { r.Officers[0], r.Officers[1] = r.Officers[1], r.Officers[0] },
			`officers: want each id once, in order: "a1" after "a2"`},
		"one id twice": {func(r *authority.Roll) { at(r, "a2").ID = "a1" },
			`officers: want each id once, in order: "a1" after "a1"`},
		"a fault of an officer": {func(r *authority.Roll) { at(r, "c1").Entries = nil },
			"officer c1: entries: missing: a custodian keeps entries, or those of an owner"},
	} {
		r := clone(c.roll)
		x.edit(&r)
		err := r.Check(authority.Mixed)
		if err == nil || err.Error() != x.want {
			t.Errorf("%s:\n%v\nwant\n%s", name, err, x.want)
		}
	}
	if err := c.roll.Check(authority.Mixed); err != nil {
		t.Errorf("as it is: %v", err)
	}
	if (authority.Roll{}).Check(authority.Mixed) == nil {
		t.Error("the zero roll is in order")
	}
}

func TestARollIsBounded(t *testing.T) {
	c := newCast(t)
	many := clone(c.roll)
	for i := range 256 {
		many.Officers = append(many.Officers, authority.Officer{ID: fmt.Sprintf("z%03d", i)})
	}
	if err := many.Check(authority.Mixed); err == nil || err.Error() != "officers: there are 267, want at most 256" {
		t.Errorf("Check = %v", err)
	}
}

// TestGMTakesSM2CertificatesOnly: in every officer's hand, custodians' too.
func TestGMTakesSM2CertificatesOnly(t *testing.T) {
	c := newCast(t)
	err := c.roll.Check(authority.GM)
	for _, o := range c.roll.Officers {
		for i, k := range o.Keys {
			want := fmt.Sprintf("officer %s: keys[%d]: crypto \"gm\" takes SM2 certificates only, this is %s", o.ID, i, k.Describe())
			if err == nil || strings.Contains(err.Error(), want) == k.GM() {
				t.Errorf("%s, key %d: %v", o.ID, i, err)
			}
		}
	}
	gm := clone(c.roll)
	for i := range gm.Officers {
		gm.Officers[i].Keys = []authority.Key{newUKey(t, byte(i+1)).key}
	}
	if err := gm.Check(authority.GM); err != nil {
		t.Errorf("SM2 certificates: %v", err)
	}
}

func TestRollFindsByIDAndByUID(t *testing.T) {
	c := newCast(t)
	r := clone(c.roll)
	at(&r, "u1").UID = uid(3001)
	for _, o := range r.Officers {
		if got, ok := r.Find(o.ID); !ok || got.ID != o.ID {
			t.Errorf("Find(%s) = %s, %v", o.ID, got.ID, ok)
		}
	}
	for _, id := range []string{"", "a", "a3", "zz"} {
		if got, ok := r.Find(id); ok || got.ID != "" {
			t.Errorf("Find(%q) = %+v", id, got)
		}
	}
	if o, ok := r.Reader(3001); !ok || o.ID != "u1" {
		t.Errorf("Reader(3001) = %s, %v", o.ID, ok)
	}
	for _, n := range []uint32{0, 1, 3002} {
		if o, ok := r.Reader(n); ok {
			t.Errorf("Reader(%d) = %s: an officer without a uid is nobody's account", n, o.ID)
		}
	}
}

// ids are the officers of a roll in its order.
func ids(r authority.Roll) string {
	var all []string
	for _, o := range r.Officers {
		all = append(all, o.ID)
	}
	return strings.Join(all, " ")
}

func TestChangeMakesAnotherRoll(t *testing.T) {
	c := newCast(t)
	before := clone(c.roll)
	newcomer := func(id string) authority.Officer {
		return authority.Officer{ID: id, Name: "new", Role: authority.SecurityOfficer, Keys: []authority.Key{c.sshKey(id, 130)}}
	}
	replaced := *at(&before, "a1")
	replaced.Name = "somebody else"
	fewer := authority.Thresholds{Administrator: 2, Security: 2, Many: 3, Auditor: 1}
	for name, x := range map[string]struct {
		change     authority.ChangeOfficers
		ids        string
		thresholds authority.Thresholds
	}{
		"at the end":      {authority.ChangeOfficers{Set: []authority.Officer{newcomer("v1")}}, "a1 a2 c1 c2 c3 s1 s2 s3 s4 u1 u2 v1", before.Thresholds},
		"at the start":    {authority.ChangeOfficers{Set: []authority.Officer{newcomer("0")}}, "0 a1 a2 c1 c2 c3 s1 s2 s3 s4 u1 u2", before.Thresholds},
		"two, unsorted":   {authority.ChangeOfficers{Set: []authority.Officer{newcomer("s9"), newcomer("b")}}, "a1 a2 b c1 c2 c3 s1 s2 s3 s4 s9 u1 u2", before.Thresholds},
		"replaced":        {authority.ChangeOfficers{Set: []authority.Officer{replaced}}, ids(before), before.Thresholds},
		"removed":         {authority.ChangeOfficers{Remove: []string{"s4", "a1"}}, "a2 c1 c2 c3 s1 s2 s3 u1 u2", before.Thresholds},
		"removed and set": {authority.ChangeOfficers{Remove: []string{"a2"}, Set: []authority.Officer{newcomer("a2")}}, ids(before), before.Thresholds},
		"thresholds":      {authority.ChangeOfficers{Thresholds: &fewer}, ids(before), fewer},
	} {
		next, err := c.roll.Change(x.change)
		if err != nil || ids(next) != x.ids || next.Thresholds != x.thresholds {
			t.Errorf("%s: %s, %+v, %v\nwant %s, %+v", name, ids(next), next.Thresholds, err, x.ids, x.thresholds)
		}
		for _, o := range x.change.Set {
			if got, _ := next.Find(o.ID); got.Name != o.Name || got.Keys[0] != o.Keys[0] {
				t.Errorf("%s: %s is %+v", name, o.ID, got)
			}
		}
		if ids(c.roll) != ids(before) || c.roll.Thresholds != before.Thresholds || c.roll.Officers[0].Name != before.Officers[0].Name {
			t.Fatalf("%s: the roll before the change was changed", name)
		}
	}
}

func TestChangeThatSaysNothingOrTwoThingsIsRefused(t *testing.T) {
	c := newCast(t)
	o, _ := c.roll.Find("s1")
	for name, x := range map[string]struct {
		change authority.ChangeOfficers
		says   string
	}{
		"nothing":         {authority.ChangeOfficers{}, "changes nothing"},
		"empty lists":     {authority.ChangeOfficers{Set: []authority.Officer{}, Remove: []string{}}, "changes nothing"},
		"unknown":         {authority.ChangeOfficers{Remove: []string{"s5"}}, `there is no officer "s5"`},
		"removed twice":   {authority.ChangeOfficers{Remove: []string{"s1", "s1"}}, `there is no officer "s1"`},
		"set twice":       {authority.ChangeOfficers{Set: []authority.Officer{o, o}}, `"s1" twice`},
		"nobody, removed": {authority.ChangeOfficers{Remove: []string{""}}, `there is no officer ""`},
	} {
		next, err := c.roll.Change(x.change)
		if !errors.Is(err, authority.ErrMalformed) || !strings.Contains(err.Error(), x.says) || next.Officers != nil {
			t.Errorf("%s: %s, %v, want ErrMalformed with %q", name, ids(next), err, x.says)
		}
	}
}
