package policy

import (
	"fmt"
	"slices"
)

// A Version is one of the versions of seals and stamp data that may be
// applied. The zero value is none. The list is closed; append only.
type Version uint8

const (
	V4 Version = 4 // GB/T 38540-2020
	V5 Version = 5 // GM/T 0031-2025
)

// Versions returns all versions. That of GM/T 0031-2014 is read, never
// applied.
func Versions() []Version { return []Version{V4, V5} }

func (v Version) String() string { return fmt.Sprintf("v%d", uint8(v)) }

// ParseVersion returns the version of that exact name.
func ParseVersion(name string) (Version, error) {
	return named("version", name, Versions())
}

// A Container is what a stamp is embedded in, as the caller declares it. The
// zero value is none. The list is closed; append only.
type Container uint8

const (
	OFD Container = 1
	PDF Container = 2
	XML Container = 3
	// Detached stamp data is kept beside the document.
	Detached Container = 4
)

var containers = [...]string{OFD: "ofd", PDF: "pdf", XML: "xml", Detached: "detached"}

// Containers returns all containers in the order of their numbers.
func Containers() []Container { return []Container{OFD, PDF, XML, Detached} }

func (c Container) String() string {
	if c == 0 || int(c) >= len(containers) {
		return fmt.Sprintf("container(%d)", uint8(c))
	}
	return containers[c]
}

// ParseContainer returns the container of that exact name.
func ParseContainer(name string) (Container, error) {
	return named("container", name, Containers())
}

// A Field is one of the things that a caller can say about a use, by its name
// in the request's context. The zero value is none. The list is closed; append
// only: the number is that of the bit in Fields.
type Field uint8

const (
	DocID       Field = 1
	DocNo       Field = 2
	DocTitle    Field = 3
	DocSM3      Field = 4
	UserID      Field = 5 // art. 22: the person, or a named automatic system
	UserName    Field = 6
	Dept        Field = 7
	ClientIP    Field = 8
	ApprovalRef Field = 9
	Pages       Field = 10
)

var fields = [...]string{
	DocID: "doc_id", DocNo: "doc_no", DocTitle: "doc_title", DocSM3: "doc_sm3", UserID: "user_id", UserName: "user_name",
	Dept: "dept", ClientIP: "client_ip", ApprovalRef: "approval_ref", Pages: "pages",
}

// AllFields returns all fields in the order of their numbers.
func AllFields() []Field {
	return []Field{DocID, DocNo, DocTitle, DocSM3, UserID, UserName, Dept, ClientIP, ApprovalRef, Pages}
}

func (f Field) valid() bool { return f > 0 && int(f) < len(fields) }

func (f Field) String() string {
	if !f.valid() {
		return fmt.Sprintf("field(%d)", uint8(f))
	}
	return fields[f]
}

// ParseField returns the field of that exact name.
func ParseField(name string) (Field, error) {
	return named("context field", name, AllFields())
}

// Fields is a set of fields: those that a request carries.
type Fields uint16

// FieldsOf returns the set of these fields.
func FieldsOf(list ...Field) Fields {
	var set Fields
	for _, f := range list {
		set |= 1 << f
	}
	return set
}

// Has tells whether f is in the set.
func (s Fields) Has(f Field) bool { return f.valid() && s&(1<<f) != 0 }

// List returns the fields of the set in the order of their numbers.
func (s Fields) List() []Field {
	return slices.DeleteFunc(AllFields(), func(f Field) bool { return !s.Has(f) })
}

// named finds the item of a closed list by its name.
func named[T fmt.Stringer](what, name string, all []T) (T, error) {
	if i := slices.IndexFunc(all, func(item T) bool { return item.String() == name }); i >= 0 {
		return all[i], nil
	}
	var none T
	return none, fmt.Errorf("unknown %s %q: want one of %s", what, name, listed(all))
}
