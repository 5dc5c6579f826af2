package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol/admin"
)

// tryMechanisms has a token show what it does. The question is asked on
// admin.sock only: it has the module sign.
func (p *program) tryMechanisms(ctx context.Context, token string) error {
	found, err := p.askTrial(ctx, token)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(found)
	}
	if err := p.trialTable(found); err != nil {
		return err
	}
	for _, note := range []struct {
		heading text
		lines   []string
	}{{headWhyNot, p.whyNot(found)}, {headOtherwise, p.otherwise(found)}} {
		if err := p.trialNotes(note.heading, note.lines); err != nil {
			return err
		}
	}
	return p.trialEnd(found)
}

func (p *program) askTrial(ctx context.Context, token string) (admin.Trial, error) {
	ctx, cancel := p.within(ctx, actTimeout)
	defer cancel()
	defer p.during(func() string { return p.tr(msgTrying) })()
	c := admin.NewClient(p.admin.path)
	defer c.Close()
	found, err := c.TryMechanisms(ctx, token)
	return found, p.admin.unreachable(err)
}

// trialTable has a line for each key pair and one for each of its algorithms.
func (p *program) trialTable(found admin.Trial) error {
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headKeyType), Whole: true}, {Heading: p.tr(labelAlgorithm)}, {Heading: p.tr(headSignsWhat)}, {Heading: p.tr(headFinding), Whole: true},
		{Heading: p.tr(headClaim), Whole: true}, {Heading: p.tr(headTook), Whole: true}, {Heading: p.tr(headEncoding), Whole: true}, {Heading: p.tr(labelMechanism)},
	}}
	for _, k := range found.Keys {
		p.trialRow(&t, k.Type, p.tr(msgKeyPair), "", k.Generation, "")
		for _, a := range k.Algorithms {
			p.trialRow(&t, k.Type, a.Algorithm, p.word(a.Signs).Text, a.Signing, a.Encoding)
		}
	}
	return t.Write(p.out, p.outPaint)
}

func (p *program) trialRow(t *screen.Table, key, what, signs string, a admin.Attempt, encoding string) {
	claim := p.word(a.Claim)
	if a.Contradicts {
		claim.Tone = screen.Bad
	}
	t.Row(screen.Cell{Text: key}, screen.Cell{Text: what}, screen.Cell{Text: signs}, p.word(a.Finding),
		claim, screen.Cell{Text: duration(a.TookUS)}, screen.Cell{Text: encoding}, screen.Cell{Text: a.Mechanism})
}

// duration is short and never 0 where something was done.
func duration(us uint64) string {
	d := time.Duration(us) * time.Microsecond
	switch {
	case us == 0:
		return ""
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// whyNot lists every reason once, with the pairs that it is about before it.
// Nothing of a reason is cut: it has the CKR code. Where there was no key, that
// has its own reason, and goes for all its algorithms.
func (p *program) whyNot(found admin.Trial) []string {
	var order []string
	about := map[string][]string{}
	for _, pair := range p.pairs(found) {
		why := pair.Why
		if why == "" || pair.keyless {
			continue
		}
		if about[why] == nil {
			order = append(order, why)
		}
		about[why] = append(about[why], pair.name)
	}
	lines := make([]string, len(order))
	for i, why := range order {
		lines[i] = strings.Join(about[why], ", ") + ": " + why
	}
	return lines
}

// otherwise lists where list and deeds of the token differ.
func (p *program) otherwise(found admin.Trial) []string {
	var lines []string
	for _, pair := range p.pairs(found) {
		switch {
		case !pair.Contradicts:
		case pair.Claim == "listed":
			lines = append(lines, p.tr(msgListedNot, pair.name))
		default:
			lines = append(lines, p.tr(msgDoneUnlisted, pair.name, pair.Mechanism))
		}
	}
	return slices.Compact(lines)
}

// A trialPair is one line of the table, by a name that needs no table.
type trialPair struct {
	name    string
	keyless bool // there was no key to try it with
	admin.Attempt
}

func (p *program) pairs(found admin.Trial) []trialPair {
	var all []trialPair
	for _, k := range found.Keys {
		all = append(all, trialPair{k.Type + " (" + p.tr(msgKeyPair) + ")", false, k.Generation})
		for _, a := range k.Algorithms {
			name := k.Type + " " + a.Algorithm
			if k.Type == a.Algorithm {
				name = a.Algorithm
			}
			all = append(all, trialPair{name, k.Generation.Finding != "does", a.Signing})
		}
	}
	return all
}

func (p *program) trialNotes(heading text, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	p.section(heading)
	for _, line := range lines {
		if err := screen.Indent(p.out, 2, screen.Clean(line)); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) trialEnd(found admin.Trial) error {
	p.blank()
	for _, k := range found.Keys {
		for _, a := range k.Algorithms {
			if a.MaxMessage == 0 {
				continue
			}
			if err := p.say(msgMaxMessage, a.Algorithm, a.MaxMessage); err != nil {
				return err
			}
		}
	}
	return p.say(msgTrialDone, found.Signatures, (time.Duration(found.TookMS) * time.Millisecond).String(), found.Event)
}
