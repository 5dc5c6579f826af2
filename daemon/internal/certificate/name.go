package certificate

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"strings"
)

// maxShown bounds the bytes of a name that an error repeats.
const maxShown = 120

// nameText writes a DER Name as RFC 4514 does: the last part first. A name
// that does not decode is written as the hex of its DER, as that RFC writes
// values it does not know.
func nameText(der []byte) string {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) != 0 {
		return "#" + hex.EncodeToString(der)
	}
	return name.String()
}

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}

func isExtension(oid asn1.ObjectIdentifier) func(pkix.Extension) bool {
	return func(e pkix.Extension) bool { return e.Id.Equal(oid) }
}
