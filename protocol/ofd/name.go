package ofd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is the length of a name in bytes. Names of OFD parts have dozens.
const maxName = 1024

// root is the one part whose name GB/T 33190 fixes. It names the list of
// signatures, so the first stamp changes it.
const root = "/OFD.xml"

// covers tells whether refs_sm3 is over the part of that name. Names differ in
// case: /Doc_0/signs/ is a directory like any other.
func covers(name string) bool {
	above := strings.Split(name, "/")
	return name != root && !slices.Contains(above[:len(above)-1], "Signs")
}

// checkName holds an absolute name to what stands for the same part in a zip
// directory, an XML attribute, a file system and a line of refs_sm3.
func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("name %.40q...: is %d bytes long: want at most %d", name, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("name %q: is not UTF-8", name)
	case strings.ContainsFunc(name, unprintable):
		return fmt.Errorf("name %q: has a control character, U+FFFE or U+FFFF", name)
	case strings.Contains(name, `\`):
		return fmt.Errorf("name %q: has a backslash: want slashes", name)
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(name, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("name %q: has %q between slashes: want a name", name, segment)
		}
	}
	return nil
}

// unprintable finds what XML 1.0 cannot carry, or an XML reader turns into a
// blank, or would end a line.
func unprintable(r rune) bool { return unicode.IsControl(r) || r == '\uFFFE' || r == '\uFFFF' }

// fileRef returns the absolute name that a FileRef stands for. One or more
// slashes in front are one: "//Doc_0/..." is written in practice.
//
// A FileRef without one is refused. For some readers it starts at the root of
// the package, for others (and for ST_Loc of GB/T 33190-2016) in the directory
// of Signature.xml, below Signs/: there the approved parts could lie, and
// others where the document is.
func fileRef(ref string) (string, error) {
	if !strings.HasPrefix(ref, "/") {
		return "", fmt.Errorf("FileRef %.200q: is relative: want a path from the root of the package, such as /Doc_0/Document.xml", ref)
	}
	name := "/" + strings.TrimLeft(ref, "/")
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("FileRef: %w", err)
	}
	return name, nil
}

// errTwice is wrapped where two parts have one name.
var errTwice = errors.New("want each part once, and names that differ in more than case")

// checkDistinct refuses names that are one name on a file system that does not
// tell case apart: a viewer that unpacks the file there shows one for the
// other.
func checkDistinct(names []string) error {
	seen := make(map[string]string, len(names))
	for _, name := range names {
		folded := strings.ToLower(strings.ToUpper(name))
		if other, ok := seen[folded]; ok {
			return fmt.Errorf("parts %q and %q: %w", other, name, errTwice)
		}
		seen[folded] = name
	}
	return nil
}
