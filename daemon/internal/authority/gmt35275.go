package authority

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// This file reads SignedData of GB/T 35275-2017. It has a reader of its own
// because gmsm's pkcs7 (v0.44.0) cannot be given what strangers send: cut
// lengths and tags panic, a SignedData that does not parse is returned as an
// empty one, the certificate inside the message is used, and attributes are
// re-encoded, so that what is verified is not what was received.

const derSequence = 0x30 // the first byte of a DER SEQUENCE

var (
	explicit0 = der.Tag(0).ContextSpecific().Constructed()
	explicit1 = der.Tag(1).ContextSpecific().Constructed()
)

// Content types: those of GB/T 35275, and those of PKCS #7 that vendors write
// in their place (seen for the inner one).
var (
	oidSignedData      = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 2}
	oidData            = asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 1}
	oidPKCS7SignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidPKCS7Data       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
)

// Algorithms, GB/T 33560-2017 annex A. Vendors write the last one where the
// standard wants the one before it.
var (
	oidSM3     = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 401}
	oidSM2Sign = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301, 1}
	oidSM2SM3  = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 501}
)

// A signedData is what a verifier needs of a SignedData with one signer. Its
// slices share the bytes that it was read from.
type signedData struct {
	contentType asn1.ObjectIdentifier
	attached    bool
	content     []byte // if attached
	signer      signerInfo
}

type signerInfo struct {
	issuer     []byte // DER Name
	serial     *big.Int
	attributes []byte // the element [0], nil without
	value      []byte // encryptedDigest
}

// parseSignedData reads DER of at most maxSignedData bytes. Certificates,
// CRLs and unauthenticated attributes are stepped over: nothing rests on them.
func parseSignedData(data []byte) (signedData, error) {
	in := cryptobyte.String(data)
	var info, explicit, body cryptobyte.String
	var typ asn1.ObjectIdentifier
	if !in.ReadASN1(&info, der.SEQUENCE) || !in.Empty() {
		return signedData{}, errors.New("SignedData: not one DER SEQUENCE")
	}
	if !info.ReadASN1ObjectIdentifier(&typ) || !typ.Equal(oidSignedData) && !typ.Equal(oidPKCS7SignedData) {
		return signedData{}, fmt.Errorf("SignedData: want content type %v", oidSignedData)
	}
	if !info.ReadASN1(&explicit, explicit0) || !info.Empty() ||
		!explicit.ReadASN1(&body, der.SEQUENCE) || !explicit.Empty() {
		return signedData{}, errors.New("SignedData: want one SEQUENCE within [0]")
	}
	s, err := readSignedData(body)
	if err != nil {
		return signedData{}, fmt.Errorf("SignedData: %w", err)
	}
	return s, nil
}

func readSignedData(in cryptobyte.String) (s signedData, err error) {
	var digests, infos, info cryptobyte.String
	if !readVersion1(&in) {
		return s, errors.New("version: want 1")
	}
	if !in.ReadASN1(&digests, der.SET) || !readAlgorithm(&digests, oidSM3) || !digests.Empty() {
		return s, errors.New("digestAlgorithms: want SM3 alone")
	}
	if err := s.readContent(&in); err != nil {
		return s, fmt.Errorf("contentInfo: %w", err)
	}
	if !in.SkipOptionalASN1(explicit0) || !in.SkipOptionalASN1(explicit1) {
		return s, errors.New("certificates or crls: not DER")
	}
	if !in.ReadASN1(&infos, der.SET) || !in.Empty() {
		return s, errors.New("signerInfos: want a SET, and nothing after it")
	}
	if !infos.ReadASN1(&info, der.SEQUENCE) || !infos.Empty() {
		return s, errors.New("signerInfos: want one signer: each officer hands in a signature of his own")
	}
	s.signer, err = readSignerInfo(info)
	if err != nil {
		return s, fmt.Errorf("signerInfo: %w", err)
	}
	return s, nil
}

// readContent reads the inner ContentInfo, whose content is absent if the
// signature is detached.
func (s *signedData) readContent(in *cryptobyte.String) error {
	var info, explicit, content cryptobyte.String
	if !in.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&s.contentType) ||
		!s.contentType.Equal(oidData) && !s.contentType.Equal(oidPKCS7Data) {
		return fmt.Errorf("want content type %v", oidData)
	}
	if !info.ReadOptionalASN1(&explicit, &s.attached, explicit0) || !info.Empty() {
		return errors.New("want nothing but [0] after the content type")
	}
	if s.attached && (!explicit.ReadASN1(&content, der.OCTET_STRING) || !explicit.Empty()) {
		return errors.New("want one OCTET STRING within [0]")
	}
	s.content = content
	return nil
}

func readSignerInfo(in cryptobyte.String) (s signerInfo, err error) {
	var name, issuer, attributes, value cryptobyte.String
	s.serial = new(big.Int)
	if !readVersion1(&in) {
		return s, errors.New("version: want 1")
	}
	if !in.ReadASN1(&name, der.SEQUENCE) || !name.ReadASN1Element(&issuer, der.SEQUENCE) ||
		!name.ReadASN1Integer(s.serial) || !name.Empty() {
		return s, errors.New("issuerAndSerialNumber: want a Name and an INTEGER")
	}
	if !readAlgorithm(&in, oidSM3) {
		return s, errors.New("digestAlgorithm: want SM3")
	}
	if in.PeekASN1Tag(explicit0) && !in.ReadASN1Element(&attributes, explicit0) {
		return s, errors.New("authenticatedAttributes: not DER")
	}
	if !readAlgorithm(&in, oidSM2Sign, oidSM2SM3) {
		return s, fmt.Errorf("digestEncryptionAlgorithm: want SM2, %v", oidSM2Sign)
	}
	if !in.ReadASN1(&value, der.OCTET_STRING) || !in.SkipOptionalASN1(explicit1) || !in.Empty() {
		return s, errors.New("encryptedDigest: want an OCTET STRING, and nothing but [1] after it")
	}
	s.issuer, s.attributes, s.value = issuer, attributes, value
	return s, nil
}

func readVersion1(in *cryptobyte.String) bool {
	var version int64
	return in.ReadASN1Integer(&version) && version == 1
}

// readAlgorithm reads an AlgorithmIdentifier that is one of oids. Parameters
// are absent or, with some vendors, NULL.
func readAlgorithm(in *cryptobyte.String, oids ...asn1.ObjectIdentifier) bool {
	var id, null cryptobyte.String
	var oid asn1.ObjectIdentifier
	var hasNull bool
	if !in.ReadASN1(&id, der.SEQUENCE) || !id.ReadASN1ObjectIdentifier(&oid) ||
		!id.ReadOptionalASN1(&null, &hasNull, der.NULL) || len(null) != 0 || !id.Empty() {
		return false
	}
	for _, want := range oids {
		if oid.Equal(want) {
			return true
		}
	}
	return false
}
