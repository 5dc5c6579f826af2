package authority

import "fmt"

// A Role is what a person is on this appliance. The zero value is no role.
type Role uint8

const (
	Administrator Role = iota + 1
	SecurityOfficer
	Auditor
	Custodian
)

var roleNames = [...]string{
	Administrator: "administrator", SecurityOfficer: "security-officer", Auditor: "auditor", Custodian: "custodian",
}

// Roles are all of them.
func Roles() []Role { return []Role{Administrator, SecurityOfficer, Auditor, Custodian} }

func (r Role) valid() bool { return r >= Administrator && r <= Custodian }

func (r Role) String() string {
	if !r.valid() {
		return "no role"
	}
	return roleNames[r]
}

// MarshalText writes the name that records and ceremonies use.
func (r Role) MarshalText() ([]byte, error) {
	if !r.valid() {
		return nil, fmt.Errorf("role %d: want one of %v", r, Roles())
	}
	return []byte(roleNames[r]), nil
}

// UnmarshalText reads that name.
func (r *Role) UnmarshalText(text []byte) error {
	for _, role := range Roles() {
		if roleNames[role] == string(text) {
			*r = role
			return nil
		}
	}
	return fmt.Errorf("role %q: want one of %v", text, Roles())
}
