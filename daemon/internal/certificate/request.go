package certificate

import (
	"crypto"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/smx509"

	"signet/protocol/algo"
)

// A Signer signs with the key of the request. What it gets is what
// algo.ToBeSigned yields: e for SM2, a digest for ECDSA and RSA, the message
// for Ed25519; what it returns is what algo.Encode yields. The daemon counts
// the signature as any other of the key.
type Signer func(a algo.Algorithm, tbs []byte) (signature []byte, err error)

// Request returns the DER of a PKCS#10 request (RFC 2986) for public under
// subject. Its signature was verified with public: a key that is not the
// register's cannot ask for a certificate.
func Request(public algo.PublicKey, subject Subject, sign Signer) (der []byte, err error) {
	if public.IsZero() || len(subject.attributes) == 0 || sign == nil {
		return nil, errors.New("requesting certificate: want a key, a subject and a signer")
	}
	a := algo.For(public.Type())[0] // the plainest of the key: CAs know it
	template := &smx509.CertificateRequest{RawSubject: subject.DER()}
	der, err = smx509.CreateCertificateRequest(noRandom{}, template, requester{public, a, sign})
	if err != nil {
		return nil, fmt.Errorf("requesting certificate: %w", err)
	}
	return der, checkRequest(der, public, a)
}

// checkRequest reads the request as its CA will. smx509 has verified the
// signature too, but with its own idea of what was signed.
func checkRequest(der []byte, public algo.PublicKey, a algo.Algorithm) error {
	request, err := smx509.ParseCertificateRequest(der)
	if err != nil {
		return fmt.Errorf("reading back certificate request: %w", err)
	}
	named, err := algo.ParsePublicKey(request.RawSubjectPublicKeyInfo)
	if err != nil || !named.Equal(public) {
		return errors.New("reading back certificate request: it names another key")
	}
	tbs, err := algo.ToBeSigned(a, public, request.RawTBSCertificateRequest)
	if err != nil {
		return err
	}
	return public.Verify(a, tbs, request.Signature)
}

// requester is the key as smx509 sees it. smx509 hands over the whole message
// for every algorithm (crypto.SignMessage), so ZA and e are ours.
type requester struct {
	public    algo.PublicKey
	algorithm algo.Algorithm
	sign      Signer
}

func (r requester) Public() crypto.PublicKey { return r.public.Key() }

// SignMessage implements crypto.MessageSigner.
func (r requester) SignMessage(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	tbs, err := algo.ToBeSigned(r.algorithm, r.public, message)
	if err != nil {
		return nil, err
	}
	signature, err := r.sign(r.algorithm, tbs)
	if err != nil {
		return nil, err
	}
	return signature, r.public.Verify(r.algorithm, tbs, signature)
}

// Sign is there for crypto.Signer. Of a digest alone nobody could say what is
// signed.
func (r requester) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("signing a digest is not offered")
}

// noRandom is the source that is handed on to a signer that needs none.
type noRandom struct{}

func (noRandom) Read([]byte) (int, error) { return 0, errors.New("no random numbers are needed") }
