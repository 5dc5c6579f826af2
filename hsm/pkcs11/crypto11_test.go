package pkcs11_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/ThalesGroup/crypto11"

	"signet/protocol/algo"
)

// An independent PKCS#11 client finds and uses the keys that signet made. It
// has a process of its own, since a process has one state per module.
func TestCrypto11UsesOurKeys(t *testing.T) {
	r := newRig(t, 2)
	r.config.Path = r.token.Module // plain SoftHSM2
	d := r.up()
	for _, typ := range []algo.KeyType{algo.KeyP256, algo.KeyP384, algo.KeyRSA2048} {
		ref := r.key(d, typ)
		out, err := r.child("crypto11", "CHILD_MODULE="+r.token.Module, "CHILD_PIN="+r.token.PIN,
			"CHILD_TOKEN="+r.token.Label, "CHILD_ID="+hex.EncodeToString(ref.ID), "CHILD_KEY="+hex.EncodeToString(ref.Public.DER()))
		if err != nil {
			t.Errorf("%v: %v\n%s", ref, err, out)
		}
	}
}

func childCrypto11() error {
	id, err := hex.DecodeString(os.Getenv("CHILD_ID"))
	if err != nil {
		return err
	}
	der, err := hex.DecodeString(os.Getenv("CHILD_KEY"))
	if err != nil {
		return err
	}
	want, err := algo.ParsePublicKey(der)
	if err != nil {
		return err
	}
	ctx, err := crypto11.Configure(&crypto11.Config{Path: os.Getenv("CHILD_MODULE"),
		TokenLabel: os.Getenv("CHILD_TOKEN"), Pin: os.Getenv("CHILD_PIN")})
	if err != nil {
		return err
	}
	defer ctx.Close()
	signer, err := ctx.FindKeyPair(id, nil)
	if err != nil {
		return err
	}
	if signer == nil {
		return errors.New("crypto11 does not find the key")
	}
	got, err := algo.NewPublicKey(signer.Public())
	if err != nil || !got.Equal(want) {
		return fmt.Errorf("crypto11 sees another public key (%v)", err)
	}
	return useSigner(signer)
}

func useSigner(signer crypto.Signer) error {
	digest := sha256.Sum256([]byte("signed by another client"))
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return err
	}
	switch key := signer.Public().(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, digest[:], sig) {
			return errors.New("crypto11's ECDSA signature does not verify")
		}
		return nil
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig)
	}
	return fmt.Errorf("unexpected key %T", signer.Public())
}
