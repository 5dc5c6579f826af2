package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy/zoneinfo"
	"signet/systemd"
)

// start looks at what is on disk and sets the mode. Nothing on disk is made,
// repaired or replaced here beyond the rewrite of the store's meta pages and
// the name of a store whose restore was recorded.
func (s *Server) start() {
	marked, err := poisonMarked(s.runtimeDir)
	switch {
	case err != nil:
		s.enterRecovery(err, "mend the runtime directory and restart signetd")
	case marked:
		s.enter(poisonedCondition(fmt.Errorf("before this process started: %s", poisonCause(s.runtimeDir))))
	default:
		s.openExisting()
	}
}

func (s *Server) openExisting() {
	m, err := readMarker(s.stateDir)
	if err != nil {
		s.enterRecovery(err, s.cure(err))
		return
	}
	if _, err := os.Lstat(s.storePath()); errors.Is(err, fs.ErrNotExist) && !s.finishRestore() {
		if m == nil {
			s.enterEmpty()
			return
		}
		s.enterRecovery(errMissing, s.cure(errMissing))
		return
	}
	a, err := s.openAppliance(m)
	if err != nil {
		s.enterFault(err)
		return
	}
	if err := a.recordStart(m != nil); err != nil {
		s.enterFault(errors.Join(err, a.store.Close()))
		return
	}
	s.adopt(a)
}

// enterEmpty sets the mode where there is neither store nor marker.
func (s *Server) enterEmpty() {
	if s.logToken == "" {
		s.enter(uninitialisedCondition())
		return
	}
	s.enter(condition{
		mode: InRecovery, reason: "there is no store, and token " + s.logToken + " has not said yet whether it has an anchor",
		mend: "wait until the token is up, or see: signetctl token status", awaitsAnchor: true,
	})
}

const mendClear = "find out why the disk failed; then an administrator runs: signetctl mode clear (a reboot ends this mode too)"

func poisonedCondition(cause error) condition {
	mend := mendClear
	if errors.Is(cause, store.ErrMoved) {
		mend = "put the very file back in its place, no older copy; then an administrator runs: signetctl mode clear"
	}
	return condition{mode: PoisonedMode, reason: "a write to the store could not be made durable: " + cause.Error(), mend: mend}
}

// enterFault sets the mode that an error of opening means.
func (s *Server) enterFault(err error) {
	if errors.Is(err, store.ErrPoisoned) {
		s.poison(err)
		return
	}
	s.enterRecovery(err, s.cure(err))
}

func (s *Server) enterRecovery(err error, mend string) {
	s.journal.Send(systemd.StoreRecovery, "the store cannot be used: "+err.Error(), systemd.Cause(err), systemd.Mend(mend))
	s.enter(condition{mode: InRecovery, reason: err.Error(), mend: mend})
}

func (s *Server) storePath() string { return filepath.Join(s.stateDir, storeName) }

// openAppliance opens the store and holds it to the marker, if there is one.
func (s *Server) openAppliance(m *marker) (*appliance, error) {
	return s.openAt(s.storePath(), func(st *store.Store) error { return s.checkMarker(st, m) }, s.poison)
}

// openAt opens the store at path and has vouch judge how old it may be.
// poisoned is told once of a sync that fails after that.
func (s *Server) openAt(path string, vouch func(*store.Store) error, poisoned func(error)) (*appliance, error) {
	var a *appliance
	st, err := store.Open(path, store.Options{
		Now:       s.clock.recording,
		Committed: func(c *store.Commit) { s.committed(a, c) },
		Grouped:   s.metrics.committed,
		Poisoned:  poisoned,
		MaxSize:   s.maxSize,
	})
	if err != nil {
		return nil, err
	}
	if err := vouch(st); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	a, err = s.newAppliance(st)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return a, nil
}

func (s *Server) newAppliance(st *store.Store) (*appliance, error) {
	genesis, err := authority.ParseGenesis(st.Genesis())
	if err != nil {
		return nil, fmt.Errorf("%w: genesis: %w", store.ErrDamaged, err)
	}
	if genesis.Appliance != s.name {
		s.warn("appliance", fmt.Sprintf("signetd.toml names the appliance %q; it was made as %q, and its log says so for ever", s.name, genesis.Appliance))
	}
	if genesis.LogKey != nil && genesis.LogKey.Token != s.logToken {
		return nil, fmt.Errorf("%w: [log] has %q, it was %q", errLogToken, s.logToken, genesis.LogKey.Token)
	}
	r, err := openRoster(st, genesis)
	if err != nil {
		return nil, err
	}
	l, err := openLists(st, r)
	if err != nil {
		return nil, err
	}
	b, err := openBook(st, r)
	if err != nil {
		return nil, err
	}
	approvals, err := openApprovals(st, r.wentOn)
	if err != nil {
		return nil, err
	}
	return &appliance{
		meters: newMeters(st, r), approvals: approvals, counts: new(counts),
		id: st.Appliance(), genesis: genesis, store: st, roster: r, book: b, trust: s.trust, lists: l, issuers: &issuers{known: map[string]certificate.Certificate{}}, closing: make(chan struct{}), clock: s.clock, ledger: newLedger(),
		flights: newFlights(), tokens: s.tokens, summary: newSummary(), troubles: newTroubles(), selfTests: newSelfTests(s.selfTestEach), backups: newBackups(), nonces: map[string]bool{}, journal: s.journal,
	}, nil
}

// checkMarker judges the store by the marker, or by itself where there is
// none. A marker is missing of itself only between the making of the store
// and its first start; later it is an alarm, and the start event says so.
func (s *Server) checkMarker(st *store.Store, m *marker) error {
	if m != nil {
		return m.check(st)
	}
	s.warn("state", "marker.json was missing: nothing vouched for the age of the store; was it put back, or the directory copied?")
	return vouchForItself(st)
}

// vouchForItself hashes the log: a frontier that is not its own is found out,
// an older store is not.
func vouchForItself(st *store.Store) error {
	at := st.Position()
	return st.Verify(at.Size, at.Root)
}

// How the last run ended, in the op of a start event. After an unclean end,
// refusals that were counted in its last minute may be missing.
const (
	afterStop   = "clean"
	afterCrash  = "unclean"
	withoutMark = "unmarked" // the marker was missing: nothing vouched for the store's age
)

// recordStart makes the start the first thing that this process records.
func (a *appliance) recordStart(marked bool) error {
	last, _, err := a.store.Event(a.store.Position().Size - 1)
	if err != nil {
		return err
	}
	e := &audit.Event{Kind: audit.KindStart, Clock: a.clock.syncState(), Op: afterCrash, Zones: zoneinfo.Edition()}
	switch {
	case !marked:
		e.Op = withoutMark
	case last.Kind == audit.KindStop:
		e.Op = afterStop
	}
	return a.store.Record(&store.Commit{Events: []*audit.Event{e}})
}

// committed turns the page of the book for a durable change. It runs on the
// committer, before the act's submitter is told: from then on every decision
// is made under the new revision.
func (s *Server) committed(a *appliance, c *store.Commit) {
	if c.Asked != nil {
		a.approvals.follow(c.Approvals)
	}
	if c.Change == nil {
		return
	}
	e := c.Events[0]
	if authority.AboutEntry(authority.Kind(e.Op)) {
		a.roster.noteAct(e)
	}
	a.approvals.follow(c.Approvals)
	if authority.Kind(e.Op) == authority.CRLImport {
		s.noteList(a, e, c.Change.Blobs[len(c.Change.Blobs)-1])
	}
	for _, entry := range c.Change.Entries {
		acct, err := accountAfter(a.book.find(entry.ID), entry, c.Change.Policy)
		if err != nil {
			// The change is in the store; this process cannot read it back. An
			// account without key and policy refuses everything.
			s.journal.Send(systemd.InternalError, "reading back a change", systemd.Entry(entry.ID), systemd.Cause(err))
			acct = unreadable(entry.ID, err)
		}
		a.book.turn(acct)
	}
}

// noteList remembers a list by the facts of its act, the last of the blobs: a
// record that it marked is held to it from the next moment on.
func (s *Server) noteList(a *appliance, e *audit.Event, data []byte) {
	facts, err := register.ParseFacts(data, e.Value)
	if err != nil {
		s.journal.Send(systemd.InternalError, "reading back the facts of a list of revoked certificates", systemd.Cause(err))
		return
	}
	a.roster.noteCRL(facts, e.Seq)
}

// poison is called when a sync has failed. The process stays up, says so and
// touches the store no more.
func (s *Server) poison(cause error) {
	if err := markPoison(s.runtimeDir, cause); err != nil {
		s.journal.Send(systemd.StoreFault, "the poison mark could not be written: a restart would open the store", systemd.Cause(err))
	}
	if a := s.appliance(); a != nil {
		s.writeMarker(a) // what was answered: a store put back must have it
	}
	s.journal.Send(systemd.StorePoisoned, "a write to the store could not be made durable; nothing is signed", systemd.Cause(cause))
	s.enter(poisonedCondition(cause))
}
