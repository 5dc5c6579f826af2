package ofd

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func of[T any](v T) *T { return &v }

// unicodePath is an extra field that gives an entry another name.
func unicodePath(name string) string {
	b := binary.LittleEndian.AppendUint16(nil, 0x7075)
	b = binary.LittleEndian.AppendUint16(b, uint16(5+len(name)))
	return string(b) + "\x01\x00\x00\x00\x00" + name
}

func TestWhatHonestProgramsWriteIsRead(t *testing.T) {
	want := mustFile(t, packageOf(entry{name: "x", content: "content"}))
	for name, e := range map[string]entry{
		"deflated":                             {method: zip.Deflate},
		"descriptor with signature":            {method: zip.Deflate, flags: flagDescriptor, descriptor: 16},
		"descriptor without signature":         {method: zip.Deflate, flags: flagDescriptor, descriptor: 12},
		"long descriptor with signature":       {method: zip.Deflate, flags: flagDescriptor, descriptor: 24},
		"long descriptor without signature":    {method: zip.Deflate, flags: flagDescriptor, descriptor: 20},
		"made on Unix":                         {creator: 3, mode: 0o100644 << 16},
		"made on Unix, no type":                {creator: 3, mode: 0o600 << 16},
		"Unicode path of the same name":        {extra: unicodePath("x")},
		"time in an extra field, UTF-8 flag":   {flags: 1 << 11, extra: "UT\x05\x00\x01\x00\x00\x00\x00"},
		"extra field cut off":                  {localExtra: of("\xfe\xca\xff")},
		"flags of deflate in one header alone": {method: zip.Deflate, flags: 1 << 1},
	} {
		e.name, e.content = "x", "content"
		refs, err := fromBytes(packageOf(e))
		if err != nil || refs.SM3() != want.SM3() {
			t.Errorf("%s: %v, %+v", name, err, want.Compare(refs))
		}
	}
}

func TestDirectoriesAndACommentAreNoParts(t *testing.T) {
	want := mustFile(t, packageOf())
	content, directory, records := assembled([]entry{
		{name: "OFD.xml", content: "<OFD/>"}, {name: "Doc_0/", creator: 3, mode: 0o40755 << 16},
		{name: "Doc_0/Page.xml", content: "page"}, {name: "Doc_0/Res/", method: zip.Deflate},
	})
	end := endOf(records, len(directory), len(content), "made by a seal client")
	refs, err := fromBytes(bytes.Join([][]byte{content, directory, end}, nil))
	if err != nil || refs.SM3() != want.SM3() {
		t.Errorf("%v, %+v", err, want.Compare(refs))
	}
}

func TestBadEntriesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		fault string
		entry entry
		want  string // in the error
	}{
		{"absolute", entry{name: "/x"}, "absolute"},
		{"same name as another but for a slash", entry{name: "/Doc_0/Page.xml"}, "absolute"},
		{"parent", entry{name: "Doc_0/../x"}, `".."`},
		{"parent in front", entry{name: "../x"}, `".."`},
		{"this directory", entry{name: "Doc_0/./x"}, `"."`},
		{"two slashes", entry{name: "Doc_0//x"}, `""`},
		{"two slashes at the end", entry{name: "Doc_0/x//"}, `""`},
		{"no name", entry{}, `""`},
		{"backslash", entry{name: `Doc_0\x`}, "backslash"},
		{"line feed", entry{name: "a\nb"}, "control"},
		{"delete", entry{name: "a\x7f"}, "control"},
		{"no XML character", entry{name: "a\uFFFE"}, "U+FFFE"},
		{"GBK", entry{name: "\xb8\xbd\xbc\xfe"}, "UTF-8"},
		{"long", entry{name: strings.Repeat("n", maxName)}, "1025 bytes long"},
		{"twice", entry{name: "Doc_0/Page.xml"}, "each part once"},
		{"case", entry{name: "doc_0/Page.xml"}, "more than case"},
		{"file and directory", entry{name: "Doc_0/Page.xml/"}, "each part once"},
		{"OFD.xml in another case", entry{name: "ofd.xml"}, "more than case"},
		{"encrypted", entry{name: "x", flags: flagEncrypted}, "encrypted"},
		{"strongly encrypted", entry{name: "x", flags: flagStrong}, "encrypted"},
		{"directory encrypted", entry{name: "x", flags: flagMasked}, "encrypted"},
		{"patched", entry{name: "x", flags: flagPatched}, "packed by"},
		{"bzip2", entry{name: "x", method: 12}, "method 12"},
		{"link", entry{name: "x", creator: 3, mode: 0o120777 << 16, content: "OFD.xml"}, "link"},
		{"device", entry{name: "x", creator: 3, mode: 0o20666 << 16}, "link or device"},
		{"directory without a slash", entry{name: "x", creator: 3, mode: 0o40755 << 16}, "link or device"},
		{"directory with content", entry{name: "x/", content: "x"}, "directory with content"},
		{"damaged", entry{name: "x", content: "x", crc: of(uint32(1))}, "damaged"},
		{"damaged, deflated", entry{name: "x", content: "x", crc: of(uint32(1)), method: zip.Deflate}, "damaged"},
		{"longer than it says", entry{name: "x", content: "xx", unpacked: of(uint32(1))}, "another length"},
		{"shorter than it says", entry{name: "x", content: "xx", unpacked: of(uint32(3))}, "another length"},
		{"longer than it says, deflated", entry{name: "x", content: "xx", unpacked: of(uint32(1)), method: zip.Deflate}, "another length"},
		{"damaged under Signs", entry{name: "Doc_0/Signs/x", content: "x", crc: of(uint32(1))}, "damaged"},
		{"bytes behind the deflated ones", entry{name: "x", content: "x", method: zip.Deflate, behind: "PK\x03\x04"}, "behind its packed content"},
		{"bytes behind, in a directory", entry{name: "x/", method: zip.Deflate, behind: "P"}, "behind its packed content"},
	} {
		_, err := fromBytes(packageOf(tt.entry))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "reading OFD file: ") {
			t.Errorf("%s: %v, want an error with %q", tt.fault, err, tt.want)
		}
	}
}

// Each of these shows a program that reads from the front, takes a Unicode
// path for the name, or looks for the directory elsewhere, other parts than
// the directory that archive/zip finds.
func TestPackagesWithTwoReadingsAreRefused(t *testing.T) {
	page := entry{name: "Doc_0/x", content: "benign"}
	with := func(change func(*entry)) []byte {
		e := page
		change(&e)
		return packageOf(e)
	}
	plain := packageOf(page)
	content, directory, records := assembled([]entry{{name: "OFD.xml"}, page})
	_, other, _ := assembled([]entry{{name: "OFD.xml"}, {name: "Doc_0/y", content: "benign"}})
	end := func(directory, at int) []byte { return endOf(records, directory, at, "") }
	cat := func(pieces ...[]byte) []byte { return bytes.Join(pieces, nil) }
	n, l := len(content), len(directory)
	locator := []byte(signLocator + strings.Repeat("\x00", lenLocator-4))
	for name, file := range map[string][]byte{
		"entry that is not listed":            with(func(e *entry) { e.hidden = true }),
		"bytes in front":                      cat([]byte("#!/bin/sh\n"), plain),
		"bytes between entries":               with(func(e *entry) { e.gap = "x" }),
		"unlisted entry after one":            with(func(e *entry) { e.gap = string(entry{name: "y", content: "evil"}.local()) }),
		"one content under two names":         packageOf(page, entry{name: "Doc_0/y", content: "benign", sameAs: true}),
		"another name in front":               with(func(e *entry) { e.localName = of("Doc_0/y") }),
		"another method in front":             with(func(e *entry) { e.localMethod = of(zip.Deflate) }),
		"another length in front":             with(func(e *entry) { e.localPacked = of(uint32(3)) }),
		"descriptor in the directory only":    with(func(e *entry) { e.flags, e.descriptor = flagDescriptor, 13 }),
		"Unicode path":                        with(func(e *entry) { e.extra = unicodePath("Doc_0/y") }),
		"Unicode path, in front only":         with(func(e *entry) { e.localExtra = of(unicodePath("Doc_0/y")) }),
		"Unicode path, in the directory only": with(func(e *entry) { e.extra, e.localExtra = unicodePath("Doc_0/y"), of("") }),
		"Unicode path, cut off":               with(func(e *entry) { e.extra = unicodePath("Doc_0/x")[:7] }),
		"bytes behind the end":                cat(plain, []byte("x")),
		"second end in the comment":           cat(content, directory, endOf(records, l, n, string(end(l, n))+"x")),
		"two directories, by place":           cat(content, other, []byte("-"), directory, end(l, n)),
		"two directories, by length":          cat(content, other, []byte("-"), directory, end(l, n+l+1)),
		"bytes behind the directory":          cat(content, directory, []byte("x"), end(l, n)),
		"directory said to be shorter":        cat(content, directory, end(l-1, n)),
		"too many entries announced":          cat(content, directory, endOf(records, l, n, "")[:8], []byte{9, 0}, end(l, n)[10:]),
		"Zip64 locator":                       cat(content, directory, locator, end(l+lenLocator, n)),
	} {
		if _, err := fromBytes(file); !errors.Is(err, errTwoReadings) {
			t.Errorf("%s: %v, want %v", name, err, errTwoReadings)
		}
	}
	if _, err := fromBytes(cat(content, directory, end(l, n))); err != nil {
		t.Errorf("as it should be: %v", err)
	}
}

func TestWhatIsNoOFDFileIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"empty":            {nil, "zip"},
		"PDF":              {[]byte("%PDF-1.7\n" + strings.Repeat("x", 200)), "zip"},
		"cut off":          {packageOf()[:60], "zip"},
		"empty package":    {zipped(t, zip.Store, nil), "OFD.xml"},
		"no OFD.xml":       {zipped(t, zip.Store, []part{{"word/document.xml", "x"}}), "OFD.xml"},
		"OFD.xml below":    {zipped(t, zip.Store, []part{{"a/OFD.xml", "x"}}), "OFD.xml"},
		"OFD.xml/":         {zipped(t, zip.Store, []part{{"OFD.xml/", ""}, {"a", "x"}}), "OFD.xml"},
		"only OFD.xml":     {zipped(t, zip.Store, []part{{"OFD.xml", "x"}}), "no part is left"},
		"only a signature": {zipped(t, zip.Store, []part{{"OFD.xml", "x"}, {"Doc_0/Signs/Signatures.xml", ""}}), "no part is left"},
	} {
		_, err := fromBytes(tt.file)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tt.want)
		}
	}
	if _, err := FromFile(bytes.NewReader(nil), -1); err == nil {
		t.Error("a file of negative size was read")
	}
}

func TestLimits(t *testing.T) {
	file := zipped(t, zip.Deflate, []part{{"OFD.xml", strings.Repeat("x", 5_000)}, {"a", strings.Repeat("x", 5_000)}, {"b/", ""}})
	for _, tt := range []struct {
		name string
		lim  limits
		want string // in the error; empty: none
	}{
		{"all at the limit", limits{3, 10_000, 4096 + int64(len(file)), 10_000, 0}, ""},
		{"entries", limits{2, 1 << 20, 1 << 20, 1 << 20, 0}, "3 entries: want at most 2"},
		{"bytes unpacked", limits{3, 9_999, 1 << 20, 1 << 20, 0}, "more than 9999 bytes"},
		{"bytes of the file", limits{3, uint64(len(file)) - 1, 1 << 20, 1 << 20, 0}, "bytes long"},
		{"directory", limits{3, 1 << 20, int64(len(file)), 1 << 20, 0}, "directory is too long"},
		{"ratio", limits{3, 1 << 20, 1 << 20, 1_000, 9_000 / uint64(len(file))}, "more than"},
		{"ratio, at the limit", limits{3, 1 << 20, 1 << 20, 1_000, 9_000/uint64(len(file)) + 1}, ""},
	} {
		_, err := fromFile(bytes.NewReader(file), int64(len(file)), tt.lim)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

// A bomb says what it unpacks to, or it is cut off there: nothing is unpacked
// that was not announced.
func TestBombsAreNotUnpacked(t *testing.T) {
	const size = 96 << 20
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	_, _ = w.Create("OFD.xml")
	f, err := w.Create("bomb")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, iotest.DataErrReader(zeros{}), size); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fromBytes(b.Bytes()); err == nil || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("announced: %v, want a refusal", err)
	}
	lying := packageOf(entry{name: "bomb", content: strings.Repeat("\x00", 1<<20), method: zip.Deflate, unpacked: of(uint32(10))})
	if _, err := fromBytes(lying); err == nil || !strings.Contains(err.Error(), "another length than the 10 bytes") {
		t.Errorf("not announced: %v, want a refusal", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// An error of the disk is no verdict on the document.
func TestReadErrorsAreTold(t *testing.T) {
	file := zipped(t, zip.Deflate, document())
	for fail := range 200 {
		disk := &failing{r: bytes.NewReader(file), after: fail}
		_, err := FromFile(disk, int64(len(file)))
		if !disk.failed {
			if err != nil {
				t.Errorf("after %d reads, none failed: %v", fail, err)
			}
			return
		}
		if !errors.Is(err, errDisk) {
			t.Errorf("read %d failed: %v, want %v", fail, err, errDisk)
		}
	}
	t.Error("200 reads of a package of seven entries")
}

var errDisk = fmt.Errorf("reading sector 7: input/output error")

type failing struct {
	r      io.ReaderAt
	after  int
	failed bool
}

func (f *failing) ReadAt(b []byte, at int64) (int, error) {
	if f.after--; f.after < 0 {
		f.failed = true
		return 0, errDisk
	}
	return f.r.ReadAt(b, at)
}

func BenchmarkFromFile100MB(b *testing.B) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		b.Run(fmt.Sprintf("method-%d", method), func(b *testing.B) {
			file := large(b, method, 100<<20)
			b.SetBytes(100 << 20)
			b.ReportAllocs()
			for b.Loop() {
				mustFile(b, file)
			}
		})
	}
}

// large is a package of pages of 1 MiB, half of it text and half scan.
func large(t testing.TB, method uint16, size int) []byte {
	const page = 1 << 20
	text := strings.Repeat(`<ofd:TextCode X="0" Y="25.0">关于开展检查的通知</ofd:TextCode>`, page/2/78)
	noise := make([]byte, page/2)
	state := uint64(88172645463325252)
	parts := []part{{"OFD.xml", ""}}
	for i := range size / page {
		for j := range noise {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			noise[j] = byte(state)
		}
		parts = append(parts, part{fmt.Sprintf("Doc_0/Pages/Page_%d/Content.xml", i), text}, part{fmt.Sprintf("Doc_0/Res/%d.jpg", i), string(noise)})
	}
	return zipped(t, method, parts)
}
