package ofd

import "slices"

// A Difference is what keeps two Refs from having the same SM3, as names of
// parts, each list sorted.
type Difference struct {
	Here    []string // only in the first
	There   []string // only in the second
	Changed []string // in both, with other bytes
}

// Same tells whether there is no difference.
func (d Difference) Same() bool { return len(d.Here)+len(d.There)+len(d.Changed) == 0 }

// Compare tells what differs between r and other. It is Same if and only if
// they have the same SM3.
func (r Refs) Compare(other Refs) Difference {
	there := make(map[string]Ref, len(other.list))
	for _, ref := range other.list {
		there[ref.Name] = ref
	}
	var d Difference
	for _, ref := range r.list {
		match, ok := there[ref.Name]
		delete(there, ref.Name)
		switch {
		case !ok:
			d.Here = append(d.Here, ref.Name)
		case match != ref:
			d.Changed = append(d.Changed, ref.Name)
		}
	}
	for name := range there {
		d.There = append(d.There, name)
	}
	slices.Sort(d.Here)
	slices.Sort(d.There)
	slices.Sort(d.Changed)
	return d
}
