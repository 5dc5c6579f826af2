package main

import (
	"encoding/base64"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"

	"signet/daemon/cmd/signetctl/internal/screen"
)

// signatureFormats are the ways to write a signature. For RSA and Ed25519 der
// names the raw bytes.
var signatureFormats = []string{"der", "base64", "hex"}

// besideFile is where a signature goes that nobody gave a place: {} stands
// for the document's path, {/} for its last element.
const besideFile = "{}.sig"

// A signatureOutput is where signatures go and how they are written.
type signatureOutput struct {
	path   string // a pattern, or "-" for standard output
	format string // of signatureFormats; empty: der into a file, base64 on the screen
	force  bool
}

func (o *signatureOutput) toFile() bool { return o.path != "-" }

// plan gives each item its place. Documents named as arguments get theirs
// beside them, however many they are, so that a shell's *.ofd means the same
// with one match as with two; a single --file or value goes to standard
// output.
func (o *signatureOutput) plan(items []*item, arguments bool) error {
	if o.path == "" {
		o.path = "-"
		if len(items) > 1 || arguments && items[0].path != "-" {
			o.path = besideFile
		}
	}
	if o.format == "" {
		o.format = "base64"
		if o.toFile() {
			o.format = "der"
		}
	}
	if err := oneOf("format", o.format, signatureFormats); err != nil {
		return err
	}
	for i, it := range items {
		it.output = placeOf(o.path, it.path)
		if slices.ContainsFunc(items[:i], func(other *item) bool { return other.output == it.output }) {
			return usage(msgSamePlace, it.output, len(items))
		}
	}
	return nil
}

// placeOf fills a pattern in for a document.
func placeOf(pattern, document string) string {
	return strings.NewReplacer("{}", document, "{/}", filepath.Base(document)).Replace(pattern)
}

// open makes room for all signatures, so that none is asked for that could
// not be written.
func (o *signatureOutput) open(p *program, items []*item) error {
	if !o.toFile() {
		if o.format == "der" && (p.json || screen.IsTerminal(p.out)) {
			return usage(msgBinary)
		}
		return nil
	}
	for _, it := range items {
		out, err := createFile(it.output, o.force)
		if err != nil {
			discard(items)
			return err
		}
		it.out = out
	}
	return nil
}

// discard lets go of what was not written.
func discard(items []*item) {
	for _, it := range items {
		if it.out != nil {
			it.out.discard()
		}
	}
}

func (o *signatureOutput) encode(signature []byte) []byte {
	switch o.format {
	case "base64":
		return append([]byte(base64.StdEncoding.EncodeToString(signature)), '\n')
	case "hex":
		return append([]byte(hex.EncodeToString(signature)), '\n')
	}
	return signature
}
