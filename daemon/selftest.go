package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol/algo"
	"signet/systemd"
)

// A check is one part of a self-test (GB/T 38629 6.4.3.2) and how it ended.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	TookUS int64  `json:"took_us"`

	untold bool // the token could not be asked: nothing is known of what was to be tested
}

// A selfReport is all checks of one run.
type selfReport struct {
	Checks []check `json:"checks"`
	Signs  uint64  `json:"signatures"` // C_Sign calls

	records bool // all records were looked at: those that are wrong are among the checks
}

func (r *selfReport) add(name string, began time.Time, err error) {
	c := check{Name: name, OK: err == nil, TookUS: time.Since(began).Microseconds()}
	if err != nil {
		c.Detail = err.Error()
	}
	r.Checks = append(r.Checks, c)
}

// addUntold is add for a fault of the token instead of what is tested. Nothing
// is stopped for it: the next use finds out by itself, and once the token is
// up nothing would let a stopped key go on until the next day.
func (r *selfReport) addUntold(name string, began time.Time, err error) {
	r.add(name, began, err)
	r.Checks[len(r.Checks)-1].untold = true
}

func (r *selfReport) failed() []string {
	var names []string
	for _, c := range r.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	return names
}

// Names of checks besides those of algo.KnownAnswers.
const (
	checkRandom = "random of token " // and the token's name
	checkKey    = "key of entry "    // and the entry's id
	checkRecord = "record of entry " // and the entry's id; only if it is wrong
	checkStore  = "stored data"

	// noteKeys is no test: it tells of keys that a kill in the middle of a
	// ceremony left, or that somebody made past the daemon.
	noteKeys = "keys without an entry on token "
)

// errStopped is wrapped when a use is not tried because a self-test failed.
var errStopped = errors.New("stopped by the self-test")

// selfTests are what failed, which is not used until a run finds it well, and
// when they ran.
type selfTests struct {
	each time.Duration // 0: on command only

	running sync.Mutex
	mu      sync.Mutex
	stopped map[string]string // name of a check -> why
	last    time.Time
	tested  map[string]bool // tokens
}

func newSelfTests(each time.Duration) *selfTests {
	return &selfTests{each: each, stopped: map[string]string{}, tested: map[string]bool{}}
}

// stops says which failed check keeps a key of the entry from being used with
// an algorithm.
func (t *selfTests) stops(entry, token string, a algo.Algorithm) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.stopped) == 0 {
		return nil
	}
	for _, name := range append(algo.KnownAnswersOf(a), checkRandom+token, checkKey+entry, checkRecord+entry, checkStore) {
		if why, failed := t.stopped[name]; failed {
			return fmt.Errorf("%w: %s: %s", errStopped, name, why)
		}
	}
	return nil
}

// learn takes the result of a run: what was checked is well, or stopped. What
// could not be checked stays as it was.
func (t *selfTests) learn(r *selfReport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.records {
		maps.DeleteFunc(t.stopped, func(name, _ string) bool { return strings.HasPrefix(name, checkRecord) })
	}
	for _, c := range r.Checks {
		if c.untold {
			continue
		}
		if c.OK {
			delete(t.stopped, c.Name)
		} else {
			t.stopped[c.Name] = c.Detail
		}
	}
}

// list returns a sentence for each failure, in order.
func (t *selfTests) list() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for name, why := range t.stopped {
		list = append(list, "self-test of "+name+" failed: "+why)
	}
	slices.Sort(list)
	return list
}

// due tells whether a run is to begin: a day after the last, and when a token
// has come up that this process has not tested.
func (t *selfTests) due(now time.Time, tokens []hsm.TokenStatus) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.each == 0 {
		return false
	}
	due := t.last.IsZero() || now.Sub(t.last) >= t.each || now.Before(t.last)
	for _, s := range tokens {
		if s.State == hsm.StateConnecting {
			return false // it will be up, or down, in a moment
		}
		due = due || (s.State == hsm.StateUp && !t.tested[s.Name])
	}
	if !due {
		return false
	}
	t.last = now
	for _, s := range tokens {
		t.tested[s.Name] = t.tested[s.Name] || s.State == hsm.StateUp
	}
	return true
}

// runSelfTest checks what is in use: known answers, each token's random
// numbers, each active key, and what is stored. One runs at a time.
func (a *appliance) runSelfTest(ctx context.Context, uid uint32) *selfReport {
	a.selfTests.running.Lock()
	defer a.selfTests.running.Unlock()
	r := new(selfReport)
	r.addKnown(algo.KnownAnswers())
	a.testRandom(ctx, r)
	a.testKeys(ctx, r, uid)
	a.noteUnclaimed(ctx, r)
	began := time.Now()
	err := errors.Join(a.store.Check(ctx), a.testRecords(ctx, r))
	if ctx.Err() == nil && !isStoreError(err) { // a store that was let go of says nothing of what it holds
		r.add(checkStore, began, err)
	}
	a.selfTests.learn(r)
	for _, c := range r.Checks {
		if !c.OK && !c.untold {
			a.journal.Send(systemd.SelfTestFailed, "a self-test failed; what failed is not used", systemd.Target(c.Name), systemd.Cause(errors.New(c.Detail)))
		}
	}
	return r
}

func (r *selfReport) addKnown(all []algo.KnownAnswer) {
	for _, known := range all {
		c := check{Name: known.Name, OK: known.Err == nil, TookUS: known.Took.Microseconds()}
		if known.Err != nil {
			c.Detail = known.Err.Error()
		}
		r.Checks = append(r.Checks, c)
	}
}

// testRandom judges the generators of the tokens that are up. A token that
// cannot be asked is down, which is told apart from a bad generator.
func (a *appliance) testRandom(ctx context.Context, r *selfReport) {
	for _, name := range a.tokens.names() {
		if !a.tokens.isUp(name) {
			continue
		}
		began := time.Now()
		err := algo.CheckRandom(func(n int) ([]byte, error) { return a.tokens.byName[name].driver.Random(ctx, name, n) })
		if err == nil || errors.Is(err, algo.ErrNotRandom) {
			r.add(checkRandom+name, began, err)
		} else if ctx.Err() == nil {
			r.addUntold(checkRandom+name, began, err)
		}
	}
}

// testKeys has each active key sign a fixed text with a nonce, which is no DER
// SEQUENCE and so no stamp.
func (a *appliance) testKeys(ctx context.Context, r *selfReport, uid uint32) {
	for _, acct := range a.book.all() {
		if ctx.Err() != nil || !acct.entry.MaySign() || a.prove(acct) != nil || !a.tokens.isUp(acct.key.Token) {
			continue
		}
		began := time.Now()
		err := a.testKey(ctx, r, acct, uid)
		switch class := hsm.ClassOf(err); {
		case ctx.Err() != nil, class == hsm.ClassBusy:
		case slices.Contains(ofTheToken, class):
			r.addUntold(checkKey+acct.entry.ID, began, err)
		default:
			r.add(checkKey+acct.entry.ID, began, err)
		}
	}
}

// ofTheToken are the faults that say nothing of a key.
var ofTheToken = []hsm.Class{
	hsm.ClassDeadline, hsm.ClassUnavailable, hsm.ClassDevice, hsm.ClassSession, hsm.ClassHandle, hsm.ClassLogin, hsm.ClassPIN,
}

func (a *appliance) testKey(ctx context.Context, r *selfReport, acct *account, uid uint32) (err error) {
	var nonce [16]byte
	rand.Read(nonce[:])
	text := []byte(hsm.SelfTestText + hex.EncodeToString(nonce[:]))
	for _, alg := range acct.algorithms() {
		tbs, terr := algo.ToBeSigned(alg, acct.key.Public, text)
		if terr != nil {
			return terr
		}
		_, err = a.tokens.sign(ctx, uid, acct.key, alg, tbs)
		if wasSent(err) {
			r.Signs++
		}
		if hsm.ClassOf(err) != hsm.ClassUnsupported {
			return err
		}
	}
	return err
}

// noteUnclaimed lists the keys on each token that neither the register nor the
// log claims. One that the register has as destroyed should not be there.
func (a *appliance) noteUnclaimed(ctx context.Context, r *selfReport) {
	claimed := map[string]bool{}
	for _, acct := range a.book.all() {
		if k := acct.entry.Key; k != nil && k.Destroyed == "" {
			claimed[string(acct.key.Public.DER())] = true
		}
	}
	if k := a.roster.logKey; k != nil {
		if _, public, err := k.Parse(); err == nil {
			claimed[string(public.DER())] = true
		}
	}
	for _, name := range a.tokens.names() {
		if !a.tokens.isUp(name) {
			continue
		}
		began := time.Now()
		found, err := a.tokens.byName[name].driver.Keys(ctx, name)
		if err != nil {
			continue // the token is down, which is told elsewhere
		}
		var loose []string
		for _, k := range found {
			if !claimed[string(k.Public.DER())] {
				loose = append(loose, fmt.Sprintf("%s (CKA_ID %s)", k.Label, hex.EncodeToString(k.ID)))
			}
		}
		if len(loose) > 0 {
			r.Checks = append(r.Checks, check{Name: noteKeys + name, OK: true, Detail: shortList(loose), TookUS: time.Since(began).Microseconds()})
		}
	}
}

// testRecords proves every record again as it is stored now: what was proven
// at start may have been changed since. One that is not proven stops its entry
// and no other.
func (a *appliance) testRecords(ctx context.Context, r *selfReport) error {
	accounts := a.book.all() // before the records: an act that comes between makes a new account
	records, err := a.store.Entries()
	if err != nil {
		return err
	}
	for _, acct := range accounts {
		if ctx.Err() != nil {
			return nil
		}
		began, id := time.Now(), acct.entry.ID
		wrong, err := a.recordFault(id, records[id])
		if wrong != nil {
			wrong, err = a.recordFaultAlone(id)
		}
		if err != nil {
			return err
		}
		if wrong != nil && a.book.find(id) == acct {
			r.add(checkRecord+id, began, wrong)
		}
	}
	r.records = true
	return nil
}

// recordFaultAlone is recordFault while no act is recorded: between the commit
// of one and the page that it turns, its record is ahead of the acts.
func (a *appliance) recordFaultAlone(id string) (wrong, err error) {
	a.acts.Lock()
	defer a.acts.Unlock()
	data, err := a.store.Entry(id)
	if err != nil {
		return nil, err
	}
	return a.recordFault(id, data)
}

// recordFault says what is wrong with a stored record, its policy or its
// certificates. The error is the store's.
func (a *appliance) recordFault(id string, data []byte) (wrong, err error) {
	acct, err := readAccount(a.store, id, data)
	if err != nil {
		return nil, err
	}
	if acct.proof.err != nil {
		return acct.proof.err, nil
	}
	if wrong = a.counts.ofEntry(acct); wrong == nil {
		wrong = a.holdRecord(acct)
	}
	if wrong == nil {
		_, wrong = a.chainOf(acct)
	}
	if isStoreError(wrong) {
		return nil, wrong
	}
	return wrong, nil
}

// event is what the log says of a run that nobody asked for.
func (r *selfReport) event(a *appliance) *audit.Event {
	at := audit.At(a.now())
	e := &audit.Event{Kind: audit.KindSelfTest, Decided: &at, Clock: a.clock.syncState(), Op: string(authority.SelfTest), Count: r.Signs, Result: audit.Allowed}
	if failed := r.failed(); len(failed) > 0 {
		e.Result, e.Reason, e.Rule = audit.Failed, "hsm_failed", shortList(failed)
	}
	return e
}

// shortList keeps a rule from growing with the number of entries.
func shortList(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// testByClock is a run that the clock asked for.
func (a *appliance) testByClock(ctx context.Context) {
	r := a.runSelfTest(ctx, ownUID)
	if ctx.Err() != nil && r.Signs == 0 {
		return // the daemon stops, and no key was used
	}
	if err := a.store.Record(&store.Commit{Events: []*audit.Event{r.event(a)}}); err != nil {
		a.troubles.record(err.Error())
	}
}

// ownUID stands for the daemon itself among those that wait for a token.
const ownUID = 0

// selfTest is a run on command: its report is a content that the act's event
// names.
func selfTest(a *appliance, sub submission) (*procedure, error) {
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return nil, err
	}
	p := new(procedure)
	p.prepare = func(ctx context.Context) error {
		r := a.runSelfTest(ctx, sub.who.UID)
		p.signs = r.Signs
		report, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encoding report: %w", err)
		}
		p.facts.Made, p.blobs = authority.ContentHash(report), [][]byte{report}
		e := r.event(a)
		e.Count = 0 // counted by the act
		p.beside = []*audit.Event{e}
		return nil
	}
	return p, nil
}
