package main

import (
	"context"
	"io"
	"slices"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// The results of a verification. Zero is none: what was not judged has not
// passed.
type result uint8

const (
	indeterminate result = iota
	passed
	failed
)

// A finding is why a signature does not verify, in a word for programs. It is
// what was found by trying; none of them makes a signature good.
type finding string

const (
	plainSM3        finding = "plain_sm3"         // SM3(file) was signed as e, without ZA
	digestAsMessage finding = "digest_as_message" // SM3(file) was signed as a message
	rawRS           finding = "raw_r_s"           // r and s one behind the other, not DER
	notDER          finding = "not_der"
	otherAlgorithm  finding = "other_algorithm"
	noMatch         finding = "no_match" // key, document and signature do not belong together
)

// values are what a key would have to have signed, by algorithm.
type values struct {
	tbs map[algo.Algorithm][]byte
	sm3 []byte // of the document, for SM2 keys; else nil
}

// A verdict is one signature, judged.
type verdict struct {
	source
	values
	signature string // its path
	result    result
	algorithm algo.Algorithm // by which it passed, or which a cause names; 0: any that the key has
	cause     finding        // of a failed one
	err       error          // why it is indeterminate
}

// values reads a source once and computes what the key would sign of it.
func (h *hashing) values(ctx context.Context, s source, key algo.PublicKey) (values, error) {
	all := algo.For(key.Type())
	if !s.isDocument() {
		return valuesOfValue(s, all)
	}
	if len(all) == 1 {
		in, err := h.input(ctx, s, all[0], key)
		if err != nil {
			return values{}, err
		}
		return values{tbs: map[algo.Algorithm][]byte{all[0]: valueOf(in)}, sm3: in.DocumentHash}, nil
	}
	return h.digests(ctx, s, all)
}

// digests hashes a document with all hashes at once.
func (h *hashing) digests(ctx context.Context, s source, all []algo.Algorithm) (values, error) {
	document, closed, err := h.open(ctx, s.path)
	if err != nil {
		return values{}, err
	}
	defer closed()
	hashes := map[int]interface {
		io.Writer
		Sum([]byte) []byte
	}{}
	var writers []io.Writer
	for _, a := range all {
		if hashes[a.DigestSize()] == nil { // RSA: PKCS#1 and PSS share them
			hash := a.NewHash()
			hashes[a.DigestSize()], writers = hash, append(writers, hash)
		}
	}
	if _, err := io.Copy(io.MultiWriter(writers...), document); err != nil {
		return values{}, readFault(ctx, s.path, err)
	}
	v := values{tbs: map[algo.Algorithm][]byte{}}
	for _, a := range all {
		v.tbs[a] = hashes[a.DigestSize()].Sum(nil)
	}
	return v, nil
}

// valuesOfValue takes a digest or e for what it is long enough for.
func valuesOfValue(s source, all []algo.Algorithm) (values, error) {
	v := values{tbs: map[algo.Algorithm][]byte{}}
	var first error
	for _, a := range all {
		if err := s.fits(a); err == nil {
			v.tbs[a] = s.value
		} else if first == nil {
			first = err
		}
	}
	if len(v.tbs) == 0 {
		return values{}, first
	}
	return v, nil
}

// valueOf is what a key signs of an input.
func valueOf(in *protocol.Input) []byte {
	switch v := in.GetValue().(type) {
	case *protocol.Input_Sm2E:
		return v.Sm2E
	case *protocol.Input_Digest:
		return v.Digest
	case *protocol.Input_Message:
		return v.Message
	}
	return nil
}

// judge says whether the signature is the key's by one of the candidates, and
// of one that is not what else it may be.
func (v *verdict) judge(key algo.PublicKey, candidates []algo.Algorithm, signature []byte) {
	for _, a := range candidates {
		if v.verifies(key, a, signature) {
			v.result, v.algorithm = passed, a
			return
		}
	}
	v.result = failed
	v.cause, v.algorithm = v.findCause(key, candidates, signature)
}

func (v *verdict) verifies(key algo.PublicKey, a algo.Algorithm, signature []byte) bool {
	tbs, ok := v.tbs[a]
	return ok && key.Verify(a, tbs, signature) == nil
}

func (v *verdict) findCause(key algo.PublicKey, candidates []algo.Algorithm, signature []byte) (finding, algo.Algorithm) {
	for _, a := range algo.For(key.Type()) {
		if !slices.Contains(candidates, a) && v.verifies(key, a, signature) {
			return otherAlgorithm, a
		}
	}
	if len(candidates) > 1 {
		return noMatch, 0
	}
	a := candidates[0]
	if key.Type() == algo.KeySM2 && v.sm3 != nil {
		if found := v.findSM2Cause(key, signature); found != "" {
			return found, a
		}
	}
	if !slices.Contains([]algo.KeyType{algo.KeySM2, algo.KeyP256, algo.KeyP384}, key.Type()) {
		return noMatch, a
	}
	if der, err := algo.Encode(a, key.Type(), algo.FormatRaw, signature); err == nil && v.verifies(key, a, der) {
		return rawRS, a
	}
	// Lax DER that would verify, if it were strict, is no signature either: two
	// files could pass as one.
	if der, err := algo.Encode(a, key.Type(), algo.FormatDER, signature); err != nil || v.verifies(key, a, der) {
		return notDER, a
	}
	return noMatch, a
}

// findSM2Cause tells apart the three 32-byte values that are easily mixed up:
// e, SM3 of the document taken for e, and SM3 of the document signed as a
// message.
func (v *verdict) findSM2Cause(key algo.PublicKey, signature []byte) finding {
	if key.Verify(algo.SM2SM3, v.sm3, signature) == nil {
		return plainSM3
	}
	asMessage := &protocol.Input{Value: &protocol.Input_DigestAsMessage{DigestAsMessage: v.sm3}}
	if client.Verify(algo.SM2SM3, key, asMessage, signature) == nil {
		return digestAsMessage
	}
	return ""
}
