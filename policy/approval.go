package policy

import (
	"fmt"
	"slices"
	"time"

	"signet/protocol/stricttoml"
)

// Approvals is what a policy asks for before a use: that custodians approved
// it. The zero value asks for more than anybody can give.
type Approvals struct {
	Persons    int           // who must grant, at least 1
	Custodians []string      // ids of officers who count; empty: every custodian of the entry
	Forms      []Form        // what may be approved
	Most       uint32        // uses that one approval may be for
	Longest    time.Duration // from its start to its end
}

// String says it in a few words: "granted by 1 of carl, cora; for document,
// count; at most 3 uses within 24h".
func (p Approvals) String() string {
	of := "its custodians"
	if len(p.Custodians) > 0 {
		of = wordList(p.Custodians)
	}
	return fmt.Sprintf("granted by %d of %s; for %s; at most %s within %s",
		p.Persons, of, listed(p.Forms), counted(p.Most, "use"), stricttoml.FormatDuration(p.Longest))
}

// A Form says what an approval is bound to. The zero value is nothing. The
// list is closed; append only.
type Form uint8

const (
	// ByDocument: doc_sm3, SM3 of the unsigned file as the approver has it.
	// The caller declares it with each use.
	ByDocument Form = 1
	// ByReferences: refs_sm3, computed from the parts that a signature of an
	// OFD file covers.
	ByReferences Form = 2
	// ByDigests: the very values that are signed; for entries of class key.
	ByDigests Form = 3
	// ByCount: any use, a number of times.
	ByCount Form = 4
)

var forms = [...]string{ByDocument: "document", ByReferences: "references", ByDigests: "digests", ByCount: "count"}

// Forms returns all forms in the order of their numbers.
func Forms() []Form { return []Form{ByDocument, ByReferences, ByDigests, ByCount} }

func (f Form) String() string {
	if f == 0 || int(f) >= len(forms) {
		return fmt.Sprintf("form(%d)", uint8(f))
	}
	return forms[f]
}

// ParseForm returns the form of that exact name.
func ParseForm(name string) (Form, error) { return named("form of approval", name, Forms()) }

// A State is what became of an approval that was asked for. The zero value is
// that there is none of that id.
type State uint8

const (
	NoApproval State = 0
	Pending    State = 1 // too few have granted it, nobody denied it
	Granted    State = 2
	Denied     State = 3
	Revoked    State = 4
)

var states = [...]string{NoApproval: "none", Pending: "pending", Granted: "granted", Denied: "denied", Revoked: "revoked"}

func (s State) String() string {
	if int(s) >= len(states) {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return states[s]
}

// ParseState returns the state of that exact name.
func ParseState(name string) (State, error) {
	if i := slices.Index(states[:], name); i >= 0 {
		return State(i), nil
	}
	return NoApproval, fmt.Errorf("unknown state %q of an approval: want one of %s", name, wordList(states[:]))
}

// An Approval is what an approval says about one request at the time of the
// decision. It is an argument of Decide: the names are those of the arguments
// that are recorded, append only.
type Approval struct {
	ID    string `json:"id"`
	State State  `json:"state"`
	Form  Form   `json:"form,omitempty"`

	// Fits: it was asked for by this uid, for this entry and purpose, and what
	// it is bound to is what is to be signed.
	Fits bool `json:"fits,omitempty"`

	By    []string  `json:"by,omitempty"` // ids of the officers who granted it, in order
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"` // the last instant

	Count    uint32 `json:"count,omitempty"` // uses that it is for
	Used     uint32 `json:"used,omitempty"`  // of them, in the log
	Reserved uint32 `json:"reserved,omitempty"`

	// Unknown: it was asked for before a restore, and how often it was used is
	// not known.
	Unknown bool `json:"unknown,omitempty"`
}

// left is how many uses it still allows.
func (a Approval) left() int64 { return int64(a.Count) - int64(a.Used) - int64(a.Reserved) }

// grantors counts who granted it and counts for the policy.
func (p Approvals) grantors(a Approval) int {
	n := 0
	for i, id := range a.By {
		if slices.Contains(a.By[:i], id) || len(p.Custodians) > 0 && !slices.Contains(p.Custodians, id) {
			continue
		}
		n++
	}
	return n
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) (err error) {
	*s, err = ParseState(string(text))
	return err
}

// MarshalText writes the form's name; the zero form is the empty text.
func (f Form) MarshalText() ([]byte, error) {
	if f == 0 {
		return nil, nil
	}
	return []byte(f.String()), nil
}

// UnmarshalText reads a form's name.
func (f *Form) UnmarshalText(text []byte) (err error) {
	*f, err = optional(string(text), ParseForm)
	return err
}
