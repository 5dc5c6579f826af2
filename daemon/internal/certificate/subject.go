package certificate

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxSubject bounds the text of a subject in bytes, maxAttributes its parts.
const (
	maxSubject    = 2048
	maxAttributes = 16
)

// attributeTypes are the parts that a request may name. The bounds are the
// upper bounds of X.520 (RFC 5280 appendix A.1), in characters.
var attributeTypes = map[string]struct {
	oid       asn1.ObjectIdentifier
	most      int
	printable bool // PrintableString by the definition of the attribute
	once      bool
}{
	"CN":           {oid: asn1.ObjectIdentifier{2, 5, 4, 3}, most: 64, once: true},
	"SERIALNUMBER": {oid: asn1.ObjectIdentifier{2, 5, 4, 5}, most: 64, printable: true, once: true},
	"C":            {oid: asn1.ObjectIdentifier{2, 5, 4, 6}, most: 2, printable: true, once: true},
	"L":            {oid: asn1.ObjectIdentifier{2, 5, 4, 7}, most: 128},
	"ST":           {oid: asn1.ObjectIdentifier{2, 5, 4, 8}, most: 128},
	"O":            {oid: asn1.ObjectIdentifier{2, 5, 4, 10}, most: 64},
	"OU":           {oid: asn1.ObjectIdentifier{2, 5, 4, 11}, most: 64},
}

// A Subject is the name that a certificate is asked for.
type Subject struct{ attributes []attribute }

type attribute struct{ name, value string }

// ParseSubject reads a name as RFC 4514 writes it, such as
// "CN=合同专用章,OU=办公室,O=某某市人民政府,L=某某市,ST=某某省,C=CN": the most
// specific part first, which comes last in the certificate. Known are CN
// (wanted), O, OU, L, ST, C and SERIALNUMBER, in capital letters. The
// characters , + " \ < > ; in a value, a # or space before it, and a space
// behind it, need a backslash. All faults are returned at once.
func ParseSubject(text string) (Subject, error) {
	if len(text) > maxSubject || !utf8.ValidString(text) {
		return Subject{}, fmt.Errorf("subject: want at most %d bytes of UTF-8", maxSubject)
	}
	var s Subject
	var faults []error
	for _, part := range splitUnescaped(text, ',') {
		a, err := parseAttribute(part)
		if err != nil {
			faults = append(faults, fmt.Errorf("subject: %w", err))
		}
		s.attributes = append(s.attributes, a)
	}
	if faults = append(faults, s.faults()...); len(faults) != 0 {
		return Subject{}, errors.Join(faults...)
	}
	return s, nil
}

// faults judges the name as a whole.
func (s Subject) faults() (faults []error) {
	if len(s.attributes) > maxAttributes {
		faults = append(faults, fmt.Errorf("subject: %d parts: want at most %d", len(s.attributes), maxAttributes))
	}
	count := map[string]int{}
	for _, a := range s.attributes {
		if count[a.name]++; count[a.name] == 2 && attributeTypes[a.name].once {
			faults = append(faults, fmt.Errorf("subject: %s stands more than once: want it once", a.name))
		}
	}
	if count["CN"] == 0 {
		faults = append(faults, errors.New("subject: CN is missing: want CN=name,O=organisation,C=CN"))
	}
	return faults
}

// parseAttribute reads one "O=value". An attribute of known name is returned
// with the error too, so that it is not also said to be missing.
func parseAttribute(part string) (attribute, error) {
	name, raw, ok := strings.Cut(part, "=")
	name = strings.TrimLeft(name, " ")
	if !ok {
		return attribute{}, fmt.Errorf("%q has no =: want NAME=value", shorten(part))
	}
	kind, known := attributeTypes[name]
	if !known {
		return attribute{}, fmt.Errorf("%q is not a known part: want CN, O, OU, L, ST, C or SERIALNUMBER", shorten(name))
	}
	value, err := unescape(raw)
	switch {
	case err != nil:
	case value == "":
		err = errors.New("is empty: want a value")
	case utf8.RuneCountInString(value) > kind.most:
		err = fmt.Errorf("has %d characters: want at most %d", utf8.RuneCountInString(value), kind.most)
	case strings.ContainsFunc(value, isHidden):
		err = errors.New("has a control or invisible character: want visible text")
	case name == "C" && !isCountry(value):
		err = fmt.Errorf("%q: want the two capital letters of ISO 3166, such as CN", shorten(value))
	case kind.printable && strings.ContainsFunc(value, notPrintable):
		err = errors.New("has a character outside PrintableString: want A-Z a-z 0-9 space and '()+,-./:=?")
	}
	if err != nil {
		return attribute{name: name}, fmt.Errorf("%s %w", name, err)
	}
	return attribute{name, value}, nil
}

// isHidden tells of a rune that an officer who approves the name would not see.
func isHidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == utf8.RuneError
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

func notPrintable(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune(" '()+,-./:=?", r)
}

// needEscape are the characters that stand for themselves only after a
// backslash.
const needEscape = `,+"\<>;`

// splitUnescaped splits at each separator that no backslash precedes.
func splitUnescaped(text string, separator byte) (parts []string) {
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// unescape reads a value, RFC 4514 3.
func unescape(raw string) (string, error) {
	if strings.HasPrefix(raw, "#") {
		return "", errors.New(`starts with #, a value in hex: want text, or \# for the character`)
	}
	var value []byte
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '\\' {
			if strings.IndexByte(needEscape, c) >= 0 || c == ' ' && (i == 0 || i == len(raw)-1) {
				return "", fmt.Errorf("has a bare %q: want a backslash before it", c)
			}
			value = append(value, c)
			continue
		}
		octet, size, err := escaped(raw[i+1:])
		if err != nil {
			return "", err
		}
		value, i = append(value, octet), i+size
	}
	if !utf8.Valid(value) {
		return "", errors.New("has octets that are not UTF-8")
	}
	return string(value), nil
}

// escaped reads what follows a backslash: the character itself, or two hex digits.
func escaped(rest string) (octet byte, size int, err error) {
	if rest != "" && strings.IndexByte(needEscape+" #=", rest[0]) >= 0 {
		return rest[0], 1, nil
	}
	if len(rest) >= 2 {
		if b, err := hex.DecodeString(rest[:2]); err == nil {
			return b[0], 2, nil
		}
	}
	return 0, 0, errors.New(`has a lone backslash: want \\ for the character`)
}

// String writes the name as ParseSubject reads it.
func (s Subject) String() string { return nameText(s.DER()) }

// DER returns the name as RFC 5280 4.1.2.4 encodes it: UTF8String, but
// PrintableString where the attribute is defined as one.
func (s Subject) DER() []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, a := range slices.Backward(s.attributes) {
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, a.encode)
			})
		}
	})
	return b.BytesOrPanic() // every OID is of the table, nothing else can fail
}

func (a attribute) encode(b *cryptobyte.Builder) {
	kind := attributeTypes[a.name]
	tag := cbasn1.UTF8String
	if kind.printable {
		tag = cbasn1.PrintableString
	}
	b.AddASN1ObjectIdentifier(kind.oid)
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.value)) })
}
