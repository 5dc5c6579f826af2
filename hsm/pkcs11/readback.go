package pkcs11

import (
	"bytes"
	"encoding/hex"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// A demand is a flag that the new private key must have.
type demand struct {
	attribute uint
	want      bool
	// lenient: judged only if the template asked for it and the token knows
	// it; else what it says is noted.
	lenient bool
}

// demands are what makes a seal's key: made in the token, never out of it,
// good for signatures only. A token whose profile excludes an attribute from
// the template is asked for the strict ones all the same.
var demands = []demand{
	{p11.CKA_TOKEN, true, false},
	{p11.CKA_PRIVATE, true, false},
	{p11.CKA_SENSITIVE, true, false},
	{p11.CKA_EXTRACTABLE, false, false},
	{p11.CKA_ALWAYS_SENSITIVE, true, false},
	{p11.CKA_NEVER_EXTRACTABLE, true, false},
	{p11.CKA_LOCAL, true, false},
	{p11.CKA_SIGN, true, false},
	{p11.CKA_DECRYPT, false, true},
	{p11.CKA_UNWRAP, false, true},
	{p11.CKA_DERIVE, false, true},
	{p11.CKA_MODIFIABLE, false, true},
}

// prove reads the new pair back and proves that the secret stays inside. The
// first thing that does not hold ends it. What the token says of itself is no
// proof that it does not lie; the refusals of CKA_VALUE and C_WrapKey are
// tried because they are more than words.
func (c *ceremony) prove() (hsm.KeyRef, error) {
	public, err := c.readPublic()
	if err != nil {
		return hsm.KeyRef{}, err
	}
	for _, check := range []func() error{c.readNames, c.readFlags, c.readNotes, c.secretRefused, c.wrapRefused} {
		if err := check(); err != nil {
			return hsm.KeyRef{}, err
		}
	}
	if err := c.belongs(c.pair, public); err != nil {
		c.text.Add("halves belong together", err.Error(), hsm.Broken)
		return hsm.KeyRef{}, err
	}
	ref := hsm.KeyRef{Token: c.text.Token, ID: c.spec.ID, Public: public}
	// Found again the way that every signature finds it.
	if _, err := c.locate(ref); err != nil {
		c.text.Add("found by CKA_ID", err.Error(), hsm.Broken)
		return hsm.KeyRef{}, err
	}
	c.text.Add("found by CKA_ID", "one pair, with this public key", hsm.Held)
	return ref, nil
}

// readPublic reads the key from the public half.
func (c *ceremony) readPublic() (algo.PublicKey, error) {
	public, err := c.publicKey(c.pair.public)
	if err == nil && public.Type() != c.typ {
		err = refuse(hsm.ClassMismatch, "the token made a key of type %v: want %v", public.Type(), c.typ)
	}
	if err != nil {
		c.text.Add("public key", err.Error(), hsm.Broken)
		return algo.PublicKey{}, err
	}
	c.text.PublicKey = public.DER()
	c.text.Add("public key", hex.EncodeToString(public.DER()), hsm.Held)
	return public, nil
}

// readNames compares class, id and label of both halves.
func (c *ceremony) readNames() error {
	for _, half := range []struct {
		name   string
		object p11.ObjectHandle
		class  uint
	}{{"private", c.pair.private, p11.CKO_PRIVATE_KEY}, {"public", c.pair.public, p11.CKO_PUBLIC_KEY}} {
		for _, want := range []*p11.Attribute{
			p11.NewAttribute(p11.CKA_CLASS, half.class),
			p11.NewAttribute(p11.CKA_ID, c.spec.ID),
			p11.NewAttribute(p11.CKA_LABEL, c.spec.Label),
		} {
			if err := c.readName(half.name, half.object, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *ceremony) readName(half string, object p11.ObjectHandle, want *p11.Attribute) error {
	step := fmt.Sprintf("%s of the %s key", attributeName(want.Type), half)
	got, err := c.bytes(object, want.Type)
	if err == nil && !bytes.Equal(got, want.Value) {
		err = refuse(hsm.ClassMismatch, "%s is %x: want %x", step, got, want.Value)
	}
	if err != nil {
		c.text.Add(step, err.Error(), hsm.Broken)
		return err
	}
	c.text.Add(step, "as asked for", hsm.Held)
	return nil
}

func (c *ceremony) readFlags() error {
	for _, d := range demands {
		if err := c.readFlag(d); err != nil {
			return err
		}
	}
	return nil
}

func (c *ceremony) readFlag(d demand) error {
	step := attributeName(d.attribute) + " of the private key"
	got, err := c.flag(c.pair.private, d.attribute)
	switch {
	case d.lenient && notTold(err):
		c.text.Add(step, err.Error(), hsm.Noted)
		return nil
	case err != nil:
		c.text.Add(step, err.Error(), hsm.Broken)
		return fmt.Errorf("%s must be %v: %w", step, d.want, err)
	case got != d.want && d.lenient && !c.made.asked(d.attribute):
		c.text.Add(step, fmt.Sprint(got), hsm.Noted)
		return nil
	case got != d.want:
		c.text.Add(step, fmt.Sprint(got), hsm.Broken)
		return refuse(hsm.ClassMismatch, "%s is %v: want %v", step, got, d.want)
	}
	c.text.Add(step, fmt.Sprint(got), hsm.Held)
	return nil
}
