package authority

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Sizes of RSA in bits. NIST SP 800-57 part 1, table 2: 2048 ends with 2030.
const (
	minRSABits   = 2048
	goodRSABits  = 3072
	minRSAPublic = 65537 // FIPS 186-5 A.1.1
)

// maxSSHKey bounds the wire form: RSA of 16384 bits, the most that OpenSSH
// makes.
const maxSSHKey = 4 << 10

// An sshKey is a public key of OpenSSH that may sign acts.
type sshKey struct{ ssh.PublicKey }

// readSSHLine reads "type base64 [comment]".
func readSSHLine(line string) (Key, error) {
	if strings.ContainsAny(line, "\r\n") {
		return Key{}, errors.New("reading key: several lines: want one key")
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return Key{}, errKeyText
	}
	if !isSSHType(fields[0]) {
		for _, f := range fields[1:] {
			if isSSHType(f) {
				return Key{}, errors.New("reading key: options stand before the type: remove them, an officer's key has none")
			}
		}
		return Key{}, errKeyText
	}
	k := Key{Form: SSH, Value: fields[0] + " " + fields[1]}
	if _, err := parseSSHKey(k.Value); err != nil {
		return Key{}, fmt.Errorf("reading key: %w", err)
	}
	return k, nil
}

// isSSHType tells a type of key from options.
func isSSHType(s string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-", "webauthn-sk-"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// parseSSHKey reads the value of a Key in its only form.
func parseSSHKey(value string) (sshKey, error) {
	typ, line, _ := strings.Cut(value, " ")
	if err := checkSSHType(typ); err != nil {
		return sshKey{}, err
	}
	wire, err := decodeLine(line, maxSSHKey)
	if err != nil {
		return sshKey{}, fmt.Errorf("key of type %s: %w", typ, err)
	}
	pub, err := ssh.ParsePublicKey(wire)
	if err != nil {
		return sshKey{}, fmt.Errorf("key of type %s: %w", typ, err)
	}
	if pub.Type() != typ || !bytes.Equal(pub.Marshal(), wire) {
		return sshKey{}, fmt.Errorf("key of type %s: the base64 is not the canonical form of such a key: copy the .pub file again", typ)
	}
	if err := checkRSA(pub); err != nil {
		return sshKey{}, err
	}
	return sshKey{pub}, nil
}

func checkSSHType(typ string) error {
	switch typ {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSA, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case "ssh-dss":
		return errors.New("ssh-dss is broken: make an ed25519 key with ssh-keygen -t ed25519")
	}
	if strings.Contains(typ, "-cert-v") {
		return errors.New("an ssh certificate: give the .pub file of the key itself, its issuer has no say here")
	}
	return fmt.Errorf("type %.40q: want ssh-ed25519, ecdsa-sha2-nistp256 (384, 521), ssh-rsa, sk-ssh-ed25519@openssh.com or sk-ecdsa-sha2-nistp256@openssh.com", typ)
}

func checkRSA(pub ssh.PublicKey) error {
	key, ok := pub.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey)
	switch {
	case !ok:
		return nil
	case key.N.BitLen() < minRSABits:
		return fmt.Errorf("ssh-rsa of %d bits: want %d at least, better %d", key.N.BitLen(), minRSABits, goodRSABits)
	case key.E < minRSAPublic:
		return fmt.Errorf("ssh-rsa with exponent %d: want %d", key.E, minRSAPublic)
	}
	return nil
}

func (k sshKey) fingerprint() string { return ssh.FingerprintSHA256(k.PublicKey) }

func (k sshKey) describe() string {
	text := k.Type() + " " + k.fingerprint()
	if key, ok := k.PublicKey.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey); ok {
		text += fmt.Sprintf(" (%d bits", key.N.BitLen())
		if key.N.BitLen() < goodRSABits {
			text += fmt.Sprintf("; %d recommended", goodRSABits)
		}
		text += ")"
	}
	return text
}

func (k sshKey) validAt(time.Time) error { return nil }

func (k sshKey) until() time.Time { return time.Time{} }

// verify requires of a FIDO2 key that somebody touched it: the library does,
// from x/crypto v0.53 on, as long as nobody builds a key without.
func (k sshKey) verify(message, signature []byte) error {
	s, err := parseSSHSIG(signature)
	if err != nil {
		return err
	}
	if err := sshsig.Verify(bytes.NewReader(message), s, k.PublicKey, s.HashAlgorithm, Namespace); err != nil {
		return fmt.Errorf("SSHSIG: %w", err)
	}
	return nil
}

// madeBySSHKey compares the key inside a signature with a Key's value,
// without the cost of parsing either.
func madeBySSHKey(value string, signature []byte) bool {
	_, line, _ := strings.Cut(value, " ")
	wire, ok := embeddedKey(signature)
	return ok && base64.StdEncoding.EncodeToString(wire) == line
}
