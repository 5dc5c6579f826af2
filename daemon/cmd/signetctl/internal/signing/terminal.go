// Package signing makes an officer's signature on the bytes of an act, with
// what the officer has: a key file of OpenSSH, an agent, a FIDO2 token, or
// the tool of a UKey.
//
// No secret goes into an argument list, the environment or an error. What is
// made is verified before it is returned, where the public key is known.
package signing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
)

// A Terminal is where the officer sits. The zero value has no agent and
// nobody to ask.
type Terminal struct {
	// AgentSocket is the path in SSH_AUTH_SOCK, empty for no agent.
	AgentSocket string
	// Ask asks for the passphrase of a key file. What it returns is wiped
	// after use. Nil for nobody to ask.
	Ask func(file string) ([]byte, error)
	// Stderr is where the tools that are started talk to the officer. Give
	// the *os.File itself, so that they see a terminal if it is one.
	Stderr io.Writer
}

// Errors that a person can act on; those of tools wrap *exec.ExitError.
var (
	ErrPassphrase = errors.New("the passphrase is wrong")
	ErrNoTerminal = errors.New("the key has a passphrase and there is no terminal to ask for it")
	ErrNoAgent    = errors.New("ssh-agent does not answer: start one, or name a key file")
	ErrNotHeld    = errors.New("ssh-agent does not hold the key: add it with ssh-add")
)

// A ChoiceError says that the agent holds several keys that could sign.
type ChoiceError struct {
	Keys []string // type, fingerprint and comment of each, to be shown
}

func (e *ChoiceError) Error() string {
	return fmt.Sprintf("ssh-agent holds %d keys, name one by its fingerprint: %s", len(e.Keys), strings.Join(e.Keys, "; "))
}

// sign signs with a key at hand and verifies what it got: an agent's answer
// is a stranger's, and a token may have signed without a touch.
func sign(signer ssh.Signer, message []byte) (authority.Signature, error) {
	key, err := keyOf(signer.PublicKey())
	if err != nil {
		return authority.Signature{}, err
	}
	made, err := sshsig.Sign(bytes.NewReader(message), signer, sshsig.HashSHA512, authority.Namespace)
	if err != nil {
		return authority.Signature{}, fmt.Errorf("signing with %s: %w", key.Fingerprint(), err)
	}
	return checked(key, message, sshsig.Armor(made))
}

// checked reads a signature that key should have made.
func checked(key authority.Key, message, file []byte) (authority.Signature, error) {
	s, err := authority.ReadSignature(file)
	if err != nil {
		return authority.Signature{}, fmt.Errorf("signing with %s: %w", key.Fingerprint(), err)
	}
	if err := key.Verify(message, s); err != nil {
		return authority.Signature{}, fmt.Errorf("signing with %s: %w", key.Fingerprint(), err)
	}
	return s, nil
}

// keyOf is the key as a roll of officers has it.
func keyOf(public ssh.PublicKey) (authority.Key, error) {
	return authority.ParseKey(string(ssh.MarshalAuthorizedKey(public)))
}
