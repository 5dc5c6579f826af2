// Package authority says who may change what: acts, their kinds, and the
// roles and persons that each kind needs.
package authority

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol"
	"signet/protocol/canonical"
)

// ActVersion is the v of acts.
const ActVersion = 1

// MaxActBytes bounds an act, MaxContentBytes its content.
const (
	MaxActBytes     = 4 << 10
	MaxContentBytes = 256 << 10
	MaxListBytes    = 4 << 20 // of a content that brings a list of revoked certificates
)

// maxTarget bounds the name of what an act changes, in bytes.
const maxTarget = 128

// Lifetime is how far ahead not_after may lie: a nonce is kept that long.
const Lifetime = 7 * 24 * time.Hour

// An Act is a document that changes something. Officers sign its canonical
// bytes; content_sha (hex of SM3) binds the content that travels beside it.
type Act struct {
	V          int    `json:"v"`
	Appliance  string `json:"appliance"` // hex of the genesis event's hash; empty for init only
	Kind       Kind   `json:"kind"`
	Target     string `json:"target"` // what is changed: an entry, a token, or empty
	ContentSHA string `json:"content_sha"`
	Nonce      string `json:"nonce"`     // 32 hex digits, once in the life of the appliance
	NotAfter   string `json:"not_after"` // RFC 3339 in UTC, whole seconds
	LogSize    uint64 `json:"log_size"`  // with log_root: the log the signer saw,
	LogRoot    string `json:"log_root"`  // which must be a prefix of this one
}

// Refusals of an act, each with its code of the table of errors.
var (
	ErrMalformed      = errors.New("act is malformed")
	ErrExpired        = errors.New("act has expired")
	ErrReplayed       = errors.New("act was applied before")
	ErrOtherAppliance = errors.New("act is for another appliance")
	ErrRole           = errors.New("role may not do this")
	ErrTooFew         = errors.New("more signatures are needed")
	ErrDuplicate      = errors.New("one person signed twice")
	ErrSignature      = errors.New("signature on the act does not verify")
)

// ContentHash is the content_sha of content.
func ContentHash(content []byte) string {
	sum := sm3.Sum(content)
	return hex.EncodeToString(sum[:])
}

// NewNonce returns a fresh nonce.
func NewNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// NonceOf returns the nonce of the canonical bytes of an act without reading
// the rest; "" where there is none. In a text of an act the quotes have a
// backslash.
func NonceOf(raw string) string {
	_, rest, _ := strings.Cut(raw, `,"nonce":"`)
	nonce, _, _ := strings.Cut(rest, `"`)
	return strings.Clone(nonce) // whoever keeps it must not keep the act
}

// Bytes returns the bytes that officers sign.
func (a Act) Bytes() ([]byte, error) { return canonical.Marshal(a) }

// ParseAct reads the canonical bytes of an act and checks its form.
func ParseAct(data []byte) (Act, error) {
	var a Act
	if len(data) > MaxActBytes {
		return Act{}, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(data), MaxActBytes)
	}
	if err := canonical.Unmarshal(data, &a); err != nil {
		return Act{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := a.checkForm(); err != nil {
		return Act{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return a, nil
}

func (a Act) checkForm() error {
	if a.V != ActVersion {
		return fmt.Errorf("v is %d: want %d", a.V, ActVersion)
	}
	if _, ok := RuleOf(a.Kind); !ok {
		return fmt.Errorf("kind %q is not in the table of acts", a.Kind)
	}
	// The target stands in the log for ever and on the screens of officers.
	if fault := protocol.CheckText("target", a.Target, maxTarget); fault != nil {
		return fault
	}
	if a.Target != "" && !hasTarget(a.Kind) {
		return fmt.Errorf("target %.64q: an act of kind %s is about the whole appliance: want none", a.Target, a.Kind)
	}
	if err := checkHex("content_sha", a.ContentSHA, sm3.Size); err != nil {
		return err
	}
	if err := checkHex("nonce", a.Nonce, 16); err != nil {
		return err
	}
	if a.Kind != Init {
		if err := checkHex("appliance", a.Appliance, sm3.Size); err != nil {
			return err
		}
		if err := checkHex("log_root", a.LogRoot, sm3.Size); err != nil {
			return err
		}
	}
	_, err := a.Expiry()
	return err
}

func checkHex(field, s string, size int) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != size || hex.EncodeToString(b) != s {
		return fmt.Errorf("%s: want %d lower-case hex digits", field, 2*size)
	}
	return nil
}

// Expiry is not_after as a time.
func (a Act) Expiry() (time.Time, error) {
	at, err := time.Parse(time.RFC3339, a.NotAfter)
	if err != nil || at.UTC().Format(time.RFC3339) != a.NotAfter {
		return time.Time{}, fmt.Errorf("not_after %q: want RFC 3339 in UTC, whole seconds", a.NotAfter)
	}
	return at, nil
}

// CheckTime refuses an act that is too old, or that would outlive its nonce.
func (a Act) CheckTime(now time.Time) error {
	expiry, err := a.Expiry()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if now.After(expiry) {
		return fmt.Errorf("%w: not_after was %s", ErrExpired, a.NotAfter)
	}
	if expiry.Sub(now) > Lifetime {
		return fmt.Errorf("%w: not_after %s is more than %v ahead", ErrMalformed, a.NotAfter, Lifetime)
	}
	return nil
}

// MaxContentOf bounds the content of an act of kind k, in bytes.
func MaxContentOf(k Kind) int {
	if k == CRLImport || k == OrderImport {
		return MaxListBytes
	}
	return MaxContentBytes
}

// CheckContent refuses content that the act does not bind.
func (a Act) CheckContent(content []byte) error {
	if limit := MaxContentOf(a.Kind); len(content) > limit {
		return fmt.Errorf("%w: content of %d bytes, at most %d", ErrMalformed, len(content), limit)
	}
	if got := ContentHash(content); got != a.ContentSHA {
		return fmt.Errorf("%w: content_sha is %s, the content's SM3 is %s", ErrMalformed, a.ContentSHA, got)
	}
	return nil
}
