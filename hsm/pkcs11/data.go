package pkcs11

import (
	"bytes"
	"context"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// application is the CKA_APPLICATION of signet's data objects. Those of others
// are neither read nor destroyed, whatever their label.
const application = "signet"

// Data implements hsm.Driver.
func (d *Driver) Data(ctx context.Context, token, label string) ([][]byte, error) {
	const op = "reading data objects"
	t, err := d.token(token, op)
	if err != nil {
		return nil, err
	}
	if err := checkLabel(label); err != nil {
		return nil, t.failed(op, &fault{hsm.ClassRequest, err})
	}
	values, err := run(ctx, t, task[[][]byte]{limit: t.profile.Deadlines.Login, do: func(s *session) ([][]byte, error) {
		return s.values(label)
	}})
	return values, t.failed(op, err)
}

func (s *session) values(label string) ([][]byte, error) {
	found, err := s.data(label)
	if err != nil {
		return nil, err
	}
	var values [][]byte
	for _, d := range found {
		if err := checkValue(d.value); err != nil {
			return nil, refuse(hsm.ClassMismatch, "data object %q: %w", label, err)
		}
		values = append(values, d.value)
	}
	return values, nil
}

func checkValue(value []byte) error {
	if len(value) == 0 || len(value) > hsm.MaxData {
		return fmt.Errorf("value of %d bytes: want 1 to %d", len(value), hsm.MaxData)
	}
	return nil
}

// A datum is one data object of signet's.
type datum struct {
	object p11.ObjectHandle
	value  []byte
}

// dataTemplate is what signet's data objects of a label have in common. They
// are private, because who has no PIN can put public ones on a token.
func dataTemplate(label string) []*p11.Attribute {
	return []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_DATA)),
		p11.NewAttribute(p11.CKA_TOKEN, true),
		p11.NewAttribute(p11.CKA_PRIVATE, true),
		p11.NewAttribute(p11.CKA_APPLICATION, application),
		p11.NewAttribute(p11.CKA_LABEL, label),
	}
}

// data finds signet's data objects of a label. Some modules ignore parts of a
// template, so what came back is looked at again. Nobody sees private objects
// without a login, so that is asked for at the end: "none" must not be the
// answer of a token that somebody logged out of meanwhile.
func (s *session) data(label string) ([]datum, error) {
	template := dataTemplate(label)
	objects, err := s.find(template...)
	if err != nil {
		return nil, err
	}
	var found []datum
	for _, object := range objects {
		unlike, err := s.unlike(object, template)
		if err != nil {
			return nil, err
		}
		if unlike != "" {
			continue
		}
		value, err := s.bytes(object, p11.CKA_VALUE)
		if err != nil {
			return nil, err
		}
		found = append(found, datum{object, value})
	}
	return found, s.requireLogin()
}

// unlike names the first attribute of an object that is not as in the
// template, "" if all are.
func (s *session) unlike(object p11.ObjectHandle, template []*p11.Attribute) (string, error) {
	for _, want := range template {
		got, err := s.told(object, want.Type)
		if err != nil {
			return "", err
		}
		if !bytes.Equal(got, want.Value) {
			return attributeName(want.Type), nil
		}
	}
	return "", nil
}
