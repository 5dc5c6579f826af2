package pkcs11

import (
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// An examination finds out what a key pair on the token is, and writes down
// each question with its answer. A ceremony ends with one, and so does the
// inspection of a key that was made elsewhere.
type examination struct {
	*session
	text *hsm.Transcript
	typ  algo.KeyType
	pair pair
}

// preamble names the token and the module of a transcript.
func (p *pool) preamble() hsm.Transcript {
	info, m := p.slot.token, p.token.module
	return hsm.Transcript{
		Token: p.token.cfg.Name, Module: m.path, ModuleSHA256: m.sum, ModulePinned: m.sha256 != "",
		Manufacturer: trim(info.ManufacturerID), Model: trim(info.Model),
		Serial: trim(info.SerialNumber), Firmware: version(info.FirmwareVersion),
		Profile: p.token.profile.Name,
	}
}

// ableToSign refuses a key that the token, by its own list, could not sign
// with.
func (x *examination) ableToSign() error {
	var without []error
	for _, a := range algo.For(x.typ) {
		if err := x.signs(a); err != nil {
			without = append(without, err)
			x.text.Add(a.String()+" listed", err.Error(), hsm.Noted)
		}
	}
	if len(without) == len(algo.For(x.typ)) {
		return fmt.Errorf("a key of type %v could not sign: %w", x.typ, without[0])
	}
	return nil
}

// signs tells whether the token lists what signs with a.
func (x *examination) signs(a algo.Algorithm) error {
	mechanism, err := x.pool.token.signMechanism(a)
	if err != nil {
		return err
	}
	return x.pool.lacks(mechanism, p11.CKF_SIGN, x.typ)
}

// readNotes records what is good to know and not required, and refuses a key
// that would want the PIN for each signature.
func (x *examination) readNotes() error {
	for _, attribute := range []uint{p11.CKA_KEY_TYPE, p11.CKA_KEY_GEN_MECHANISM} {
		if v, err := x.number(x.pair.private, attribute); err == nil {
			x.text.Add(attributeName(attribute)+" of the private key", fmt.Sprintf("0x%X", v), hsm.Noted)
		}
	}
	for _, attribute := range []uint{p11.CKA_COPYABLE, p11.CKA_WRAP_WITH_TRUSTED} {
		if v, err := x.flag(x.pair.private, attribute); err == nil {
			x.text.Add(attributeName(attribute)+" of the private key", fmt.Sprint(v), hsm.Noted)
		}
	}
	always, err := x.flag(x.pair.private, p11.CKA_ALWAYS_AUTHENTICATE)
	if err == nil && always {
		x.text.Add("CKA_ALWAYS_AUTHENTICATE of the private key", "true", hsm.Broken)
		return refuse(hsm.ClassMismatch, "CKA_ALWAYS_AUTHENTICATE of the private key is true: want false")
	}
	return nil
}

// secretRefused asks for the secret itself. The bytes, should there be any,
// are neither shown nor kept.
func (x *examination) secretRefused() error {
	attribute := uint(p11.CKA_VALUE)
	switch x.typ {
	case algo.KeyRSA2048, algo.KeyRSA3072, algo.KeyRSA4096:
		attribute = p11.CKA_PRIVATE_EXPONENT
	}
	step := attributeName(attribute) + " is refused"
	v, err := x.bytes(x.pair.private, attribute)
	switch {
	case notTold(err): // a token that has no such attribute has nothing to tell
		x.text.Add(step, err.Error(), hsm.Held)
		return nil
	case err != nil:
		x.text.Add(step, err.Error(), hsm.Broken)
		return fmt.Errorf("%s was asked for and not refused for being sensitive: %w", attributeName(attribute), err)
	}
	got := fmt.Sprintf("the token gave %d bytes", len(v))
	clear(v)
	x.text.Add(step, got, hsm.Broken)
	return refuse(hsm.ClassMismatch, "%s of the private key can be read: %s", attributeName(attribute), got)
}
