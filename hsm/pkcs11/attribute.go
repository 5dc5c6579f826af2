package pkcs11

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// bytes reads one attribute. Attributes are read one by one, because
// C_GetAttributeValue fails as a whole if a single one is sensitive or
// unknown to the token.
func (s *session) bytes(object p11.ObjectHandle, attribute uint) ([]byte, error) {
	got, err := s.lib.GetAttributeValue(s.handle, object, []*p11.Attribute{p11.NewAttribute(attribute, nil)})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", attributeName(attribute), called("C_GetAttributeValue", err))
	}
	if len(got) != 1 || got[0].Type != attribute {
		return nil, refuse(hsm.ClassAnswer, "reading %s: the module answered something else", attributeName(attribute))
	}
	return got[0].Value, nil
}

func (s *session) number(object p11.ObjectHandle, attribute uint) (uint, error) {
	v, err := s.bytes(object, attribute)
	if err != nil {
		return 0, err
	}
	n, err := parseNumber(v)
	if err != nil {
		return 0, refuse(hsm.ClassAnswer, "reading %s: %w", attributeName(attribute), err)
	}
	return n, nil
}

func (s *session) flag(object p11.ObjectHandle, attribute uint) (bool, error) {
	v, err := s.bytes(object, attribute)
	if err != nil {
		return false, err
	}
	b, err := parseFlag(v)
	if err != nil {
		return false, refuse(hsm.ClassAnswer, "reading %s: %w", attributeName(attribute), err)
	}
	return b, nil
}

// notTold tells whether a token refused to tell an attribute because of what
// the attribute is, not because something is broken.
func notTold(err error) bool {
	return hasCode(err, p11.CKR_ATTRIBUTE_SENSITIVE, p11.CKR_ATTRIBUTE_TYPE_INVALID)
}

// parseNumber reads a CK_ULONG, which is as wide as a uint on all platforms
// that miekg/pkcs11 supports and in the byte order of the machine.
func parseNumber(v []byte) (uint, error) {
	switch len(v) {
	case strconv.IntSize / 8:
		if strconv.IntSize == 32 {
			return uint(binary.NativeEndian.Uint32(v)), nil
		}
		return uint(binary.NativeEndian.Uint64(v)), nil
	}
	return 0, fmt.Errorf("%d bytes are no CK_ULONG", len(v))
}

// parseFlag reads a CK_BBOOL: CK_TRUE is 1, and nothing else is.
func parseFlag(v []byte) (bool, error) {
	if len(v) != 1 || v[0] > 1 {
		return false, errors.New("not a CK_BBOOL of 0 or 1")
	}
	return v[0] == 1, nil
}

var attributeNames = map[uint]string{
	p11.CKA_CLASS:               "CKA_CLASS",
	p11.CKA_TOKEN:               "CKA_TOKEN",
	p11.CKA_PRIVATE:             "CKA_PRIVATE",
	p11.CKA_LABEL:               "CKA_LABEL",
	p11.CKA_APPLICATION:         "CKA_APPLICATION",
	p11.CKA_VALUE:               "CKA_VALUE",
	p11.CKA_KEY_TYPE:            "CKA_KEY_TYPE",
	p11.CKA_ID:                  "CKA_ID",
	p11.CKA_SENSITIVE:           "CKA_SENSITIVE",
	p11.CKA_ENCRYPT:             "CKA_ENCRYPT",
	p11.CKA_DECRYPT:             "CKA_DECRYPT",
	p11.CKA_WRAP:                "CKA_WRAP",
	p11.CKA_UNWRAP:              "CKA_UNWRAP",
	p11.CKA_SIGN:                "CKA_SIGN",
	p11.CKA_VERIFY:              "CKA_VERIFY",
	p11.CKA_DERIVE:              "CKA_DERIVE",
	p11.CKA_MODULUS:             "CKA_MODULUS",
	p11.CKA_MODULUS_BITS:        "CKA_MODULUS_BITS",
	p11.CKA_PUBLIC_EXPONENT:     "CKA_PUBLIC_EXPONENT",
	p11.CKA_PRIVATE_EXPONENT:    "CKA_PRIVATE_EXPONENT",
	p11.CKA_EXTRACTABLE:         "CKA_EXTRACTABLE",
	p11.CKA_LOCAL:               "CKA_LOCAL",
	p11.CKA_NEVER_EXTRACTABLE:   "CKA_NEVER_EXTRACTABLE",
	p11.CKA_ALWAYS_SENSITIVE:    "CKA_ALWAYS_SENSITIVE",
	p11.CKA_KEY_GEN_MECHANISM:   "CKA_KEY_GEN_MECHANISM",
	p11.CKA_MODIFIABLE:          "CKA_MODIFIABLE",
	p11.CKA_COPYABLE:            "CKA_COPYABLE",
	p11.CKA_DESTROYABLE:         "CKA_DESTROYABLE",
	p11.CKA_EC_PARAMS:           "CKA_EC_PARAMS",
	p11.CKA_EC_POINT:            "CKA_EC_POINT",
	p11.CKA_ALWAYS_AUTHENTICATE: "CKA_ALWAYS_AUTHENTICATE",
	p11.CKA_WRAP_WITH_TRUSTED:   "CKA_WRAP_WITH_TRUSTED",
}

func attributeName(attribute uint) string {
	if name := attributeNames[attribute]; name != "" {
		return name
	}
	return fmt.Sprintf("attribute 0x%X", attribute)
}
