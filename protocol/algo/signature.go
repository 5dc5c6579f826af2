package algo

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// errEncoding is wrapped by every error of Encode.
var errEncoding = errors.New("signature encoding")

// A Format says how a module writes r and s.
type Format uint8

const (
	FormatAuto Format = iota // raw if it has exactly that length, else DER
	FormatRaw                // r‖s, each padded to the size of the curve
	FormatDER                // SEQUENCE of two INTEGERs
)

// Encode turns what a module answered into the form that leaves signet:
// strict DER for SM2 and ECDSA, raw bytes for RSA and Ed25519.
//
// Modules disagree: some give raw r‖s, some DER, and one drops the leading
// zero that keeps an INTEGER positive (measured with real outputs). So r and
// s are read as unsigned from the form named, range-checked against the size
// of the curve and encoded anew. Whether the signature is right is for Verify.
func Encode(a Algorithm, typ KeyType, f Format, answer []byte) ([]byte, error) {
	if !a.Fits(typ) {
		return nil, fmt.Errorf("%w: %v with a key of type %v", ErrKey, a, typ)
	}
	switch typ {
	case KeySM2, KeyP256:
		return encodeRS(answer, 32, f)
	case KeyP384:
		return encodeRS(answer, 48, f)
	}
	if want := rawSize(typ); len(answer) != want {
		return nil, fmt.Errorf("%w: %d bytes, want %d for %v", errEncoding, len(answer), want, typ)
	}
	return bytes.Clone(answer), nil
}

func rawSize(typ KeyType) int {
	switch typ {
	case KeyRSA2048:
		return 256
	case KeyRSA3072:
		return 384
	case KeyRSA4096:
		return 512
	}
	return 64 // Ed25519, RFC 8032
}

func encodeRS(answer []byte, size int, f Format) ([]byte, error) {
	r, s, err := readRS(answer, size, f)
	if err != nil {
		return nil, err
	}
	for _, v := range []*big.Int{r, s} {
		if v.Sign() == 0 || v.BitLen() > 8*size {
			return nil, fmt.Errorf("%w: r or s is out of range", errEncoding)
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(r)
		b.AddASN1BigInt(s)
	})
	return b.Bytes()
}

// readRS prefers raw at the exact length 2*size unless told otherwise: a DER
// form that short needs r and s with 48 leading zero bits between them.
func readRS(answer []byte, size int, f Format) (r, s *big.Int, err error) {
	if f != FormatDER && len(answer) == 2*size {
		return new(big.Int).SetBytes(answer[:size]), new(big.Int).SetBytes(answer[size:]), nil
	}
	if f != FormatRaw {
		if r, s, ok := readLenientDER(answer); ok {
			return r, s, nil
		}
	}
	return nil, nil, fmt.Errorf("%w: %d bytes are not the form that the profile names (raw r‖s is %d bytes)", errEncoding, len(answer), 2*size)
}

func readLenientDER(answer []byte) (r, s *big.Int, ok bool) {
	in := cryptobyte.String(answer)
	var seq, rb, sb cryptobyte.String
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !in.Empty() ||
		!seq.ReadASN1(&rb, asn1.INTEGER) || !seq.ReadASN1(&sb, asn1.INTEGER) || !seq.Empty() {
		return nil, nil, false
	}
	return new(big.Int).SetBytes(rb), new(big.Int).SetBytes(sb), true
}

// isStrictDER tells whether sig is the one DER encoding of its r and s, both
// positive.
func isStrictDER(sig []byte) bool {
	in := cryptobyte.String(sig)
	var seq cryptobyte.String
	r, s := new(big.Int), new(big.Int)
	if !in.ReadASN1(&seq, asn1.SEQUENCE) || !in.Empty() ||
		!seq.ReadASN1Integer(r) || !seq.ReadASN1Integer(s) || !seq.Empty() {
		return false
	}
	return r.Sign() > 0 && s.Sign() > 0
}
