package pkcs11

import (
	"bytes"
	"context"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// PutData implements hsm.Driver. It is never retried: after a device error
// nobody knows what is on the token, and the next one finds out.
func (d *Driver) PutData(ctx context.Context, token, label string, value []byte) error {
	const op = "writing a data object"
	t, err := d.token(token, op)
	if err != nil {
		return err
	}
	for _, err := range []error{checkLabel(label), checkValue(value)} {
		if err != nil {
			return t.failed(op, &fault{hsm.ClassRequest, err})
		}
	}
	value = bytes.Clone(value) // a caller that gives up may use its own again
	_, err = run(ctx, t, task[struct{}]{limit: t.profile.Deadlines.Login, once: true, do: func(s *session) (struct{}, error) {
		return struct{}{}, s.putData(label, value)
	}})
	return t.failed(op, err)
}

// putData creates the new object and then destroys the old ones, so that at no
// time there is none. It destroys only what it has seen before: two that run
// at once, in two processes, must not destroy each other's.
func (s *session) putData(label string, value []byte) error {
	t := s.pool.token
	if !t.writing.TryLock() {
		return refuse(hsm.ClassBusy, "another data object is being written on this token")
	}
	defer t.writing.Unlock()
	rw, err := s.readWrite()
	if err != nil {
		return err
	}
	defer rw.close()
	older, err := rw.data(label)
	if err != nil {
		return err
	}
	if err := rw.createData(label, value, older); err != nil {
		return err
	}
	for _, old := range older {
		if err := rw.destroyObject(old.object); err != nil && !hasCode(err, p11.CKR_OBJECT_HANDLE_INVALID) {
			return fmt.Errorf("destroying an older value, with the new one on the token: %w", err)
		}
	}
	return nil
}

// createData creates a data object and proves that it can be found again.
// CKA_MODIFIABLE=false is wished for and given up if the token does not take
// it.
func (s *session) createData(label string, value []byte, older []datum) error {
	template := append(dataTemplate(label), p11.NewAttribute(p11.CKA_VALUE, value))
	object, err := s.createObject(append(template, p11.NewAttribute(p11.CKA_MODIFIABLE, false)))
	if templateRefused(err) {
		object, err = s.createObject(template)
	}
	if err != nil {
		return notKept(err)
	}
	if err := s.readData(object, template, label, older); err != nil {
		if left := s.destroyObject(object); left != nil {
			return fmt.Errorf("%w; THE NEW DATA OBJECT IS STILL ON THE TOKEN: %w", err, left)
		}
		return fmt.Errorf("%w; the new data object was destroyed", err)
	}
	return nil
}

func (s *session) createObject(template []*p11.Attribute) (p11.ObjectHandle, error) {
	object, err := s.lib.CreateObject(s.handle, template)
	return object, called("C_CreateObject", err)
}

// notKept tells a token that keeps no data objects, or has no room for one
// more, from a device that failed: its keys sign on.
func notKept(err error) error {
	switch {
	case hasCode(err, p11.CKR_FUNCTION_NOT_SUPPORTED), templateRefused(err):
		return &fault{hsm.ClassUnsupported, fmt.Errorf("the token keeps no private data objects: %w", err)}
	case hasCode(err, p11.CKR_DEVICE_MEMORY):
		return &fault{hsm.ClassRequest, fmt.Errorf("the token has no room for a data object: %w", err)}
	}
	return err
}

// readData reads the new object back, and finds it again the way that the next
// start finds it. It goes by the value there, and by how many have it: modules
// may give one object several handles.
func (s *session) readData(object p11.ObjectHandle, template []*p11.Attribute, label string, older []datum) error {
	unlike, err := s.unlike(object, template)
	if err != nil {
		return fmt.Errorf("reading the new data object back: %w", err)
	}
	if unlike != "" {
		return refuse(hsm.ClassAnswer, "reading the new data object back: %s is not as asked for", unlike)
	}
	found, err := s.data(label)
	if err != nil {
		return fmt.Errorf("finding the new data object again: %w", err)
	}
	value := template[len(template)-1].Value
	if with(found, value) <= with(older, value) {
		return refuse(hsm.ClassAnswer, "C_CreateObject said yes, and the search does not find the object")
	}
	return nil
}

// with counts the data objects that have a value.
func with(all []datum, value []byte) int {
	n := 0
	for _, d := range all {
		if bytes.Equal(d.value, value) {
			n++
		}
	}
	return n
}
