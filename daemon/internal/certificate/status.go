package certificate

import "time"

// A Status is what a decision needs to know of an entry's certificate. The
// zero value is valid at no time. Every field is a value that an event can
// record.
type Status struct {
	// NotBefore and NotAfter bound the time in which every certificate of the
	// chain is valid, both ends inside.
	NotBefore, NotAfter time.Time

	// CRL is the hash of the newest list that covers the signing certificate,
	// as SM3 of a CRL returns it; CRLNumber, ThisUpdate and NextUpdate are that
	// list's. Empty and zero if there is none.
	CRL, CRLNumber         string
	ThisUpdate, NextUpdate time.Time

	// Revoked: the certificate, or one above it, stands on a list, whatever
	// the date there. By is the entry.
	Revoked bool
	By      Entry
}

// StatusOf derives the status of an accepted chain from the lists that are
// held, at most one of each series, in any order. A list that was not verified
// counts for nothing.
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
		issuer, below := issuerIn(chain, i), s.Revoked
		for _, l := range lists {
			if !l.Covers(c, issuer) {
				continue
			}
			if i == 0 {
				s.rely(l)
			}
			if !below { // else what is nearer to the leaf has the word
				s.apply(c, l)
			}
		}
	}
	return s
}

// issuerIn returns who issued chain[i]. Of the anchor that is only itself, if
// anybody: what another CA says of it is for whoever trusts it to heed
// (RFC 5280 6.1.1 (d)).
func issuerIn(chain []Certificate, i int) Certificate {
	switch {
	case i+1 < len(chain):
		return chain[i+1]
	case chain[i].selfIssued():
		return chain[i]
	}
	return Certificate{}
}

// rely enters a list of the signing certificate if it is the newest.
func (s *Status) rely(l CRL) {
	if l.ThisUpdate().After(s.ThisUpdate) {
		s.CRL, s.CRLNumber, s.ThisUpdate, s.NextUpdate = l.SM3(), l.Number(), l.ThisUpdate(), l.NextUpdate()
	}
}

// apply enters what one list says of one certificate. Of several lists the
// earliest revocation counts, so that their order does not.
func (s *Status) apply(c Certificate, l CRL) {
	entry, revoked := l.Revoked(c.Serial())
	if revoked && (!s.Revoked || entry.At.Before(s.By.At)) {
		s.Revoked, s.By = true, entry
	}
}

// Valid tells whether the certificate may be signed under at that time. How
// old a list may be is a matter of policy.
func (s Status) Valid(at time.Time) bool {
	return !s.NotBefore.IsZero() && !s.Revoked && !at.Before(s.NotBefore) && !at.After(s.NotAfter)
}
