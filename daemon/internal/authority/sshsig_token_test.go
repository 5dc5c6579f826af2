package authority_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/big"
	"testing"

	"golang.org/x/crypto/ssh"
)

// FIDO2 authenticator data flags, CTAP 2.1 6.1: user present, user verified.
const (
	flagUP = 0x01
	flagUV = 0x04
)

// A token is a FIDO2 authenticator in software, as ssh-keygen -Y sign would
// use it (OpenSSH, PROTOCOL.u2f): it signs
// SHA256(application) ‖ flags ‖ counter ‖ SHA256(data).
type token struct {
	public  ssh.PublicKey
	flags   byte
	counter uint32
	sign    func(signed []byte) (blob []byte, err error)
}

const application = "ssh:"

// newToken makes a token that somebody touches.
func newToken(t testing.TB, typ string) *token {
	t.Helper()
	k := &token{flags: flagUP, counter: 7}
	var wire []byte
	switch typ {
	case ssh.KeyAlgoSKED25519:
		private := ed25519Key(9)
		k.sign = func(signed []byte) ([]byte, error) { return ed25519.Sign(private, signed), nil }
		wire = ssh.Marshal(struct {
			Name, Key, Application string
		}{typ, string(private.Public().(ed25519.PublicKey)), application})
	case ssh.KeyAlgoSKECDSA256:
		private := ecdsaKey(t, elliptic.P256(), 9)
		k.sign = func(signed []byte) ([]byte, error) { return signECDSA(private, signed) }
		point, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		wire = ssh.Marshal(struct {
			Name, Curve, Key, Application string
		}{typ, "nistp256", string(point), application})
	default:
		t.Fatalf("no token makes keys of type %s", typ)
	}
	var err error
	if k.public, err = ssh.ParsePublicKey(wire); err != nil {
		t.Fatal(err)
	}
	return k
}

func signECDSA(private *ecdsa.PrivateKey, signed []byte) ([]byte, error) {
	sum := sha256.Sum256(signed)
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		return nil, err
	}
	return ssh.Marshal(struct{ R, S *big.Int }{r, s}), nil
}

func (k *token) PublicKey() ssh.PublicKey { return k.public }

func (k *token) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, sum := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	state := binary.BigEndian.AppendUint32([]byte{k.flags}, k.counter)
	signed := append(append(app[:], state...), sum[:]...)
	blob, err := k.sign(signed)
	if err != nil {
		return nil, err
	}
	return &ssh.Signature{Format: k.public.Type(), Blob: blob, Rest: state}, nil
}
