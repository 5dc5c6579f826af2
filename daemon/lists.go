package daemon

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"sync"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/systemd"
)

// lists are the newest lists of revoked certificates in memory, one of each
// series. The roster says which were imported; what a list says, and that its
// CA said it, is read from the list itself.
type lists struct {
	store  *store.Store
	roster *roster
	faults []listFault // found at start

	mu   sync.RWMutex
	held []certificate.CRL

	proving sync.Mutex // guards past
	past    []pastLists
}

// A listFault is an imported list that counts for nothing, and why.
type listFault struct {
	event uint64 // of the import
	err   error
}

// pastLists are the lists that were held once the act of an event was recorded.
type pastLists struct {
	event uint64
	held  []certificate.CRL
}

// maxPast is how many of them are kept for the proofs of other entries: a CA
// that was revoked takes thousands with it by one act.
const maxPast = 4

// openLists holds each list to its CA and to its act. One that does not prove
// itself is not held, and the one before it stays.
func openLists(s *store.Store, r *roster) (*lists, error) {
	l := &lists{store: s, roster: r}
	var err error
	l.held, l.faults, err = l.after(math.MaxUint64)
	return l, err
}

func (l *lists) all() []certificate.CRL {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.held
}

// with is the lists with crl in the place of an older one of its series.
func (l *lists) with(crl certificate.CRL) ([]certificate.CRL, error) {
	next := slices.Clone(l.all())
	for i, old := range next {
		if old.Series() != crl.Series() {
			continue
		}
		if err := crl.Newer(old); err != nil {
			return nil, err
		}
		if crl.SM3() == old.SM3() {
			return nil, fmt.Errorf("%w: this list, number %s, is held already", errConflict, crl.Number())
		}
		next[i] = crl
		return next, nil
	}
	return append(next, crl), nil
}

func (l *lists) set(held []certificate.CRL) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
}

// at returns the lists that were held once the act of an event was recorded. It
// is an error if the event brought none that counts.
func (l *lists) at(event uint64) ([]certificate.CRL, error) {
	l.proving.Lock()
	defer l.proving.Unlock()
	if i := slices.IndexFunc(l.past, func(p pastLists) bool { return p.event == event }); i >= 0 {
		return l.past[i].held, nil
	}
	held, faults, err := l.after(event)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(faults, func(f listFault) bool { return f.event == event }); i >= 0 {
		return nil, faults[i].err
	}
	if !l.roster.importedBy(event) {
		return nil, errors.New("it brought no list")
	}
	l.past = append(l.past[max(0, len(l.past)+1-maxPast):], pastLists{event, held})
	return held, nil
}

// after returns what is held of all that was imported up to an event, and what
// of it counts for nothing.
func (l *lists) after(event uint64) (held []certificate.CRL, faults []listFault, err error) {
	imports := l.roster.imports(event)
	for _, series := range slices.Sorted(maps.Keys(imports)) {
		newest, bad, err := l.newest(imports[series])
		if err != nil {
			return nil, nil, err
		}
		if !newest.IsZero() {
			held = append(held, newest)
		}
		faults = append(faults, bad...)
	}
	return held, faults, nil
}

// newest reads the newest list of a series, and only that, unless it is not
// what its act says: years of lists lie behind it. An act that somebody wrote
// into the file can claim any number; then the one before it is the newest.
func (l *lists) newest(series []imported) (crl certificate.CRL, faults []listFault, err error) {
	for len(series) > 0 {
		top, back := climb(series)
		crl, err := l.read(series[top].crl)
		switch {
		case err == nil:
			return crl, append(faults, back...), nil
		case isStoreError(err) || errors.Is(err, store.ErrDamaged):
			return certificate.CRL{}, nil, err
		}
		faults = append(faults, listFault{series[top].event, err})
		series = slices.Delete(slices.Clone(series), top, top+1)
	}
	return certificate.CRL{}, faults, nil
}

// climb returns which list of a series is the newest, and those that went back
// behind one before them: no import takes such a list.
func climb(series []imported) (top int, back []listFault) {
	for i := 1; i < len(series); i++ {
		if isNewer(series[i].crl, series[top].crl) {
			top = i
			continue
		}
		back = append(back, listFault{series[i].event, fmt.Errorf("%w: %w: number %s of %s, held was %s of %s", certificate.ErrCRL, certificate.ErrOlderCRL,
			series[i].crl.Number, series[i].crl.ThisUpdate, series[top].crl.Number, series[top].crl.ThisUpdate)})
	}
	return top, back
}

// isNewer is certificate.CRL.Newer by what the acts say of two lists.
func isNewer(r, old register.CRL) bool {
	number, ok := new(big.Int).SetString(r.Number, 10)
	before, alsoOK := new(big.Int).SetString(old.Number, 10)
	return ok && alsoOK && number.Cmp(before) > 0 && !recordedTime(r.ThisUpdate).Before(recordedTime(old.ThisUpdate))
}

// read returns the list that an act imported, verified with the certificate
// that it was verified with then. That need not be proven itself: a list counts
// only for what its CA's very key has issued.
func (l *lists) read(r register.CRL) (certificate.CRL, error) {
	if crl, ok := l.known(r); ok {
		return crl, nil
	}
	der, err := l.store.Blob(r.Hash)
	if err != nil {
		return certificate.CRL{}, err
	}
	if authority.ContentHash(der) != r.Hash {
		return certificate.CRL{}, fmt.Errorf("%w: the list %s of %s: its hash is not the one that the act names", store.ErrDamaged, r.Number, r.Issuer)
	}
	crl, err := certificate.ReadCRL(der)
	if err != nil {
		return certificate.CRL{}, err
	}
	by, err := readChain(l.store, []string{r.CA})
	if err != nil {
		return certificate.CRL{}, err
	}
	if crl, err = crl.Verify(by[0]); err != nil {
		return certificate.CRL{}, err
	}
	if !isAs(crl, r) {
		is := listRecord(crl)
		return certificate.CRL{}, fmt.Errorf("%w: the act says number %s of %s in series %.16s…, the list says %s of %s in series %.16s…", certificate.ErrCRL,
			r.Number, r.ThisUpdate, r.Series, is.Number, is.ThisUpdate, is.Series)
	}
	return crl, nil
}

// known finds a list among those in memory: each was verified once.
func (l *lists) known(r register.CRL) (certificate.CRL, bool) {
	all := l.all()
	for _, p := range l.past {
		all = slices.Concat(all, p.held)
	}
	for _, crl := range all {
		if crl.SM3() == r.Hash && isAs(crl, r) {
			return crl, true
		}
	}
	return certificate.CRL{}, false
}

// listRecord is what an act's facts say of a verified list.
func listRecord(crl certificate.CRL) register.CRL {
	return register.CRL{
		Issuer: crl.Issuer(), Series: crl.Series(), Hash: crl.SM3(), Number: crl.Number(), CA: crl.CA().SM3(),
		ThisUpdate: crl.ThisUpdate().UTC().Format(time.RFC3339), NextUpdate: crl.NextUpdate().UTC().Format(time.RFC3339),
	}
}

// isAs tells whether a verified list is what an act says of it. The issuer's
// name is in the series; the text of it is for people.
func isAs(crl certificate.CRL, r register.CRL) bool {
	is := listRecord(crl)
	is.Issuer = r.Issuer
	return is == r
}

// alarmLists says which lists are not held though an act imported them.
func (a *appliance) alarmLists() {
	for _, f := range a.lists.faults {
		a.troubles.unheld(f.event, f.err)
		a.journal.Send(systemd.RecordUnproven, fmt.Sprintf("the list of revoked certificates of event %d does not prove itself; it is not held", f.event),
			systemd.Entry(orNone("")), systemd.Cause(f.err), systemd.Mend(unprovenMend))
	}
}
