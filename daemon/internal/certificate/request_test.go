package certificate_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
)

func TestRequestIsOfTheKeyAndTheSubject(t *testing.T) {
	want, err := certificate.ParseSubject(subjectText)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyP384, algo.KeyRSA2048, algo.KeyEd25519} {
		k := newKey(t, typ)
		csr, err := smx509.ParseCertificateRequest(request(t, k, subjectText))
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		if err := csr.CheckSignature(); err != nil {
			t.Errorf("%v: %v", typ, err)
		}
		if !bytes.Equal(csr.RawSubjectPublicKeyInfo, k.public.DER()) || !bytes.Equal(csr.RawSubject, want.DER()) {
			t.Errorf("%v: another key or subject: %v", typ, csr.Subject)
		}
	}
}

// TestRequestSignsWhatEverySignatureOfTheKeySigns: the daemon's signer gets e
// for SM2 and a digest of the right length otherwise.
func TestRequestSignsWhatEverySignatureOfTheKeySigns(t *testing.T) {
	for typ, want := range map[algo.KeyType]algo.Algorithm{
		algo.KeySM2: algo.SM2SM3, algo.KeyP256: algo.ECDSAP256SHA256, algo.KeyRSA2048: algo.RSAPKCS1SHA256,
	} {
		k, asked := newKey(t, typ), 0
		s, _ := certificate.ParseSubject("CN=a")
		_, err := certificate.Request(k.public, s, func(a algo.Algorithm, tbs []byte) ([]byte, error) {
			if asked++; a != want || len(tbs) != want.DigestSize() {
				t.Errorf("%v: asked for %v over %d bytes", typ, a, len(tbs))
			}
			return k.sign(a, tbs)
		})
		if err != nil || asked != 1 {
			t.Errorf("%v: %d signatures, %v", typ, asked, err)
		}
	}
}

func TestRequestRefusesASignatureThatIsNotOfTheKey(t *testing.T) {
	broken := errors.New("token gone")
	subject, _ := certificate.ParseSubject("CN=a")
	for _, typ := range types {
		k, other := newKey(t, typ), newKey(t, typ)
		if der, err := certificate.Request(k.public, subject, other.sign); !errors.Is(err, algo.ErrSignature) || der != nil {
			t.Errorf("%v by another key: %x, %v", typ, der, err)
		}
		_, err := certificate.Request(k.public, subject, func(algo.Algorithm, []byte) ([]byte, error) { return nil, broken })
		if !errors.Is(err, broken) {
			t.Errorf("%v: a broken token: %v", typ, err)
		}
	}
}

func TestRequestWantsKeySubjectAndSigner(t *testing.T) {
	k := newKey(t, algo.KeySM2)
	s, _ := certificate.ParseSubject("CN=a")
	for name, err := range map[string]error{
		"no key":     last(certificate.Request(algo.PublicKey{}, s, k.sign)),
		"no subject": last(certificate.Request(k.public, certificate.Subject{}, k.sign)),
		"no signer":  last(certificate.Request(k.public, s, nil)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func last(_ []byte, err error) error { return err }
