package policy

import (
	"fmt"
	"slices"
)

// An Operation is what a caller wants done with an entry. The zero value is
// none. The list is closed; append only.
type Operation uint8

const (
	Stamp    Operation = 1 // stamp data over a document's hash
	SealRead Operation = 2 // the seal itself, its picture too
	Digest   Operation = 3 // a signature over a digest or SM2's e
	Message  Operation = 4 // a signature over a message
	CMS      Operation = 5 // a signature in a CMS or GB/T 35275 envelope
)

var operations = [...]string{Stamp: "stamp", SealRead: "seal.read", Digest: "digest", Message: "message", CMS: "cms"}

// Operations returns all operations in the order of their numbers.
func Operations() []Operation { return []Operation{Stamp, SealRead, Digest, Message, CMS} }

func (o Operation) valid() bool { return o > 0 && int(o) < len(operations) }

func (o Operation) String() string {
	if !o.valid() {
		return fmt.Sprintf("operation(%d)", uint8(o))
	}
	return operations[o]
}

// ParseOperation returns the operation of that exact name.
func ParseOperation(name string) (Operation, error) {
	if i := slices.Index(operations[1:], name); i >= 0 {
		return Operation(i + 1), nil
	}
	return 0, fmt.Errorf("unknown operation %q: want one of %s", name, listed(Operations()))
}

// class is that of the entries that the operation is for.
func (o Operation) class() Class {
	if o == Stamp || o == SealRead {
		return ClassSeal
	}
	return ClassKey
}

// signs tells whether the operation uses the entry's key.
func (o Operation) signs() bool { return o != SealRead }

// A Class says what an entry of the register is. The zero value is none.
type Class uint8

const (
	ClassSeal Class = 1 // has a seal; its key signs stamps and nothing else
	ClassKey  Class = 2 // a signing key without a seal
)

var classes = [...]string{ClassSeal: "seal", ClassKey: "key"}

func (c Class) valid() bool { return c > 0 && int(c) < len(classes) }

func (c Class) String() string {
	if !c.valid() {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	return classes[c]
}

// ParseClass returns the class of that exact name.
func ParseClass(name string) (Class, error) {
	if i := slices.Index(classes[1:], name); i >= 0 {
		return Class(i + 1), nil
	}
	return 0, fmt.Errorf("unknown class %q: want seal or key", name)
}
