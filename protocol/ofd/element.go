package ofd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// blanks is white space of XML 1.0.
const blanks = " \t\r\n"

// placed are the elements that count, each in one place only. Elsewhere, or of
// another namespace, they are refused and not passed over: some readers look
// for them by name alone, wherever they are.
var placed = []string{"SignedInfo", "References", "Reference", "CheckValue"}

// next returns the next token. encoding/xml checks nesting, characters, names
// and entities, and refuses other encodings than UTF-8; not what follows.
func (s *signatureReader) next() (xml.Token, error) {
	t, err := s.xml.Token()
	if err != nil {
		return nil, err
	}
	first := !s.started
	s.started = true
	switch t := t.(type) {
	case xml.Directive:
		return nil, fmt.Errorf("<!%.40s: want no document type", t)
	case xml.ProcInst:
		if !first || t.Target != "xml" {
			return nil, fmt.Errorf("<?%.40s: want no processing instruction", t.Target)
		}
	case xml.StartElement:
		return t, checkAttributes(t)
	}
	return t, nil
}

// checkAttributes refuses an attribute that is there twice, which is not XML:
// readers would differ in which counts.
func checkAttributes(start xml.StartElement) error {
	if len(start.Attr) > maxAttributes {
		return fmt.Errorf("%s has %d attributes: want at most %d", described(start), len(start.Attr), maxAttributes)
	}
	for i, attr := range start.Attr {
		if slices.ContainsFunc(start.Attr[:i], func(a xml.Attr) bool { return a.Name == attr.Name }) {
			return fmt.Errorf("%s has attribute %.100q twice", described(start), attr.Name.Local)
		}
	}
	return nil
}

// children gives each element directly in start to read, which reads it to its
// end.
func (s *signatureReader) children(start xml.StartElement, read func(xml.StartElement) error) error {
	for {
		t, err := s.next()
		if err != nil {
			return err
		}
		if _, ok := t.(xml.EndElement); ok {
			return nil
		}
		if err := blank(t, "in "+start.Name.Local); err != nil {
			return err
		}
		if child, ok := t.(xml.StartElement); ok {
			if err := read(child); err != nil {
				return err
			}
		}
	}
}

// one reads the one element of that name in start, and skips the others.
func (s *signatureReader) one(start xml.StartElement, name string, read func(xml.StartElement) error) error {
	found := false
	err := s.children(start, func(child xml.StartElement) error {
		if found || !is(child, name) {
			return s.skip(child)
		}
		found = true
		return read(child)
	})
	if err == nil && !found {
		err = fmt.Errorf("%s has no %s of namespace %s", start.Name.Local, name, namespace)
	}
	return err
}

// skip reads an element to its end. It counts instead of calling itself, since
// 1 MiB nests 100,000 deep.
func (s *signatureReader) skip(start xml.StartElement) error {
	var t xml.Token = start
	for depth := 0; ; {
		switch e := t.(type) {
		case xml.StartElement:
			if slices.Contains(placed, e.Name.Local) {
				return fmt.Errorf("%s out of place: want Signature/SignedInfo/References/Reference/CheckValue, with one SignedInfo and one References", described(e))
			}
			depth++
		case xml.EndElement:
			if depth--; depth == 0 {
				return nil
			}
		}
		var err error
		if t, err = s.next(); err != nil {
			return err
		}
	}
}

// text reads the text of an element to its end. A comment in it is refused:
// some readers take what stands before it for the whole.
func (s *signatureReader) text() (string, error) {
	var text strings.Builder
	for {
		t, err := s.next()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			return text.String(), nil
		default:
			return "", errors.New("has elements or comments in it: want text alone")
		}
	}
}

// blank refuses text where only elements belong.
func blank(t xml.Token, where string) error {
	if text, ok := t.(xml.CharData); ok && strings.Trim(string(text), blanks) != "" {
		return fmt.Errorf("text %.40q %s: want elements alone", text, where)
	}
	return nil
}

func is(start xml.StartElement, name string) bool {
	return start.Name == xml.Name{Space: namespace, Local: name}
}

// attribute returns the attribute of that name. One with a prefix would be the
// same for a reader that drops prefixes.
func attribute(start xml.StartElement, name string) (value string, err error) {
	err = fmt.Errorf("%s has no attribute %s", start.Name.Local, name)
	for _, a := range start.Attr {
		if a.Name.Local != name {
			continue
		}
		if a.Name.Space != "" {
			return "", fmt.Errorf("%s has %s with a prefix: want it without", start.Name.Local, name)
		}
		value, err = a.Value, nil
	}
	return value, err
}

func described(start xml.StartElement) string {
	return fmt.Sprintf("element %.100q of namespace %.100q", start.Name.Local, start.Name.Space)
}
