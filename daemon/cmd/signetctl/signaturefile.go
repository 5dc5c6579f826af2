package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// verifyFormats are the ways in which a signature can be read.
var verifyFormats = append([]string{"auto"}, signatureFormats...)

// maxSignature bounds a signature file in bytes: RSA-4096 in hex with line
// ends takes 1,100.
const maxSignature = 16 << 10

func (p *program) readSignature(path, format string) ([]byte, error) {
	data, err := p.readAll(path, maxSignature)
	if err != nil {
		return nil, err
	}
	signature, ok := decodeSignature(data, format)
	if !ok {
		return nil, usage(msgSignatureFormat, path, format)
	}
	return signature, nil
}

// decodeSignature reads a signature as it is named, or tells by its bytes.
// That is no guess: DER has a control character in its third byte, and 64 or
// more random bytes are not all of an alphabet of 64.
func decodeSignature(data []byte, format string) ([]byte, bool) {
	text := strings.Join(strings.Fields(string(data)), "")
	fromHex, hexErr := hex.DecodeString(text)
	fromBase64, base64Err := base64.StdEncoding.DecodeString(text)
	switch {
	case format == "der" || len(data) == 0:
		return data, true
	case format == "hex":
		return fromHex, hexErr == nil
	case format == "base64":
		return fromBase64, base64Err == nil
	case !isText(data):
		return data, true
	case hexErr == nil:
		return fromHex, true
	case base64Err == nil:
		return fromBase64, true
	}
	return data, true
}

// isText tells whether data is printable ASCII in lines.
func isText(data []byte) bool {
	return bytes.IndexFunc(data, func(r rune) bool { return (r < ' ' || r > '~') && !strings.ContainsRune("\t\r\n", r) }) < 0
}
