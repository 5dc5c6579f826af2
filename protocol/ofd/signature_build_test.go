package ofd

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
)

func sum(content string) [sm3.Size]byte { return sm3.Sum([]byte(content)) }

func b64(content string) string {
	value := sum(content)
	return base64.StdEncoding.EncodeToString(value[:])
}

func escaped(t testing.TB, s string) string {
	t.Helper()
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A style is how a producer writes Signature.xml.
type style struct {
	head, prefix, method, slash, indent string
	extra                               string // elements behind References, %s is the prefix
}

var styles = map[string]style{
	"prefix ofd":        {`<?xml version="1.0" encoding="UTF-8"?>` + "\n", "ofd:", "1.2.156.10197.1.401", "/", "", ""},
	"another prefix":    {`<?xml version="1.0" encoding="utf-8" standalone="yes"?>`, "n1:", "SM3", "/", "", ""},
	"default namespace": {"", "", "sm3", "/", "\n\t", ""},
	"two slashes":       {`<?xml version="1.0"?>`, "ofd:", "1.2.156.10197.1.401", "//", "\r\n    ", ""},
	"byte order mark":   {"\uFEFF" + `<?xml version="1.0" encoding="UTF-8"?>`, "ofd:", "1.2.156.10197.1.401", "/", "\n", ""},
	"page-edge seal of version 2.0": {
		"<!-- made by a seal client -->", "ofd:", "1.2.156.10197.1.401", "/", "\n  ",
		`<%[1]sParameters><%[1]sParameter Name="a">b</%[1]sParameter></%[1]sParameters><%[1]sStampAnnot ID="1" PageRef="2" Boundary="180 0 10 20" Clip="0 0 10 20"/><%[1]sStampAnnot ID="2" PageRef="5" Boundary="180 0 10 20" Clip="10 0 10 20"/><%[1]sSeal><%[1]sBaseLoc>Seal.esl</%[1]sBaseLoc></%[1]sSeal><!-- clip -->`,
	},
}

// signatureOf writes a Signature.xml of this style over the parts.
func (s style) signatureOf(t testing.TB, parts []part) []byte {
	t.Helper()
	var refs strings.Builder
	for _, p := range parts {
		if strings.HasSuffix(p.name, "/") {
			continue
		}
		fmt.Fprintf(&refs, `%[1]s<%[2]sReference FileRef="%[3]s"><%[2]sCheckValue>%[1]s%[4]s%[1]s</%[2]sCheckValue></%[2]sReference>`,
			s.indent, s.prefix, s.slash+escaped(t, p.name), b64(p.content))
	}
	extra := s.extra
	if extra != "" {
		extra = fmt.Sprintf(extra, s.prefix)
	}
	return fmt.Appendf(nil, `%[1]s<%[2]sSignature xmlns%[3]s="http://www.ofdspec.org/2016">%[4]s<%[2]sSignedInfo><%[2]sProvider ProviderName="seal client" Version="1.0" Company="示例"/><%[2]sSignatureMethod>1.2.156.10197.1.501</%[2]sSignatureMethod><%[2]sSignatureDateTime>2026-03-01 09:00:00</%[2]sSignatureDateTime>%[4]s<%[2]sReferences CheckMethod="%[5]s">%[6]s</%[2]sReferences>%[7]s</%[2]sSignedInfo>%[4]s<%[2]sSignedValue>/Doc_0/Signs/Sign_0/SignedValue.dat</%[2]sSignedValue></%[2]sSignature>%[4]s`,
		s.head, s.prefix, strings.TrimSuffix(strings.Replace(":"+s.prefix, "::", ":", 1), ":"), s.indent, s.method, refs.String(), extra)
}
