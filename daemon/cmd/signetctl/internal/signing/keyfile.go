package signing

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
)

// maxKeyFile bounds a key file in bytes: RSA-16384 takes 13 KiB.
const maxKeyFile = 64 << 10

// KeyFile signs with the key in a file of OpenSSH, asking for its passphrase
// if it has one. The file of a FIDO2 key holds no private key, and a .pub file
// none at all: for these ssh-agent signs if it holds the key, else ssh-keygen,
// which asks for PIN and touch by itself.
func (t Terminal) KeyFile(ctx context.Context, path string, message []byte) (authority.Signature, error) {
	data, err := readKeyFile(path)
	if err != nil {
		return authority.Signature{}, err
	}
	defer clear(data)
	key, elsewhere, err := heldElsewhere(data)
	if err != nil {
		return authority.Signature{}, fmt.Errorf("reading key file %s: %w", path, err)
	}
	if elsewhere {
		return t.signElsewhere(ctx, path, key, message)
	}
	signer, err := t.unlock(path, data)
	if err != nil {
		return authority.Signature{}, fmt.Errorf("reading key file %s: %w", path, err)
	}
	return sign(signer, message)
}

// readKeyFile refuses a private key that others can read, as OpenSSH does.
func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening key file: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading key file %s: %w", path, err)
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("reading key file %s: more than %d bytes", path, maxKeyFile)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && isPrivate(data) {
		clear(data)
		return nil, fmt.Errorf("reading key file %s: mode %04o lets others read it: chmod 600 %s", path, mode, path)
	}
	return data, nil
}

func isPrivate(data []byte) bool { return bytes.Contains(data, []byte("PRIVATE KEY")) }

// heldElsewhere returns the public key of a file that cannot sign by itself.
func heldElsewhere(data []byte) (key authority.Key, elsewhere bool, err error) {
	if !isPrivate(data) {
		key, err = authority.ParseKey(string(data))
		if err == nil && key.Form != authority.SSH {
			err = errors.New("a certificate: its key is in a UKey, sign with --exec and the UKey's tool")
		}
		return key, true, err
	}
	public, ok := tokenKey(data)
	if !ok {
		return authority.Key{}, false, nil
	}
	key, err = keyOf(public)
	return key, true, err
}

// tokenKey reads the public key from the part of a private key file that is
// never encrypted (OpenSSH, PROTOCOL.key), and tells whether its private half
// is in a token.
func tokenKey(data []byte) (public ssh.PublicKey, ok bool) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, false
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	if !ok {
		return nil, false
	}
	var file struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public               []byte
		Rest                 []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(rest, &file) != nil {
		return nil, false
	}
	public, err := ssh.ParsePublicKey(file.Public)
	if err != nil {
		return nil, false
	}
	return public, public.Type() == ssh.KeyAlgoSKED25519 || public.Type() == ssh.KeyAlgoSKECDSA256
}

// unlock parses a private key, with its passphrase if it has one.
func (t Terminal) unlock(path string, data []byte) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey(data)
	var missing *ssh.PassphraseMissingError
	if !errors.As(err, &missing) {
		return signer, err
	}
	if t.Ask == nil {
		return nil, ErrNoTerminal
	}
	passphrase, err := t.Ask(path)
	defer clear(passphrase)
	if err != nil {
		return nil, fmt.Errorf("asking for the passphrase: %w", err)
	}
	signer, err = ssh.ParsePrivateKeyWithPassphrase(data, passphrase)
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrPassphrase
	}
	return signer, err
}

func (t Terminal) signElsewhere(ctx context.Context, path string, key authority.Key, message []byte) (authority.Signature, error) {
	if t.holds(ctx, key) {
		return t.Agent(ctx, key.Fingerprint(), message)
	}
	file, err := t.run(ctx, message, "ssh-keygen", "-Y", "sign", "-n", authority.Namespace, "-f", path)
	if err != nil {
		return authority.Signature{}, err
	}
	return checked(key, message, file)
}
