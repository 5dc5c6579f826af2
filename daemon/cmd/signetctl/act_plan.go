package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// planOf shows what an act would do and who would have to sign it.
func (p *program) planOf(ctx context.Context, d deed, regime authority.Regime, o order) error {
	p.answerInEnglish()
	who, err := p.whoSigns(ctx, regime, d.act.Kind, d.act.Target)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(plan{string(d.act.Kind), d.act.Target, d.request.Content, who})
	}
	if err := p.say(msgPlan); err != nil {
		return err
	}
	if o.before != nil {
		if err := o.before(ctx); err != nil {
			return err
		}
	}
	if err := p.showAsk(d); err != nil {
		return err
	}
	if err := p.showAbout(ctx, d); err != nil {
		return err
	}
	if o.effect != (text{}) {
		if err := screen.Indent(p.out, 0, p.tr(o.effect)); err != nil {
			return err
		}
	}
	var list screen.List
	list.Add(p.tr(labelSignedBy), screen.Cell{Text: who})
	return list.Write(p.out, p.outPaint)
}

// A plan is what --json says of an act that was not made.
type plan struct {
	Kind     string `json:"kind"`
	Target   string `json:"target"`
	Content  string `json:"content"`
	SignedBy string `json:"signed_by"`
}

// whoSigns says whose signatures an act of that kind would need on its target.
// The regime may be empty: then the daemon's list of officers says it.
func (p *program) whoSigns(ctx context.Context, regime authority.Regime, kind authority.Kind, target string) (string, error) {
	rule, _ := authority.RuleOf(kind)
	switch {
	case kind == authority.Init && regime == authority.Officers:
		return p.tr(msgEveryOfficer), nil
	case regime == authority.Development || rule.Unsigned:
		return p.tr(msgTheGroup), nil
	}
	roll, err := p.askOfficers(ctx)
	switch {
	case errors.Is(err, protocol.RoleRefused), errors.Is(err, protocol.Recovery), errors.Is(err, protocol.Poisoned), errors.Is(err, protocol.Uninitialised):
		// This account may bring acts and not read who signs them, or no store
		// is open that could say.
		roll = admin.Officers{}
	case err != nil:
		return "", err
	case roll.Authority == string(authority.Development):
		return p.tr(msgTheGroup), nil
	}
	return p.signersOf(kind, roll.Thresholds, p.keepersOf(ctx, kind, target)), nil
}

// signersOf says it by the table; nil thresholds are not known.
func (p *program) signersOf(kind authority.Kind, thresholds map[string]int, k keepers) string {
	rule, _ := authority.RuleOf(kind)
	var ways []string
	for _, needs := range rule.Options {
		var parts []string
		for _, need := range needs {
			if names, can := k.who(kind, need.Role); can {
				parts = append(parts, p.needWords(need, thresholds)+names)
			}
		}
		if len(parts) == len(needs) {
			ways = append(ways, strings.Join(parts, " + "))
		}
	}
	if len(ways) == 0 && k.known {
		return p.tr(msgNobodyCounts)
	}
	return strings.Join(ways, p.tr(wordOr))
}

// needWords is a number of persons of a role. The thresholds are the
// daemon's word, which it does not have in every mode.
func (p *program) needWords(need authority.Need, thresholds map[string]int) string {
	role := p.word(need.Role.String()).Text
	n := int(need.Persons)
	if need.Persons < 0 {
		n = thresholds[thresholdOf(need)]
	}
	if n == 0 {
		return p.tr(msgThreshold, role)
	}
	return fmt.Sprintf("%d × %s", n, role)
}

func thresholdOf(need authority.Need) string {
	switch {
	case need.Persons == authority.Many:
		return "many"
	case need.Role == authority.SecurityOfficer:
		return "security"
	}
	return need.Role.String()
}
