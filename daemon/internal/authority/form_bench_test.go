package authority_test

import (
	"crypto/elliptic"
	"testing"

	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
)

// The daemon verifies two signatures of each of its records again after a
// start, so these are what a record costs.
func BenchmarkVerify(b *testing.B) {
	for name, c := range signedByEach(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := c.key.Verify(theAct, c.signature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMade: asked of each key of a roll until one answers yes.
func BenchmarkMade(b *testing.B) {
	for name, c := range signedByEach(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !c.key.Made(c.signature) {
					b.Fatal("not made by its key")
				}
			}
		})
	}
}

// BenchmarkCheck is the part of Verify that parses the key.
func BenchmarkCheck(b *testing.B) {
	for name, c := range signedByEach(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := c.key.Check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type signed struct {
	key       authority.Key
	signature authority.Signature
}

func signedByEach(b *testing.B) map[string]signed {
	b.Helper()
	u := newUKey(b, 1)
	all := map[string]signed{"SM2": {u.key, gmSignature(newMessage(u.certificate).sign(b, u.private, theAct))}}
	for name, signer := range map[string]ssh.Signer{
		"ed25519": signerOf(b, ed25519Key(1)), "P256": signerOf(b, ecdsaKey(b, elliptic.P256(), 1)),
		"RSA3072": signerOf(b, rsaKey(b, 3072)), "sk-ed25519": newToken(b, ssh.KeyAlgoSKED25519),
	} {
		all[name] = signed{parseKey(b, authorizedKey(b, signer.PublicKey())), sshSignature(signAct(b, signer))}
	}
	return all
}
