package client

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"signet/protocol"
	"signet/protocol/algo"
)

func publicKey(t *testing.T, key any) algo.PublicKey {
	t.Helper()
	pub, err := algo.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func sm2Key(t *testing.T) (*sm2.PrivateKey, algo.PublicKey) {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, publicKey(t, &key.PublicKey)
}

func TestSM2InputIsEOfTheWholeDocument(t *testing.T) {
	_, pub := sm2Key(t)
	document := bytes.Repeat([]byte("印章"), 100_000)
	in, err := InputFrom(algo.SM2SM3, pub, iotest.HalfReader(bytes.NewReader(document)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := algo.SM2E(pub, document)
	if err != nil {
		t.Fatal(err)
	}
	plain := sm3.Sum(document)
	if !bytes.Equal(in.GetSm2E(), want) || !bytes.Equal(in.DocumentHash, plain[:]) {
		t.Errorf("InputFrom = e %x, document_hash %x, want %x, %x", in.GetSm2E(), in.DocumentHash, want, plain)
	}
	if e, err := SM2E(pub, bytes.NewReader(document)); err != nil || !bytes.Equal(e, want) {
		t.Errorf("SM2E = %x, %v, want %x", e, err, want)
	}
}

func TestSignatureIsVerifiedOverTheInput(t *testing.T) {
	key, pub := sm2Key(t)
	_, stranger := sm2Key(t)
	document := "contract 7"
	in, err := InputFrom(algo.SM2SM3, pub, strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sm2.SignASN1(rand.Reader, key, []byte(document), sm2.DefaultSM2SignerOpts)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(algo.SM2SM3, pub, in, sig); err != nil {
		t.Errorf("Verify of a good signature = %v", err)
	}
	message := &protocol.Input{Value: &protocol.Input_Message{Message: []byte(document)}}
	if err := Verify(algo.SM2SM3, pub, message, sig); err != nil {
		t.Errorf("Verify of a good signature over the message = %v", err)
	}
	asMessage := &protocol.Input{Value: &protocol.Input_DigestAsMessage{DigestAsMessage: []byte(document)}}
	if err := Verify(algo.SM2SM3, pub, asMessage, sig); err != nil {
		t.Errorf("Verify of a good signature over bytes signed as a message = %v", err)
	}
	plain := &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: in.DocumentHash}}
	for name, err := range map[string]error{
		"another key":   Verify(algo.SM2SM3, stranger, in, sig),
		"SM3 as e":      Verify(algo.SM2SM3, pub, plain, sig),
		"no value":      Verify(algo.SM2SM3, pub, &protocol.Input{}, sig),
		"no signature":  Verify(algo.SM2SM3, pub, in, nil),
		"trailing byte": Verify(algo.SM2SM3, pub, in, append(bytes.Clone(sig), 0)),
	} {
		if !errors.Is(err, algo.ErrSignature) {
			t.Errorf("Verify with %s = %v, want ErrSignature", name, err)
		}
	}
}

func TestInputFitsTheAlgorithm(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, ed := publicKey(t, &ec.PublicKey), publicKey(t, edKey)

	in, err := InputFrom(algo.ECDSAP256SHA256, p256, strings.NewReader("m"))
	if want := sha256.Sum256([]byte("m")); err != nil || !bytes.Equal(in.GetDigest(), want[:]) || in.DocumentHash != nil {
		t.Errorf("InputFrom for P-256 = %v, %v, want digest %x", in, err, want)
	}
	if in, err := InputFrom(algo.Ed25519, ed, strings.NewReader("m")); err != nil || string(in.GetMessage()) != "m" {
		t.Errorf("InputFrom for ED25519 = %v, %v, want the message", in, err)
	}
	for _, document := range []string{"", strings.Repeat("m", protocol.MaxMessage+1)} {
		if _, err := InputFrom(algo.Ed25519, ed, strings.NewReader(document)); !errors.Is(err, protocol.TooLarge) {
			t.Errorf("InputFrom of %d bytes for ED25519 = %v, want too_large", len(document), err)
		}
	}
	for _, a := range []algo.Algorithm{algo.SM2SM3, algo.Ed25519, 0} {
		if _, err := InputFrom(a, p256, strings.NewReader("m")); !errors.Is(err, algo.ErrKey) {
			t.Errorf("InputFrom(%v) with a P-256 key = %v, want ErrKey", a, err)
		}
	}
	if _, err := SM2E(p256, strings.NewReader("m")); !errors.Is(err, algo.ErrKey) {
		t.Errorf("SM2E with a P-256 key = %v, want ErrKey", err)
	}
}

func TestDocumentThatCannotBeReadIsNoInput(t *testing.T) {
	_, pub := sm2Key(t)
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrClosedPipe))
	if in, err := InputFrom(algo.SM2SM3, pub, broken); !errors.Is(err, io.ErrClosedPipe) || in != nil {
		t.Errorf("InputFrom of a broken file = %v, %v", in, err)
	}
	if e, err := SM2E(pub, iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) || e != nil {
		t.Errorf("SM2E of a broken file = %x, %v", e, err)
	}
}
