package register

import (
	"fmt"
	"slices"
	"time"
)

// A Certificate is one of an entry's key, as it was accepted. Renewal adds
// another; old ones stay, since what they signed must stay verifiable
// (GB/T 38629 5.4.3).
type Certificate struct {
	Hash        string   `json:"hash"`                  // hex of SM3 over its DER, a content
	Chain       []string `json:"chain,omitempty"`       // of its issuers, root last
	Attachments []string `json:"attachments,omitempty"` // what else the CA answered: an encryption certificate, its wrapped key
	Subject     string   `json:"subject"`
	Issuer      string   `json:"issuer"`
	Serial      string   `json:"serial"`     // hex, without leading zeros
	NotBefore   string   `json:"not_before"` // RFC 3339 in UTC
	NotAfter    string   `json:"not_after"`
	CA          string   `json:"ca"` // kind of the trust anchor: egov, licensed, internal
	Licence     string   `json:"licence,omitempty"`
	Anchor      string   `json:"anchor"`            // hex of SM3 over the anchor's certificate
	Revoked     string   `json:"revoked,omitempty"` // since when, by the CA's newest list
	Imported    string   `json:"imported"`
}

// Certificate returns the one in use.
func (e Entry) Certificate() (Certificate, bool) {
	if len(e.Certificates) == 0 {
		return Certificate{}, false
	}
	return e.Certificates[len(e.Certificates)-1], true
}

// AddCertificate puts c in use.
func (e Entry) AddCertificate(c Certificate, at time.Time) (Entry, error) {
	if !e.Stage.open() {
		return Entry{}, fmt.Errorf("%w: %s is %s and takes no certificate", ErrTransition, e.ID, e.Status())
	}
	if slices.ContainsFunc(e.Certificates, func(old Certificate) bool { return old.Hash == c.Hash }) {
		return Entry{}, fmt.Errorf("%w: %s has this certificate already (serial %s)", ErrTransition, e.ID, c.Serial)
	}
	e = e.next()
	c.Imported = at.UTC().Format(time.RFC3339)
	e.Certificates = append(e.Certificates, c)
	return e, nil
}

// A Revocation is what a list says of the certificate that an entry uses.
type Revocation struct {
	Entry string `json:"entry"`
	Since string `json:"since,omitempty"` // empty: it is no longer on the list
	Basis string `json:"basis,omitempty"`
}

// Revoke marks the certificate in use and holds the entry, or takes the mark
// back; the hold then waits for an officer.
func (e Entry) Revoke(r Revocation, at time.Time) (Entry, error) {
	if len(e.Certificates) == 0 {
		return Entry{}, fmt.Errorf("%w: %s has no certificate", ErrTransition, e.ID)
	}
	held := slices.ContainsFunc(e.Holds, func(h Hold) bool { return h.Authority == HoldCA })
	var err error
	if r.Since != "" && !held && e.Stage.open() {
		if e, err = e.Suspend(HoldCA, r.Basis, at); err != nil {
			return Entry{}, err
		}
	} else {
		e = e.next()
	}
	e.Certificates[len(e.Certificates)-1].Revoked = r.Since
	return e, nil
}

// A CRL is the newest list of one issuer that was imported.
type CRL struct {
	Issuer     string `json:"issuer"` // subject of the issuer, for people
	Series     string `json:"series"` // of which only the newest list counts: issuer, key and scope
	Hash       string `json:"hash"`   // of the list's DER, a content
	Number     string `json:"number"` // decimal
	ThisUpdate string `json:"this_update"`
	NextUpdate string `json:"next_update,omitempty"`
	CA         string `json:"ca,omitempty"` // hash of the certificate that it was verified with, a content
}
