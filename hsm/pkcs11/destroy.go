package pkcs11

import (
	"context"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// Destroy implements hsm.Driver. It is not retried: the second try would say
// that there is no such key, where the first one removed it.
func (d *Driver) Destroy(ctx context.Context, key hsm.KeyRef) error {
	const op = "destroying a key"
	t, err := d.token(key.Token, op)
	if err != nil {
		return err
	}
	_, err = run(ctx, t, task[struct{}]{limit: t.profile.Deadlines.Login, once: true, do: func(s *session) (struct{}, error) {
		return struct{}{}, s.destroy(key)
	}})
	return t.failed(op, err)
}

func (s *session) destroy(key hsm.KeyRef) error {
	rw, err := s.readWrite()
	if err != nil {
		return err
	}
	defer rw.close()
	if _, err := rw.locate(key); err != nil {
		return err
	}
	return rw.remove(key.ID)
}

// unmake removes a key that a ceremony has just made, in a session of its own
// kind.
func (s *session) unmake(id []byte) error {
	rw, err := s.readWrite()
	if err != nil {
		return err
	}
	defer rw.close()
	return rw.remove(id)
}

// remove destroys all keys with that CKA_ID, the private half first because
// it is the one that matters if the second call fails, and proves that they
// are gone. Sessions that hold the handle get an error from now on.
func (s *session) remove(id []byte) error {
	s.pool.keys.clear()
	defer s.pool.keys.clear() // of those who looked it up meanwhile
	for _, class := range []uint{p11.CKO_PRIVATE_KEY, p11.CKO_PUBLIC_KEY} {
		found, err := s.findByID(class, id)
		if err != nil {
			return err
		}
		for _, object := range found {
			if err := s.lib.DestroyObject(s.handle, object); err != nil {
				return called("C_DestroyObject", err)
			}
		}
		left, err := s.findByID(class, id)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return refuse(hsm.ClassAnswer, "C_DestroyObject said yes, and %d objects with CKA_ID %x are still there", len(left), id)
		}
	}
	return nil
}

// destroyObject destroys one object and proves that it is gone.
func (s *session) destroyObject(object p11.ObjectHandle) error {
	if err := s.lib.DestroyObject(s.handle, object); err != nil {
		return called("C_DestroyObject", err)
	}
	if _, err := s.bytes(object, p11.CKA_CLASS); !hasCode(err, p11.CKR_OBJECT_HANDLE_INVALID) {
		return refuse(hsm.ClassAnswer, "C_DestroyObject said yes, and the object can still be read")
	}
	return nil
}
