package pkcs11

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// Generate implements hsm.Driver. It is never retried: after a device error
// nobody knows whether a key was made. One ceremony at a time runs on a
// token, so that two cannot both find a label free.
func (d *Driver) Generate(ctx context.Context, token string, spec hsm.Spec) (hsm.KeyRef, hsm.Transcript, error) {
	const op = "generating a key"
	t, err := d.token(token, op)
	if err != nil {
		return hsm.KeyRef{}, hsm.Transcript{}, err
	}
	if err := checkSpec(spec); err != nil {
		return hsm.KeyRef{}, hsm.Transcript{}, t.failed(op, &fault{hsm.ClassRequest, err})
	}
	type result struct { // the transcript comes with errors too
		ref  hsm.KeyRef
		text hsm.Transcript
	}
	r, err := run(ctx, t, task[result]{
		limit: t.profile.Deadlines.KeyGen,
		once:  true,
		do: func(s *session) (result, error) {
			ref, text, err := s.generate(spec)
			return result{ref, text}, err
		},
		undo: func(s *session, r result) { s.unmake(r.ref.ID) },
	})
	return r.ref, r.text, t.failed(op, err)
}

func checkSpec(spec hsm.Spec) error {
	if !spec.Type.Valid() {
		return errors.New("no key type is given")
	}
	if spec.ID != nil && (len(spec.ID) == 0 || len(spec.ID) > 64) {
		return fmt.Errorf("CKA_ID of %d bytes: want 1 to 64, or nil", len(spec.ID))
	}
	return checkLabel(spec.Label)
}

// generate performs the whole ceremony on one worker. A caller that gives up
// meanwhile gets no key, and run has the key removed.
func (s *session) generate(spec hsm.Spec) (hsm.KeyRef, hsm.Transcript, error) {
	t := s.pool.token
	text := s.pool.preamble()
	text.KeyType, text.Label = spec.Type.String(), spec.Label
	if !t.ceremony.TryLock() {
		return hsm.KeyRef{}, text, errCeremony
	}
	defer t.ceremony.Unlock()
	rw, err := s.readWrite()
	if err != nil {
		return hsm.KeyRef{}, text, err
	}
	defer rw.close()
	c := ceremony{examination: examination{session: rw, text: &text, typ: spec.Type}, spec: spec}
	ref, err := c.perform()
	return ref, text, err
}

var errCeremony = refuse(hsm.ClassBusy, "another key ceremony or a trial is under way on this token")

// A ceremony makes one key pair and proves what it is.
type ceremony struct {
	examination
	spec hsm.Spec
	made making
}

func (c *ceremony) perform() (hsm.KeyRef, error) {
	for _, step := range []func() error{c.capable, c.chooseID, c.vacant, c.make} {
		if err := step(); err != nil {
			return hsm.KeyRef{}, err
		}
	}
	ref, err := c.prove()
	if err != nil {
		return hsm.KeyRef{}, c.takeBack(err)
	}
	return ref, nil
}

// capable refuses, before anything is made, a key that the token says it
// cannot make, or could not sign with.
func (c *ceremony) capable() error {
	mechanism, _, _, err := c.pool.token.kind(c.typ)
	if err != nil {
		return err
	}
	if err := c.pool.lacks(mechanism, p11.CKF_GENERATE_KEY_PAIR, c.typ); err != nil {
		c.text.Add("mechanism listed", err.Error(), hsm.Broken)
		return err
	}
	c.text.Add("mechanism listed", mechanismName(mechanism), hsm.Held)
	return c.ableToSign()
}

// chooseID draws the CKA_ID from the token if none was asked for.
func (c *ceremony) chooseID() error {
	if c.spec.ID == nil {
		id, err := c.random(16)
		if err != nil {
			return err
		}
		c.spec.ID = id
	}
	c.text.ID = hex.EncodeToString(c.spec.ID)
	return nil
}

// vacant refuses an id or label that is in use, by whatever object: tokens
// accept duplicates, and would later hand out the wrong one.
func (c *ceremony) vacant() error {
	for _, a := range []*p11.Attribute{p11.NewAttribute(p11.CKA_ID, c.spec.ID), p11.NewAttribute(p11.CKA_LABEL, c.spec.Label)} {
		name := attributeName(a.Type)
		found, err := c.find(a)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			c.text.Add(name+" not in use", fmt.Sprintf("%d objects have it", len(found)), hsm.Broken)
			return refuse(hsm.ClassRequest, "%d objects on the token have that %s: want a new one", len(found), name)
		}
		c.text.Add(name+" not in use", "no object has it", hsm.Held)
	}
	return nil
}

// make has the token generate the pair. CKA_MODIFIABLE=false is wished for
// and given up if the token does not take it.
func (c *ceremony) make() error {
	made, err := c.pool.token.making(c.spec)
	if err != nil {
		return err
	}
	c.text.Mechanism = mechanismName(made.mechanism)
	c.pair, err = c.generatePair(made)
	if templateRefused(err) {
		c.text.Add("C_GenerateKeyPair with CKA_MODIFIABLE=false", err.Error(), hsm.Noted)
		made = made.without(attributeName(p11.CKA_MODIFIABLE))
		c.pair, err = c.generatePair(made)
	}
	if err != nil {
		c.text.Add("C_GenerateKeyPair", err.Error(), hsm.Broken)
		return fmt.Errorf("%w (if the token made a key all the same, it has CKA_ID %x)", err, c.spec.ID)
	}
	c.text.Add("C_GenerateKeyPair", "done", hsm.Held)
	c.made = made
	return nil
}

func (s *session) generatePair(m making) (pair, error) {
	public, private, err := s.lib.GenerateKeyPair(s.handle, []*p11.Mechanism{p11.NewMechanism(m.mechanism, nil)}, m.public, m.private)
	return pair{private: private, public: public}, undone(m.mechanism, called("C_GenerateKeyPair", err))
}

// templateRefused tells whether a token took offence at an attribute.
func templateRefused(err error) bool {
	return hasCode(err, p11.CKR_ATTRIBUTE_TYPE_INVALID, p11.CKR_ATTRIBUTE_VALUE_INVALID, p11.CKR_ATTRIBUTE_READ_ONLY, p11.CKR_TEMPLATE_INCONSISTENT)
}

// takeBack destroys what was made, because cause spoke against it.
func (c *ceremony) takeBack(cause error) error {
	if err := c.destroyMade(); err != nil {
		c.text.Add("key destroyed", err.Error(), hsm.Broken)
		return fmt.Errorf("%w; THE KEY IS STILL ON THE TOKEN, asked for with CKA_ID %x: %w", cause, c.spec.ID, err)
	}
	c.text.Add("key destroyed", "both halves are gone", hsm.Held)
	return fmt.Errorf("%w; the key was destroyed", cause)
}

// destroyMade goes by the handles that C_GenerateKeyPair gave: the CKA_ID may
// be the very thing that the token got wrong.
func (c *ceremony) destroyMade() error {
	for _, object := range []p11.ObjectHandle{c.pair.private, c.pair.public} {
		if err := c.destroyObject(object); err != nil {
			return err
		}
	}
	return c.remove(c.spec.ID)
}
