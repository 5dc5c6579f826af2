package algo

import (
	"bytes"
	"errors"
	"strings"
	"time"
)

// A KnownAnswer is the outcome of one known-answer test.
type KnownAnswer struct {
	Name string        // stable: what a record of the self-test calls it
	Took time.Duration // of the whole test, its two refusals included
	Err  error         // nil: the published answer came out, and no other was taken
}

// KnownAnswers runs the algorithms that signet does in software over published
// vectors (GB/T 38629 6.4.3.2, algorithm correctness), always the same tests in
// the same order. It takes a few milliseconds. Not among them: scrypt of the
// PIN latch, and what age does inside a backup.
func KnownAnswers() []KnownAnswer { return outcomes(knownAnswers()) }

func outcomes(tests []knownAnswer) []KnownAnswer {
	all := make([]KnownAnswer, 0, len(tests))
	for _, t := range tests {
		start := time.Now()
		err := t.run()
		all = append(all, KnownAnswer{t.name, time.Since(start), err})
	}
	return all
}

// A knownAnswer is an input and the answer that a standard gives for it. For a
// verification the input is the message and the answer its signature.
type knownAnswer struct {
	name          string
	holds         check
	input, answer []byte
}

var (
	errKnownAnswer   = errors.New("the published answer is not what comes out")
	errAnswerChanged = errors.New("an answer with one bit changed is taken")
	errInputChanged  = errors.New("the answer to an input with one bit changed is taken")
)

// run tries the vector and its two neighbours: code that takes everything
// passes the first line.
func (k knownAnswer) run() error {
	switch {
	case !k.holds(k.input, k.answer):
		return errKnownAnswer
	case k.holds(k.input, changed(k.answer)):
		return errAnswerChanged
	case k.holds(changed(k.input), k.answer):
		return errInputChanged
	}
	return nil
}

// changed returns b with its last bit flipped. The last, because it is part of
// s in a signature and of the tag in a sealed text: changed there, the encoding
// stays right and only the arithmetic can refuse.
func changed(b []byte) []byte {
	if len(b) == 0 {
		return []byte{0}
	}
	c := bytes.Clone(b)
	c[len(c)-1] ^= 1
	return c
}

// KnownAnswersOf returns the names of the known answers that signatures with a
// rest on. SM3 is among them always: the log is hashed with it.
func KnownAnswersOf(a Algorithm) []string {
	names := []string{"sm3"}
	switch a {
	case SM2SM3:
		return append(names, "sm2-za", "sm2-e", "sm2-verify")
	case ECDSAP256SHA256:
		return append(names, "sha256", "ecdsa-p256-verify")
	case ECDSAP384SHA384:
		return append(names, "sha384", "ecdsa-p384-verify")
	case Ed25519:
		return append(names, "ed25519-verify")
	}
	if kind, hash, found := strings.Cut(strings.ToLower(strings.TrimPrefix(a.String(), "RSA-")), "-"); found {
		return append(names, hash, "rsa-"+kind+"-"+hash+"-verify")
	}
	return names
}
