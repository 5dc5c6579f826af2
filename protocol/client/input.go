package client

import (
	"crypto/ecdsa"
	"fmt"
	"hash"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"signet/protocol"
	"signet/protocol/algo"
)

// InputFrom reads a document to its end, once and in constant memory, and
// returns what a Sign request carries of it: e with the document's SM3 as
// document_hash for SM2, the message itself for Ed25519 (at most
// protocol.MaxMessage bytes), else the digest.
func InputFrom(a algo.Algorithm, pub algo.PublicKey, document io.Reader) (*protocol.Input, error) {
	if !a.Fits(pub.Type()) {
		return nil, fmt.Errorf("%w: %v with a key of type %v", algo.ErrKey, a, pub.Type())
	}
	switch a {
	case algo.SM2SM3:
		return sm2Input(pub, document)
	case algo.Ed25519:
		return messageInput(document)
	}
	h := a.NewHash()
	if _, err := io.Copy(h, document); err != nil {
		return nil, fmt.Errorf("reading document: %w", err)
	}
	return &protocol.Input{Value: &protocol.Input_Digest{Digest: h.Sum(nil)}}, nil
}

func sm2Input(pub algo.PublicKey, document io.Reader) (*protocol.Input, error) {
	e, err := newSM2Hash(pub)
	if err != nil {
		return nil, err
	}
	plain := sm3.New()
	if _, err := io.Copy(io.MultiWriter(e, plain), document); err != nil {
		return nil, fmt.Errorf("reading document: %w", err)
	}
	return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: e.Sum(nil)}, DocumentHash: plain.Sum(nil)}, nil
}

func messageInput(document io.Reader) (*protocol.Input, error) {
	message, err := io.ReadAll(io.LimitReader(document, protocol.MaxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("reading document: %w", err)
	}
	if n := len(message); n == 0 || n > protocol.MaxMessage {
		fault := protocol.NewError(protocol.TooLarge, "ED25519 signs the document itself: want 1 to %d bytes", protocol.MaxMessage)
		return nil, fault.WithField("message")
	}
	return &protocol.Input{Value: &protocol.Input_Message{Message: message}}, nil
}

// SM2E returns e = SM3(ZA || message), GM/T 0003.2 clause 6, with ZA over
// algo.SM2ID and the public key. It reads the message to its end.
func SM2E(pub algo.PublicKey, message io.Reader) ([]byte, error) {
	h, err := newSM2Hash(pub)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(h, message); err != nil {
		return nil, fmt.Errorf("reading message: %w", err)
	}
	return h.Sum(nil), nil
}

func newSM2Hash(pub algo.PublicKey) (hash.Hash, error) {
	key, ok := pub.Key().(*ecdsa.PublicKey)
	if !ok || pub.Type() != algo.KeySM2 {
		return nil, fmt.Errorf("computing e: %w: want an SM2 key", algo.ErrKey)
	}
	h, err := sm2.NewHashWithUserID(key, []byte(algo.SM2ID))
	if err != nil {
		return nil, fmt.Errorf("computing e: %w", err)
	}
	return h, nil
}

// Verify checks that signature is pub's over what in asked to be signed. It
// returns an error that wraps algo.ErrSignature or algo.ErrKey.
func Verify(a algo.Algorithm, pub algo.PublicKey, in *protocol.Input, signature []byte) error {
	tbs, err := toBeSigned(a, pub, in)
	if err != nil {
		return err
	}
	return pub.Verify(a, tbs, signature)
}

func toBeSigned(a algo.Algorithm, pub algo.PublicKey, in *protocol.Input) ([]byte, error) {
	switch v := in.GetValue().(type) {
	case *protocol.Input_Digest:
		return v.Digest, nil
	case *protocol.Input_Sm2E:
		return v.Sm2E, nil
	case *protocol.Input_Message:
		return algo.ToBeSigned(a, pub, v.Message)
	case *protocol.Input_DigestAsMessage:
		return algo.ToBeSigned(a, pub, v.DigestAsMessage)
	}
	return nil, fmt.Errorf("%w: the input has no value", algo.ErrSignature)
}
