package certificate

import "time"

// A Status is what a decision needs to know of an entry's certificate. The
// zero value is valid at no time. Every field is a value that an event can
// record.
type Status struct {
	// NotBefore and NotAfter bound the time in which every certificate of the
	// chain is valid, both ends inside.
	NotBefore, NotAfter time.Time

	// CRLNumber, ThisUpdate and NextUpdate are of the list that covers the
	// signing certificate; empty and zero if there is none.
	CRLNumber              string
	ThisUpdate, NextUpdate time.Time

	// Revoked: the certificate, or one above it, stands on a list, whatever
	// the date there. By is the entry.
	Revoked bool
	By      Entry
}

// StatusOf derives the status of an accepted chain from the lists that are
// held, at most one of each series. Their signatures must have been checked.
func StatusOf(chain []Certificate, lists ...CRL) Status {
	var s Status
	for i, c := range chain {
		if i == 0 || c.NotBefore().After(s.NotBefore) {
			s.NotBefore = c.NotBefore()
		}
		if i == 0 || c.NotAfter().Before(s.NotAfter) {
			s.NotAfter = c.NotAfter()
		}
	}
	for i, c := range chain {
		for _, l := range lists {
			if l.Covers(c) {
				s.apply(c, l, i == 0)
			}
		}
	}
	return s
}

// apply enters what one list says of one certificate. The first entry stays:
// it is the nearest to the leaf.
func (s *Status) apply(c Certificate, l CRL, leaf bool) {
	if leaf && l.ThisUpdate().After(s.ThisUpdate) {
		s.CRLNumber, s.ThisUpdate, s.NextUpdate = l.Number(), l.ThisUpdate(), l.NextUpdate()
	}
	if entry, revoked := l.Revoked(c.Serial()); revoked && !s.Revoked {
		s.Revoked, s.By = true, entry
	}
}

// Valid tells whether the certificate may be signed under at that time. How
// old a list may be is a matter of policy.
func (s Status) Valid(at time.Time) bool {
	return !s.NotBefore.IsZero() && !s.Revoked && !at.Before(s.NotBefore) && !at.After(s.NotAfter)
}
