package authority

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"signet/protocol/algo"
)

var (
	oidAttributeType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3} // contentType
	oidAttributeDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4} // messageDigest
)

// rawSM2 is the length of a signature written as r‖s, in bytes.
const rawSM2 = 64

// signedBytes returns what the signer's key signed if it signed message: the
// message, or the attributes that bind it.
//
// Attributes of one message cannot be passed off as another message that has
// none: they begin with 0x31, an act begins with a brace.
func (s signedData) signedBytes(message []byte) ([]byte, error) {
	if s.attached && !bytes.Equal(s.content, message) {
		return nil, errors.New("SignedData: it carries a content, and not the bytes of the act: sign those, detached")
	}
	if s.signer.attributes == nil {
		return message, nil
	}
	if err := s.checkAttributes(message); err != nil {
		return nil, fmt.Errorf("SignedData: authenticatedAttributes: %w", err)
	}
	// The signature is over the SET OF as if it were not tagged [0]
	// (RFC 2315 9.3), with the bytes as received: encoding anew would verify
	// other bytes than came.
	signed := bytes.Clone(s.signer.attributes)
	signed[0] = 0x31
	return signed, nil
}

// checkAttributes wants contentType and messageDigest, each once, of this
// content (RFC 2315 9.2). Others bind nothing here.
func (s signedData) checkAttributes(message []byte) error {
	attributes, err := readAttributes(s.signer.attributes)
	if err != nil {
		return err
	}
	typ, digest := attributes[oidAttributeType.String()], attributes[oidAttributeDigest.String()]
	var oid asn1.ObjectIdentifier
	if !typ.ReadASN1ObjectIdentifier(&oid) || !typ.Empty() || !oid.Equal(s.contentType) {
		return errors.New("contentType: want that of the contentInfo, once")
	}
	var value cryptobyte.String
	sum := sm3.Sum(message)
	if !digest.ReadASN1(&value, der.OCTET_STRING) || !digest.Empty() || !bytes.Equal(value, sum[:]) {
		return errors.New("messageDigest: want the SM3 of the act's bytes, once: other bytes were signed")
	}
	return nil
}

// readAttributes returns the values of each attribute, still one behind the
// other. No attribute may stand there twice: readers would differ on which
// one counts.
func readAttributes(element cryptobyte.String) (map[string]cryptobyte.String, error) {
	var in cryptobyte.String
	if !element.ReadASN1(&in, explicit0) {
		return nil, errors.New("not DER")
	}
	all := make(map[string]cryptobyte.String)
	for !in.Empty() {
		var attribute, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !in.ReadASN1(&attribute, der.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, der.SET) || !attribute.Empty() {
			return nil, errors.New("want a SET of attributes")
		}
		if _, twice := all[oid.String()]; twice {
			return nil, fmt.Errorf("%.60s stands there twice", oid.String())
		}
		all[oid.String()] = values
	}
	return all, nil
}

// strictValue is the signature as algo verifies it. Some vendors write r‖s
// where GB/T 35276 wants DER; a DER value of that very length would need r and
// s with 48 leading zero bits between them.
func (s signerInfo) strictValue() ([]byte, error) {
	if len(s.value) != rawSM2 {
		return s.value, nil
	}
	return algo.Encode(algo.SM2SM3, algo.KeySM2, algo.FormatRaw, s.value)
}
