package register

import (
	"encoding/hex"
	"fmt"

	"signet/policy"
	"signet/protocol/canonical"
)

// A PolicyRecord is one revision of an entry's policy as it is stored: the
// text, and whom its names meant when it was set. The text is the policy; a
// name that means another id at load allows nobody (recycled uids).
type PolicyRecord struct {
	Entry  string             `json:"entry"`
	Rev    uint32             `json:"rev"`
	Text   string             `json:"text"`
	Hash   string             `json:"hash"` // hex of SM3(text)
	Users  []policy.Principal `json:"users,omitempty"`
	Groups []policy.Principal `json:"groups,omitempty"`
	Proof  Proof              `json:"proof"`
}

// Marshal returns the record as it is stored.
func (r PolicyRecord) Marshal() ([]byte, error) { return canonical.Marshal(r) }

// ParsePolicyRecord reads a stored record and parses its policy.
func ParsePolicyRecord(data []byte) (PolicyRecord, policy.Policy, error) {
	var r PolicyRecord
	if err := canonical.Unmarshal(data, &r); err != nil {
		return PolicyRecord{}, policy.Policy{}, fmt.Errorf("parsing policy record: %w", err)
	}
	p, err := policy.Parse([]byte(r.Text))
	if err != nil {
		return PolicyRecord{}, policy.Policy{}, fmt.Errorf("parsing policy of %s, revision %d: %w", r.Entry, r.Rev, err)
	}
	hash := p.Hash()
	if got := hex.EncodeToString(hash[:]); got != r.Hash {
		return PolicyRecord{}, policy.Policy{}, fmt.Errorf("policy of %s, revision %d: hash is %s, the record says %s", r.Entry, r.Rev, got, r.Hash)
	}
	return r, p, nil
}
