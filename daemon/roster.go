package daemon

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
)

// A roster is who may change what, and what was changed: it is made at start
// from the acts alone, from the genesis event on. Records are held to it; it
// is never made from records. Commits extend it, on the committer.
type roster struct {
	genesis authority.Genesis
	logKey  *register.Key   // made at init; nil under development
	spent   map[string]bool // nonces of the acts that may not have expired at start
	epoch   uint64          // that the acts make at start
	wentOn  uint64          // event of the last act that put an older log in force
	wentAt  time.Time       // its recorded; what was used before it is not all known

	mu    sync.RWMutex
	terms []term              // in the order of events
	staff register.Staff      // the officers' records as they must be
	acts  map[string][]uint64 // by entry: the events of the acts on its record, oldest first

	// By id of an approval: the events of the acts that decided it. Only of
	// those that can still be used.
	decisions map[string][]uint64

	crls []imported // in the order of events
}

// A term is a roll and the event from which on it holds.
type term struct {
	from uint64
	roll authority.Roll
}

// An imported is a list of revoked certificates by what the act of an event says
// of it.
type imported struct {
	event uint64
	crl   register.CRL
}

// openRoster walks the acts of a store and judges those that say who the
// officers are. What is wrong with these is wrong with the appliance: a store
// whose officers are not proven takes no act and signs nothing.
func openRoster(st *store.Store, genesis authority.Genesis) (*roster, error) {
	r := &roster{genesis: genesis, acts: map[string][]uint64{}, decisions: map[string][]uint64{}, spent: map[string]bool{}}
	special, err := r.walk(st)
	if err != nil {
		return nil, err
	}
	slices.Reverse(special)
	for _, e := range special {
		if err := r.replay(st, e); err != nil {
			return nil, fmt.Errorf("the act of event %d (%s): %w", e.Seq, e.Op, err)
		}
	}
	for _, of := range []map[string][]uint64{r.acts, r.decisions} {
		for _, seqs := range of {
			slices.Sort(seqs)
		}
	}
	if at := st.Position(); at.Epoch != r.epoch {
		return nil, fmt.Errorf("%w: the log is in epoch %d, the acts make %d", store.ErrDamaged, at.Epoch, r.epoch)
	}
	return r, r.holdStaff(st)
}

// walk notes every act and returns those that are about more than one entry,
// newest first.
func (r *roster) walk(st *store.Store) (special []*audit.Event, err error) {
	at := st.Position()
	expired := at.Recorded.Add(-authority.Lifetime)
	seen, after := map[[nonceSize]byte]bool{}, at.Recorded
	err = st.Acts(func(e *audit.Event) error {
		kind := authority.Kind(e.Op)
		if err := onlyOnce(seen, e); err != nil {
			return err
		}
		if e.Recorded.Time().After(after) {
			return fmt.Errorf("%w: event %d was recorded after the act that follows it", store.ErrDamaged, e.Seq)
		}
		after = e.Recorded.Time()
		switch {
		case decidesApproval(kind) && e.Recorded.Time().After(at.Recorded.Add(-longestApproval)):
			r.decisions[e.Approval] = append(r.decisions[e.Approval], e.Seq)
		case authority.AboutEntry(kind) && !decidesApproval(kind):
			r.acts[e.Entry] = append(r.acts[e.Entry], e.Seq)
		}
		switch kind {
		case authority.Init, authority.OfficerChange, authority.CRLImport, authority.Restore, authority.StoreAccept:
			special = append(special, e)
		}
		if e.Recorded.Time().Before(expired) {
			return nil
		}
		r.spent[authority.NonceOf(e.Act)] = true
		return nil
	})
	return special, err
}

// nonceSize is the length of a nonce in bytes.
const nonceSize = 16

// onlyOnce refuses an act that stands in the log twice: whoever can write the
// file could otherwise have officers' old signatures carried out again.
func onlyOnce(seen map[[nonceSize]byte]bool, e *audit.Event) error {
	text, err := hex.DecodeString(authority.NonceOf(e.Act))
	if err != nil || len(text) != nonceSize {
		return fmt.Errorf("%w: the act of event %d has no nonce", register.ErrUnproven, e.Seq)
	}
	nonce := [nonceSize]byte(text)
	if seen[nonce] {
		return fmt.Errorf("%w: the act of event %d was carried out twice", register.ErrUnproven, e.Seq)
	}
	seen[nonce] = true
	return nil
}

// replay takes one act that is about the officers or a CRL.
func (r *roster) replay(st *store.Store, e *audit.Event) error {
	a, err := readApplied(st, e)
	if err != nil {
		return err
	}
	switch a.Act.Kind {
	case authority.Init:
		if _, err := r.genesis.Authorise(authority.Roll{}, a.caseOn(authority.Target{})); err != nil {
			return err
		}
		r.logKey, r.epoch = a.Facts.Key, e.Epoch
		r.begin(a.Proof)
		return nil
	case authority.CRLImport:
		r.noteCRL(a.Facts, e.Seq)
		return nil
	}
	if _, err := r.genesis.Authorise(r.roll(), a.caseOn(authority.Target{})); err != nil {
		return err
	}
	if a.Act.Kind != authority.OfficerChange {
		return r.goOn(st, e, a)
	}
	next, staff, err := r.change(a.Content, a.Proof)
	if err != nil {
		return err
	}
	r.enter(next, staff, e.Seq)
	return nil
}

// goOn takes an act that put an older log in force. It is worth something only
// where it was signed for: behind that very log, and in an epoch above it.
func (r *roster) goOn(st *store.Store, e *audit.Event, a applied) error {
	named, err := readPutBack(a.Act.Kind, a.Content)
	if err != nil {
		return err
	}
	if named.Size != e.Seq || named.Epoch != e.Epoch || named.Epoch <= r.epoch {
		return fmt.Errorf("%w: it is for a log of %d events to go on in epoch %d, not for one of %d to go on from epoch %d in epoch %d",
			register.ErrUnproven, named.Size, named.Epoch, e.Seq, r.epoch, e.Epoch)
	}
	root, err := st.RootAt(named.Size)
	if err != nil {
		return err
	}
	if hex.EncodeToString(root[:]) != named.Root {
		return fmt.Errorf("%w: it is for a log with another root", register.ErrUnproven)
	}
	r.epoch, r.wentOn, r.wentAt = named.Epoch, e.Seq, e.Recorded.Time()
	return nil
}

// begin sets what the genesis act made.
func (r *roster) begin(proof register.Proof) {
	r.terms = []term{{0, r.genesis.Roll()}}
	r.staff = register.NewStaff(r.genesis, proof)
}

// change is the officers after an act of kind officer.change.
func (r *roster) change(content []byte, proof register.Proof) (authority.Roll, register.Staff, error) {
	var c authority.ChangeOfficers
	if err := authority.ParseContent(content, &c); err != nil {
		return authority.Roll{}, nil, err
	}
	next, err := r.roll().Change(c)
	if err != nil {
		return authority.Roll{}, nil, err
	}
	if err := next.Check(r.genesis.Crypto); err != nil {
		return authority.Roll{}, nil, fmt.Errorf("%w: %w", authority.ErrMalformed, err)
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return next, r.staff.Change(c, proof), nil
}

func (r *roster) enter(next authority.Roll, staff register.Staff, event uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.terms = append(r.terms, term{event, next})
	r.staff = staff
}

// noteCRL remembers a list that was imported, and for each entry that it touched
// that the act was on it too.
func (r *roster) noteCRL(f register.Facts, event uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.CRL != nil {
		r.crls = append(r.crls, imported{event, *f.CRL})
	}
	for _, touched := range f.Revoked {
		r.acts[touched.Entry] = append(r.acts[touched.Entry], event)
	}
}

// noteAct remembers that the act of an event was on the record of an entry, or
// decided an approval.
func (r *roster) noteAct(e *audit.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if decidesApproval(authority.Kind(e.Op)) {
		r.decisions[e.Approval] = append(r.decisions[e.Approval], e.Seq)
		return
	}
	r.acts[e.Entry] = append(r.acts[e.Entry], e.Seq)
}

// decisionsOn returns the events of the acts that decided an approval, oldest
// first.
func (r *roster) decisionsOn(approval string) []uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.decisions[approval])
}

// forget drops what is known of an approval that has ended.
func (r *roster) forget(approval string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.decisions, approval)
}

// roll is the officers now.
func (r *roster) roll() authority.Roll {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.terms) == 0 {
		return authority.Roll{}
	}
	return r.terms[len(r.terms)-1].roll
}

// staffNow is the officers' records now.
func (r *roster) staffNow() register.Staff {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.staff
}

// rollAt is the officers who judged the act of an event.
func (r *roster) rollAt(event uint64) authority.Roll {
	r.mu.RLock()
	defer r.mu.RUnlock()
	roll := authority.Roll{}
	for _, t := range r.terms {
		if t.from < event {
			roll = t.roll
		}
	}
	return roll
}

// actsOn returns the events of the acts on an entry, oldest first.
func (r *roster) actsOn(entry string) []uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.acts[entry])
}

// isSpent tells whether an act of that nonce was applied before this process
// began. The store has the nonces too, and whoever can write its file can take
// them out; he cannot take out the acts.
func (r *roster) isSpent(nonce string) bool { return r.spent[nonce] }

// entries returns the ids of all entries that acts were on.
func (r *roster) entries() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(r.acts))
}

// imports returns the lists that were imported up to an event, those of each
// series in the order of events.
func (r *roster) imports(until uint64) map[string][]imported {
	r.mu.RLock()
	defer r.mu.RUnlock()
	of := map[string][]imported{}
	for _, i := range r.crls {
		if i.event <= until {
			of[i.crl.Series] = append(of[i.crl.Series], i)
		}
	}
	return of
}

// importedBy tells whether the act of an event brought a list.
func (r *roster) importedBy(event uint64) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.ContainsFunc(r.crls, func(i imported) bool { return i.event == event })
}

// holdStaff compares the officers in the store with those that the acts made.
func (r *roster) holdStaff(st *store.Store) error {
	if !holdRecords {
		return nil
	}
	stored, err := st.Staff()
	if err != nil {
		return err
	}
	return r.staff.Held(stored)
}
