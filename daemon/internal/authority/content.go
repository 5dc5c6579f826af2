package authority

import (
	"fmt"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// The contents of acts. Each travels beside its act as canonical JSON, bound
// by content_sha; a kind that has none binds the empty object.

// A CreateKey asks for a key ceremony. The target is the new entry's id.
type CreateKey struct {
	Type  string `json:"type"` // a name of algo.KeyTypes
	Token string `json:"token"`
	Title string `json:"title,omitempty"`
	Owner string `json:"owner,omitempty"` // id of whom it belongs to; who keeps all of an owner's entries keeps it
}

// An AdoptKey takes a key that a vendor's tool made, or cloned, into the
// register. The target is the new entry's id.
type AdoptKey struct {
	Token string `json:"token"`
	ID    string `json:"id"` // CKA_ID in hex
	Title string `json:"title,omitempty"`
	Owner string `json:"owner,omitempty"`
}

// A DestroyKey removes the key of a cancelled entry from its token.
type DestroyKey struct {
	Basis string `json:"basis"`
}

// A Cancel ends the life of the target.
type Cancel struct {
	Basis string `json:"basis"`
}

// A RequestCert has the target's key sign a certificate request.
type RequestCert struct {
	Subject string `json:"subject"` // as certificate.ParseSubject reads it
}

// An ImportCert brings what a CA answered, whole.
type ImportCert struct {
	Answer string `json:"answer"` // standard base64
}

// An ImportCRL brings a list of revoked certificates.
type ImportCRL struct {
	CRL string `json:"crl"` // standard base64 of its DER
}

// A ChangeOfficers replaces, adds and removes officers, and sets thresholds.
type ChangeOfficers struct {
	Set        []Officer   `json:"set,omitempty"`
	Remove     []string    `json:"remove,omitempty"`
	Thresholds *Thresholds `json:"thresholds,omitempty"`
}

// A RestoreStore puts a backup in the place of a store that is lost. The
// backup was handed in before; it is named by the log that it holds.
type RestoreStore struct {
	Size  uint64 `json:"size"` // of that log: the act's event has this index
	Root  string `json:"root"`
	Epoch uint64 `json:"epoch"` // in which the log goes on, one that never was before
	Basis string `json:"basis"`
}

// An AcceptStore accepts a store that is older than what was known of it.
type AcceptStore struct {
	Size  uint64 `json:"size"` // of the log that is accepted
	Root  string `json:"root"`
	Epoch uint64 `json:"epoch"` // as in RestoreStore
	Basis string `json:"basis"`
}

// A SetPolicy replaces the policy of the target. It is the content of
// policy.narrow too.
type SetPolicy struct {
	Text string `json:"text"` // TOML

	// Nobody says that the policy is meant to allow nobody.
	Nobody bool `json:"nobody,omitempty"`
}

// A GrantApproval approves what a caller asked for. Request is the SM3 of the
// content that the officer saw.
type GrantApproval struct {
	Approval string `json:"approval"` // its id
	Request  string `json:"request"`
	Count    uint32 `json:"count,omitempty"` // fewer uses than were asked for; 0: as many
	Until    string `json:"until,omitempty"` // an earlier end, RFC 3339 in UTC; empty: the one asked for
}

// An EndApproval denies what was asked for, or revokes what was granted.
type EndApproval struct {
	Approval string `json:"approval"`
	Request  string `json:"request"`
	Basis    string `json:"basis"`
}

// A Suspend adds a hold to the target.
type Suspend struct {
	Basis string `json:"basis"` // why
}

// A Resume lifts a hold of the target; 0 is the only one.
type Resume struct {
	Hold uint32 `json:"hold"`
}

// Nothing is the content of an act that its kind and target say all of.
type Nothing struct{}

// maxBasis bounds the text of a hold, in bytes.
const maxBasis = 256

// ParseContent reads content into v, a pointer to one of the types above.
func ParseContent(content []byte, v any) error {
	if err := canonical.Unmarshal(content, v); err != nil {
		return fmt.Errorf("%w: content: %w", ErrMalformed, err)
	}
	return nil
}

// KeyType checks the content and returns the type of key asked for.
func (c CreateKey) KeyType() (algo.KeyType, error) {
	if err := CheckWords(c.Title, c.Owner); err != nil {
		return 0, err
	}
	t, err := algo.ParseKeyType(c.Type)
	if err != nil {
		return 0, fmt.Errorf("%w: type: %w", ErrMalformed, err)
	}
	return t, nil
}

// CheckBasis refuses an act without a reason: basis says why, in words that
// stand in the log for ever.
func CheckBasis(basis string) error {
	if basis == "" {
		return fmt.Errorf("%w: basis: missing, say why", ErrMalformed)
	}
	if fault := protocol.CheckText("basis", basis, maxBasis); fault != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, fault.Error())
	}
	return nil
}

// CheckWords refuses a title or owner that could not stand in a record.
func CheckWords(title, owner string) error {
	if fault := protocol.CheckText("title", title, maxBasis); fault != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, fault.Error())
	}
	if fault := protocol.CheckText("owner", owner, maxOwner); fault != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, fault.Error())
	}
	return nil
}
