package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/certificate"
)

// formOf returns what a content of that kind is read into, nil for a kind
// that is not built.
func formOf(kind authority.Kind) any {
	switch kind {
	case authority.Init:
		return new(authority.Genesis)
	case authority.OfficerChange:
		return new(authority.ChangeOfficers)
	case authority.KeyCreate:
		return new(authority.CreateKey)
	case authority.KeyAdopt:
		return new(authority.AdoptKey)
	case authority.KeyDestroy:
		return new(authority.DestroyKey)
	case authority.EntryCancel:
		return new(authority.Cancel)
	case authority.CertRequest:
		return new(authority.RequestCert)
	case authority.CertImport:
		return new(authority.ImportCert)
	case authority.CRLImport:
		return new(authority.ImportCRL)
	case authority.PolicySet, authority.PolicyNarrow:
		return new(authority.SetPolicy)
	case authority.ApprovalGrant:
		return new(authority.GrantApproval)
	case authority.ApprovalDeny, authority.ApprovalRevoke:
		return new(authority.EndApproval)
	case authority.EntrySuspend:
		return new(authority.Suspend)
	case authority.EntryResume:
		return new(authority.Resume)
	case authority.Restore:
		return new(authority.RestoreStore)
	case authority.StoreAccept:
		return new(authority.AcceptStore)
	case authority.EntryActivate, authority.TokenClearPIN, authority.ClockAccept, authority.ModeClear, authority.SelfTest, authority.Backup:
		return new(authority.Nothing)
	}
	return nil
}

// A contentList lists a content, set off from what this program says.
type contentList struct {
	*program
	list screen.List
}

func (l *contentList) add(name text, value string, args ...any) {
	l.list.Add(strings.Repeat(" ", margin)+l.tr(name, args...), screen.Cell{Text: value})
}

func (p *program) listContent(form any) *screen.List {
	l := &contentList{program: p}
	switch c := form.(type) {
	case *authority.Genesis:
		l.genesis(*c)
	case *authority.ChangeOfficers:
		l.officers(c.Set)
		l.add(labelRemoved, strings.Join(c.Remove, ", "))
		l.thresholds(c.Thresholds)
	case *authority.CreateKey:
		l.add(headKeyType, c.Type)
		l.key(c.Token, "", c.Title, c.Owner)
	case *authority.AdoptKey:
		l.key(c.Token, c.ID, c.Title, c.Owner)
	case *authority.DestroyKey:
		l.add(labelWhy, c.Basis)
	case *authority.Cancel:
		l.add(labelWhy, c.Basis)
	case *authority.RequestCert:
		l.add(labelSubject, c.Subject)
	case *authority.ImportCert:
		l.answer(c.Answer)
	case *authority.ImportCRL:
		l.crl(c.CRL)
	case *authority.Suspend:
		l.add(labelWhy, c.Basis)
	case *authority.Resume:
		l.add(labelLifted, p.holdName(c.Hold))
	case *authority.GrantApproval:
		l.approval(c.Approval, c.Request)
		l.add(labelUses, l.orAsAsked(c.Count))
		l.add(headUntil, c.Until)
	case *authority.EndApproval:
		l.approval(c.Approval, c.Request)
		l.add(labelWhy, c.Basis)
	case *authority.RestoreStore:
		l.store(authority.AcceptStore(*c))
	case *authority.AcceptStore:
		l.store(*c)
	}
	return &l.list
}

func (l *contentList) genesis(g authority.Genesis) {
	l.add(labelName, g.Appliance)
	l.add(labelAuthority, string(g.Authority))
	l.add(labelCrypto, g.Crypto)
	l.add(labelDeployment, g.Deployment)
	l.officers(g.Officers)
	l.thresholds(g.Thresholds)
	if g.LogKey != nil {
		l.add(labelLogKey, l.tr(msgLogKey, g.LogKey.Type, g.LogKey.Label, g.LogKey.Token))
	}
	for _, t := range g.Tokens {
		l.add(labelTokenOf, l.tr(msgProduct, t.Product, orNone(l, t.Certificate), orNone(l, t.Serial)), t.Name)
	}
	for _, r := range g.Backup {
		l.add(labelRecipient, recipientWords(r))
	}
}

func orNone(l *contentList, s string) string {
	if s == "" {
		return l.tr(msgNone)
	}
	return s
}

// recipientWords names who can open backups, if he is one who can.
func recipientWords(text string) string {
	r, err := backup.ParseRecipient(text)
	if err != nil {
		return err.Error()
	}
	return r.String()
}

func (l *contentList) officers(all []authority.Officer) {
	for _, o := range all {
		l.add(labelOfficer, l.tr(msgOfficer, l.word(o.Role.String()).Text, o.Name), o.ID)
		if o.UID != nil {
			l.add(labelReadsAs, strconv.FormatUint(uint64(*o.UID), 10))
		}
		for _, k := range o.Keys {
			l.add(labelOfficerKey, k.Describe())
		}
		l.add(labelKeeps, strings.Join(o.Entries, ", "))
		l.add(labelKeepsOwner, o.Owner)
	}
}

func (l *contentList) thresholds(t *authority.Thresholds) {
	if t != nil {
		l.add(labelThresholds, l.tr(msgThresholds, t.Administrator, t.Security, t.Many, t.Auditor))
	}
}

func (l *contentList) key(token, id, title, owner string) {
	l.add(headToken, token)
	l.add(labelKeyID, id)
	l.add(headTitle, title)
	l.add(labelOwner, owner)
}

func (l *contentList) approval(id, request string) {
	l.add(labelApproval, id)
	l.add(labelRequest, request)
}

func (l *contentList) orAsAsked(count uint32) string {
	if count == 0 {
		return l.tr(msgAsAsked)
	}
	return strconv.FormatUint(uint64(count), 10)
}

func (l *contentList) store(c authority.AcceptStore) {
	l.add(labelLog, l.tr(msgLogAt, c.Size, c.Root))
	l.add(labelEpoch, strconv.FormatUint(c.Epoch, 10))
	l.add(labelWhy, c.Basis)
}

// answer shows what a CA answered by what is in it: nobody reads base64.
func (l *contentList) answer(encoded string) {
	data, ok := l.decoded(encoded)
	if !ok {
		return
	}
	answer, err := certificate.Read(data)
	if err != nil {
		l.add(labelUnread, err.Error())
		return
	}
	for _, c := range answer.Certificates {
		l.add(labelCertificate, l.tr(msgCertificate, c.Subject(), c.Issuer(), c.Serial(), c.NotBefore().Format(time.DateOnly), c.NotAfter().Format(time.DateOnly), c.SM3()))
	}
	for _, a := range answer.Attachments {
		l.add(labelAttachment, fmt.Sprintf("%s, %d B", a.Kind, len(a.Data)))
	}
}

// decoded shows what cannot be decoded as it is.
func (l *contentList) decoded(encoded string) (data []byte, ok bool) {
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		l.add(labelUnread, encoded)
		return nil, false
	}
	l.add(labelFileSM3, authority.ContentHash(data))
	return data, true
}

func (l *contentList) crl(encoded string) {
	data, ok := l.decoded(encoded)
	if !ok {
		return
	}
	list, err := certificate.ReadCRL(data)
	if err != nil {
		l.add(labelUnread, err.Error())
		return
	}
	l.add(labelIssuer, list.Issuer())
	l.add(labelCRLNumber, list.Number())
	l.add(labelThisUpdate, clock(list.ThisUpdate()))
	l.add(labelNextUpdate, clock(list.NextUpdate()))
	l.add(labelRevokedCount, strconv.Itoa(list.Len()))
}

func (p *program) holdName(hold uint32) string {
	if hold == 0 {
		return p.tr(msgHoldOnly)
	}
	return strconv.FormatUint(uint64(hold), 10)
}
