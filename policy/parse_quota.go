package policy

import (
	"cmp"
	"strings"
	"time"

	"signet/policy/zoneinfo"
	"signet/protocol/stricttoml"
)

// MaxLimit is the largest quota. 0 is one too: it allows nothing.
const MaxLimit = 1_000_000_000

// quotasOf reads the limits of one scope, the shortest period first.
func quotasOf(scope Scope, table *stricttoml.Table) []Quota {
	var all []Quota
	for _, p := range Periods() {
		if table.Has(p.String()) {
			all = append(all, Quota{scope, p, uint32(table.IntOr(p.String(), 0, 0, MaxLimit))})
		}
	}
	return all
}

const zoneExample = `"Asia/Shanghai"`

// zoneOf reads the zone. It may be left out where nothing is counted by its
// clock: to assume one would open an office at hours that nobody wrote.
func zoneOf(root *stricttoml.Table, quotas ...*stricttoml.Table) *time.Location {
	v, ok := root.Value("zone")
	if !ok {
		if table, key := countedByClock(root, quotas); table != nil && root.Lacks("zone") {
			table.Faultf(key, "goes by the clock of a time zone, and none is named: want also zone = %s", zoneExample)
		}
		return nil
	}
	name, ok := v.Text()
	if !ok {
		v.Faultf("is %s: want the name of a time zone such as %s", v.Kind(), zoneExample)
		return nil
	}
	zone, err := zoneinfo.Load(name)
	if err == nil {
		return zone
	}
	if meant := zoneMeant(name); meant != "" {
		v.Faultf("%s is no time zone: did you mean %q?", stricttoml.Quote(name), meant)
	} else {
		v.Faultf("%v", err)
	}
	return nil
}

// zoneMeant returns the zone that is called name but for capitals, a slip of the
// pen, or its continent; "" if none is. No more is guessed: the nearest name is
// soon that of another country, and most cities have none.
func zoneMeant(name string) string {
	name = strings.ToLower(name)
	whole, near := map[string]string{}, []string{}
	cities := map[string]string{"beijing": "Asia/Shanghai", "peking": "Asia/Shanghai"}
	for _, zone := range zoneinfo.Names() {
		lower := strings.ToLower(zone)
		whole[lower] = zone
		if continent, city, ok := strings.Cut(lower, "/"); ok && continent != "etc" { // GMT+8 of Etc is 8 hours west
			near = append(near, lower)
			cities[city] = cmp.Or(cities[city], zone)
		}
	}
	meant := stricttoml.NearestWithin(min(2, len(name)/5), name, near)
	return cmp.Or(whole[name], cities[strings.TrimPrefix(name, "asia/")], whole[meant])
}

// countedByClock returns the first key that means something only in a zone,
// with its table; nil if there is none.
func countedByClock(root *stricttoml.Table, quotas []*stricttoml.Table) (*stricttoml.Table, string) {
	for _, key := range []string{"hours", "weekdays", "holidays"} {
		if root.Has(key) {
			return root, key
		}
	}
	for _, table := range quotas {
		for _, p := range Periods() {
			if p != Lifetime && table.Has(p.String()) {
				return table, p.String()
			}
		}
	}
	return nil, ""
}
