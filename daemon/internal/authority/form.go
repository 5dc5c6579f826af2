package authority

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// A Form is a way to sign an act. Append only: forms stand in records. The
// zero value is no form.
type Form string

const (
	// SSH is SSHSIG (OpenSSH, PROTOCOL.sshsig), with Namespace.
	SSH Form = "ssh"
	// GMT35275 is a detached SignedData of GB/T 35275-2017, SM2 with SM3.
	GMT35275 Form = "gmt35275"
)

// Namespace is what SSHSIG binds beside the act, so that a signature made for
// git or a file is none on an act, and the other way round.
const Namespace = "signet-act"

// Bounds of a signature in bytes, before base64. The largest that is honest
// is an RSA-16384 SSHSIG, or a SignedData that carries a chain.
const (
	maxSSHSIG     = 8 << 10
	maxSignedData = 16 << 10
)

// A Signature is one officer's signature on the bytes of an act.
type Signature struct {
	Form  Form   `json:"form"`
	Value string `json:"value"` // base64, one line: the SSHSIG blob, or DER
}

// bound is how many bytes a signature of the form may have. What is of no form
// is no signature, and no longer than the longest of one.
func (f Form) bound() int {
	if f == SSH {
		return maxSSHSIG
	}
	return maxSignedData
}

// CheckSignatures refuses, before anything of them is kept or verified, what
// can be no signatures on an act: more than there may be officers, or values
// that no form has. The error wraps ErrMalformed.
func CheckSignatures(all []Signature) error {
	if len(all) > maxOfficers {
		return fmt.Errorf("%w: %d signatures, at most %d", ErrMalformed, len(all), maxOfficers)
	}
	for i, s := range all {
		if most := base64.StdEncoding.EncodedLen(s.Form.bound()); len(s.Value) > most {
			return fmt.Errorf("%w: signatures[%d] has %d characters, at most %d of form %.20q", ErrMalformed, i, len(s.Value), most, s.Form)
		}
	}
	return nil
}

// decode returns the bytes of the value.
func (s Signature) decode() ([]byte, error) {
	if s.Form != SSH && s.Form != GMT35275 {
		return nil, fmt.Errorf("form %.20q: want %s or %s", s.Form, SSH, GMT35275)
	}
	return decodeLine(s.Value, s.Form.bound())
}

// decodeLine reads base64 of at most limit bytes in its only form: the
// library's decoder skips line ends, so that one value had many.
func decodeLine(line string, limit int) ([]byte, error) {
	if len(line) > base64.StdEncoding.EncodedLen(limit) {
		return nil, fmt.Errorf("%d characters of base64: at most %d bytes are taken", len(line), limit)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(line)
	if err != nil || strings.ContainsAny(line, "\r\n") {
		return nil, errors.New("not standard base64 on one line")
	}
	return data, nil
}

// maxSignatureText bounds what ReadSignature looks at: base64 with line ends.
const maxSignatureText = 2 * maxSignedData

// ReadSignature takes a signature as people and their tools bring it: the
// armored SSHSIG that ssh-keygen -Y sign writes, or a SignedData as DER, PEM
// or the bare base64 that UKey software gives. It says what is wrong with a
// file that can be no signature on an act; whose it is, Made and Verify say.
func ReadSignature(data []byte) (Signature, error) {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return Signature{}, errors.New("reading signature: the file is empty")
	case len(data) > maxSignatureText:
		return Signature{}, fmt.Errorf("reading signature: %d bytes: at most %d", len(data), maxSignatureText)
	case bytes.HasPrefix(text, []byte("-----BEGIN ")):
		return readArmored(text)
	case data[0] == derSequence: // not trimmed: a DER value may end like a blank
		return newSignature(GMT35275, data)
	}
	der, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return Signature{}, errors.New("reading signature: want the file of ssh-keygen -Y sign, or a GB/T 35275 SignedData as DER, PEM or base64")
	}
	return newSignature(GMT35275, der)
}

func readArmored(text []byte) (Signature, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(rest) != 0 || len(block.Headers) != 0 || bytes.Count(text, []byte("-----BEGIN ")) != 1 {
		return Signature{}, errors.New("reading signature: want one armored block and nothing else, from its BEGIN line to its END line")
	}
	switch block.Type {
	case "SSH SIGNATURE":
		return newSignature(SSH, block.Bytes)
	case "PKCS7", "CMS":
		return newSignature(GMT35275, block.Bytes)
	}
	return Signature{}, fmt.Errorf("reading signature: a block of type %.40q: want SSH SIGNATURE or PKCS7", block.Type)
}

// newSignature encodes data once it has the shape of its form.
func newSignature(form Form, data []byte) (Signature, error) {
	s := Signature{Form: form, Value: base64.StdEncoding.EncodeToString(data)}
	data, err := s.decode() // bounds
	if err == nil && form == SSH {
		_, err = parseSSHSIG(data)
	} else if err == nil {
		_, err = parseSignedData(data)
	}
	if err != nil {
		return Signature{}, fmt.Errorf("reading signature: %w", err)
	}
	return s, nil
}
