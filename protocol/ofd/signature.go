package ofd

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/emmansun/gmsm/sm3"
)

const (
	namespace     = "http://www.ofdspec.org/2016"
	maxSignature  = 1 << 20 // bytes; a reference takes about 120
	maxAttributes = 64      // of one element
	oidSM3        = "1.2.156.10197.1.401"
)

// FromSignature returns the Refs of an OFD Signature.xml, of at most 1 MiB.
//
// It refuses what is not one well-formed UTF-8 document Signature of the OFD
// namespace with one SignedInfo and one References; a DTD, and processing
// instructions; a CheckMethod other than SM3 (by its OID 1.2.156.10197.1.401
// or its name); a FileRef that is relative, or has "." or ".."; a part that is
// there twice, or differs from another in case only; a CheckValue that is not
// base64 of 32 bytes; References and what belongs into it, anywhere else. Of
// all the rest it looks at nothing.
func FromSignature(signature []byte) (Refs, error) {
	refs, err := fromSignature(signature)
	if err != nil {
		return Refs{}, fmt.Errorf("reading Signature.xml: %w", err)
	}
	return refs, nil
}

func fromSignature(signature []byte) (Refs, error) {
	if len(signature) > maxSignature {
		return Refs{}, fmt.Errorf("is %d bytes long: want at most %d", len(signature), maxSignature)
	}
	signature = bytes.TrimPrefix(signature, []byte("\uFEFF"))
	s := &signatureReader{xml: xml.NewDecoder(bytes.NewReader(signature))}
	if err := s.document(); err != nil {
		return Refs{}, err
	}
	names := make([]string, len(s.refs))
	for i, ref := range s.refs {
		names[i] = ref.Name
	}
	if err := checkDistinct(names); err != nil {
		return Refs{}, err
	}
	return newRefs(s.refs)
}

// A signatureReader reads Signature.xml from front to end, so that nothing of
// it is passed over unseen.
type signatureReader struct {
	xml     *xml.Decoder
	started bool // something was read
	refs    []Ref
}

// document reads the root and requires that nothing follows it.
func (s *signatureReader) document() error {
	found := false
	for {
		t, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := blank(t, "outside the document"); err != nil {
			return err
		}
		start, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		if found || !is(start, "Signature") {
			return fmt.Errorf("document is %s: want one Signature of namespace %s", described(start), namespace)
		}
		found = true
		if err := s.one(start, "SignedInfo", s.signedInfo); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("has no element: want Signature")
	}
	return nil
}

func (s *signatureReader) signedInfo(start xml.StartElement) error {
	return s.one(start, "References", s.references)
}

func (s *signatureReader) references(start xml.StartElement) error {
	method, err := attribute(start, "CheckMethod")
	if err != nil {
		return err
	}
	if method != oidSM3 && !strings.EqualFold(method, "SM3") {
		return fmt.Errorf("CheckMethod is %.100q: want SM3 (%s)", method, oidSM3)
	}
	return s.children(start, func(child xml.StartElement) error {
		if !is(child, "Reference") {
			return fmt.Errorf("%s in References: want Reference alone", described(child))
		}
		return s.reference(child)
	})
}

func (s *signatureReader) reference(start xml.StartElement) error {
	ref, err := attribute(start, "FileRef")
	if err != nil {
		return err
	}
	name, err := fileRef(ref)
	if err != nil {
		return err
	}
	values := 0
	err = s.children(start, func(child xml.StartElement) error {
		if values++; values > 1 || !is(child, "CheckValue") {
			return fmt.Errorf("reference %q: %s: want one CheckValue alone", name, described(child))
		}
		return s.checkValue(name)
	})
	if err == nil && values == 0 {
		err = fmt.Errorf("reference %q: has no CheckValue", name)
	}
	return err
}

// checkValue reads the hash of the part of that name. Blanks around it are of
// writers that indent; none inside, which StdEncoding would pass over.
func (s *signatureReader) checkValue(name string) error {
	text, err := s.text()
	if err != nil {
		return fmt.Errorf("CheckValue of %q: %w", name, err)
	}
	text = strings.Trim(text, blanks)
	value, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(value) != sm3.Size || len(text) != base64.StdEncoding.EncodedLen(sm3.Size) {
		return fmt.Errorf("CheckValue of %q is %.100q: want base64 of %d bytes", name, text, sm3.Size)
	}
	s.refs = append(s.refs, Ref{Name: name, SM3: [sm3.Size]byte(value)})
	return nil
}
