package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/systemd"
)

// A ceremony makes the key of a new entry: the driver generates it and reads
// its attributes back, then the key proves itself above the driver seam by a
// signature that is verified here.
type ceremony struct {
	*appliance
	sub        submission
	driver     hsm.Driver
	token      string
	title      string
	spec       hsm.Spec
	key        hsm.KeyRef
	alg        algo.Algorithm // that the key proved itself with
	transcript []byte
	procedure  *procedure
}

func keyCreate(a *appliance, sub submission) (*procedure, error) {
	var content authority.CreateKey
	if err := authority.ParseContent(sub.content, &content); err != nil {
		return nil, err
	}
	typ, err := content.KeyType()
	if err != nil {
		return nil, err
	}
	if a.genesis.Crypto == "gm" && typ != algo.KeySM2 {
		return nil, fmt.Errorf(`%w: type %v: this appliance was made with crypto "gm" and has SM2 keys only`, authority.ErrMalformed, typ)
	}
	if err := a.checkNewEntry(sub.act.Target); err != nil {
		return nil, err
	}
	tok := a.tokens.byName[content.Token]
	if tok == nil {
		return nil, fmt.Errorf("%w: %s", errNoToken, strconv.Quote(content.Token))
	}
	c := &ceremony{appliance: a, sub: sub, driver: tok.driver, token: content.Token, title: content.Title}
	// The nonce keeps the label apart from that of a ceremony for the same
	// entry that a crash left without its act. An id may be as long as a label.
	id := sub.act.Target[:min(len(sub.act.Target), labelRoom)]
	c.spec = hsm.Spec{Type: typ, Label: id + "." + sub.act.Nonce[:8]}
	c.procedure = &procedure{prepare: c.make, change: c.change, undo: c.undo}
	return c.procedure, nil
}

// make generates the key and has it prove itself.
func (c *ceremony) make(ctx context.Context) error {
	key, transcript, err := c.driver.Generate(ctx, c.token, c.spec)
	if err != nil {
		return err
	}
	c.key = key
	if err := c.prove(ctx); err != nil {
		c.undo()
		return fmt.Errorf("proving the new key: %w", err)
	}
	transcript.Add("sign and verify a random value", c.alg.String(), hsm.Held)
	if c.transcript, err = json.Marshal(transcript); err != nil {
		c.undo()
		return fmt.Errorf("encoding transcript: %w", err)
	}
	return nil
}

// prove signs a random value by the first algorithm of the key that the token
// has a mechanism for.
func (c *ceremony) prove(ctx context.Context) error {
	var err error
	for _, c.alg = range algo.For(c.spec.Type) {
		if err = c.proveBy(ctx, c.alg); hsm.ClassOf(err) != hsm.ClassUnsupported {
			return err
		}
	}
	return err
}

// proveBy signs 32 random bytes or more, which are no DER SEQUENCE that a
// stamp could be mistaken for should the key become a seal's.
func (c *ceremony) proveBy(ctx context.Context, a algo.Algorithm) error {
	tbs := make([]byte, max(a.DigestSize(), 32))
	rand.Read(tbs)
	_, err := c.tokens.sign(ctx, c.sub.who.UID, c.key, a, tbs)
	if hsm.ClassOf(err) != hsm.ClassUnsupported {
		c.procedure.signs++ // what is refused for its mechanism never reaches C_Sign
	}
	return err
}

func (c *ceremony) change() (store.Change, error) {
	if err := c.checkNewEntry(c.sub.act.Target); err != nil {
		return store.Change{}, err
	}
	e := register.Entry{
		ID: c.sub.act.Target, Class: register.ClassKey, Rev: 1, Title: c.title, Stage: register.Pending,
		Key:     register.NewKey(c.token, c.key.ID, c.key.Public, "ceremony", authority.ContentHash(c.transcript)),
		Created: c.now().Format(time.RFC3339),
	}
	return store.Change{Entry: &e, Blobs: [][]byte{c.transcript}}, nil
}

// labelRoom is what a label of 64 bytes leaves for the entry's id.
const labelRoom = 64 - len(".12345678")

// undoTimeout bounds the destruction of a key that no act recorded.
const undoTimeout = 30 * time.Second

// undo destroys the key again: one that no entry names would lie on the
// token for ever. It does not depend on the officer's connection.
func (c *ceremony) undo() {
	if c.key.Public.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), undoTimeout)
	defer cancel()
	if err := c.driver.Destroy(ctx, c.key); err != nil {
		c.journal.Send(systemd.InternalError, fmt.Sprintf("the key %s (%s) of a ceremony that failed is still on the token",
			c.spec.Label, hex.EncodeToString(c.key.ID)), systemd.Token(c.token), systemd.Cause(err))
	}
}

// hsmActError maps a fault of the HSM in an act. Officers see the detail.
func hsmActError(err error) (*protocol.Error, bool) {
	var fault *hsm.Error
	if !errors.As(err, &fault) && !errors.Is(err, errBadSignature) {
		return nil, false
	}
	answer := hsmError(err)
	if hsm.ClassOf(err) != hsm.ClassUnsupported { // which says it all already
		answer.Message = err.Error()
	}
	return answer, true
}
