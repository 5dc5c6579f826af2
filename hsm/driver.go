// Package hsm is the seam between the daemon and the crypto modules that hold
// the keys: what may cross it, the classes of its errors, and the files that
// belong to it (profiles, token URIs, the PIN latch). Package hsm/pkcs11
// implements it.
//
// What crosses the seam is names, bytes, public keys and classed errors. No
// handle, session or library context leaves a driver, so that it can serve
// the same interface from a process of its own.
package hsm

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"signet/protocol/algo"
)

// A KeyRef says which key pair is meant, in terms that outlive every session
// and every reconnect. A driver uses a key only if the token's public half
// equals Public.
type KeyRef struct {
	Token  string // configured name, unique in the appliance
	ID     []byte // CKA_ID
	Public algo.PublicKey
}

func (r KeyRef) String() string {
	return fmt.Sprintf("%s key %s on token %s", r.Public.Type(), hex.EncodeToString(r.ID), r.Token)
}

// A Spec says what key pair to make. Label must be new on the token, and so
// must ID; a nil ID stands for 16 bytes of the token's random generator.
type Spec struct {
	Type  algo.KeyType
	Label string // CKA_LABEL, 1 to 64 bytes of printable UTF-8
	ID    []byte // CKA_ID, 1 to 64 bytes
}

// A FoundKey is a key pair as it lies on a token.
type FoundKey struct {
	ID         []byte
	Label      string
	Type       algo.KeyType // 0 if Fault says why the pair cannot be used
	Public     algo.PublicKey
	Attributes []Attribute // of the private half; what the token does not tell is left out
	Fault      string
}

// An Attribute is one PKCS#11 attribute as text: "CKA_LOCAL", "true".
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Signed is a signature, or why there is none.
type Signed struct {
	Signature []byte
	Took      time.Duration // inside the module; 0 if it was not asked
	Err       error         // an *Error
}

// A Driver reaches the tokens of one module. Its methods may be called by any
// number of goroutines. The context bounds how long a caller waits; a call
// that is inside the module by then goes on there (PKCS#11 has no way to end
// it), and its result is dropped. Errors of methods that name a token are of
// type *Error.
type Driver interface {
	// Status describes every configured token, in the order of the
	// configuration. It never waits for the module.
	Status() []TokenStatus

	// Keys lists the key pairs of a token. A pair that signet cannot use is
	// listed with its Fault.
	Keys(ctx context.Context, token string) ([]FoundKey, error)

	// Sign signs each of tbs as algo.ToBeSigned gives it: e, a digest, or for
	// Ed25519 the message. One session signs them one after the other, so a
	// caller gives as many as may take that long together. The answer has one
	// for each, in their order. Signatures are encoded strictly and
	// NOT verified: whoever releases one verifies it first, with a public key
	// that does not come from the token.
	Sign(ctx context.Context, key KeyRef, a algo.Algorithm, tbs [][]byte) []Signed

	// Generate performs a key ceremony. After an error no new key is on the
	// token, unless the error says that one is. The transcript is that of the
	// steps taken, with an error too. Whether the key signs is for the caller
	// to try.
	Generate(ctx context.Context, token string, spec Spec) (KeyRef, Transcript, error)

	// Inspect describes the one key pair with that CKA_ID, which this appliance
	// has not made: its origin is not witnessed. Attributes that a ceremony
	// would refuse are noted in the transcript, no more. A key that cannot be
	// used, or whose secret the token gives out, is an error, with the
	// transcript up to there. Nothing on the token changes. Whether the key
	// signs is for the caller to try.
	Inspect(ctx context.Context, token string, id []byte) (FoundKey, Transcript, error)

	// Destroy removes both halves of a key and proves that they are gone.
	Destroy(ctx context.Context, key KeyRef) error

	// Data returns the values that PutData put on a token under a label. There
	// is more than one after a crash between its two steps; which one counts is
	// for the caller to say. None is no error: the token answered, with the
	// user logged in, that it has none.
	Data(ctx context.Context, token, label string) ([][]byte, error)

	// PutData makes value, of 1 to MaxData bytes, the one under a label, which
	// is as in a Spec. It creates the new one, reads it back, and then destroys
	// those that were there before. So after an error the old value is on the
	// token, or the new one, or both; and nothing was tried twice. One runs at
	// a time on a token. The value is not secret: whoever has the PIN reads it.
	PutData(ctx context.Context, token, label string, value []byte) error

	// Random returns n bytes of the token's random generator, 1 to MaxRandom,
	// as the token gave them. Whether they are random is for the caller to
	// judge, over several calls: a generator that has failed may give good
	// bytes, and the same ones each time.
	Random(ctx context.Context, token string, n int) ([]byte, error)

	// TryMechanisms finds out what a token does by having it sign
	// SelfTestText with keys that end with their session. It takes no session
	// from those that sign, one runs at a time on a token, and none beside a
	// ceremony. With an error the Trial holds what was found until then.
	TryMechanisms(ctx context.Context, token string) (Trial, error)

	// ClearPIN is an officer's act: it removes the latch of a token that is
	// not up and tries once more to connect and log in. Its error is that of
	// the attempt.
	ClearPIN(ctx context.Context, token string) error

	// Close waits for calls inside the module, as long as the profile gives a
	// signature, and lets go of it.
	Close() error
}

// MaxRandom is the largest number of bytes that one call of Random returns.
const MaxRandom = 4096

// MaxData is the largest value of PutData, in bytes. Tokens of smart-card size
// have little room.
const MaxData = 512
