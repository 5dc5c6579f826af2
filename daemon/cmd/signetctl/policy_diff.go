package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/stricttoml"
)

// A difference is what one policy changes of another, and who has to sign it.
type difference struct {
	changes []policy.Change
	kind    authority.Kind
	stale   []string // names of the policy in force that mean somebody else by now

	old, next policy.Policy
}

// differenceOf compares. Names that mean somebody else by now would allow him
// once they are set again: that widens, whatever the text says.
func differenceOf(old, next policy.Policy, stale []string) difference {
	d := difference{changes: policy.Diff(old, next), kind: authority.PolicySet, stale: stale, old: old, next: next}
	if policy.Narrows(old, next) && len(stale) == 0 {
		d.kind = authority.PolicyNarrow
	}
	return d
}

func (p *program) policyDiff() *cobra.Command {
	return p.command("diff ENTRY|FILE FILE", helpPolicyDiff, func(ctx context.Context, args []string) error {
		source, err := p.readPolicy(args[1])
		if err != nil {
			return err
		}
		next, err := policy.Parse([]byte(source))
		if err != nil {
			return err
		}
		p.answerInEnglish()
		d, who, err := p.diffTo(ctx, args[0], next)
		switch {
		case err != nil:
			return err
		case p.json:
			return p.printJSON(d.json(who))
		}
		if err := p.showDifference(d); err != nil {
			return err
		}
		return p.showSigners(d.kind, who)
	})
}

// diffTo compares a policy with a file's, or with the one in force, and says
// who signs. Two files are nobody's policy: then no daemon is asked.
func (p *program) diffTo(ctx context.Context, before string, next policy.Policy) (d difference, who string, err error) {
	if _, err := os.Stat(before); err == nil || protocol.CheckEntryID("", before) != nil {
		source, err := p.readPolicy(before)
		if err != nil {
			return d, "", err
		}
		old, err := policy.Parse([]byte(source))
		if err != nil {
			return d, "", err
		}
		d = differenceOf(old, next, nil)
		return d, p.signersOf(d.kind, nil, keepers{}), nil
	}
	p.subject = before
	if d, err = p.diffInForce(ctx, before, next); err != nil {
		return d, "", err
	}
	who, err = p.whoSigns(ctx, "", d.kind, before)
	return d, who, err
}

// diffInForce compares with the policy that an entry has. One that has none
// allows nobody.
func (p *program) diffInForce(ctx context.Context, entry string, next policy.Policy) (difference, error) {
	answer, err := p.askPolicy(ctx, entry)
	if hasNoPolicy(err) {
		d := differenceOf(policy.Policy{}, next, nil)
		d.kind = authority.PolicySet // there is nothing to narrow
		return d, nil
	}
	if err != nil {
		return difference{}, err
	}
	old, err := policy.Parse([]byte(answer.Text))
	if err != nil {
		return difference{}, &fault{status: exitUnexpected, what: msgPolicyUnread, args: []any{entry}, lines: strings.Split(err.Error(), "\n"), next: hintStatus}
	}
	return differenceOf(old, next, answer.Stale), nil
}

// hasNoPolicy tells an entry without a policy from one that is not there.
func hasNoPolicy(err error) bool {
	var said *protocol.Error
	return errors.As(err, &said) && errors.Is(said, protocol.UnknownEntry) && said.GetField() == "policy"
}

// showDifference shows what widens before all else.
func (p *program) showDifference(d difference) error {
	if len(d.changes) == 0 && len(d.stale) == 0 {
		return p.say(msgNoChange)
	}
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headDirection), Whole: true}, {Heading: p.tr(headKey), Whole: true}, {Heading: p.tr(headOld), Wrap: true}, {Heading: p.tr(headNew), Wrap: true},
	}}
	for _, name := range d.stale {
		t.Row(p.word(policy.Widening.String()), screen.Cell{Text: "callers"}, screen.Cell{Text: p.tr(msgStale, name)}, screen.Cell{Text: p.tr(msgMeansAnew)})
	}
	for _, c := range byDirection(d.changes) {
		t.Row(p.word(c.Direction.String()), screen.Cell{Text: c.Key}, p.valueOf(c.Key, c.Old, d.old), p.valueOf(c.Key, c.New, d.next))
	}
	if err := t.Write(p.out, p.outPaint); err != nil || !d.endsAllUse() {
		return err
	}
	return p.say(msgNoCallerLeft)
}

// endsAllUse tells that what widens is of no use to anybody: no caller is left,
// so that the whole narrows.
func (d difference) endsAllUse() bool {
	return d.kind == authority.PolicyNarrow && slices.ContainsFunc(d.changes, func(c policy.Change) bool { return c.Direction == policy.Widening })
}

// valueOf is one side of a change in words. What is not there is shown as such.
func (p *program) valueOf(key, value string, of policy.Policy) screen.Cell {
	if value == "" {
		return screen.Cell{Text: "-", Tone: screen.Dim}
	}
	if words, ok := valueTexts[value]; ok {
		return screen.Cell{Text: p.tr(words)}
	}
	if asks, ok := of.Approvals(); ok && key == "approvals" {
		return screen.Cell{Text: p.approvalsText(asks)}
	}
	return screen.Cell{Text: value}
}

func (p *program) approvalsText(a policy.Approvals) string {
	who := p.tr(valueTexts[everyCustodian])
	if len(a.Custodians) > 0 {
		who = strings.Join(a.Custodians, ", ")
	}
	forms := make([]string, len(a.Forms))
	for i, f := range a.Forms {
		forms[i] = p.word(f.String()).Text
	}
	return p.tr(msgApprovals, a.Persons, who, strings.Join(forms, ", "), a.Most, stricttoml.FormatDuration(a.Longest))
}

// byDirection keeps the order of the policy's keys within a direction.
func byDirection(changes []policy.Change) []policy.Change {
	sorted := slices.Clone(changes)
	slices.SortStableFunc(sorted, func(x, y policy.Change) int {
		return slices.Index(directions, x.Direction.String()) - slices.Index(directions, y.Direction.String())
	})
	return sorted
}

// directions are in the order in which they are shown.
var directions = []string{policy.Widening.String(), policy.Narrowing.String(), policy.Neither.String()}

func (p *program) showSigners(kind authority.Kind, who string) error {
	p.blank()
	var list screen.List
	list.Add(p.tr(labelAct), screen.Cell{Text: p.kindName(kind)})
	list.Add(p.tr(labelSignedBy), screen.Cell{Text: who})
	return list.Write(p.out, p.outPaint)
}

// A differenceJSON is what policy diff says for machines.
type differenceJSON struct {
	Changes  []changeJSON `json:"changes"`
	Stale    []string     `json:"stale"` // names that mean somebody else by now
	Kind     string       `json:"kind"`  // of the act that it takes
	SignedBy string       `json:"signed_by"`
}

type changeJSON struct {
	Key       string `json:"key"`
	Direction string `json:"direction"` // widens narrows neither
	Old       string `json:"old"`
	New       string `json:"new"`
}

func (d difference) json(who string) differenceJSON {
	out := differenceJSON{Changes: []changeJSON{}, Stale: append([]string{}, d.stale...), Kind: string(d.kind), SignedBy: who}
	for _, c := range d.changes {
		out.Changes = append(out.Changes, changeJSON{c.Key, c.Direction.String(), c.Old, c.New})
	}
	return out
}

// showChangesOf shows what the policy of an act changes of the one in force. An
// officer elsewhere, who cannot read that one, is told so: the act holds the
// new one whole.
func (p *program) showChangesOf(ctx context.Context, d deed) error {
	var content authority.SetPolicy
	if authority.ParseContent([]byte(d.request.Content), &content) != nil {
		return nil // it was shown as it is
	}
	next, err := policy.Parse([]byte(content.Text))
	if err != nil {
		return p.say(msgDetail, msgPolicyFaults, err)
	}
	changes, err := p.diffInForce(ctx, d.act.Target, next)
	if err != nil {
		return p.say(msgDetail, msgNotCompared, p.report(err).sentence)
	}
	p.section(headChanges)
	if err := p.showDifference(changes); err != nil {
		return err
	}
	p.blank()
	return nil
}
