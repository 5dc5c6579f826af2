package authority

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A Roll is who the officers of an appliance are, and how many of them an act
// needs. It is a value: a change makes another one. The zero value has nobody
// and so permits nothing.
type Roll struct {
	Officers   []Officer  `json:"officers"` // in the order of ids
	Thresholds Thresholds `json:"thresholds"`
}

// Thresholds count persons. Each is what the matrix of acts calls usual for
// its role.
type Thresholds struct {
	Administrator int `json:"administrator"`
	Security      int `json:"security"` // security officers; at least 2
	Many          int `json:"many"`     // security officers, for officers, thresholds and the destruction of keys
	Auditor       int `json:"auditor"`
}

// DefaultThresholds are the persons of the design's matrix.
var DefaultThresholds = Thresholds{Administrator: 1, Security: 2, Many: 2, Auditor: 1}

// of is how many persons a need asks for. A threshold that is missing, or not
// above zero, is one that nobody meets: the zero Thresholds permit nothing.
func (t Thresholds) of(n Need) int {
	persons := int(n.Persons)
	switch {
	case n.Persons == Many && n.Role == SecurityOfficer:
		persons = t.Many
	case n.Persons == Usual && n.Role == SecurityOfficer:
		persons = t.Security
	case n.Persons == Usual && n.Role == Administrator:
		persons = t.Administrator
	case n.Persons == Usual && n.Role == Auditor:
		persons = t.Auditor
	}
	if persons < 1 {
		return math.MaxInt
	}
	return persons
}

// maxOfficers bounds a roll.
const maxOfficers = 256

// Check finds every fault: officers in order, each once, no key twice, enough
// of each role for its threshold, and with one security officer to spare, who
// may be ill.
func (r Roll) Check(crypto string) error {
	var faults []error
	if len(r.Officers) > maxOfficers {
		return fmt.Errorf("officers: there are %d, want at most %d", len(r.Officers), maxOfficers)
	}
	for i, o := range r.Officers {
		faults = append(faults, o.Check()...)
		if i > 0 && r.Officers[i-1].ID >= o.ID {
			faults = append(faults, fmt.Errorf("officers: want each id once, in order: %q after %q", o.ID, r.Officers[i-1].ID))
		}
		if crypto == "gm" {
			faults = append(faults, o.checkGM()...)
		}
	}
	faults = append(faults, r.checkUnique()...)
	return errors.Join(append(faults, r.checkThresholds()...)...)
}

// CheckAt holds the thresholds to the officers who can sign then: one none of
// whose keys is valid counts for nothing. It is for a roll that is to be
// accepted, beside Check: what was accepted stays so when certificates end.
func (r Roll) CheckAt(t time.Time) error {
	able := Roll{Thresholds: r.Thresholds}
	var unable []string
	for _, o := range r.Officers {
		if o.CanSign(t) {
			able.Officers = append(able.Officers, o)
		} else {
			unable = append(unable, o.ID)
		}
	}
	if err := errors.Join(able.checkThresholds()...); err != nil && len(unable) > 0 {
		return fmt.Errorf("%w\nnot counted, for none of their certificates is valid at %s: %s; give them others in the same act, or remove them",
			err, t.UTC().Format(time.RFC3339), strings.Join(unable, ", "))
	}
	return nil
}

func (o Officer) checkGM() []error {
	var faults []error
	for i, k := range o.Keys {
		if !k.GM() {
			faults = append(faults, fmt.Errorf(`officer %s: keys[%d]: crypto "gm" takes SM2 certificates only, this is %s`, o.called(), i, k.Describe()))
		}
	}
	return faults
}

// checkUnique: one role per person, per key and per account.
func (r Roll) checkUnique() []error {
	var faults []error
	keys, uids := map[string]string{}, map[uint32]string{}
	for _, o := range r.Officers {
		for i, k := range o.Keys {
			print := k.Fingerprint()
			if print == "" {
				continue // no key: its own check says so
			}
			if other, taken := keys[print]; taken {
				faults = append(faults, fmt.Errorf("officer %s: keys[%d]: %s is a key of %s too: one key is one person's", o.called(), i, print, other))
			}
			keys[print] = o.ID
		}
		if o.UID == nil {
			continue
		}
		if other, taken := uids[*o.UID]; taken {
			faults = append(faults, fmt.Errorf("officer %s: uid: %d is that of %s too: one account is one person's", o.called(), *o.UID, other))
		}
		uids[*o.UID] = o.ID
	}
	return faults
}

func (r Roll) checkThresholds() []error {
	var faults []error
	need := func(field string, got, least, most int, why string) {
		switch {
		case most < least:
			faults = append(faults, fmt.Errorf("thresholds: %s is %d: want at least %d, and officers enough for it (%s)", field, got, least, why))
		case got < least || got > most:
			faults = append(faults, fmt.Errorf("thresholds: %s is %d: want %d to %d (%s)", field, got, least, most, why))
		}
	}
	security := r.count(SecurityOfficer)
	why := fmt.Sprintf("there are %d security officers, and one may be ill", security)
	need("security", r.Thresholds.Security, 2, security-1, why)
	need("many", r.Thresholds.Many, max(r.Thresholds.Security, 2), security-1, why+"; not below security")
	administrators, auditors := r.count(Administrator), r.count(Auditor)
	need("administrator", r.Thresholds.Administrator, 1, administrators, fmt.Sprintf("there are %d administrators", administrators))
	need("auditor", r.Thresholds.Auditor, 1, auditors, fmt.Sprintf("there are %d auditors", auditors))
	return faults
}

func (r Roll) count(role Role) int {
	n := 0
	for _, o := range r.Officers {
		if o.Role == role {
			n++
		}
	}
	return n
}

// Find returns the officer of that id.
func (r Roll) Find(id string) (Officer, bool) {
	i, ok := slices.BinarySearchFunc(r.Officers, id, func(o Officer, id string) int { return strings.Compare(o.ID, id) })
	if !ok {
		return Officer{}, false
	}
	return r.Officers[i], true
}

// Reader returns the officer who reads as this uid.
func (r Roll) Reader(uid uint32) (Officer, bool) {
	for _, o := range r.Officers {
		if o.UID != nil && *o.UID == uid {
			return o, true
		}
	}
	return Officer{}, false
}

// HasCustodian tells whether somebody keeps the entry.
func (r Roll) HasCustodian(on Target) bool {
	return slices.ContainsFunc(r.Officers, func(o Officer) bool { return o.Keeps(on) })
}

// Change returns the roll after c. The result is checked by Check.
func (r Roll) Change(c ChangeOfficers) (Roll, error) {
	if len(c.Set) == 0 && len(c.Remove) == 0 && c.Thresholds == nil {
		return Roll{}, fmt.Errorf("%w: it changes nothing", ErrMalformed)
	}
	next := Roll{Officers: slices.Clone(r.Officers), Thresholds: r.Thresholds}
	for _, id := range c.Remove {
		i := slices.IndexFunc(next.Officers, func(o Officer) bool { return o.ID == id })
		if i < 0 {
			return Roll{}, fmt.Errorf("%w: remove: there is no officer %q", ErrMalformed, id)
		}
		next.Officers = slices.Delete(next.Officers, i, i+1)
	}
	for n, o := range c.Set {
		if slices.ContainsFunc(c.Set[:n], func(x Officer) bool { return x.ID == o.ID }) {
			return Roll{}, fmt.Errorf("%w: set: officer %q twice", ErrMalformed, o.ID)
		}
		i, known := slices.BinarySearchFunc(next.Officers, o.ID, func(o Officer, id string) int { return strings.Compare(o.ID, id) })
		if known {
			next.Officers[i] = o
		} else {
			next.Officers = slices.Insert(next.Officers, i, o)
		}
	}
	if c.Thresholds != nil {
		next.Thresholds = *c.Thresholds
	}
	return next, nil
}

// changesAuditors tells whether c sets, replaces or removes an auditor, or
// changes how many of them sign: then an auditor signs too, or security
// officers could choose who watches them.
func (r Roll) changesAuditors(c ChangeOfficers) bool {
	if c.Thresholds != nil && c.Thresholds.Auditor != r.Thresholds.Auditor {
		return true
	}
	for _, o := range c.Set {
		if o.Role == Auditor || r.isAuditor(o.ID) {
			return true
		}
	}
	return slices.ContainsFunc(c.Remove, r.isAuditor)
}

func (r Roll) isAuditor(id string) bool {
	o, ok := r.Find(id)
	return ok && o.Role == Auditor
}
