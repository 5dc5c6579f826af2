package pkcs11

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// Inspect implements hsm.Driver.
func (d *Driver) Inspect(ctx context.Context, token string, id []byte) (hsm.FoundKey, hsm.Transcript, error) {
	const op = "inspecting a key"
	t, err := d.token(token, op)
	if err != nil {
		return hsm.FoundKey{}, hsm.Transcript{}, err
	}
	if len(id) == 0 || len(id) > 64 {
		return hsm.FoundKey{}, hsm.Transcript{}, t.failed(op, refuse(hsm.ClassRequest, "CKA_ID of %d bytes: want 1 to 64", len(id)))
	}
	id = bytes.Clone(id) // a caller that gives up may use its own again
	type result struct { // the transcript comes with errors too
		key  hsm.FoundKey
		text hsm.Transcript
	}
	r, err := run(ctx, t, task[result]{limit: t.profile.Deadlines.Login, do: func(s *session) (result, error) {
		key, text, err := s.inspect(id)
		return result{key, text}, err
	}})
	return r.key, r.text, t.failed(op, err)
}

// inspect examines the pair in a session like that of a ceremony: some tokens
// make no wrapping key in a read-only one.
func (s *session) inspect(id []byte) (hsm.FoundKey, hsm.Transcript, error) {
	text := s.pool.preamble()
	text.ID = hex.EncodeToString(id)
	rw, err := s.readWrite()
	if err != nil {
		return hsm.FoundKey{}, text, err
	}
	defer rw.close()
	x := examination{session: rw, text: &text}
	key, err := x.recognise(id)
	if err != nil {
		return hsm.FoundKey{}, text, err
	}
	for _, check := range []func() error{x.ableToSign, x.readWishes, x.readNotes, x.secretRefused, x.wrapRefused} {
		if err := check(); err != nil {
			return hsm.FoundKey{}, text, err
		}
	}
	return key, text, nil
}

// recognise finds the pair and reads its public half and its names.
func (x *examination) recognise(id []byte) (hsm.FoundKey, error) {
	const step = "found by CKA_ID"
	x.text.Add("origin", "not witnessed: the key was on the token before it was inspected", hsm.Noted)
	key := hsm.FoundKey{ID: id}
	err := x.identify(&key)
	if err == nil {
		x.pair, err = x.pairByID(id)
	}
	if err != nil {
		x.text.Add(step, err.Error(), hsm.Broken)
		return key, err
	}
	x.typ = key.Type
	x.text.KeyType, x.text.PublicKey = key.Type.String(), key.Public.DER()
	x.text.Add(step, "one pair, and nothing that the halves tell sets them apart", hsm.Held)
	x.text.Add("public key", hex.EncodeToString(key.Public.DER()), hsm.Noted)
	if key.Label, err = x.readLabels(); err != nil {
		return key, err
	}
	key.Attributes, err = x.attributes(x.pair.private)
	return key, err
}

// readLabels notes the label of both halves, which may differ, and returns
// that of the private one.
func (x *examination) readLabels() (string, error) {
	for _, half := range []struct {
		name   string
		object p11.ObjectHandle
	}{{"public", x.pair.public}, {"private", x.pair.private}} {
		label, err := x.told(half.object, p11.CKA_LABEL)
		if err != nil {
			return "", err
		}
		x.text.Label = printable(label)
		x.text.Add("CKA_LABEL of the "+half.name+" key", x.text.Label, hsm.Noted)
	}
	return x.text.Label, nil
}

// readWishes compares the key with what a ceremony demands. Keys that a vendor
// has cloned or restored cannot have all of it (CKA_LOCAL is false in them), so
// what is not so is noted, and refused only where such a key does not sign.
func (x *examination) readWishes() error {
	for _, d := range demands {
		if err := x.readWish(d); err != nil {
			return err
		}
	}
	return nil
}

func (x *examination) readWish(d demand) error {
	step := attributeName(d.attribute) + " of the private key"
	got, err := x.flag(x.pair.private, d.attribute)
	switch {
	case passable(err):
		x.text.Add(step, err.Error(), hsm.Noted)
		return nil
	case err != nil:
		x.text.Add(step, err.Error(), hsm.Broken)
		return err
	case got == d.want:
		x.text.Add(step, fmt.Sprint(got), hsm.Held)
		return nil
	case d.attribute == p11.CKA_TOKEN, d.attribute == p11.CKA_SIGN:
		x.text.Add(step, fmt.Sprint(got), hsm.Broken)
		return refuse(hsm.ClassMismatch, "%s is %v: want %v", step, got, d.want)
	}
	x.text.Add(step, fmt.Sprintf("%v: a ceremony asks for %v", got, d.want), hsm.Noted)
	return nil
}
