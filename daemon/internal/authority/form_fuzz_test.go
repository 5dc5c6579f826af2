package authority_test

import (
	"crypto/elliptic"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
)

// FuzzParseKey: no text panics, and a key that is taken has one form and can
// be shown.
func FuzzParseKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		k, err := authority.ParseKey(text)
		if err != nil {
			if k != (authority.Key{}) || len(err.Error()) > 1000 {
				t.Errorf("%+v with an error of %d bytes", k, len(err.Error()))
			}
			return
		}
		if err := k.Check(); err != nil {
			t.Fatalf("ParseKey wrote %+v, Check refuses it: %v", k, err)
		}
		if k.Form == authority.SSH {
			if again, err := authority.ParseKey(k.Value); err != nil || again != k {
				t.Fatalf("its value reads as %+v, %v", again, err)
			}
		}
		if strings.ContainsFunc(k.Describe(), unicode.IsControl) || len(k.Describe()) > 1000 || k.Fingerprint() == "" {
			t.Fatalf("Describe = %q, Fingerprint = %q", k.Describe(), k.Fingerprint())
		}
	})
}

// FuzzSignatureSSH: no blob panics, and one that counts is its key's, over
// the act alone.
func FuzzSignatureSSH(f *testing.F) {
	var keys []authority.Key
	for _, signer := range []ssh.Signer{
		signerOf(f, ed25519Key(1)), signerOf(f, ecdsaKey(f, elliptic.P256(), 1)),
		newToken(f, ssh.KeyAlgoSKED25519), newToken(f, ssh.KeyAlgoSKECDSA256),
	} {
		keys = append(keys, parseKey(f, authorizedKey(f, signer.PublicKey())))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		for _, k := range keys {
			fuzzVerify(t, k, sshSignature(blob), armor("SSH SIGNATURE", blob))
		}
	})
}

// FuzzSignatureGMT35275: the same for SignedData.
func FuzzSignatureGMT35275(f *testing.F) {
	k := newUKey(f, 1).key
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzVerify(t, k, gmSignature(data), armor("PKCS7", data))
	})
}

func fuzzVerify(t *testing.T, k authority.Key, s authority.Signature, file string) {
	made := k.Made(s)
	if err := k.Verify(theAct, s); err != nil {
		if len(err.Error()) > 1000 {
			t.Fatalf("an error of %d bytes", len(err.Error()))
		}
		return
	}
	if !made {
		t.Fatal("verifies, and Made says it is another's")
	}
	if k.Verify(theAct[1:], s) == nil {
		t.Fatal("verifies over other bytes too")
	}
	if again, err := authority.ReadSignature([]byte(file)); err != nil || again != s {
		t.Fatalf("ReadSignature = %+v, %v", again, err)
	}
}

// FuzzReadSignature: no file panics, and what is taken reads the same again.
func FuzzReadSignature(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := authority.ReadSignature(data)
		if err != nil {
			if s != (authority.Signature{}) || len(err.Error()) > 1000 {
				t.Errorf("%+v with an error of %d bytes", s, len(err.Error()))
			}
			return
		}
		if s.Form == authority.GMT35275 {
			if again, err := authority.ReadSignature([]byte(s.Value)); err != nil || again != s {
				t.Fatalf("its value reads as %+v, %v", again, err)
			}
		}
	})
}
