package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"signet/hsm"
	"signet/protocol/algo"
)

// CKA_EC_PARAMS of the curves that signet knows, DER.
var (
	paramsSM2        = []byte("\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d") // 1.2.156.10197.1.301
	paramsP256       = []byte("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") // 1.2.840.10045.3.1.7
	paramsP384       = []byte("\x06\x05\x2b\x81\x04\x00\x22")             // 1.3.132.0.34
	paramsEd25519    = []byte("\x13\x0cedwards25519")                     // curveName, PKCS#11 v3.0 curves 2.3.10
	paramsEd25519OID = []byte("\x06\x03\x2b\x65\x70")                     // 1.3.101.112, RFC 8410
)

// parsePoint reads CKA_EC_POINT of a curve whose coordinates have size bytes
// and returns 04‖X‖Y. The forms differ in length, so PointAuto cannot take
// one for another.
func parsePoint(v []byte, form hsm.PointForm, size int) ([]byte, error) {
	raw := 1 + 2*size
	if point, ok := octets(v); ok && len(point) == raw && point[0] == 4 && allows(form, hsm.PointOctet) {
		return point, nil
	}
	if len(v) == raw && v[0] == 4 && allows(form, hsm.PointRaw) {
		return v, nil
	}
	if len(v) == 2*size && allows(form, hsm.PointXY) {
		return append([]byte{4}, v...), nil
	}
	return nil, fmt.Errorf("CKA_EC_POINT of %d bytes is not an uncompressed point of %d-byte coordinates in the form that the profile names", len(v), size)
}

func allows(form, this hsm.PointForm) bool { return form == hsm.PointAuto || form == this }

// octets returns the content if v is one DER OCTET STRING.
func octets(v []byte) ([]byte, bool) {
	in := cryptobyte.String(v)
	var content cryptobyte.String
	ok := in.ReadASN1(&content, asn1.OCTET_STRING) && in.Empty()
	return content, ok
}

// parseEC makes the public key of a point. The libraries check that it lies
// on the curve.
func parseEC(typ algo.KeyType, v []byte, form hsm.PointForm) (algo.PublicKey, error) {
	size := 32
	if typ == algo.KeyP384 {
		size = 48
	}
	point, err := parsePoint(v, form, size)
	if err != nil {
		return algo.PublicKey{}, err
	}
	var key *ecdsa.PublicKey
	switch typ {
	case algo.KeySM2:
		key, err = sm2.NewPublicKey(point)
	case algo.KeyP256:
		key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	case algo.KeyP384:
		key, err = ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	default:
		return algo.PublicKey{}, fmt.Errorf("%v is not an elliptic curve", typ)
	}
	if err != nil {
		return algo.PublicKey{}, fmt.Errorf("reading CKA_EC_POINT: %w", err)
	}
	return algo.NewPublicKey(key)
}

// parseEdwards reads CKA_EC_POINT of an Ed25519 key: an OCTET STRING of 32
// bytes (PKCS#11 v3.0 curves 2.3.5), or the bytes themselves.
func parseEdwards(v []byte) (algo.PublicKey, error) {
	if content, ok := octets(v); ok && len(content) == ed25519.PublicKeySize {
		v = content
	}
	if len(v) != ed25519.PublicKeySize {
		return algo.PublicKey{}, fmt.Errorf("CKA_EC_POINT of %d bytes is no Ed25519 key", len(v))
	}
	return algo.NewPublicKey(ed25519.PublicKey(bytes.Clone(v)))
}

func parseRSA(modulus, exponent []byte) (algo.PublicKey, error) {
	e := new(big.Int).SetBytes(exponent)
	if !e.IsInt64() || e.Int64() > 1<<31-1 {
		return algo.PublicKey{}, fmt.Errorf("CKA_PUBLIC_EXPONENT of %d bits is too large", e.BitLen())
	}
	return algo.NewPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())})
}
