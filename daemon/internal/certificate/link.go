package certificate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/emmansun/gmsm/smx509"

	"signet/protocol/algo"
)

// issuedBy tells whether c may have been issued by ca, by its names alone.
func (c Certificate) issuedBy(ca Certificate) bool {
	return bytes.Equal(c.x.RawIssuer, ca.x.RawSubject) && keyIDsAgree(c.x.AuthorityKeyId, ca.x.SubjectKeyId)
}

// keyIDsAgree: an identifier that is not there says nothing.
func keyIDsAgree(authority, subject []byte) bool {
	return len(authority) == 0 || len(subject) == 0 || bytes.Equal(authority, subject)
}

// checkSigned verifies the signature on c with the key of ca.
func checkSigned(c, ca Certificate) error {
	return checkSignature(ca, c.x.SignatureAlgorithm, c.x.RawTBSCertificate, c.x.Signature)
}

// checkSignature verifies what a CA signed. smx509 alone would take any
// algorithm of the key's family: ECDSA by an SM2 key, and SHA-1.
func checkSignature(ca Certificate, a smx509.SignatureAlgorithm, tbs, signature []byte) error {
	if ca.key.IsZero() {
		return fmt.Errorf("the key of %v cannot be used: %w", ca, ca.why)
	}
	if !slices.Contains(algorithmsOf(ca.key.Type()), a) {
		return fmt.Errorf("signature algorithm %v is not accepted from a key of type %v", a, ca.key.Type())
	}
	if ca.x.CheckSignature(a, tbs, signature) != nil {
		return errors.New("the signature does not verify")
	}
	return nil
}

// algorithmsOf are the algorithms that a CA with a key of that type may use.
func algorithmsOf(k algo.KeyType) []smx509.SignatureAlgorithm {
	switch k {
	case algo.KeySM2:
		return []smx509.SignatureAlgorithm{smx509.SM2WithSM3}
	case algo.KeyP256, algo.KeyP384:
		return []smx509.SignatureAlgorithm{smx509.ECDSAWithSHA256, smx509.ECDSAWithSHA384, smx509.ECDSAWithSHA512}
	case algo.KeyRSA2048, algo.KeyRSA3072, algo.KeyRSA4096:
		return []smx509.SignatureAlgorithm{
			smx509.SHA256WithRSA, smx509.SHA384WithRSA, smx509.SHA512WithRSA,
			smx509.SHA256WithRSAPSS, smx509.SHA384WithRSAPSS, smx509.SHA512WithRSAPSS,
		}
	case algo.KeyEd25519:
		return []smx509.SignatureAlgorithm{smx509.PureEd25519}
	}
	return nil
}
