package certificate

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxNesting bounds how deep indefinite lengths nest.
const maxNesting = 16

var errBER = errors.New("not DER, and not BER with indefinite lengths either")

// definite gives every element of indefinite length a definite one, X.690
// 8.1.3.6: that is how Java libraries write SignedData. What has a definite
// length is copied as it is, so that a signature over it still verifies.
func definite(ber []byte) ([]byte, error) {
	if len(ber) < 2 || ber[1] != 0x80 {
		return ber, nil
	}
	element, rest, err := definiteElement(ber, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, errors.New("octets behind the end of BER")
	}
	return element, nil
}

func definiteElement(in cryptobyte.String, depth int) (element, rest cryptobyte.String, err error) {
	if depth == maxNesting || len(in) < 2 || in[0]&0x1f == 0x1f {
		return nil, nil, errBER
	}
	if in[1] != 0x80 {
		if !in.ReadAnyASN1Element(&element, new(cbasn1.Tag)) {
			return nil, nil, errBER
		}
		return element, in, nil
	}
	tag, content := cbasn1.Tag(in[0]), []byte(nil)
	if tag&0x20 == 0 {
		return nil, nil, errBER
	}
	for in = in[2:]; ; {
		if len(in) >= 2 && in[0] == 0 && in[1] == 0 {
			break
		}
		var child cryptobyte.String
		if child, in, err = definiteElement(in, depth+1); err != nil {
			return nil, nil, err
		}
		content = append(content, child...)
	}
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	whole, err := b.Bytes()
	return whole, in[2:], err
}
