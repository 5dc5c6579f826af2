package register_test

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
)

func officer(id string, role authority.Role) authority.Officer {
	return authority.Officer{ID: id, Name: "officer " + id, Role: role, Keys: []authority.Key{{Form: authority.SSH, Value: "ssh-ed25519 " + id}}}
}

// staffOf are the records of two officers and the thresholds, made by the
// genesis act.
func staffOf(t testing.TB) register.Staff {
	t.Helper()
	thresholds := authority.DefaultThresholds
	return register.NewStaff(authority.Genesis{
		Authority: authority.Officers, Thresholds: &thresholds,
		Officers: []authority.Officer{officer("admin", authority.Administrator), officer("li", authority.SecurityOfficer)},
	}, register.Proof{Act: "init"})
}

func stored(t testing.TB, s register.Staff) map[string][]byte {
	t.Helper()
	all, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// goldenStaff are the records as they lie in the store: a promise.
var goldenStaff = map[string]string{
	"admin":       `{"officer":{"id":"admin","keys":[{"form":"ssh","value":"ssh-ed25519 admin"}],"name":"officer admin","role":"administrator"},"proof":{"act":"init","event":0}}`,
	"li":          `{"officer":{"id":"li","keys":[{"form":"ssh","value":"ssh-ed25519 li"}],"name":"officer li","role":"security-officer"},"proof":{"act":"init","event":0}}`,
	".thresholds": `{"proof":{"act":"init","event":0},"thresholds":{"administrator":1,"auditor":1,"many":2,"security":2}}`,
}

func TestStaffIsTheGoldenOne(t *testing.T) {
	all := stored(t, staffOf(t))
	if len(all) != len(goldenStaff) {
		t.Errorf("records of %q", slices.Collect(maps.Keys(all)))
	}
	for id, want := range goldenStaff {
		if string(all[id]) != want {
			t.Errorf("%s is stored as\n%s\nwant\n%s", id, all[id], want)
		}
	}
	if s := register.NewStaff(authority.Genesis{Authority: authority.Development, Officers: []authority.Officer{officer("x", authority.Auditor)}}, register.Proof{}); len(s) != 0 {
		t.Errorf("under development there is %+v", s)
	}
	bad := staffOf(t)
	bad["x"] = register.OfficerRecord{Officer: &authority.Officer{ID: "x"}}
	if all, err := bad.Marshal(); err == nil {
		t.Errorf("an officer of no role is stored as %s", all["x"])
	}
}

// TestChangeKeepsTheActOfWhatItDoesNotTouch, and names its own on what it
// does.
func TestChangeKeepsTheActOfWhatItDoesNotTouch(t *testing.T) {
	before := staffOf(t)
	li := officer("li", authority.Auditor)
	next := before.Change(authority.ChangeOfficers{Remove: []string{"admin"}, Set: []authority.Officer{li, officer("wu", authority.Custodian)}}, register.Proof{Act: "change"})
	next.Stamp("change", 7)
	for id, want := range map[string]register.Proof{"li": {Act: "change", Event: 7}, "wu": {Act: "change", Event: 7}, ".thresholds": {Act: "init"}} {
		if !reflect.DeepEqual(next[id].Proof, want) {
			t.Errorf("%s rests on %+v, want %+v", id, next[id].Proof, want)
		}
	}
	if _, there := next["admin"]; there || len(next) != 3 || next["li"].Officer.Role != authority.Auditor || next["li"].ID() != "li" {
		t.Errorf("after the change: %+v", next)
	}
	fewer := authority.Thresholds{Administrator: 1, Security: 3, Many: 3, Auditor: 1}
	last := next.Change(authority.ChangeOfficers{Thresholds: &fewer}, register.Proof{Act: "again"})
	last.Stamp("again", 9)
	if r := last[register.ThresholdsID]; *r.Thresholds != fewer || r.Proof.Event != 9 || r.ID() != ".thresholds" || last["li"].Proof.Event != 7 {
		t.Errorf("thresholds %+v, li %+v", r, last["li"].Proof)
	}
	for name, s := range map[string]register.Staff{"first": before, "second": next} {
		if r := s[register.ThresholdsID]; *r.Thresholds != authority.DefaultThresholds || r.Proof.Event != 0 {
			t.Errorf("the %s staff was changed: %+v", name, r)
		}
	}
	if before["li"].Officer.Role != authority.SecurityOfficer || len(before) != 3 {
		t.Errorf("the first staff was changed: %+v", before)
	}
}

// TestHeldNamesWhatIsNotAsTheActsMadeIt: whatever root edits in the bucket.
func TestHeldNamesWhatIsNotAsTheActsMadeIt(t *testing.T) {
	s := staffOf(t)
	if err := s.Held(stored(t, s)); err != nil {
		t.Errorf("as they were made: %v", err)
	}
	replace := func(all map[string][]byte, id, old, new string) {
		was := string(all[id])
		if all[id] = []byte(strings.Replace(was, old, new, 1)); string(all[id]) == was {
			t.Fatalf("%s: nothing was changed", id)
		}
	}
	for name, c := range map[string]struct {
		edit func(map[string][]byte)
		says string
	}{
		"another key":        {func(all map[string][]byte) { replace(all, "li", "ssh-ed25519 li", "ssh-ed25519 lx") }, "officer li is not as"},
		"another role":       {func(all map[string][]byte) { replace(all, "admin", "administrator", "security-officer") }, "officer admin is not as"},
		"another event":      {func(all map[string][]byte) { replace(all, "li", `"event":0`, `"event":3`) }, "officer li is not as"},
		"threshold lowered":  {func(all map[string][]byte) { replace(all, ".thresholds", `"many":2`, `"many":1`) }, "officer .thresholds is not as"},
		"threshold removed":  {func(all map[string][]byte) { delete(all, ".thresholds") }, "officer .thresholds is missing"},
		"an officer removed": {func(all map[string][]byte) { delete(all, "li") }, "officer li is missing"},
		"an officer emptied": {func(all map[string][]byte) { all["li"] = []byte{} }, "officer li is not as"},
		"officers swapped":   {func(all map[string][]byte) { all["li"], all["admin"] = all["admin"], all["li"] }, "is not as the acts made"},
		"all gone":           {func(all map[string][]byte) { clear(all) }, "is missing"},
		"somebody more":      {func(all map[string][]byte) { all["mallory"] = all["li"] }, "no act made an officer mallory"},
	} {
		all := stored(t, s)
		c.edit(all)
		if err := s.Held(all); !errors.Is(err, register.ErrUnproven) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrUnproven with %q", name, err, c.says)
		}
	}
	none := register.Staff{}
	if err := none.Held(stored(t, s)); !errors.Is(err, register.ErrUnproven) {
		t.Errorf("officers that no act made: %v", err)
	}
	if err := none.Held(nil); err != nil {
		t.Errorf("nobody, as the acts made it: %v", err)
	}
}

func TestStampMarksTheRecordsOfOneAct(t *testing.T) {
	s := staffOf(t).Change(authority.ChangeOfficers{Set: []authority.Officer{officer("wu", authority.Custodian)}}, register.Proof{Act: "change"})
	s.Stamp("change", 7)
	s.Stamp("", 8)
	for id, want := range map[string]uint64{"admin": 0, "li": 0, ".thresholds": 0, "wu": 7} {
		if got := s[id].Proof.Event; got != want {
			t.Errorf("%s is of event %d, want %d", id, got, want)
		}
	}
}
