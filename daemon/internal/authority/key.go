package authority

import (
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Key is a public key of an officer. The zero value is no key and verifies
// nothing.
type Key struct {
	Form Form `json:"form"`
	// Value is for ssh the type and base64 of an authorized_keys line, for
	// gmt35275 the base64 on one line of a DER certificate with an SM2 key.
	Value string `json:"value"`
}

// publicKey is what a Key's value holds: an sshKey or an sm2Key.
type publicKey interface {
	fingerprint() string
	describe() string
	// verify takes the bytes of a signature of the key's own form.
	verify(message, signature []byte) error
	validAt(t time.Time) error
	until() time.Time // zero: it has no end
}

// maxKeyText bounds what a person may offer as a key, in bytes.
const maxKeyText = 16 << 10

// errKeyText is the answer to what is neither kind of key. It does not repeat
// the text: people paste private keys.
var errKeyText = errors.New("reading key: want a line of a .pub file (type and base64), or a PEM certificate with an SM2 key")

// ParseKey reads what a person puts into the ceremony's file: one line of
// authorized_keys, whose comment is dropped, or one PEM certificate.
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Key{}, errors.New("reading key: empty: want a line of a .pub file, or a PEM certificate")
	case len(text) > maxKeyText:
		return Key{}, fmt.Errorf("reading key: %d bytes: at most %d", len(text), maxKeyText)
	case strings.Contains(text, "PRIVATE KEY"):
		return Key{}, errors.New("reading key: this is a private key, which nobody else may see: give the .pub file, or the certificate")
	case strings.Contains(text, "-----BEGIN "):
		return readCertificate(text)
	}
	return readSSHLine(text)
}

func readCertificate(text string) (Key, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || len(rest) != 0 || strings.Count(text, "-----BEGIN ") != 1 || !strings.HasPrefix(text, "-----BEGIN "):
		return Key{}, errors.New("reading key: want one PEM certificate and nothing else, from its BEGIN line to its END line")
	case block.Type != "CERTIFICATE" || len(block.Headers) != 0:
		return Key{}, fmt.Errorf("reading key: a PEM block of type %.40q: want CERTIFICATE", block.Type)
	}
	k, err := newSM2Key(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("reading key: %w", err)
	}
	return k.key(), nil
}

// parse reads the value in its only form.
func (k Key) parse() (publicKey, error) {
	switch k.Form {
	case SSH:
		return parseSSHKey(k.Value)
	case GMT35275:
		return parseSM2Key(k.Value)
	}
	return nil, fmt.Errorf("form %.20q: want %s or %s", k.Form, SSH, GMT35275)
}

// Check refuses a key of a record that ParseKey could not have written.
func (k Key) Check() error {
	if _, err := k.parse(); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return nil
}

// Fingerprint names the key pair: SHA256:… as OpenSSH writes it, or SM3: and
// hex over the SubjectPublicKeyInfo, so that one key pair in two certificates
// is one key. It is empty for a key that Check refuses.
func (k Key) Fingerprint() string {
	p, err := k.parse()
	if err != nil {
		return ""
	}
	return p.fingerprint()
}

// GM tells whether the key signs with SM2 and SM3.
func (k Key) GM() bool { return k.Form == GMT35275 }

// Describe says in a line which key this is: type, fingerprint, and of a
// certificate its subject. It is for people; its words may change.
func (k Key) Describe() string {
	p, err := k.parse()
	if err != nil {
		return "unreadable key"
	}
	return p.describe()
}

// Made tells whether s says that this key made it. It verifies nothing.
func (k Key) Made(s Signature) bool {
	if k.Form != s.Form {
		return false
	}
	signature, err := s.decode()
	if err != nil {
		return false
	}
	if k.Form == SSH {
		return madeBySSHKey(k.Value, signature)
	}
	return madeByCertificate(k.Value, signature)
}

// Verify checks that this key made s over message. Every error wraps
// ErrSignature. Whether the certificate was valid then is for ValidAt.
func (k Key) Verify(message []byte, s Signature) error {
	if err := k.verify(message, s); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

func (k Key) verify(message []byte, s Signature) error {
	if s.Form != k.Form {
		return fmt.Errorf("form %.20q with a key of form %.20q", s.Form, k.Form)
	}
	signature, err := s.decode()
	if err != nil {
		return err
	}
	p, err := k.parse()
	if err != nil {
		return err
	}
	return p.verify(message, signature)
}

// ValidAt refuses t outside of the certificate's validity. An ssh key has
// none: an act of officers takes it away.
func (k Key) ValidAt(t time.Time) error {
	p, err := k.parse()
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return p.validAt(t)
}

// Until is when the certificate ends; the zero time for an ssh key, and for
// what Check refuses.
func (k Key) Until() time.Time {
	p, err := k.parse()
	if err != nil {
		return time.Time{}
	}
	return p.until()
}
