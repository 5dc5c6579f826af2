package main

import (
	"context"
	"strings"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// askEntries lists the entries of one class.
func (p *program) askEntries(ctx context.Context, class string) (admin.Entries, error) {
	all, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Entries, error) { return c.Entries(ctx) })
	if err != nil {
		return admin.Entries{}, err
	}
	of := admin.Entries{Entries: []admin.Entry{}}
	for _, e := range all.Entries {
		if e.Class == class {
			of.Entries = append(of.Entries, e)
		}
	}
	return of, nil
}

func (p *program) listEntries(ctx context.Context, class string, none text) error {
	answer, err := p.askEntries(ctx, class)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(answer)
	}
	if len(answer.Entries) == 0 {
		return p.say(none)
	}
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headEntry)}, {Heading: p.tr(headStatus), Whole: true}, {Heading: p.tr(headKeyType), Whole: true},
		{Heading: p.tr(headToken)}, {Heading: p.tr(headPolicy), Whole: true}, {Heading: p.tr(headTitle)},
	}}
	for _, e := range answer.Entries {
		t.Row(screen.Cell{Text: e.ID}, p.word(e.Status), screen.Cell{Text: e.KeyType}, screen.Cell{Text: e.Token},
			p.policyRevision(e.PolicyRev), screen.Cell{Text: e.Title})
	}
	return t.Write(p.out, p.outPaint)
}

func (p *program) policyRevision(rev uint32) screen.Cell {
	if rev == 0 {
		return screen.Cell{Text: p.tr(msgNone), Tone: screen.Warn}
	}
	return screen.Cell{Text: p.tr(msgRevision, rev)}
}

// listEntry adds all that is known of an entry but its public key.
func (p *program) listEntry(list *screen.List, e admin.Entry) {
	list.Add(p.tr(headEntry), screen.Cell{Text: e.ID})
	list.Add(p.tr(headTitle), screen.Cell{Text: e.Title})
	list.Add(p.tr(labelOwner), screen.Cell{Text: e.Owner})
	list.Add(p.tr(labelCustodians), screen.Cell{Text: strings.Join(e.Custodians, ", ")})
	list.Add(p.tr(labelClass), p.word(e.Class))
	list.Add(p.tr(headStatus), p.word(e.Status))
	list.Add(p.tr(labelEnded), screen.Cell{Text: e.Ended})
	list.Add(p.tr(labelProof), p.proof(e))
	for _, h := range e.Holds {
		list.Add(p.tr(labelHold, h.ID), screen.Cell{Text: p.tr(msgHold, h.Basis, h.Authority, h.From, h.LiftBy), Tone: screen.Warn})
	}
	list.Add(p.tr(headPolicy), p.policyRevision(e.PolicyRev))
	list.Add(p.tr(headKeyType), screen.Cell{Text: e.KeyType})
	list.Add(p.tr(labelAlgorithms), screen.Cell{Text: strings.Join(e.Algorithms, ", ")})
	list.Add(p.tr(headToken), screen.Cell{Text: e.Token})
	list.Add(p.tr(labelKeyID), screen.Cell{Text: e.KeyID})
	list.Add(p.tr(labelDestroyed), screen.Cell{Text: e.Destroyed, Tone: screen.Bad})
	for _, c := range e.Certificates {
		list.Add(p.tr(labelCertificate), p.certificateCell(c))
	}
	list.Add(p.tr(labelOrigin), p.word(e.Origin))
	list.Add(p.tr(labelCreated), screen.Cell{Text: e.Created})
	list.Add(p.tr(labelRevision), screen.Cell{Text: p.tr(msgRevisionBy, e.Rev, e.LastAct)})
	list.Add(p.tr(labelTranscript), screen.Cell{Text: e.Transcript})
}

// proof is whether the record proves itself by the acts that made it.
func (p *program) proof(e admin.Entry) screen.Cell {
	cell := p.word(proofWords[e.Proof])
	if e.Unproven != "" {
		cell.Text += ": " + e.Unproven
	}
	return cell
}

// proofWords are keys of words: pending means something else of an entry.
var proofWords = map[string]string{"proven": "proven", "unproven": "unproven", "pending": "not proven yet"}

func (p *program) certificateCell(c admin.Certificate) screen.Cell {
	cell := screen.Cell{Text: p.tr(msgCertificateBrief, c.Subject, c.Serial, c.NotAfter)}
	if c.Revoked != "" {
		cell.Text, cell.Tone = cell.Text+", "+p.tr(msgRevokedSince, c.Revoked), screen.Bad
	}
	return cell
}

// writeEntry shows one entry without what comes next.
func (p *program) writeEntry(e admin.Entry) error {
	var list screen.List
	p.listEntry(&list, e)
	return list.Write(p.out, p.outPaint)
}

// showEntry shows one entry, with what is still missing before it can be
// used.
func (p *program) showEntry(e admin.Entry) error {
	if err := p.writeEntry(e); err != nil {
		return err
	}
	if pub, err := algo.ParsePublicKeyPEM([]byte(e.PublicKey)); err == nil {
		if _, err := p.out.Write(pub.PEM()); err != nil {
			return err
		}
	}
	switch {
	case e.PolicyRev == 0:
		return p.next(hintPolicySet, e.ID)
	case e.Status == "pending":
		return p.next(hintActivate, e.ID)
	case e.Status == "suspended":
		return p.next(hintResume, e.ID)
	}
	return nil
}
