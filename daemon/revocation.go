package daemon

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/register"
	"signet/systemd"
)

// crlImport takes a list of revoked certificates and runs every certificate in
// use through it. It needs no signature of an officer: it is signed by its CA,
// and can only stop, or take back a mark; what is held stays so until officers
// lift it.
func crlImport(a *appliance, sub submission) (*procedure, error) {
	var c authority.ImportCRL
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(c.CRL)
	if err != nil {
		return nil, fmt.Errorf("%w: crl: want standard base64", authority.ErrMalformed)
	}
	crl, err := certificate.ReadCRL(data)
	if err != nil {
		return nil, err
	}
	// Its signature is judged before the lock: hashing megabytes takes long, and
	// a suspension must not wait for it. CAs are never taken away.
	if crl, err = crl.VerifyAmong(a.knownCAs()); err != nil {
		return nil, err
	}
	p := &procedure{blobs: [][]byte{crl.DER(), crl.CA().DER()}}
	var next []certificate.CRL
	p.check = func() error {
		if next, err = a.judgeList(crl); err != nil {
			return err
		}
		a.runThrough(p, crl, next)
		return nil
	}
	p.after = func() {
		a.lists.set(next)
		a.sayRevoked(p.facts.Revoked)
	}
	return p, nil
}

// judgeList returns the lists as they are with the new one.
func (a *appliance) judgeList(crl certificate.CRL) ([]certificate.CRL, error) {
	if err := crl.CheckTime(a.now()); err != nil {
		return nil, err
	}
	return a.lists.with(crl)
}

// knownCAs are the anchors and all issuers of certificates that were accepted.
func (a *appliance) knownCAs() []certificate.Certificate {
	var cas []certificate.Certificate
	for _, anchor := range a.trust.Anchors() {
		cas = append(cas, anchor.Certificate)
	}
	seen := map[string]bool{}
	for _, acct := range a.book.all() {
		chain, err := a.chainOf(acct)
		if err != nil || len(chain) > 0 && a.prove(acct) != nil {
			continue // what somebody put there vouches for nothing
		}
		for _, c := range chain[min(1, len(chain)):] {
			if hash := c.SM3(); !seen[hash] {
				seen[hash], cas = true, append(cas, c)
			}
		}
	}
	return cas
}

// runThrough finds the entries whose certificate a list says something new of.
func (a *appliance) runThrough(p *procedure, crl certificate.CRL, held []certificate.CRL) {
	record := listRecord(crl)
	p.facts.CRL = &record
	for _, acct := range a.book.all() {
		if r, says := a.newRevocation(acct, held); says {
			p.facts.Revoked = append(p.facts.Revoked, r)
			p.beside = append(p.beside, a.statusEvent(acct, r, crl))
		}
	}
}

// newRevocation is what the lists say of an entry that its record does not. An
// entry is left alone that signs nothing because its record is not proven or
// its certificate cannot be read: it must not keep the list from stopping the
// others.
func (a *appliance) newRevocation(acct *account, held []certificate.CRL) (register.Revocation, bool) {
	chain, err := a.chainOf(acct)
	if err != nil {
		return register.Revocation{}, false
	}
	r, says := revocation(acct.entry, certificate.StatusOf(chain, held...))
	return r, says && a.prove(acct) == nil
}

// revocation is what a status says of an entry that its record does not say. An
// entry whose life has ended is left alone.
func revocation(e register.Entry, s certificate.Status) (register.Revocation, bool) {
	c, ok := e.Certificate()
	if !ok || e.End != nil || s.Revoked == (c.Revoked != "") {
		return register.Revocation{}, false
	}
	r := register.Revocation{Entry: e.ID}
	if s.Revoked {
		r.Since = s.By.At.UTC().Format(time.RFC3339)
		r.Basis = fmt.Sprintf("certificate %s revoked on %s (%v)", s.By.Serial, r.Since, s.By.Reason)
	}
	return r, true
}

// holdMark holds what an act that brought a list did to an entry to what the
// lists said then. Such acts are not signed: whoever writes the file can append
// one, and nothing but the CA's own word may take back a mark.
func (a *appliance) holdMark(before register.Entry, event uint64, f register.Facts) error {
	i := slices.IndexFunc(f.Revoked, func(r register.Revocation) bool { return r.Entry == before.ID })
	if i < 0 {
		return fmt.Errorf("it is not about %q", before.ID)
	}
	held, err := a.lists.at(event)
	if err != nil {
		return err
	}
	c, ok := before.Certificate()
	if !ok {
		return errors.New("there was no certificate then")
	}
	chain, err := readChain(a.store, append([]string{c.Hash}, c.Chain...))
	if err != nil {
		return err
	}
	r, says := revocation(before, certificate.StatusOf(chain, held...))
	if !says || r.Since != f.Revoked[i].Since {
		return fmt.Errorf("the lists held then do not say of certificate %s what the act made of it: revoked since %q", c.Serial, f.Revoked[i].Since)
	}
	return nil
}

// statusEvent says of one entry what the act that brought the list did to it.
func (a *appliance) statusEvent(acct *account, r register.Revocation, crl certificate.CRL) *audit.Event {
	at := audit.At(a.now())
	e := &audit.Event{
		Kind: audit.KindStatus, Decided: &at, Entry: acct.entry.ID, Rev: acct.entry.Rev + 1, Signer: acct.signer, CRL: crl.SM3(),
		Op: "hold", Rule: "entry.certificate", Result: audit.Allowed,
	}
	if r.Since == "" {
		e.Op = "unmark"
	}
	return e
}

func (a *appliance) sayRevoked(revoked []register.Revocation) {
	for _, r := range revoked {
		if r.Since != "" {
			a.journal.Send(systemd.CertRevoked, "the certificate of an entry was revoked; the entry is held", systemd.Entry(r.Entry),
				systemd.Cause(errors.New(r.Basis)))
		}
	}
}
