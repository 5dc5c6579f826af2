package pkcs11

import (
	"bytes"
	"context"
	"crypto/sha512"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// Numbers of PKCS#11 v3.0 that the library lacks.
const (
	ckkEdwards       = 0x40
	ckmEdwardsKeyGen = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
	ckmEDDSA         = 0x1057
)

// maxMessage bounds what Ed25519 signs, in bytes.
const maxMessage = 64 << 10

// Sign implements hsm.Driver. It retries once, on a fresh session, handle or
// login. The library calls C_Sign twice, first for the length, so a network
// HSM may see three requests for each signature.
func (d *Driver) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs []byte) ([]byte, error) {
	const op = "signing"
	t, err := d.token(key.Token, op)
	if err != nil {
		return nil, err
	}
	// A copy, because a call that outlives its caller still reads it.
	m, err := t.signing(key, a, bytes.Clone(tbs))
	if err != nil {
		return nil, t.failed(op, err)
	}
	answer, err := run(ctx, t, task[[]byte]{limit: t.profile.Deadlines.Sign, do: func(s *session) ([]byte, error) {
		return s.sign(key, m)
	}})
	if err != nil {
		return nil, t.failed(op, err)
	}
	sig, err := algo.Encode(a, key.Public.Type(), m.form, answer)
	if err != nil {
		return nil, t.failed(op, &fault{hsm.ClassAnswer, err})
	}
	return sig, nil
}

func (s *session) sign(key hsm.KeyRef, m method) ([]byte, error) {
	handle, err := s.privateKey(key)
	if err != nil {
		return nil, err
	}
	if err := s.lib.SignInit(s.handle, []*p11.Mechanism{p11.NewMechanism(m.mechanism, m.parameter)}, handle); err != nil {
		return nil, called("C_SignInit", err)
	}
	answer, err := s.lib.Sign(s.handle, m.input)
	return answer, called("C_Sign", err)
}

// A method is how an algorithm is asked of a module.
type method struct {
	mechanism uint
	parameter []byte
	input     []byte
	form      algo.Format // of the answer
}

// signing says how to ask for a signature, and refuses what would be another
// signature than asked for. The length is checked here because modules do not
// all do it: CKM_ECDSA silently cuts or pads.
func (t *token) signing(key hsm.KeyRef, a algo.Algorithm, tbs []byte) (method, error) {
	if key.Public.IsZero() || len(key.ID) == 0 {
		return method{}, refuse(hsm.ClassRequest, "the key reference is not complete: want a CKA_ID and a public key")
	}
	if !a.Fits(key.Public.Type()) {
		return method{}, refuse(hsm.ClassRequest, "%v does not fit a key of type %v: want one of %v", a, key.Public.Type(), algo.For(key.Public.Type()))
	}
	if size := a.DigestSize(); size != 0 && len(tbs) != size {
		return method{}, refuse(hsm.ClassRequest, "%v signs %d bytes: got %d", a, size, len(tbs))
	}
	if len(tbs) > maxMessage {
		return method{}, refuse(hsm.ClassRequest, "%d bytes are too long: want at most %d", len(tbs), maxMessage)
	}
	switch a {
	case algo.SM2SM3:
		return t.signingSM2(tbs)
	case algo.ECDSAP256SHA256, algo.ECDSAP384SHA384:
		return method{p11.CKM_ECDSA, nil, tbs, t.profile.ECDSA}, nil
	case algo.Ed25519:
		return method{ckmEDDSA, nil, tbs, algo.FormatRaw}, nil
	case algo.RSAPSSSHA256, algo.RSAPSSSHA384, algo.RSAPSSSHA512:
		return method{p11.CKM_RSA_PKCS_PSS, pssParameter(len(tbs)), tbs, algo.FormatRaw}, nil
	}
	return signingPKCS1(a, tbs)
}

func (t *token) signingSM2(e []byte) (method, error) {
	sm2 := t.profile.SM2
	if !sm2.Supported() {
		return method{}, refuse(hsm.ClassRequest, "%v is not supported by profile %s: it has no [sm2]", algo.SM2SM3, t.profile.Name)
	}
	return method{sm2.SignRawE, nil, e, sm2.Signature}, nil
}

// pssParameter: MGF1 with the same hash, salt as long as the digest.
func pssParameter(size int) []byte {
	hash, mgf := uint(p11.CKM_SHA256), uint(p11.CKG_MGF1_SHA256)
	switch size {
	case sha512.Size384:
		hash, mgf = p11.CKM_SHA384, p11.CKG_MGF1_SHA384
	case sha512.Size:
		hash, mgf = p11.CKM_SHA512, p11.CKG_MGF1_SHA512
	}
	return p11.NewPSSParams(hash, mgf, uint(size))
}

// digestInfo is the DER in front of the digest: RFC 8017 9.2, note 1.
var digestInfo = map[algo.Algorithm]string{
	algo.RSAPKCS1SHA256: "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
	algo.RSAPKCS1SHA384: "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
	algo.RSAPKCS1SHA512: "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
}

// signingPKCS1: CKM_RSA_PKCS pads what it is given, so DigestInfo is built
// here. Mechanisms that hash would need the message in the module.
func signingPKCS1(a algo.Algorithm, digest []byte) (method, error) {
	prefix, ok := digestInfo[a]
	if !ok {
		return method{}, refuse(hsm.ClassRequest, "%v is not supported by this driver", a)
	}
	return method{p11.CKM_RSA_PKCS, nil, append([]byte(prefix), digest...), algo.FormatRaw}, nil
}
