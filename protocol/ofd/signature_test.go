package ofd

import (
	"fmt"
	"strings"
	"testing"
)

// referencing is a Signature.xml with this in References.
func referencing(references string) string {
	return signing(`<ofd:References CheckMethod="SM3">` + references + `</ofd:References>`)
}

// signing is a Signature.xml with this in SignedInfo.
func signing(info string) string {
	return `<ofd:Signature xmlns:ofd="http://www.ofdspec.org/2016"><ofd:SignedInfo>` + info + `</ofd:SignedInfo></ofd:Signature>`
}

func reference(ref, value string) string {
	return `<ofd:Reference FileRef="` + ref + `"><ofd:CheckValue>` + value + `</ofd:CheckValue></ofd:Reference>`
}

const (
	abc  = "Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA="
	good = `<ofd:Reference FileRef="/Doc_0/Document.xml"><ofd:CheckValue>` + abc + `</ofd:CheckValue></ofd:Reference>`
)

func TestFormsOfOneSignature(t *testing.T) {
	want := mustSignature(t, []byte(referencing(good)))
	for name, document := range map[string]string{
		"many slashes":               referencing(reference("////Doc_0/Document.xml", abc)),
		"character references":       referencing(reference("&#x2F;Doc_0&#47;Document.xml", abc)),
		"CDATA":                      referencing(reference("/Doc_0/Document.xml", "<![CDATA["+abc+"]]>")),
		"apostrophes":                strings.ReplaceAll(referencing(good), `"`, `'`),
		"comments between elements":  referencing("<!-- a -->" + good + "<!-- b -->"),
		"other attributes":           signing(`<ofd:References xmlns:x="urn:x" x:note="1" CheckMethod="SM3" Count="1">` + good + `</ofd:References>`),
		"prefix declared late":       `<Signature xmlns="http://www.ofdspec.org/2016"><SignedInfo><o:References xmlns:o="http://www.ofdspec.org/2016" CheckMethod="Sm3"><o:Reference FileRef="/Doc_0/Document.xml"><CheckValue>` + abc + `</CheckValue></o:Reference></o:References></SignedInfo></Signature>`,
		"Signs are left out":         referencing(good + reference("/Doc_0/Signs/Sign_0/Seal.esl", b64("seal"))),
		"OFD.xml is left out":        referencing(reference("/OFD.xml", b64("ofd")) + good),
		"elements that are not read": signing(`<ofd:ExtendData><a><b>text</b></a></ofd:ExtendData><ofd:References CheckMethod="SM3">` + good + `</ofd:References><x:Signature xmlns:x="urn:x"/>`),
	} {
		if refs := mustSignature(t, []byte(document)); refs.SM3() != want.SM3() {
			t.Errorf("%s: %+v", name, want.Compare(refs))
		}
	}
}

func TestBadSignaturesAreRefused(t *testing.T) {
	for _, tt := range []struct{ fault, document, want string }{
		{"empty", "", "want Signature"},
		{"blank", " \n", "want Signature"},
		{"text", "Signature", "text"},
		{"JSON", `{"a":1}`, "text"},
		{"DER", "0\x82\x01\x00", "invalid UTF-8"},
		{"cut off", referencing(good)[:250], "unexpected EOF"},
		{"too long", referencing(good) + strings.Repeat(" ", maxSignature), "want at most 1048576"},
		{"UTF-16", "\xff\xfe<\x00", "invalid UTF-8"},
		{"GBK", `<?xml version="1.0" encoding="GBK"?>` + referencing(good), "GBK"},
		{"control character", referencing("\x01" + good), "illegal character"},
		{"DTD", `<!DOCTYPE Signature [<!ENTITY a "b">]>` + referencing(good), "document type"},
		{"DTD inside", referencing("<!DOCTYPE a>" + good), "document type"},
		{"entity", referencing(reference("/&a;", abc)), "invalid character entity"},
		{"processing instruction", `<?xml-stylesheet href="a"?>` + referencing(good), "processing instruction"},
		{"declaration that is not first", " " + `<?xml version="1.0"?>` + referencing(good), "processing instruction"},
		{"declaration in the middle", referencing(`<?xml version="1.0"?>` + good), "processing instruction"},
		{"text behind", referencing(good) + "x", "outside the document"},
		{"text in front", "x" + referencing(good), "outside the document"},
		{"second document", referencing(good) + referencing(good), "want one Signature"},
		{"nothing closed", strings.TrimSuffix(referencing(good), "</ofd:Signature>"), "unexpected EOF"},
		{"closed across", signing("<a><b></a></b>"), "closed by"},

		{"no namespace", strings.Replace(referencing(good), ` xmlns:ofd="http://www.ofdspec.org/2016"`, "", 1), "http://www.ofdspec.org/2016"},
		{"another namespace", strings.Replace(referencing(good), `/2016"`, `/2024"`, 1), "http://www.ofdspec.org/2016"},
		{"another root", `<ofd:Signatures xmlns:ofd="http://www.ofdspec.org/2016"/>`, "want one Signature"},
		{"no SignedInfo", `<ofd:Signature xmlns:ofd="http://www.ofdspec.org/2016"/>`, "no SignedInfo"},
		{"no References", signing(""), "no References"},
		{"text in SignedInfo", signing("x"), "text"},
		{"text in References", referencing(good + "x"), "text"},
		{"text in Reference", referencing(strings.Replace(good, "<ofd:CheckValue", "x<ofd:CheckValue", 1)), "text"},
		{"SignedInfo of another namespace", `<ofd:Signature xmlns:ofd="http://www.ofdspec.org/2016"><SignedInfo/></ofd:Signature>`, "out of place"},
		{"two SignedInfo", strings.Replace(referencing(good), "</ofd:Signature>", "<ofd:SignedInfo/></ofd:Signature>", 1), "out of place"},
		{"two References", signing(strings.Repeat(`<ofd:References CheckMethod="SM3">`+good+`</ofd:References>`, 2)), "out of place"},
		{"Reference in ExtendData", signing(`<ofd:ExtendData><a>` + good + `</a></ofd:ExtendData><ofd:References CheckMethod="SM3">` + good + `</ofd:References>`), "out of place"},
		{"References beside SignedInfo", strings.Replace(referencing(good), "<ofd:SignedInfo>", `<ofd:References CheckMethod="SM3"/><ofd:SignedInfo>`, 1), "out of place"},
		{"another element in References", referencing(good + "<ofd:Parameters/>"), "want Reference alone"},
		{"Reference of another namespace", referencing(good + `<Reference FileRef="/x"><CheckValue>` + abc + `</CheckValue></Reference>`), "want Reference alone"},

		{"no CheckMethod", signing(`<ofd:References>` + good + `</ofd:References>`), "no attribute CheckMethod"},
		{"MD5", signing(`<ofd:References CheckMethod="MD5">` + good + `</ofd:References>`), `"MD5": want SM3 (1.2.156.10197.1.401)`},
		{"SHA-1 by OID", signing(`<ofd:References CheckMethod="1.3.14.3.2.26">` + good + `</ofd:References>`), `"1.3.14.3.2.26": want SM3`},
		{"SM2 with SM3", signing(`<ofd:References CheckMethod="1.2.156.10197.1.501">` + good + `</ofd:References>`), "want SM3"},
		{"empty CheckMethod", signing(`<ofd:References CheckMethod="">` + good + `</ofd:References>`), `"": want SM3`},
		{"CheckMethod twice", signing(`<ofd:References CheckMethod="SM3" CheckMethod="SM3">` + good + `</ofd:References>`), "twice"},
		{"CheckMethod with a prefix", signing(`<ofd:References ofd:CheckMethod="SM3">` + good + `</ofd:References>`), "with a prefix"},
		{"CheckMethod with and without", signing(`<ofd:References CheckMethod="SM3" ofd:CheckMethod="MD5">` + good + `</ofd:References>`), "with a prefix"},
		{"too many attributes", signing(`<ofd:References ` + attributes(maxAttributes+1) + `>` + good + `</ofd:References>`), "65 attributes"},

		{"no references at all", referencing(""), "no part is left"},
		{"only Signs and OFD.xml", referencing(reference("/OFD.xml", abc) + reference("/Doc_0/Signs/x", abc)), "no part is left"},
		{"no FileRef", referencing(`<ofd:Reference><ofd:CheckValue>` + abc + `</ofd:CheckValue></ofd:Reference>`), "no attribute FileRef"},
		{"relative", referencing(reference("Doc_0/Document.xml", abc)), "relative"},
		{"relative, one directory", referencing(reference("./Document.xml", abc)), "relative"},
		{"empty FileRef", referencing(reference("", abc)), "relative"},
		{"root", referencing(reference("/", abc)), `""`},
		{"parent", referencing(reference("/Doc_0/Signs/../Document.xml", abc)), `".."`},
		{"this directory", referencing(reference("/Doc_0/./Document.xml", abc)), `"."`},
		{"slashes inside", referencing(reference("/Doc_0//Document.xml", abc)), `""`},
		{"slash at the end", referencing(reference("/Doc_0/", abc)), `""`},
		{"backslash", referencing(reference(`/Doc_0\Document.xml`, abc)), "backslash"},
		{"line feed", referencing(reference("/Doc_0/a\nb", abc)), "control"},
		{"line feed, by reference", referencing(reference("/Doc_0/a&#10;b", abc)), "control"},
		{"bad FileRef under Signs", referencing(good + reference("/Doc_0/Signs/../x", abc)), `".."`},
		{"long FileRef", referencing(reference("/"+strings.Repeat("n", maxName), abc)), "1025 bytes"},
		{"twice", referencing(good + good), "each part once"},
		{"twice, by slashes", referencing(good + reference("//Doc_0/Document.xml", abc)), "each part once"},
		{"twice under Signs", referencing(good + reference("/Signs/a", abc) + reference("/Signs/A", abc)), "more than case"},
		{"case", referencing(good + reference("/doc_0/Document.xml", abc)), "more than case"},

		{"no CheckValue", referencing(`<ofd:Reference FileRef="/a"/>`), "no CheckValue"},
		{"two CheckValues", referencing(strings.Replace(good, "</ofd:Reference>", "<ofd:CheckValue>"+abc+"</ofd:CheckValue></ofd:Reference>", 1)), "want one CheckValue"},
		{"another element", referencing(strings.Replace(good, "</ofd:Reference>", "<ofd:X/></ofd:Reference>", 1)), "want one CheckValue"},
		{"element in CheckValue", referencing(reference("/a", "<b/>"+abc)), "text alone"},
		{"comment in CheckValue", referencing(reference("/a", abc[:4]+"<!-- -->"+abc[4:])), "text alone"},
		{"empty CheckValue", referencing(reference("/a", "")), "base64 of 32 bytes"},
		{"hex", referencing(reference("/a", strings.Repeat("0a", 32))), "base64 of 32 bytes"},
		{"SHA-1", referencing(reference("/a", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")), "base64 of 32 bytes"},
		{"no padding", referencing(reference("/a", abc[:43])), "base64 of 32 bytes"},
		{"base64url", referencing(reference("/a", strings.Repeat("-", 43)+"=")), "base64 of 32 bytes"},
		{"line feed inside", referencing(reference("/a", abc[:20]+"\n"+abc[20:])), "base64 of 32 bytes"},
		{"stray bits", referencing(reference("/a", abc[:42]+"B=")), "base64 of 32 bytes"},
		{"two values", referencing(reference("/a", abc+abc)), "base64 of 32 bytes"},
		{"no-break space around", referencing(reference("/a", "\u00a0"+abc)), "base64 of 32 bytes"},
	} {
		refs, err := FromSignature([]byte(tt.document))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "reading Signature.xml: ") {
			t.Errorf("%s: %v, want an error with %q", tt.fault, err, tt.want)
		}
		if len(refs.list) != 0 {
			t.Errorf("%s: an error, and %d refs", tt.fault, len(refs.list))
		}
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

// 1 MiB of anything takes no more than 1 MiB should.
func TestLargeSignatures(t *testing.T) {
	deep := (maxSignature - 400) / len("<a></a>")
	var references strings.Builder
	n := 0
	for ; references.Len() < maxSignature-600; n++ {
		references.WriteString(reference(fmt.Sprintf("/Doc_0/Pages/Page_%d/Content.xml", n), abc))
	}
	for name, tt := range map[string]struct {
		document string
		want     int
	}{
		"deep":      {signing(strings.Repeat("<a>", deep) + strings.Repeat("</a>", deep) + `<ofd:References CheckMethod="SM3">` + good + `</ofd:References>`), 1},
		"many refs": {referencing(references.String()), n},
	} {
		if refs := mustSignature(t, []byte(tt.document)); len(refs.List()) != tt.want {
			t.Errorf("%s: %d refs, want %d", name, len(refs.List()), tt.want)
		}
	}
}
