package certificate

import (
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

var (
	context0 = cbasn1.Tag(0).ContextSpecific().Constructed()
	context1 = cbasn1.Tag(1).ContextSpecific().Constructed()
)

// contentInfo reads { contentType, [0] content }, GB/T 35275 and RFC 2315 7.
func (r *reader) contentInfo(content, whole cryptobyte.String) error {
	var oid asn1.ObjectIdentifier
	var inner, signed cryptobyte.String
	if !content.ReadASN1ObjectIdentifier(&oid) {
		return errors.New("content type is damaged")
	}
	switch {
	case isOneOf(oid, oidEnveloped):
		return r.attach(EnvelopedData, whole)
	case !isOneOf(oid, oidSignedData):
		return errors.New("it is PKCS#7 of another content type: want signedData or envelopedData")
	}
	if !content.ReadASN1(&inner, context0) || !content.Empty() || !inner.ReadASN1(&signed, cbasn1.SEQUENCE) || !inner.Empty() {
		return errors.New("signedData is damaged")
	}
	return r.signedData(signed)
}

// signedData takes certificates and lists. Signers, if there are any, are not
// asked: what counts is each certificate's own chain.
func (r *reader) signedData(in cryptobyte.String) error {
	var certificates, lists cryptobyte.String
	var hasCertificates, hasLists bool
	if !in.SkipASN1(cbasn1.INTEGER) || !in.SkipASN1(cbasn1.SET) || !in.SkipASN1(cbasn1.SEQUENCE) ||
		!in.ReadOptionalASN1(&certificates, &hasCertificates, context0) ||
		!in.ReadOptionalASN1(&lists, &hasLists, context1) ||
		!in.SkipASN1(cbasn1.SET) || !in.Empty() {
		return errors.New("signedData is damaged")
	}
	if err := r.all(certificates); err != nil {
		return err
	}
	return r.all(lists)
}

// all takes certificates and lists that stand one after another.
func (r *reader) all(in cryptobyte.String) error {
	for !in.Empty() {
		var element cryptobyte.String
		if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) || !isSigned(element) {
			return errors.New("a certificate in it is damaged, or of a kind that signet does not read")
		}
		if err := r.signed(element); err != nil {
			return err
		}
	}
	return nil
}

// response reads the CSRResponse of GM/T 0092: { SET OF signing certificates,
// [0] SM2EnvelopedKey OPTIONAL, [1] encryption certificates OPTIONAL }. The
// text of that standard was not seen. gmsm writes the last with one wrapper
// more, which is accepted.
func (r *reader) response(in cryptobyte.String) error {
	var signing, key, encryption cryptobyte.String
	var hasKey, hasEncryption bool
	if !in.ReadASN1(&signing, cbasn1.SET) ||
		!in.ReadOptionalASN1(&key, &hasKey, context0) ||
		!in.ReadOptionalASN1(&encryption, &hasEncryption, context1) {
		return errors.New("CSRResponse is damaged")
	}
	if !hasEncryption && !in.Empty() { // gmsm v0.44 tags both with [0]
		hasEncryption = in.ReadASN1(&encryption, context0)
	}
	if !in.Empty() {
		return errors.New("CSRResponse is damaged")
	}
	if err := r.all(signing); err != nil {
		return err
	}
	if hasKey {
		if err := r.responseKey(key); err != nil {
			return err
		}
	}
	if encryption.PeekASN1Tag(context0) {
		encryption.ReadASN1(&encryption, context0)
	}
	return r.all(encryption)
}

func (r *reader) responseKey(key cryptobyte.String) error {
	inner, whole := key, key
	if !inner.ReadASN1(&inner, cbasn1.SEQUENCE) || !isSM2Envelope(inner) {
		return errors.New("the key in CSRResponse is no SM2EnvelopedKey")
	}
	return r.attach(SM2EnvelopedKey, whole)
}

// isSM2Envelope: SM2EnvelopedKey of GB/T 35276 7.4, { symAlgID, SM2Cipher,
// public key BIT STRING, encrypted private key BIT STRING }.
func isSM2Envelope(in cryptobyte.String) bool {
	for _, tag := range []cbasn1.Tag{cbasn1.SEQUENCE, cbasn1.SEQUENCE, cbasn1.BIT_STRING, cbasn1.BIT_STRING} {
		if !in.SkipASN1(tag) {
			return false
		}
	}
	return in.Empty()
}

// cfcaEnvelope is C1 (64 octets), C3 (32) and C2 over x, y and d (96). The
// length tells it from an EC private key in clear, which is { 1, 32 octets }.
const cfcaEnvelope = 64 + 32 + 96

func isCFCAEnvelope(in cryptobyte.String) bool {
	var version int
	var octets cryptobyte.String
	return in.ReadASN1Integer(&version) && version == 1 &&
		in.ReadASN1(&octets, cbasn1.OCTET_STRING) && len(octets) == cfcaEnvelope && in.Empty()
}

// isPrivateKey knows PKCS#8 { INTEGER, SEQUENCE, OCTET STRING }, SEC 1
// { INTEGER, OCTET STRING } and PKCS#1 { INTEGER, INTEGER }, to say why they
// are refused.
func isPrivateKey(in cryptobyte.String) bool {
	if !in.SkipASN1(cbasn1.INTEGER) {
		return false
	}
	if in.PeekASN1Tag(cbasn1.INTEGER) || in.PeekASN1Tag(cbasn1.OCTET_STRING) {
		return true
	}
	return in.SkipASN1(cbasn1.SEQUENCE) && in.PeekASN1Tag(cbasn1.OCTET_STRING)
}
