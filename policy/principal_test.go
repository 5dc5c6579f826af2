package policy

import (
	"reflect"
	"strings"
	"testing"
)

func TestResolveGivesPairs(t *testing.T) {
	got, err := Resolve(mustParse(t, contracts), system(names))
	want := Resolved{
		Users:  []Principal{{"oa", 1001}, {"", 20001}},
		Groups: []Principal{{"docs", 2001}, {"", 30001}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Resolve = %v, %v, want %v", got, err, want)
	}
}

func TestResolveNamesEveryUnknownAccount(t *testing.T) {
	p := mustParse(t, `callers = { users = ["oa", "gone", "root", "nobody"], groups = ["lost"] }`)
	got, err := Resolve(p, system(map[string]uint32{"oa": 1001, "root": 0, "nobody": 65534}))
	want := `resolving user "gone": no such account
resolving user "root": 0 is root: want an account of its own for each caller
resolving user "nobody": 65534 is what the kernel shows for every caller it cannot name: want an account of its own for each caller
resolving group "lost": no such account`
	if err == nil || err.Error() != want {
		t.Errorf("Resolve:\n%v\nwant:\n%s", err, want)
	}
	if !reflect.DeepEqual(got, Resolved{}) {
		t.Errorf("Resolve = %v with an error", got)
	}
}

func TestAPairThatNoLongerMatchesAllowsNobody(t *testing.T) {
	p := mustParse(t, contracts)
	then, err := Resolve(p, system(names))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		now    map[string]uint32
		then   Resolved
		uid    uint32
		gids   []uint32
		stale  string
		reason Reason
	}{
		{"nothing changed", names, then, 1001, nil, "", Allowed},
		{"name moved: the old id", map[string]uint32{"oa": 1005, "docs": 2001}, then, 1001, nil, "user oa (1001): has id 1005 now", NotACaller},
		{"name moved: the new id", map[string]uint32{"oa": 1005, "docs": 2001}, then, 1005, nil, "user oa (1001): has id 1005 now", NotACaller},
		{"name gone, id recycled", map[string]uint32{"docs": 2001}, then, 1001, nil, "user oa (1001): has no id now: no such account", NotACaller},
		{"group moved", map[string]uint32{"oa": 1001, "docs": 2002}, then, 9, []uint32{2001, 2002}, "group docs (2001): has id 2002 now", NotACaller},
		{"the others stay", map[string]uint32{"oa": 1005, "docs": 2001}, then, 9, []uint32{2001}, "user oa (1001): has id 1005 now", Allowed},
		{"numbers stay", nil, then, 20001, nil, "user oa (1001): has no id now: no such account\ngroup docs (2001): has no id now: no such account", Allowed},
		{"never resolved", names, Resolved{Groups: then.Groups}, 1001, nil, "user oa: had no id when the policy was set", NotACaller},
		{"resolved to what it never was", names, Resolved{Users: []Principal{{"oa", 9}}, Groups: then.Groups}, 9, nil, "user oa (9): has id 1001 now", NotACaller},
		{"a pair that the policy does not name", names, Resolved{Users: append([]Principal{{"licence", 1002}, {"", 9}}, then.Users...), Groups: then.Groups}, 1002, nil, "", NotACaller},
		{"a number that the policy does not name", names, Resolved{Users: append([]Principal{{"", 9}}, then.Users...), Groups: then.Groups}, 9, nil, "", NotACaller},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, stale := Bind(p, tt.then, system(tt.now))
			var lines []string
			for _, s := range stale {
				lines = append(lines, s.String())
			}
			if got := strings.Join(lines, "\n"); got != tt.stale {
				t.Errorf("stale:\n%s\nwant:\n%s", got, tt.stale)
			}
			r := good()
			r.UID, r.GIDs = tt.uid, tt.gids
			if d := Decide(b, Usage{}, r, sane); d.Reason != tt.reason {
				t.Errorf("Decide = %v, want %v", d.Reason, tt.reason)
			}
			if got, _ := replayed(t, b, tt.then, r, sane); got.Reason != tt.reason {
				t.Errorf("Replay = %v, want %v", got.Reason, tt.reason)
			}
		})
	}
}

func TestNamesKnowsTheCallersOnly(t *testing.T) {
	b, _ := mustBind(t, contracts)
	tests := []struct {
		uid  uint32
		gids []uint32
		want bool
	}{
		{1001, nil, true}, {20001, []uint32{7}, true}, {9, []uint32{7, 2001}, true}, {9, []uint32{30001}, true},
		{9, nil, false}, {2001, nil, false}, {9, []uint32{1001, 20001}, false}, {0, []uint32{0}, false},
	}
	for _, tt := range tests {
		if got := b.Names(tt.uid, tt.gids); got != tt.want {
			t.Errorf("Names(%d, %v) = %v, want %v", tt.uid, tt.gids, got, tt.want)
		}
	}
	if (Bound{}).Names(0, []uint32{0}) {
		t.Error("the zero policy names root")
	}
}
