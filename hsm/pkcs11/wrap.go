package pkcs11

import (
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

const wrapStep = "C_WrapKey is refused"

// wrapRefused tries to take the key out wrapped by a fresh AES key that lives
// in this session only. A token that cannot make such a key, or has none of
// the mechanisms, proves nothing either way; then that is what the transcript
// says.
func (x *examination) wrapRefused() error {
	wrapping, err := x.wrappingKey()
	if err != nil && classOf(err) != hsm.ClassRequest {
		return err
	}
	if err != nil {
		x.text.Add(wrapStep, "no wrapping key: "+err.Error(), hsm.NotTried)
		return nil
	}
	defer x.lib.DestroyObject(x.handle, wrapping)
	var without []error
	for _, mechanism := range []uint{p11.CKM_AES_KEY_WRAP_PAD, p11.CKM_AES_KEY_WRAP} {
		wrapped, err := x.lib.WrapKey(x.handle, []*p11.Mechanism{p11.NewMechanism(mechanism, nil)}, wrapping, x.pair.private)
		if err == nil {
			return x.wrapWorked(wrapped)
		}
		err = called("C_WrapKey", err)
		if hasCode(err, p11.CKR_KEY_UNEXTRACTABLE, p11.CKR_KEY_NOT_WRAPPABLE) {
			x.text.Add(wrapStep, err.Error(), hsm.Held)
			return nil
		}
		if classOf(err) != hsm.ClassRequest {
			return err
		}
		without = append(without, fmt.Errorf("mechanism 0x%X: %w", mechanism, err))
	}
	x.text.Add(wrapStep, errors.Join(without...).Error(), hsm.NotTried)
	return nil
}

func (x *examination) wrapWorked(wrapped []byte) error {
	clear(wrapped)
	x.text.Add(wrapStep, fmt.Sprintf("the token gave the key out, %d bytes", len(wrapped)), hsm.Broken)
	return refuse(hsm.ClassMismatch, "C_WrapKey gives the private key out: want CKR_KEY_UNEXTRACTABLE")
}

func (x *examination) wrappingKey() (p11.ObjectHandle, error) {
	key, err := x.lib.GenerateKey(x.handle, []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_KEY_GEN, nil)}, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_TOKEN, false),
		p11.NewAttribute(p11.CKA_VALUE_LEN, 32),
		p11.NewAttribute(p11.CKA_WRAP, true),
		p11.NewAttribute(p11.CKA_SENSITIVE, true),
		p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
	})
	return key, called("C_GenerateKey", err)
}
