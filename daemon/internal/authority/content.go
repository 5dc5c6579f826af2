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
}

// A SetPolicy replaces the policy of the target.
type SetPolicy struct {
	Text string `json:"text"` // TOML
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
	if fault := protocol.CheckText("title", c.Title, maxBasis); fault != nil {
		return 0, fmt.Errorf("%w: %s", ErrMalformed, fault.Error())
	}
	t, err := algo.ParseKeyType(c.Type)
	if err != nil {
		return 0, fmt.Errorf("%w: type: %w", ErrMalformed, err)
	}
	return t, nil
}

// Check refuses a hold without a reason.
func (c Suspend) Check() error {
	if c.Basis == "" {
		return fmt.Errorf("%w: basis: missing, say why the entry is suspended", ErrMalformed)
	}
	if fault := protocol.CheckText("basis", c.Basis, maxBasis); fault != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, fault.Error())
	}
	return nil
}
