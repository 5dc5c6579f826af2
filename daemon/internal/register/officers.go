package register

import (
	"fmt"

	"signet/daemon/internal/authority"
	"signet/protocol/canonical"
)

// An OfficerRecord is one officer as he is stored, with the act that made him
// so. The store keeps one more of these, without an officer, for the
// thresholds.
type OfficerRecord struct {
	Officer    *authority.Officer    `json:"officer,omitempty"`
	Thresholds *authority.Thresholds `json:"thresholds,omitempty"`
	Proof      Proof                 `json:"proof"`
}

// ThresholdsID is the key of the thresholds among the officers: no officer's
// id has a dot.
const ThresholdsID = ".thresholds"

// ID is the record's key.
func (r OfficerRecord) ID() string {
	if r.Officer == nil {
		return ThresholdsID
	}
	return r.Officer.ID
}

// Marshal returns the record as it is stored.
func (r OfficerRecord) Marshal() ([]byte, error) { return canonical.Marshal(r) }

// A Staff is the officers' records of an appliance, by id.
type Staff map[string]OfficerRecord

// NewStaff is the staff that the genesis act made. Its proof names event 0.
func NewStaff(g authority.Genesis, proof Proof) Staff {
	s := Staff{}
	if g.Authority == authority.Officers {
		s.set(g.Officers, g.Thresholds, proof)
	}
	return s
}

// Change is the staff after c: records that c does not touch keep the act that
// made them.
func (s Staff) Change(c authority.ChangeOfficers, proof Proof) Staff {
	next := Staff{}
	for id, r := range s {
		next[id] = r
	}
	for _, id := range c.Remove {
		delete(next, id)
	}
	next.set(c.Set, c.Thresholds, proof)
	return next
}

func (s Staff) set(officers []authority.Officer, thresholds *authority.Thresholds, proof Proof) {
	for _, o := range officers {
		s[o.ID] = OfficerRecord{Officer: &o, Proof: proof}
	}
	if thresholds != nil {
		s[ThresholdsID] = OfficerRecord{Thresholds: thresholds, Proof: proof}
	}
}

// Stamp tells the records that act made which event recorded it.
func (s Staff) Stamp(act string, event uint64) {
	for id, r := range s {
		if r.Proof.Act == act {
			r.Proof.Event = event
			s[id] = r
		}
	}
}

// Marshal returns the records as they are stored.
func (s Staff) Marshal() (map[string][]byte, error) {
	all := make(map[string][]byte, len(s))
	for id, r := range s {
		data, err := r.Marshal()
		if err != nil {
			return nil, fmt.Errorf("encoding officer %s: %w", id, err)
		}
		all[id] = data
	}
	return all, nil
}

// Held compares the stored records with s, and names what is not as the acts
// made it.
func (s Staff) Held(stored map[string][]byte) error {
	for id, want := range s {
		data, err := want.Marshal()
		switch {
		case err != nil:
			return err
		case stored[id] == nil:
			return fmt.Errorf("%w: officer %s is missing from the store", ErrUnproven, id)
		case string(stored[id]) != string(data):
			return fmt.Errorf("%w: officer %s is not as the acts made him", ErrUnproven, id)
		}
	}
	for id := range stored {
		if _, ok := s[id]; !ok {
			return fmt.Errorf("%w: no act made an officer %s", ErrUnproven, id)
		}
	}
	return nil
}
