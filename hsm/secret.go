package hsm

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "redacted"

// A Secret holds a PIN. However it is printed, encoded or logged, it shows as
// "redacted".
//
// The bytes lie two pointers deep because fmt does not call methods on
// unexported fields, and with a verb that does not fit (%s of a struct) follows
// one pointer: a Secret inside another struct so prints an address, never the
// PIN. Copies of a Secret share the bytes.
type Secret struct{ held **[]byte }

// NewSecret takes over b: the caller must not keep it.
func NewSecret(b []byte) Secret {
	p := &b
	return Secret{&p}
}

// Bytes returns the secret itself, nil after Wipe. The caller must not keep
// or change it.
func (s Secret) Bytes() []byte {
	if s.held == nil {
		return nil
	}
	return **s.held
}

// IsZero tells whether there is no secret, or no longer one.
func (s Secret) IsZero() bool { return len(s.Bytes()) == 0 }

// Wipe overwrites the bytes, for all copies. Copies that a C library was
// given are out of reach.
func (s Secret) Wipe() {
	if s.held == nil {
		return
	}
	clear(**s.held)
	**s.held = nil
}

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
