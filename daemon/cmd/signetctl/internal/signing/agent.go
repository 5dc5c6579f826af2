package signing

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"signet/daemon/internal/authority"
)

// Agent signs with a key of ssh-agent: the one of that fingerprint
// (SHA256:…), or with an empty one the only key that may sign acts. If there
// are several the error is a *ChoiceError. An agent waits for a touch as long
// as its token does; ctx ends that.
func (t Terminal) Agent(ctx context.Context, fingerprint string, message []byte) (authority.Signature, error) {
	var made authority.Signature
	err := t.withAgent(ctx, func(held []heldKey) error {
		signer, err := choose(held, fingerprint)
		if err != nil {
			return err
		}
		made, err = sign(signer, message)
		return err
	})
	return made, err
}

// withAgent calls use with the agent's keys, which can sign until it returns.
func (t Terminal) withAgent(ctx context.Context, use func([]heldKey) error) error {
	conn, err := t.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	held, err := heldKeys(conn)
	if err == nil {
		err = use(held)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // the closed connection is no news
	}
	return err
}

func (t Terminal) dial(ctx context.Context) (net.Conn, error) {
	if t.AgentSocket == "" {
		return nil, fmt.Errorf("%w (SSH_AUTH_SOCK is not set)", ErrNoAgent)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", t.AgentSocket)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	return conn, nil
}

// A heldKey is a key of the agent that may sign acts.
type heldKey struct {
	ssh.Signer
	key authority.Key
}

// heldKeys leaves out what no roll takes: certificates, DSA, short RSA.
func heldKeys(conn net.Conn) ([]heldKey, error) {
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	var held []heldKey
	for _, signer := range signers {
		if key, err := keyOf(signer.PublicKey()); err == nil {
			held = append(held, heldKey{signer, key})
		}
	}
	return held, nil
}

// choose returns the agent's own signer: RSA needs methods of it that
// ssh.Signer does not name.
func choose(held []heldKey, fingerprint string) (ssh.Signer, error) {
	if fingerprint == "" && len(held) == 1 {
		return held[0].Signer, nil
	}
	if fingerprint == "" && len(held) > 1 {
		return nil, &ChoiceError{describe(held)}
	}
	for _, k := range held {
		if k.key.Fingerprint() == fingerprint {
			return k.Signer, nil
		}
	}
	return nil, fmt.Errorf("%w (it holds %d that may sign acts)", ErrNotHeld, len(held))
}

// describe shows each key with the agent's comment, which is quoted: whoever
// added the key chose it.
func describe(held []heldKey) []string {
	var lines []string
	for _, k := range held {
		line := k.key.Describe()
		if public, ok := k.PublicKey().(*agent.Key); ok && public.Comment != "" {
			line += fmt.Sprintf(" %.80q", public.Comment)
		}
		lines = append(lines, line)
	}
	return lines
}

// holds tells whether the agent can sign for key. One that does not answer
// holds nothing.
func (t Terminal) holds(ctx context.Context, key authority.Key) bool {
	return t.withAgent(ctx, func(held []heldKey) error {
		_, err := choose(held, key.Fingerprint())
		return err
	}) == nil
}
