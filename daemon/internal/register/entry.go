// Package register holds the rules of the register of seals and keys: what an
// entry is, which states it may be in, and which act moves it where.
package register

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// A Class says what an entry is. The zero value is no class.
type Class string

const (
	ClassKey  Class = "key"
	ClassSeal Class = "seal"
)

// A Stage is where an entry stands in its life, holds apart. The zero value
// is no stage, and signs nothing.
type Stage string

const (
	Pending    Stage = "pending"
	Active     Stage = "active"
	Superseded Stage = "superseded"
	Cancelled  Stage = "cancelled"
	Invalid    Stage = "invalid"
)

// final tells whether there is no way back from the stage.
func (s Stage) final() bool { return s == Superseded || s == Cancelled || s == Invalid }

// open tells whether acts may still change an entry of the stage.
func (s Stage) open() bool { return s == Pending || s == Active }

// Suspended is what Status says of an entry with holds.
const Suspended = "suspended"

// Who can hold an entry.
const (
	HoldOwner = "owner" // its officers
	HoldCA    = "ca"    // a list of revoked certificates
)

// A Hold is one reason why an entry is suspended.
type Hold struct {
	ID        uint32 `json:"id"` // unique in the entry, never used again
	Authority string `json:"authority"`
	Basis     string `json:"basis"` // why, in the words of who ordered it
	From      string `json:"from"`  // RFC 3339 in UTC
	Recorded  string `json:"recorded"`
	LiftBy    string `json:"lift_by"`
}

// A Key names the key pair of an entry. Public is the key that signatures are
// verified with: the register's, never one read back from the token.
type Key struct {
	Type       string `json:"type"`
	Token      string `json:"token"`
	ID         string `json:"id"`     // CKA_ID in hex
	Public     string `json:"public"` // standard base64 of the SubjectPublicKeyInfo
	Origin     string `json:"origin"` // Ceremony or Adopted
	Transcript string `json:"transcript,omitempty"`
	Destroyed  string `json:"destroyed,omitempty"` // when it was removed from the token
}

// Where a key comes from.
const (
	Ceremony = "ceremony" // made on the token, witnessed here
	Adopted  = "adopted"  // made elsewhere: its attributes are as they were read
)

// A Signer is one certificate of a seal with its key.
type Signer struct {
	Certificate string `json:"certificate"` // hash of the blob
	Key         Key    `json:"key"`
}

// A Seal is what an entry of class seal has beyond its key.
type Seal struct {
	ESID       string   `json:"es_id"`
	Generation uint32   `json:"generation"`
	SESeal     string   `json:"ses_seal"` // hash of the blob
	Version    string   `json:"version"`  // v1, v4, v5
	NotBefore  string   `json:"not_before"`
	NotAfter   string   `json:"not_after"`
	Signers    []Signer `json:"signers"`
}

// A Proof is why a record is as it is: the act that made it so, and the event
// that recorded the act.
type Proof struct {
	Act        string                `json:"act"`
	Signatures []authority.Signature `json:"signatures,omitempty"`
	Event      uint64                `json:"event"` // set by the committer
}

// An Entry is one record of the register. It is a value: changes are made on
// a copy and become true when the store has recorded them.
type Entry struct {
	ID        string `json:"id"`
	Class     Class  `json:"class"`
	Rev       uint64 `json:"rev"` // moves with every change of this record
	Title     string `json:"title,omitempty"`
	Stage     Stage  `json:"stage"`
	Holds     []Hold `json:"holds,omitempty"`
	LastHold  uint32 `json:"last_hold,omitempty"`
	Key       *Key   `json:"key,omitempty"`  // of class key
	Seal      *Seal  `json:"seal,omitempty"` // of class seal
	PolicyRev uint32 `json:"policy_rev,omitempty"`
	Created   string `json:"created"`
	Proof     Proof  `json:"proof"`

	Owner        string        `json:"owner,omitempty"`        // id of whom it belongs to
	Certificates []Certificate `json:"certificates,omitempty"` // of the key, oldest first: the last is in use
	End          *End          `json:"end,omitempty"`          // of an entry of a final stage
}

// An End is why and when the life of an entry ended.
type End struct {
	Basis    string `json:"basis"`
	From     string `json:"from"` // RFC 3339 in UTC
	Recorded string `json:"recorded"`
}

// ErrUnproven is wrapped when a record is not what the acts that it rests on
// made it.
var ErrUnproven = errors.New("record is not proven by the acts")

// ErrExists is wrapped when an act would make an entry anew.
var ErrExists = errors.New("conflict")

// ErrTransition is wrapped when an act does not fit the state of its entry.
var ErrTransition = errors.New("illegal transition")

// Status is the one word for where the entry stands now, by the precedence
// invalid, cancelled, superseded, suspended, then the stage.
func (e Entry) Status() string {
	switch {
	case e.Stage.final():
		return string(e.Stage)
	case len(e.Holds) > 0:
		return Suspended
	}
	return string(e.Stage)
}

// MaySign tells whether the entry's state lets its key be used at all.
func (e Entry) MaySign() bool { return e.Stage == Active && len(e.Holds) == 0 }

// next returns a copy to change, with the revision moved.
func (e Entry) next() Entry {
	e.Rev++
	e.Holds = slices.Clone(e.Holds)
	e.Certificates = slices.Clone(e.Certificates)
	return e
}

// Activate makes a pending entry active. An entry without a policy would
// allow nobody, so it is refused as a mistake.
func (e Entry) Activate() (Entry, error) {
	if e.Stage != Pending {
		return Entry{}, fmt.Errorf("%w: %s is %s, only a pending entry is activated", ErrTransition, e.ID, e.Status())
	}
	if e.PolicyRev == 0 {
		return Entry{}, fmt.Errorf("%w: %s has no policy: set one first", ErrTransition, e.ID)
	}
	e = e.next()
	e.Stage = Active
	return e, nil
}

// Suspend adds a hold. A pending entry may be held too: it cannot then be
// used when it becomes active.
func (e Entry) Suspend(authority, basis string, at time.Time) (Entry, error) {
	if !e.Stage.open() {
		return Entry{}, fmt.Errorf("%w: %s is %s and cannot be suspended", ErrTransition, e.ID, e.Status())
	}
	e = e.next()
	e.LastHold++
	when := at.UTC().Format(time.RFC3339)
	e.Holds = append(e.Holds, Hold{ID: e.LastHold, Authority: authority, Basis: basis, From: when, Recorded: when, LiftBy: HoldOwner})
	return e, nil
}

// Resume lifts one hold, or the only one if id is 0.
func (e Entry) Resume(id uint32) (Entry, error) {
	switch {
	case !e.Stage.open():
		return Entry{}, fmt.Errorf("%w: %s is %s and cannot be resumed", ErrTransition, e.ID, e.Status())
	case len(e.Holds) == 0:
		return Entry{}, fmt.Errorf("%w: %s is %s and has no hold to lift", ErrTransition, e.ID, e.Status())
	case id == 0 && len(e.Holds) > 1:
		return Entry{}, fmt.Errorf("%w: %s has %d holds: name the one to lift", ErrTransition, e.ID, len(e.Holds))
	case id == 0:
		id = e.Holds[0].ID
	}
	e = e.next()
	i := slices.IndexFunc(e.Holds, func(h Hold) bool { return h.ID == id })
	if i < 0 {
		return Entry{}, fmt.Errorf("%w: %s has no hold %d", ErrTransition, e.ID, id)
	}
	if c, ok := e.Certificate(); ok && e.Holds[i].Authority == HoldCA && c.Revoked != "" {
		return Entry{}, fmt.Errorf("%w: %s is held by its CA, whose list says that its certificate was revoked on %s: import a new one first", ErrTransition, e.ID, c.Revoked)
	}
	e.Holds = slices.Delete(e.Holds, i, i+1)
	return e, nil
}

// Cancel ends the life of the entry; there is no way back.
func (e Entry) Cancel(basis string, at time.Time) (Entry, error) {
	if !e.Stage.open() {
		return Entry{}, fmt.Errorf("%w: %s is %s already", ErrTransition, e.ID, e.Status())
	}
	e = e.next()
	e.Stage = Cancelled
	when := at.UTC().Format(time.RFC3339)
	e.End = &End{Basis: basis, From: when, Recorded: when}
	return e, nil
}

// DestroyKey notes that the key is gone from its token. What was signed stays
// verifiable: the public key stays in the record.
func (e Entry) DestroyKey(at time.Time) (Entry, error) {
	switch {
	case e.Key == nil:
		return Entry{}, fmt.Errorf("%w: %s has no key of its own", ErrTransition, e.ID)
	case e.Key.Destroyed != "":
		return Entry{}, fmt.Errorf("%w: the key of %s was destroyed on %s", ErrTransition, e.ID, e.Key.Destroyed)
	case !e.Stage.final():
		return Entry{}, fmt.Errorf("%w: %s is %s: cancel it first, what has a key may still be asked to sign", ErrTransition, e.ID, e.Status())
	}
	e = e.next()
	key := *e.Key
	key.Destroyed = at.UTC().Format(time.RFC3339)
	e.Key = &key
	return e, nil
}

// SetPolicy points the entry to a new revision of its policy.
func (e Entry) SetPolicy(rev uint32) (Entry, error) {
	if !e.Stage.open() {
		return Entry{}, fmt.Errorf("%w: %s is %s and takes no policy", ErrTransition, e.ID, e.Status())
	}
	if rev != e.PolicyRev+1 {
		return Entry{}, fmt.Errorf("%w: %s has policy revision %d, the next is not %d", ErrTransition, e.ID, e.PolicyRev, rev)
	}
	e = e.next()
	e.PolicyRev = rev
	return e, nil
}

// Marshal returns the record as it is stored.
func (e Entry) Marshal() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return canonical.Marshal(e)
}

// Parse reads a stored record.
func Parse(data []byte) (Entry, error) {
	var e Entry
	if err := canonical.Unmarshal(data, &e); err != nil {
		return Entry{}, fmt.Errorf("parsing record: %w", err)
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

func (e Entry) check() error {
	switch {
	case e.ID == "" || e.Rev == 0:
		return fmt.Errorf("record %q: id and rev are required", e.ID)
	case !e.Stage.open() && !e.Stage.final():
		return fmt.Errorf("record %s: stage %q: want pending, active, superseded, cancelled or invalid", e.ID, e.Stage)
	case e.Class == ClassKey && (e.Key == nil || e.Seal != nil):
		return fmt.Errorf("record %s: class key has a key and no seal", e.ID)
	case e.Class == ClassSeal && (e.Seal == nil || e.Key != nil):
		return fmt.Errorf("record %s: class seal has a seal and no key of its own", e.ID)
	case e.Class != ClassKey && e.Class != ClassSeal:
		return fmt.Errorf("record %s: class %q: want key or seal", e.ID, e.Class)
	}
	if e.Key != nil {
		if _, _, err := e.Key.Parse(); err != nil {
			return fmt.Errorf("record %s: %w", e.ID, err)
		}
	}
	if e.Stage.final() != (e.End != nil) {
		return fmt.Errorf("record %s: stage %s and its end do not fit", e.ID, e.Stage)
	}
	return e.checkHolds()
}

// checkHolds keeps hold numbers unique: an act that lifts one names it.
func (e Entry) checkHolds() error {
	last := uint32(0)
	for _, h := range e.Holds {
		if h.ID <= last || h.ID > e.LastHold {
			return fmt.Errorf("record %s: hold %d after hold %d, the last is %d: want them in order, each once", e.ID, h.ID, last, e.LastHold)
		}
		last = h.ID
	}
	return nil
}

// NewKey returns the record's form of a key pair.
func NewKey(token string, id []byte, public algo.PublicKey, origin, transcript string) *Key {
	return &Key{
		Type: public.Type().String(), Token: token, ID: hex.EncodeToString(id),
		Public: base64.StdEncoding.EncodeToString(public.DER()), Origin: origin, Transcript: transcript,
	}
}

// Parse returns the key's CKA_ID and public key.
func (k Key) Parse() (id []byte, public algo.PublicKey, err error) {
	// Only the form that NewKey writes: one key has one record.
	if id, err = hex.DecodeString(k.ID); err != nil || len(id) == 0 || hex.EncodeToString(id) != k.ID {
		return nil, algo.PublicKey{}, fmt.Errorf("key id %q: want lower-case hex", k.ID)
	}
	der, err := base64.StdEncoding.DecodeString(k.Public)
	if err != nil || base64.StdEncoding.EncodeToString(der) != k.Public {
		return nil, algo.PublicKey{}, errors.New("public key: want standard base64 in one line")
	}
	if public, err = algo.ParsePublicKey(der); err != nil {
		return nil, algo.PublicKey{}, err
	}
	if public.Type().String() != k.Type {
		return nil, algo.PublicKey{}, fmt.Errorf("key type %q: the public key is %v", k.Type, public.Type())
	}
	return id, public, nil
}
