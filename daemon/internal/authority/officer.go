package authority

import (
	"fmt"
	"slices"
	"time"

	"signet/protocol"
)

// An Officer is a person, with the keys by which his signatures are known.
// Thresholds count persons, never keys.
type Officer struct {
	ID   string `json:"id"` // [a-z0-9-], 1 to 32 bytes
	Name string `json:"name"`
	Role Role   `json:"role"`
	Keys []Key  `json:"keys"`

	// UID is how he is known on the sockets when he reads. It gives no right
	// to change anything: only a signature does. Absent: he does not read.
	UID *uint32 `json:"uid,omitempty"`

	// What a custodian keeps: entries by id, or all entries of an owner.
	Entries []string `json:"entries,omitempty"`
	Owner   string   `json:"owner,omitempty"`
}

// Bounds of an officer's record.
const (
	maxOfficerID   = 32
	maxOfficerName = 64 // bytes
	maxKeys        = 8
	maxKept        = 256 // entries of a custodian
	maxOwner       = 64  // bytes
)

// Keeps tells whether the officer is custodian of the entry.
func (o Officer) Keeps(on Target) bool {
	if o.Role != Custodian || on.Entry == "" {
		return false
	}
	return slices.Contains(o.Entries, on.Entry) || (o.Owner != "" && o.Owner == on.Owner)
}

// CanSign tells whether a key of his is valid then.
func (o Officer) CanSign(t time.Time) bool {
	return slices.ContainsFunc(o.Keys, func(k Key) bool { return k.ValidAt(t) == nil })
}

// Until is when the last of his keys ends; the zero time where one never does.
func (o Officer) Until() (last time.Time) {
	for _, k := range o.Keys {
		end := k.Until()
		if end.IsZero() {
			return end
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}

// A Target is the entry that an act is about, as far as it says who may sign.
// The zero value is no entry.
type Target struct {
	Entry string
	Owner string // that the register's record names
}

// Check finds every fault of one record.
func (o Officer) Check() []error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, fmt.Errorf("officer %s: %s: %s", o.called(), field, fmt.Sprintf(format, args...)))
	}
	if !validOfficerID(o.ID) {
		fault("id", "%q: want 1 to %d of a-z, 0-9 and -", o.ID, maxOfficerID)
	}
	if f := protocol.CheckText("name", o.Name, maxOfficerName); f != nil || o.Name == "" {
		fault("name", "want the person's name, up to %d bytes of printable text", maxOfficerName)
	}
	if !o.Role.valid() {
		fault("role", "missing: want one of %v", Roles())
	}
	if o.UID != nil && *o.UID == 0 {
		fault("uid", "0 is root, which is nobody in particular: want the account of the person, or nothing")
	}
	faults = append(faults, o.checkKeys()...)
	return append(faults, o.checkKept()...)
}

func (o Officer) checkKeys() []error {
	if len(o.Keys) == 0 || len(o.Keys) > maxKeys {
		return []error{fmt.Errorf("officer %s: keys: there are %d, want 1 to %d", o.called(), len(o.Keys), maxKeys)}
	}
	var faults []error
	for i, k := range o.Keys {
		if err := k.Check(); err != nil {
			faults = append(faults, fmt.Errorf("officer %s: keys[%d]: %w", o.called(), i, err))
		}
	}
	return faults
}

func (o Officer) checkKept() []error {
	var faults []error
	fault := func(field, format string, args ...any) {
		faults = append(faults, fmt.Errorf("officer %s: %s: %s", o.called(), field, fmt.Sprintf(format, args...)))
	}
	if o.Role != Custodian {
		if len(o.Entries) > 0 || o.Owner != "" {
			fault("entries, owner", "only a custodian keeps entries")
		}
		return faults
	}
	if len(o.Entries) == 0 && o.Owner == "" {
		fault("entries", "missing: a custodian keeps entries, or those of an owner")
	}
	if len(o.Entries) > maxKept {
		fault("entries", "there are %d, want at most %d", len(o.Entries), maxKept)
	}
	for i, id := range o.Entries {
		if f := protocol.CheckEntryID(fmt.Sprintf("entries[%d]", i), id); f != nil {
			faults = append(faults, fmt.Errorf("officer %s: %w", o.called(), f))
		}
		if i > 0 && o.Entries[i-1] >= id {
			fault("entries", "want each once, in order: %q after %q", id, o.Entries[i-1])
		}
	}
	if f := protocol.CheckText("owner", o.Owner, maxOwner); f != nil {
		faults = append(faults, fmt.Errorf("officer %s: %w", o.called(), f))
	}
	return faults
}

// called is the officer in an error. What may not be an id is quoted: it could
// move a terminal.
func (o Officer) called() string {
	if validOfficerID(o.ID) {
		return o.ID
	}
	return fmt.Sprintf("%.40q", o.ID)
}

func validOfficerID(id string) bool {
	if id == "" || len(id) > maxOfficerID {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
