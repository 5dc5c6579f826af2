package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/protocol/algo"
	"signet/systemd"
)

// A keyMaking is the making of one key on a token: the driver generates it and
// reads its attributes back, then the key proves itself above the driver seam
// by a signature that is verified here.
type keyMaking struct {
	tokens  *tokens
	journal *systemd.Journal
	uid     uint32 // of who asked for it
	driver  hsm.Driver
	token   string
	spec    hsm.Spec

	key        hsm.KeyRef
	transcript []byte
	signs      uint64 // C_Sign calls
}

// make generates the key and has it prove itself. After an error there is no
// key, or the journal says where it still is.
func (m *keyMaking) make(ctx context.Context) error {
	key, transcript, err := m.driver.Generate(ctx, m.token, m.spec)
	if err != nil {
		return err
	}
	m.key = key
	alg, err := m.prove(ctx)
	if err != nil {
		m.undo()
		return fmt.Errorf("proving the new key: %w", err)
	}
	transcript.Add("sign and verify a random value", alg.String(), hsm.Held)
	if m.transcript, err = json.Marshal(transcript); err != nil {
		m.undo()
		return fmt.Errorf("encoding transcript: %w", err)
	}
	return nil
}

// record is the register's form of the key.
func (m *keyMaking) record() *register.Key {
	return register.NewKey(m.token, m.key.ID, m.key.Public, register.Ceremony, authority.ContentHash(m.transcript))
}

// prove signs a random value by the first algorithm of the key that the token
// has a mechanism for.
func (m *keyMaking) prove(ctx context.Context) (alg algo.Algorithm, err error) {
	for _, alg = range algo.For(m.key.Public.Type()) {
		if err = m.proveBy(ctx, alg); hsm.ClassOf(err) != hsm.ClassUnsupported {
			return alg, err
		}
	}
	return alg, err
}

// proveBy signs 32 random bytes or more, which are no DER SEQUENCE that a
// stamp could be mistaken for should the key become a seal's.
func (m *keyMaking) proveBy(ctx context.Context, a algo.Algorithm) error {
	tbs := make([]byte, max(a.DigestSize(), 32))
	rand.Read(tbs)
	_, err := m.tokens.sign(ctx, m.uid, m.key, a, tbs)
	if wasSent(err) {
		m.signs++
	}
	return err
}

// undoTimeout bounds the destruction of a key that no act recorded.
const undoTimeout = 30 * time.Second

// undo destroys the key again: one that nothing names would lie on the token
// for ever. It does not depend on the officer's connection.
func (m *keyMaking) undo() {
	if m.key.Public.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), undoTimeout)
	defer cancel()
	if err := m.driver.Destroy(ctx, m.key); err != nil {
		m.journal.Send(systemd.InternalError, fmt.Sprintf("the key %s (%s) of a ceremony that failed is still on the token",
			m.spec.Label, hex.EncodeToString(m.key.ID)), systemd.Token(m.token), systemd.Cause(err))
	}
}
