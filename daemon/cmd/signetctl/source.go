package main

import (
	"encoding/hex"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"signet/protocol/algo"
)

// A kind says what a source is.
type kind uint8

const (
	ofFile    kind = iota // a document; what is sent of it is for its algorithm to say
	ofMessage             // a document that is sent whole
	ofDigest
	ofE // SM2's e = SM3(ZA || M)
)

// flagOf is the flag by which a source of that kind is named.
var flagOf = [...]string{ofFile: "file", ofMessage: "message", ofDigest: "digest", ofE: "sm2-e"}

// A source is one thing to sign or to verify: a document by its path, "-" for
// standard input, or a value.
type source struct {
	kind  kind
	path  string
	value []byte
}

// isDocument tells whether s is read from a path.
func (s source) isDocument() bool { return s.path != "" }

// sources are what one command line names.
type sources struct {
	files, messages []string
	digest, e       string
	arguments       bool // files were named without --file
}

func (s *sources) addFlags(p *program, flags *pflag.FlagSet) {
	flags.StringArrayVar(&s.files, "file", nil, p.tr(flagFile))
	flags.StringVar(&s.digest, "digest", "", p.tr(flagDigest))
	flags.StringVar(&s.e, "sm2-e", "", p.tr(flagSM2E))
}

// list returns the sources. They are of one kind: nobody can tell which
// signature belongs to what if a value stands among files.
func (s *sources) list(arguments []string) ([]source, error) {
	s.arguments = len(arguments) > 0
	s.files = append(s.files, arguments...)
	switch given := s.given(); {
	case len(given) == 0:
		return nil, usage(msgNoInput)
	case len(given) > 1:
		return nil, usage(msgOneKind, "--"+flagOf[given[0]], "--"+flagOf[given[1]])
	}
	all, err := s.collect()
	if err != nil {
		return nil, err
	}
	return all, checkDocuments(all)
}

func (s *sources) given() []kind {
	var given []kind
	for k, named := range []bool{ofFile: len(s.files) > 0, ofMessage: len(s.messages) > 0, ofDigest: s.digest != "", ofE: s.e != ""} {
		if named {
			given = append(given, kind(k))
		}
	}
	return given
}

func (s *sources) collect() ([]source, error) {
	var all []source
	for _, path := range s.files {
		all = append(all, source{kind: ofFile, path: path})
	}
	for _, path := range s.messages {
		all = append(all, source{kind: ofMessage, path: path})
	}
	for k, value := range map[kind]string{ofDigest: s.digest, ofE: s.e} {
		if value == "" {
			continue
		}
		b, err := hex.DecodeString(value)
		if err != nil {
			return nil, usage(msgHex, flagOf[k], value)
		}
		all = append(all, source{kind: k, value: b})
	}
	return all, nil
}

// checkDocuments refuses a path that is named twice, and standard input among
// files: it has no name of its own to put .sig behind.
func checkDocuments(all []source) error {
	for i, s := range all {
		switch {
		case !s.isDocument() && s.value == nil:
			return usage(msgNoPath, flagOf[s.kind])
		case s.path == "-" && len(all) > 1:
			return usage(msgInputAmong)
		case slices.ContainsFunc(all[:i], s.isSame):
			return usage(msgTwice, s.path)
		}
	}
	return nil
}

// fits refuses a value that an algorithm does not sign, before anybody is
// asked to.
func (s source) fits(a algo.Algorithm) error {
	switch {
	case s.isDocument():
		return nil
	case s.kind == ofE && a != algo.SM2SM3:
		return usage(msgNotSM2, a.String())
	case s.kind == ofDigest && a == algo.SM2SM3:
		return usage(msgDigestOfSM2)
	case s.kind == ofDigest && a.DigestSize() == 0:
		return usage(msgDigestOfNone, a.String())
	case len(s.value) != a.DigestSize():
		return usage(msgValueLength, flagOf[s.kind], len(s.value), a.DigestSize(), a.String())
	}
	return nil
}

// isSame tells whether both are one document, as far as their paths say.
func (s source) isSame(o source) bool {
	return s.isDocument() && filepath.Clean(s.path) == filepath.Clean(o.path)
}
