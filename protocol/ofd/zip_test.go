package ofd

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// A part is a file of a package.
type part struct{ name, content string }

// document is an unsigned OFD file as producers write it.
func document() []part {
	return []part{
		{"OFD.xml", `<ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016"><ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot></ofd:DocBody></ofd:OFD>`},
		{"Doc_0/", ""},
		{"Doc_0/Document.xml", "<ofd:Document/>"},
		{"Doc_0/PublicRes.xml", "<ofd:Res/>"},
		{"Doc_0/Pages/Page_0/Content.xml", "<ofd:Page>关于开展检查的通知</ofd:Page>"},
		{"Doc_0/Res/印章 1.png", "\x89PNG"},
		{"Doc_0/Attachs/empty", ""},
	}
}

// stamped is the document after its first stamp.
func stamped() []part {
	parts := document()
	parts[0].content = `<ofd:OFD xmlns:ofd="http://www.ofdspec.org/2016"><ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot><ofd:Signatures>/Doc_0/Signs/Signatures.xml</ofd:Signatures></ofd:DocBody></ofd:OFD>`
	return append(parts,
		part{"Doc_0/Signs/Signatures.xml", "<ofd:Signatures/>"},
		part{"Doc_0/Signs/Sign_0/Signature.xml", "<ofd:Signature/>"},
		part{"Doc_0/Signs/Sign_0/SignedValue.dat", "0\x82"},
		part{"Doc_0/Signs/Sign_0/Seal.esl", "0\x82\x01"},
	)
}

// zipped packs parts with archive/zip, by method.
func zipped(t testing.TB, method uint16, parts []part) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		f, err := w.CreateHeader(&zip.FileHeader{Name: p.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(p.content)); err != nil && p.content != "" {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An entry is a part whose every field can be wrong. The zero value of a
// pointer is what is right.
type entry struct {
	name, content string
	method, flags uint16
	creator       byte   // 3: Unix
	mode          uint32 // external attributes
	extra         string // in both headers
	behind        string // packed bytes behind those of the content
	descriptor    int    // length of the descriptor; flags say so

	localName             *string
	localExtra            *string
	localMethod           *uint16
	localPacked, unpacked *uint32
	crc                   *uint32
	gap                   string // bytes behind the entry
	hidden                bool   // not in the directory
	sameAs                bool   // in the directory, at the place of the one before
}

func given[T any](p *T, or T) T {
	if p != nil {
		return *p
	}
	return or
}

func (e entry) packed() []byte {
	if e.method != zip.Deflate {
		return []byte(e.content + e.behind)
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte(e.content))
	_ = w.Close()
	return append(b.Bytes(), e.behind...)
}

func (e entry) checksum() uint32 { return given(e.crc, crc32.ChecksumIEEE([]byte(e.content))) }

func (e entry) local() []byte {
	le, packed := binary.LittleEndian, e.packed()
	name, extra := given(e.localName, e.name), given(e.localExtra, e.extra)
	sizes := []uint32{e.checksum(), uint32(len(packed)), uint32(len(e.content))}
	if e.descriptor != 0 {
		sizes = []uint32{0, 0, 0}
	}
	b := le.AppendUint16([]byte(signLocal), 20)
	b = le.AppendUint16(b, e.flags)
	b = le.AppendUint16(b, given(e.localMethod, e.method))
	b = le.AppendUint32(b, 0x5A210000)
	b = le.AppendUint32(b, sizes[0])
	b = le.AppendUint32(b, given(e.localPacked, sizes[1]))
	b = le.AppendUint32(b, sizes[2])
	b = le.AppendUint16(b, uint16(len(name)))
	b = le.AppendUint16(b, uint16(len(extra)))
	b = append(append(append(b, name...), extra...), packed...)
	descriptor := make([]byte, e.descriptor)
	if e.descriptor == 16 || e.descriptor == 24 {
		copy(descriptor, "PK\x07\x08")
	}
	return append(append(b, descriptor...), e.gap...)
}

func (e entry) central(at int) []byte {
	le := binary.LittleEndian
	b := append([]byte(signDirectory), 20, e.creator, 20, 0)
	b = le.AppendUint16(b, e.flags)
	b = le.AppendUint16(b, e.method)
	b = le.AppendUint32(b, 0x5A210000)
	b = le.AppendUint32(b, e.checksum())
	b = le.AppendUint32(b, uint32(len(e.packed())))
	b = le.AppendUint32(b, given(e.unpacked, uint32(len(e.content))))
	b = le.AppendUint16(b, uint16(len(e.name)))
	b = le.AppendUint16(b, uint16(len(e.extra)))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, e.mode)
	b = le.AppendUint32(b, uint32(at))
	return append(append(b, e.name...), e.extra...)
}

// endOf is an end record.
func endOf(records, length, at int, comment string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(signEnd), 0)
	b = le.AppendUint16(b, uint16(records))
	b = le.AppendUint16(b, uint16(records))
	b = le.AppendUint32(b, uint32(length))
	b = le.AppendUint32(b, uint32(at))
	return append(le.AppendUint16(b, uint16(len(comment))), comment...)
}

// assembled returns the entries and the directory of a package.
func assembled(entries []entry) (content, directory []byte, records int) {
	at := 0
	for _, e := range entries {
		if !e.sameAs {
			at = len(content)
			content = append(content, e.local()...)
		}
		if !e.hidden {
			directory = append(directory, e.central(at)...)
			records++
		}
	}
	return content, directory, records
}

// packageOf returns a whole package of an OFD.xml, a page and the entries.
func packageOf(entries ...entry) []byte {
	content, directory, records := assembled(append([]entry{{name: "OFD.xml", content: "<OFD/>"}, {name: "Doc_0/Page.xml", content: "page"}}, entries...))
	end := endOf(records, len(directory), len(content), "")
	return append(append(content, directory...), end...)
}
