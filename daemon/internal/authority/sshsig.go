package authority

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// parseSSHSIG reads a signature for Namespace in its only form. The library
// leaves out what it does not use (the reserved field, bytes after a
// signature of a key without a token), so a blob could carry what nobody
// verified; therefore it must marshal to itself.
func parseSSHSIG(blob []byte) (*sshsig.Signature, error) {
	s, err := sshsig.ParseSignature(blob)
	if err != nil {
		return nil, fmt.Errorf("SSHSIG: %w", err)
	}
	if s.Namespace != Namespace {
		return nil, fmt.Errorf("SSHSIG: namespace %.40q: want %s: sign with ssh-keygen -Y sign -n %s", s.Namespace, Namespace, Namespace)
	}
	if !isSK(s.PublicKey) && len(s.Signature.Rest) != 0 {
		return nil, errors.New("SSHSIG: bytes after the signature")
	}
	if !bytes.Equal(s.Marshal(), blob) {
		return nil, errors.New("SSHSIG: not in canonical form")
	}
	return s, nil
}

// isSK tells whether the private key lies in a FIDO2 token, whose flags and
// counter follow the signature.
func isSK(key ssh.PublicKey) bool {
	return key.Type() == ssh.KeyAlgoSKED25519 || key.Type() == ssh.KeyAlgoSKECDSA256
}

// embeddedKey returns the public key inside an SSHSIG blob: the preamble, a
// version, then the key behind its length.
func embeddedKey(blob []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(blob, []byte("SSHSIG"))
	if !ok || len(rest) < 8 {
		return nil, false
	}
	size, rest := binary.BigEndian.Uint32(rest[4:8]), rest[8:]
	if uint64(size) > uint64(len(rest)) {
		return nil, false
	}
	return rest[:size], true
}
