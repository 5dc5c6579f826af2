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

// Sign implements hsm.Driver. Each signature is retried once, on a fresh
// session, handle or login.
func (d *Driver) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	const op = "signing"
	out := make([]hsm.Signed, len(tbs))
	t, err := d.token(key.Token, op)
	if err != nil {
		return allFailed(out, err)
	}
	orders := make([]order, len(tbs))
	for i := range tbs {
		orders[i].key = key
		// A copy, because a call that outlives its caller still reads it.
		if orders[i].m, err = t.signing(key, a, bytes.Clone(tbs[i])); err != nil {
			return allFailed(out, t.failed(op, err)) // a fault of one is the caller's fault with all
		}
	}
	answers, err := t.order(ctx, orders)
	if err != nil {
		return allFailed(out, t.failed(op, err))
	}
	for i, answer := range answers {
		out[i] = t.outcome(op, a, orders[i].m.form, key, answer)
	}
	return out
}

func allFailed(out []hsm.Signed, err error) []hsm.Signed {
	for i := range out {
		out[i].Err = err
	}
	return out
}

// outcome encodes what the module answered.
func (t *token) outcome(op string, a algo.Algorithm, form algo.Format, key hsm.KeyRef, is answer) hsm.Signed {
	out := hsm.Signed{Took: is.took}
	if is.err != nil {
		out.Err = t.failed(op, is.err)
		return out
	}
	sig, err := algo.Encode(a, key.Public.Type(), form, is.signature)
	if err != nil {
		out.Err = t.failed(op, &fault{hsm.ClassAnswer, err})
		return out
	}
	out.Signature = sig
	return out
}

// sign refuses what the token does not list before it asks for it: some
// modules answer C_SignInit of such a mechanism with a fault of the device.
func (s *session) sign(key hsm.KeyRef, m method) ([]byte, error) {
	if err := s.pool.lacks(m.mechanism, p11.CKF_SIGN, key.Public.Type()); err != nil {
		return nil, err
	}
	handle, err := s.privateKey(key)
	if err != nil {
		return nil, err
	}
	if err := s.begin(handle, m); err != nil {
		return nil, err
	}
	answer, err := s.lib.Sign(s.handle, m.input)
	return answer, called("C_Sign", err)
}

func (s *session) begin(key p11.ObjectHandle, m method) error {
	err := s.lib.SignInit(s.handle, []*p11.Mechanism{p11.NewMechanism(m.mechanism, m.parameter)}, key)
	return undone(m.mechanism, called("C_SignInit", err))
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
	mechanism, err := t.signMechanism(a)
	if err != nil {
		return method{}, err
	}
	m := method{mechanism: mechanism, input: tbs, form: algo.FormatRaw}
	switch a {
	case algo.SM2SM3:
		m.form = t.profile.SM2.Signature
	case algo.ECDSAP256SHA256, algo.ECDSAP384SHA384:
		m.form = t.profile.ECDSA
	case algo.RSAPKCS1SHA256, algo.RSAPKCS1SHA384, algo.RSAPKCS1SHA512:
		// CKM_RSA_PKCS pads what it is given, so DigestInfo is built here.
		m.input = append([]byte(digestInfo[a]), tbs...)
	case algo.RSAPSSSHA256, algo.RSAPSSSHA384, algo.RSAPSSSHA512:
		m.parameter = pssParameter(len(tbs))
	}
	return m, nil
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
