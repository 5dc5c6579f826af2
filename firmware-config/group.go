package firmwareconfig

import (
	"fmt"
	"regexp"

	"signet/protocol/stricttoml"
)

// groupName is wider than what groupadd takes, for directory services. A name
// of digits only would be taken for a gid by one reader and not by the next.
var (
	groupName = regexp.MustCompile(`^[^\s:,/]{1,64}$`)
	allDigits = regexp.MustCompile(`^[0-9]+$`)
)

const (
	lastGID     = 1<<32 - 2 // (gid_t)-1 means "none" in setresgid(2)
	overflowGID = 65534     // what the kernel shows for a gid it cannot name
)

func groupsOf(t *stricttoml.Table) Groups {
	var g Groups
	seen := map[Group]string{}
	for _, role := range []struct {
		key, def string
		group    *Group
	}{
		{"clients", "signet-clients", &g.Clients},
		{"admin", "signet-admin", &g.Admin},
		{"audit", "signet-audit", &g.Audit},
	} {
		group, ok := groupOr(t, role.key, role.def)
		switch {
		case !ok:
			continue
		case seen[group] != "":
			t.Faultf(role.key, "%s is the group of %s too: want three different groups", group, seen[group])
		}
		seen[group] = role.key
		*role.group = group
	}
	return g
}

func groupOr(t *stricttoml.Table, key, def string) (Group, bool) {
	if !t.Has(key) {
		return Group{Name: def}, true
	}
	v, ok := t.Value(key)
	if !ok {
		return Group{}, false
	}
	g, problem := readGroup(v)
	if problem != "" {
		v.Faultf("%s", problem)
	}
	return g, problem == ""
}

func readGroup(v stricttoml.Value) (g Group, problem string) {
	if gid, ok := v.Int(); ok {
		if gid < 1 || gid > lastGID || gid == overflowGID {
			return g, fmt.Sprintf("gid %d: want 1 to %d, but not %d", gid, int64(lastGID), overflowGID)
		}
		return Group{GID: uint32(gid)}, ""
	}
	name, ok := v.Text()
	switch {
	case !ok:
		return g, fmt.Sprintf("is %s: want a name in quotes or a numeric gid", v.Kind())
	case allDigits.MatchString(name):
		return g, fmt.Sprintf("%s is a number in quotes: want the gid without quotes, or a name", stricttoml.Quote(name))
	case !groupName.MatchString(name):
		return g, fmt.Sprintf("%s is no group name: want 1 to 64 characters without blanks, colon, comma or slash", stricttoml.Quote(name))
	}
	return Group{Name: name}, ""
}
