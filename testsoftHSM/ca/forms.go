package ca

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
)

// PEM returns certificates as PEM text, in this order.
func PEM(certificates ...[]byte) []byte {
	var text bytes.Buffer
	for _, der := range certificates {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return text.Bytes()
}

// Content types of SignedData: PKCS#7, and GB/T 35275 with its own arc.
var (
	PKCS7    = Arc{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}}
	GBT35275 = Arc{asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 1}, asn1.ObjectIdentifier{1, 2, 156, 10197, 6, 1, 4, 2, 2}}
)

// An Arc is the content types of one standard.
type Arc struct{ data, signedData asn1.ObjectIdentifier }

// Degenerate returns SignedData without signers that carries certificates:
// the .p7b of CAs.
func (a Arc) Degenerate(certificates ...[]byte) ([]byte, error) {
	type contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional"`
	}
	signed, err := asn1.Marshal(struct {
		Version      int
		Digests      asn1.RawValue
		Content      contentInfo
		Certificates asn1.RawValue
		Signers      asn1.RawValue
	}{
		Version:      1,
		Digests:      asn1.RawValue{Tag: asn1.TagSet, IsCompound: true},
		Content:      contentInfo{Type: a.data},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: bytes.Join(certificates, nil)},
		Signers:      asn1.RawValue{Tag: asn1.TagSet, IsCompound: true},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(contentInfo{a.signedData, asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: signed}})
}
