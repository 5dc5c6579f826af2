package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// Keys implements hsm.Driver. One entry is made for each private key, in the
// order in which the token lists them. A key that cannot be used is an entry
// with its fault, so that one of a foreign kind does not hide the others.
func (d *Driver) Keys(ctx context.Context, token string) ([]hsm.FoundKey, error) {
	const op = "listing keys"
	t, err := d.token(token, op)
	if err != nil {
		return nil, err
	}
	all, err := run(ctx, t, task[[]hsm.FoundKey]{limit: t.profile.Deadlines.Login, do: (*session).list})
	return all, t.failed(op, err)
}

func (s *session) list() ([]hsm.FoundKey, error) {
	if err := s.requireLogin(); err != nil {
		return nil, err
	}
	privates, err := s.find(p11.NewAttribute(p11.CKA_CLASS, uint(p11.CKO_PRIVATE_KEY)), p11.NewAttribute(p11.CKA_TOKEN, true))
	if err != nil {
		return nil, err
	}
	var all []hsm.FoundKey
	for _, private := range privates {
		key, err := s.describe(private)
		if hasCode(err, p11.CKR_OBJECT_HANDLE_INVALID) {
			continue // another process destroyed it meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, nil
}

// describe fails only where the module fails; what is wrong with the key goes
// into its Fault.
func (s *session) describe(private p11.ObjectHandle) (hsm.FoundKey, error) {
	var key hsm.FoundKey
	var err error
	if key.Attributes, err = s.attributes(private); err != nil {
		return key, err
	}
	if key.ID, err = s.told(private, p11.CKA_ID); err != nil {
		return key, err
	}
	label, err := s.told(private, p11.CKA_LABEL)
	if err != nil {
		return key, err
	}
	key.Label = printable(label)
	fault := s.identify(&key)
	switch classOf(fault) {
	case hsm.ClassMismatch, hsm.ClassAbsent, hsm.ClassAnswer, hsm.ClassRequest:
		key.Fault = fault.Error()
		return key, nil
	}
	return key, fault
}

// identify finds the public half and takes type and key from it.
func (s *session) identify(key *hsm.FoundKey) error {
	if len(key.ID) == 0 {
		return refuse(hsm.ClassMismatch, "it has no CKA_ID: keys are found by it")
	}
	found, err := s.pairByID(key.ID)
	if err != nil {
		return err
	}
	public, err := s.publicKey(found.public)
	if err != nil {
		return err
	}
	if err := s.belongs(found, public); err != nil {
		return err
	}
	key.Type, key.Public = public.Type(), public
	return nil
}

// told reads an attribute that a token need not have.
func (s *session) told(object p11.ObjectHandle, attribute uint) ([]byte, error) {
	v, err := s.bytes(object, attribute)
	if notTold(err) {
		return nil, nil
	}
	return v, err
}

// describedFlags are the attributes that say how a key is kept and what it
// may do.
var describedFlags = []uint{
	p11.CKA_TOKEN, p11.CKA_PRIVATE, p11.CKA_SENSITIVE, p11.CKA_EXTRACTABLE, p11.CKA_ALWAYS_SENSITIVE, p11.CKA_NEVER_EXTRACTABLE,
	p11.CKA_LOCAL, p11.CKA_SIGN, p11.CKA_DECRYPT, p11.CKA_UNWRAP, p11.CKA_DERIVE, p11.CKA_MODIFIABLE, p11.CKA_COPYABLE,
	p11.CKA_ALWAYS_AUTHENTICATE, p11.CKA_WRAP_WITH_TRUSTED,
}

func (s *session) attributes(private p11.ObjectHandle) ([]hsm.Attribute, error) {
	var all []hsm.Attribute
	for _, attribute := range []uint{p11.CKA_KEY_TYPE, p11.CKA_KEY_GEN_MECHANISM} {
		v, err := s.number(private, attribute)
		if err == nil {
			all = append(all, hsm.Attribute{Name: attributeName(attribute), Value: fmt.Sprintf("0x%X", v)})
		} else if !passable(err) {
			return nil, err
		}
	}
	for _, attribute := range describedFlags {
		v, err := s.flag(private, attribute)
		if err == nil {
			all = append(all, hsm.Attribute{Name: attributeName(attribute), Value: fmt.Sprint(v)})
		} else if !passable(err) {
			return nil, err
		}
	}
	return all, nil
}

// passable tells whether a listing may go on without an attribute.
func passable(err error) bool {
	return notTold(err) || classOf(err) == hsm.ClassAnswer
}

// printable makes a label safe to show: it is bytes that anybody with the PIN
// can choose.
func printable(label []byte) string {
	text := strings.TrimRight(string(label), "\x00")
	if text == "" || checkLabel(text) == nil {
		return text
	}
	return fmt.Sprintf("%q", label)
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }

// checkLabel accepts 1 to 64 bytes of UTF-8 in which every character can be
// seen.
func checkLabel(label string) error {
	if label == "" || len(label) > 64 {
		return fmt.Errorf("label of %d bytes: want 1 to 64", len(label))
	}
	if !utf8.ValidString(label) || strings.ContainsFunc(label, unseen) || strings.TrimSpace(label) != label {
		return errors.New("label: want UTF-8 that can be printed, with no blank at the ends")
	}
	return nil
}
