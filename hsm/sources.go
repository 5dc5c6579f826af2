package hsm

import (
	"slices"
	"strings"

	"signet/protocol/stricttoml"
)

// sourced are the values of a profile that come from a vendor and so must
// have a source, by dotted name.
var sourced = []string{
	"exclude", "unlisted", "max_sessions",
	"match.manufacturer", "match.model",
	"sm2.key_type", "sm2.keygen", "sm2.sign_raw_e", "sm2.signature", "sm2.ec_point", "sm2.private_ec_point",
	"ecdsa.signature",
}

// sections are the tables that hold the sourced values, by name, the root
// under "". They are asked for once: each time a table is asked for that is
// none, one more fault is recorded.
type sections map[string]*stricttoml.Table

func newSections(root *stricttoml.Table) sections {
	s := sections{"": root}
	for _, name := range []string{"match", "sm2", "ecdsa"} {
		s[name] = root.OptionalTable(name)
	}
	return s
}

// find returns the table that holds a dotted name, and the name in it.
func (s sections) find(name string) (*stricttoml.Table, string) {
	if table, key, ok := strings.Cut(name, "."); ok {
		return s[table], key
	}
	return s[""], name
}

// set returns the sourced values that are present.
func (s sections) set() []string {
	var names []string
	for _, name := range sourced {
		if t, key := s.find(name); t.Has(key) {
			names = append(names, name)
		}
	}
	return names
}

// readSources reads [sources], which has the same sections as the profile. A
// source of a value that is not set ends as an unknown key, because nobody
// asks for it.
func readSources(root *stricttoml.Table, values sections, set []string) map[string]string {
	sources := newSections(root.OptionalTable("sources"))
	found := make(map[string]string, len(set))
	for _, name := range set {
		t, key := sources.find(name)
		if !t.Has(key) {
			at, own := values.find(name)
			at.Faultf(own, "has no source: want %s = \"where it was seen\" under [sources]", name)
			continue
		}
		found[name] = t.String(key)
	}
	return found
}

func readUnverified(root *stricttoml.Table, set []string) []string {
	names := root.StringsOr("unverified")
	for i, name := range names {
		if !slices.Contains(set, name) {
			root.ItemFaultf("unverified", i, "is %s: want the name of a value that this profile sets, one of %s",
				stricttoml.Quote(name), strings.Join(set, ", "))
		}
	}
	return names
}
