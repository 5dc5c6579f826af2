package register

import (
	"encoding/hex"
	"fmt"

	"signet/daemon/internal/authority"
	"signet/policy"
	"signet/protocol/canonical"
)

// Facts are what the world answered when an act was carried out: what its
// content cannot say. The act's event binds them by their hash, so that
// whoever has log, contents and facts can make every record again.
type Facts struct {
	Key         *Key               `json:"key,omitempty"`    // made or adopted
	Users       []policy.Principal `json:"users,omitempty"`  // whom a policy's names meant
	Groups      []policy.Principal `json:"groups,omitempty"` //
	Certificate *Certificate       `json:"certificate,omitempty"`
	Request     string             `json:"request,omitempty"` // hash of a certificate request
	CRL         *CRL               `json:"crl,omitempty"`
	Revoked     []Revocation       `json:"revoked,omitempty"` // entries that a list touches, in the order of ids
	Made        string             `json:"made,omitempty"`    // hash of what else came of it: a transcript, a report
}

// Marshal returns the facts as they are stored and hashed.
func (f Facts) Marshal() ([]byte, error) { return canonical.Marshal(f) }

// ParseFacts reads what an event binds by hash, which is hex of its SM3.
func ParseFacts(data []byte, hash string) (Facts, error) {
	var f Facts
	if got := authority.ContentHash(data); got != hash {
		return Facts{}, fmt.Errorf("reading facts: their SM3 is %s, the event says %s", got, hash)
	}
	if err := canonical.Unmarshal(data, &f); err != nil {
		return Facts{}, fmt.Errorf("reading facts: %w", err)
	}
	return f, nil
}

// policyRecord is the record that a policy.set makes with these facts.
func (f Facts) policyRecord(entry string, rev uint32, text string) (PolicyRecord, error) {
	p, err := policy.Parse([]byte(text))
	if err != nil {
		return PolicyRecord{}, fmt.Errorf("%w: policy:\n%w", authority.ErrMalformed, err)
	}
	hash := p.Hash()
	return PolicyRecord{Entry: entry, Rev: rev, Text: p.Text(), Hash: hex.EncodeToString(hash[:]), Users: f.Users, Groups: f.Groups}, nil
}
