package pkcs11

import (
	"bytes"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

const (
	findBatch = 64
	findMost  = 1 << 16 // a token with more objects than this is not believed
)

// find returns all objects that match the template. The search is always
// ended: one left open makes every later search of the session fail. Modules
// give pages of their own size, so only an empty page is the end; the
// library's "more" flag is not to be trusted.
func (s *session) find(template ...*p11.Attribute) (found []p11.ObjectHandle, err error) {
	if err := s.lib.FindObjectsInit(s.handle, template); err != nil {
		return nil, called("C_FindObjectsInit", err)
	}
	defer func() {
		if e := s.lib.FindObjectsFinal(s.handle); err == nil && e != nil {
			found, err = nil, called("C_FindObjectsFinal", e)
		}
	}()
	for {
		page, _, err := s.lib.FindObjects(s.handle, findBatch)
		if err != nil {
			return nil, called("C_FindObjects", err)
		}
		if len(page) == 0 {
			return found, nil
		}
		if found = append(found, page...); len(found) > findMost {
			return nil, refuse(hsm.ClassAnswer, "the search does not end: %d objects so far", len(found))
		}
	}
}

// findByID returns the token's objects of a class with that CKA_ID. Some modules
// ignore parts of a template, so what came back is looked at again.
func (s *session) findByID(class uint, id []byte) ([]p11.ObjectHandle, error) {
	all, err := s.find(p11.NewAttribute(p11.CKA_CLASS, class), p11.NewAttribute(p11.CKA_ID, id), p11.NewAttribute(p11.CKA_TOKEN, true))
	if err != nil {
		return nil, err
	}
	var found []p11.ObjectHandle
	for _, object := range all {
		gotClass, err := s.number(object, p11.CKA_CLASS)
		if err != nil {
			return nil, err
		}
		gotID, err := s.bytes(object, p11.CKA_ID)
		if err != nil {
			return nil, err
		}
		if gotClass == class && bytes.Equal(gotID, id) {
			found = append(found, object)
		}
	}
	return found, nil
}
