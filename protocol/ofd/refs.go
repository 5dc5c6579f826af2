package ofd

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"
)

// A Ref is one part and the hash of its bytes.
type Ref struct {
	Name string // from the root of the package: "/Doc_0/Document.xml"
	SM3  [sm3.Size]byte
}

// Refs is what refs_sm3 is computed over. The zero value covers nothing, and
// neither FromFile nor FromSignature returns it without an error.
type Refs struct {
	list []Ref // in the order of their lines
}

// errNothing is returned where all parts are left out: every file without
// content would have the same hash.
var errNothing = errors.New("no part is left without OFD.xml and Signs/: want at least one")

// newRefs leaves out what refs_sm3 does not cover and sorts the rest. The
// names are checked and differ.
func newRefs(all []Ref) (Refs, error) {
	var covered []Ref
	for _, ref := range all {
		if covers(ref.Name) {
			covered = append(covered, ref)
		}
	}
	if len(covered) == 0 {
		return Refs{}, errNothing
	}
	slices.SortFunc(covered, func(a, b Ref) int { return strings.Compare(a.line(), b.line()) })
	return Refs{list: covered}, nil
}

func (r Ref) line() string {
	return r.Name + " " + base64.StdEncoding.EncodeToString(r.SM3[:]) + "\n"
}

// List returns the parts in the order in which they are hashed.
func (r Refs) List() []Ref { return slices.Clone(r.list) }

// Text returns the lines that are hashed.
func (r Refs) Text() []byte {
	var text []byte
	for _, ref := range r.list {
		text = append(text, ref.line()...)
	}
	return text
}

// SM3 returns refs_sm3.
func (r Refs) SM3() [sm3.Size]byte { return sm3.Sum(r.Text()) }
