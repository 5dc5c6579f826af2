package daemon

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
)

// keyCreate makes the key of a new entry.
func keyCreate(a *appliance, sub submission) (*procedure, error) {
	var content authority.CreateKey
	if err := authority.ParseContent(sub.content, &content); err != nil {
		return nil, err
	}
	typ, err := content.KeyType()
	if err != nil {
		return nil, err
	}
	if err := a.mayHold(typ); err != nil {
		return nil, err
	}
	if err := a.checkNewEntry(sub.act.Target); err != nil {
		return nil, err
	}
	driver, err := a.newKeyDriver(content.Token, "making a key")
	if err != nil {
		return nil, err
	}
	// The nonce keeps the label apart from that of a ceremony for the same
	// entry that a crash left without its act. An id may be as long as a label.
	id := sub.act.Target[:min(len(sub.act.Target), labelRoom)]
	m := &keyMaking{
		tokens: a.tokens, journal: a.journal, uid: sub.who.UID, driver: driver, token: content.Token,
		spec: hsm.Spec{Type: typ, Label: id + "." + sub.act.Nonce[:8]},
	}
	p := &procedure{undo: m.undo}
	p.prepare = func(ctx context.Context) error {
		err := m.make(ctx)
		p.signs = m.signs
		if err != nil {
			return err
		}
		p.facts.Key, p.blobs = m.record(), [][]byte{m.transcript}
		return nil
	}
	p.check = func() error { return a.checkNewEntry(sub.act.Target) }
	return p, nil
}

// labelRoom is what a label of 64 bytes leaves for the entry's id.
const labelRoom = 64 - len(".12345678")

// mayHold refuses a type of key that the appliance was made not to have.
func (a *appliance) mayHold(typ algo.KeyType) error {
	if a.genesis.Crypto == authority.GM && typ != algo.KeySM2 {
		return fmt.Errorf(`%w: type %v: this appliance was made with crypto "gm" and has SM2 keys only`, authority.ErrMalformed, typ)
	}
	return nil
}

// keyAdopt takes a key that lies on a token already into the register: its
// making was not witnessed, and the record says so for ever.
func keyAdopt(a *appliance, sub submission) (*procedure, error) {
	var content authority.AdoptKey
	if err := authority.ParseContent(sub.content, &content); err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(content.ID)
	if err != nil || len(id) == 0 || hex.EncodeToString(id) != content.ID {
		return nil, fmt.Errorf("%w: id %.130q: want a CKA_ID in lower-case hex", authority.ErrMalformed, content.ID)
	}
	if err := a.checkNewEntry(sub.act.Target); err != nil {
		return nil, err
	}
	driver, err := a.newKeyDriver(content.Token, "adopting a key")
	if err != nil {
		return nil, err
	}
	p := new(procedure)
	p.prepare = func(ctx context.Context) error { return a.inspect(ctx, p, driver, sub.who.UID, content.Token, id) }
	p.check = func() error {
		if err := a.checkNewEntry(sub.act.Target); err != nil {
			return err
		}
		return a.checkNewKey(p.facts.Key)
	}
	return p, nil
}

// inspect finds the facts of a key that is adopted, and has it sign.
func (a *appliance) inspect(ctx context.Context, p *procedure, driver hsm.Driver, uid uint32, token string, id []byte) error {
	found, transcript, err := driver.Inspect(ctx, token, id)
	if err != nil {
		return err
	}
	if err := a.mayHold(found.Type); err != nil {
		return err
	}
	// Judged under the lock too; here so that a key which has its place in the
	// register, or is the log's, signs nothing for this.
	if err := a.checkNewKey(register.NewKey(token, found.ID, found.Public, register.Adopted, "")); err != nil {
		return err
	}
	m := keyMaking{tokens: a.tokens, journal: a.journal, uid: uid, driver: driver, token: token,
		key: hsm.KeyRef{Token: token, ID: found.ID, Public: found.Public}}
	alg, err := m.prove(ctx)
	p.signs = m.signs
	if err != nil {
		return fmt.Errorf("having the key sign: %w", err)
	}
	transcript.Add("sign and verify a random value", alg.String(), hsm.Held)
	text, err := json.Marshal(transcript)
	if err != nil {
		return fmt.Errorf("encoding transcript: %w", err)
	}
	p.facts.Key = register.NewKey(token, found.ID, found.Public, register.Adopted, authority.ContentHash(text))
	p.blobs = [][]byte{text}
	return nil
}

// checkNewKey refuses a key that an entry has already: one public key belongs
// to one entry, or a policy could be gone round by the other one.
func (a *appliance) checkNewKey(key *register.Key) error {
	for _, acct := range a.book.all() {
		if acct.entry.Key != nil && acct.entry.Key.Public == key.Public {
			return fmt.Errorf("%w: entry %s has this key", errConflict, acct.entry.ID)
		}
	}
	if logKey := a.roster.logKey; logKey != nil && logKey.Public == key.Public {
		return fmt.Errorf("%w: this is the key of the log", errConflict)
	}
	return nil
}

// keyDestroy removes the key once the act is recorded: what the log does not
// know of must not happen to a key. One that could not be removed, because its
// token was down or has left signetd.toml, is marked and signs nothing; the same
// act once more tries the token again.
func keyDestroy(a *appliance, sub submission) (*procedure, error) {
	acct := a.book.find(sub.act.Target)
	if acct == nil || acct.entry.Key == nil {
		return new(procedure), nil // the register says what is wrong
	}
	return &procedure{finish: func(ctx context.Context) error {
		driver, err := a.heldDriver(acct.key.Token, "destroying the key")
		if err != nil {
			return err
		}
		return driver.Destroy(ctx, acct.key)
	}}, nil
}

// named returns the token of that name in the configuration.
func (t *tokens) named(name string) (*token, error) {
	tok := t.byName[name]
	if tok == nil {
		return nil, fmt.Errorf("%w: %s: want one of %v", errNoToken, strconv.Quote(name), t.names())
	}
	return tok, nil
}

func (t *tokens) names() []string {
	var names []string
	for name := range t.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
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
