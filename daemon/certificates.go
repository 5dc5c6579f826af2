package daemon

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// validity is the span of the entry: of class key that of its certificate, and
// without one it has no end.
func validity(e register.Entry) policy.Validity {
	c, ok := e.Certificate()
	if !ok {
		return policy.Validity{Unbounded: e.Class == register.ClassKey}
	}
	return policy.Validity{From: recordedTime(c.NotBefore), Until: recordedTime(c.NotAfter)}
}

// recordedTime reads a time of a record; the zero time, which refuses, is what
// no record should hold.
func recordedTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// A chain is the certificates of an account, read from the store when they are
// first needed.
type chain struct {
	once sync.Once
	all  []certificate.Certificate // leaf first
	err  error
}

// chainOf returns the certificate in use and its issuers; none of an entry
// that has no certificate.
func (a *appliance) chainOf(acct *account) ([]certificate.Certificate, error) {
	c, ok := acct.entry.Certificate()
	if !ok {
		return nil, nil
	}
	acct.chain.once.Do(func() {
		acct.chain.all, acct.chain.err = readChain(a.store, append([]string{c.Hash}, c.Chain...))
		if acct.chain.err == nil {
			a.issuers.share(acct.chain.all[1:], c.Chain)
		}
	})
	return acct.chain.all, acct.chain.err
}

// issuers keeps each CA's certificate once: ten thousand copies of it would be
// a hundred megabytes.
type issuers struct {
	mu    sync.Mutex
	known map[string]certificate.Certificate // by hash
}

// share puts what is known in the place of certificates with these hashes.
func (i *issuers) share(chain []certificate.Certificate, hashes []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, hash := range hashes {
		if c, ok := i.known[hash]; ok {
			chain[n] = c
		} else {
			i.known[hash] = chain[n]
		}
	}
}

func readChain(s *store.Store, hashes []string) ([]certificate.Certificate, error) {
	var all []certificate.Certificate
	for _, hash := range hashes {
		der, err := s.Blob(hash)
		if err != nil {
			return nil, err
		}
		c, err := certificate.Parse(der)
		if err == nil && c.SM3() != hash {
			err = errors.New("another one lies in its place")
		}
		if err != nil {
			return nil, fmt.Errorf("reading certificate %s: %w", hash, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// certificateOf is what the CA says of the certificate in use, and the hash of
// the list that says so; nil and empty where there is none. A certificate that
// cannot be read counts as revoked.
func (a *appliance) certificateOf(acct *account) (*policy.Certificate, string) {
	c, ok := acct.entry.Certificate()
	if !ok {
		return nil, ""
	}
	chain, err := a.chainOf(acct)
	if err != nil {
		return &policy.Certificate{Revoked: true}, ""
	}
	// The lists are asked again: a mark could be missing where an entry was not
	// proven when its list came.
	s := certificate.StatusOf(chain, a.lists.all()...)
	return &policy.Certificate{Revoked: c.Revoked != "" || s.Revoked, ListMade: s.ThisUpdate}, s.CRL
}

// certRequest has the entry's key sign a certificate request.
func certRequest(a *appliance, sub submission) (*procedure, error) {
	var c authority.RequestCert
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	subject, err := certificate.ParseSubject(c.Subject)
	if err != nil {
		return nil, fmt.Errorf("%w: subject: %w", authority.ErrMalformed, err)
	}
	acct := a.book.find(sub.act.Target)
	if acct == nil || acct.entry.Key == nil {
		return new(procedure), nil // the register says what is wrong
	}
	if err := a.prove(acct); err != nil {
		return nil, err
	}
	// Asked now too: the key of an entry whose life has ended signs nothing.
	if _, err := register.Apply(acct.entry, register.Applied{Act: sub.act, Content: sub.content}); err != nil {
		return nil, err
	}
	p := new(procedure)
	p.prepare = func(ctx context.Context) error {
		if err := a.checkHeld(acct.key.Token, "signing the request"); err != nil {
			return err
		}
		der, err := certificate.Request(acct.key.Public, subject, func(alg algo.Algorithm, tbs []byte) ([]byte, error) {
			signature, err := a.tokens.sign(ctx, sub.who.UID, acct.key, alg, tbs)
			if wasSent(err) {
				p.signs++
			}
			return signature, err
		})
		if err != nil {
			return err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
		p.facts.Request, p.blobs = authority.ContentHash(text), [][]byte{text}
		return nil
	}
	return p, nil
}

// certImport accepts what a CA answered. It is judged under the lock of acts:
// the lists that are held must be those of the moment.
func certImport(a *appliance, sub submission) (*procedure, error) {
	var c authority.ImportCert
	if err := authority.ParseContent(sub.content, &c); err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(c.Answer)
	if err != nil {
		return nil, fmt.Errorf("%w: answer: want standard base64", authority.ErrMalformed)
	}
	answer, err := certificate.Read(data)
	if err != nil {
		return nil, err
	}
	p := new(procedure)
	p.check = func() error {
		acct := a.book.find(sub.act.Target)
		if acct == nil || acct.entry.Key == nil {
			return nil // the register says what is wrong
		}
		accepted, err := certificate.Check(answer, acct.key.Public, a.trust, a.now())
		if err != nil {
			return err
		}
		if s := certificate.StatusOf(accepted.Chain, a.lists.all()...); s.Revoked {
			return fmt.Errorf("%w: it stands on the CA's list of revoked certificates since %s (%v)", certificate.ErrInvalid, s.By.At.UTC().Format(time.RFC3339), s.By.Reason)
		}
		p.facts.Certificate, p.blobs = certificateRecord(accepted)
		return nil
	}
	return p, nil
}

// certificateRecord is the register's form of an accepted certificate, with
// the contents that it names.
func certificateRecord(a certificate.Accepted) (*register.Certificate, [][]byte) {
	leaf := a.Leaf()
	out := &register.Certificate{
		Hash: leaf.SM3(), Subject: leaf.Subject(), Issuer: leaf.Issuer(), Serial: leaf.Serial(),
		NotBefore: leaf.NotBefore().UTC().Format(time.RFC3339), NotAfter: leaf.NotAfter().UTC().Format(time.RFC3339),
		CA: string(a.Anchor.Kind), Licence: a.Anchor.Licence, Anchor: a.Anchor.Certificate.SM3(),
	}
	blobs := [][]byte{leaf.DER()}
	for _, c := range a.Chain[1:] {
		out.Chain, blobs = append(out.Chain, c.SM3()), append(blobs, c.DER())
	}
	for _, extra := range a.Attachments {
		out.Attachments, blobs = append(out.Attachments, authority.ContentHash(extra.Data)), append(blobs, extra.Data)
	}
	return out, blobs
}

// describeCertificates is the certificates as people get them. What cannot be
// read from the store is left out: its hash stays.
func (a *appliance) describeCertificates(e register.Entry) []admin.Certificate {
	out := []admin.Certificate{}
	for _, c := range e.Certificates {
		d := admin.Certificate{
			Hash: c.Hash, Subject: c.Subject, Issuer: c.Issuer, Serial: c.Serial, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			CA: c.CA, Licence: c.Licence, Revoked: c.Revoked, Imported: c.Imported, PEM: a.certificatePEM(c.Hash),
			Chain: []string{}, Attachments: []string{},
		}
		for _, hash := range c.Chain {
			d.Chain = append(d.Chain, a.certificatePEM(hash))
		}
		for _, hash := range c.Attachments {
			if data, err := a.store.Blob(hash); err == nil {
				d.Attachments = append(d.Attachments, base64.StdEncoding.EncodeToString(data))
			}
		}
		out = append(out, d)
	}
	return out
}

func (a *appliance) certificatePEM(hash string) string {
	der, err := a.store.Blob(hash)
	if err != nil || len(der) == 0 {
		return ""
	}
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func (s *Server) getCRLs(visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	out := admin.CRLs{CRLs: []admin.CRL{}}
	held := slices.SortedFunc(slices.Values(a.lists.all()), func(x, y certificate.CRL) int { return compareText(x.Series(), y.Series()) })
	for _, crl := range held {
		l := listRecord(crl)
		out.CRLs = append(out.CRLs, admin.CRL{Issuer: l.Issuer, Number: l.Number, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate, Hash: l.Hash})
	}
	return out, nil
}
