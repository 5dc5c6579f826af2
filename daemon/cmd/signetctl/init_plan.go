package main

import (
	"context"
	"fmt"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

// checkRecipients refuses a ceremony whose backups nobody could open.
func checkRecipients(path string, g authority.Genesis) error {
	f := usage(msgBadCeremony, path)
	kinds := map[bool]bool{}
	for i, text := range g.Backup {
		r, err := backup.ParseRecipient(text)
		if err != nil {
			f.lines = append(f.lines, fmt.Sprintf("backup[%d]: %v", i, err))
			continue
		}
		kinds[r.GM()] = true
	}
	if len(kinds) > 1 {
		f.lines = append(f.lines, "backup: recipients of age beside SM2 certificates: want all of one kind")
	}
	if len(f.lines) > 0 {
		return f
	}
	return nil
}

// A finding is one thing that the plan of an init compared with the appliance.
type initFinding struct {
	What    string `json:"what"`
	Found   string `json:"found"`
	Refused bool   `json:"refused"`
}

// An initPlan is what --json says of an init that was not made.
type initPlan struct {
	Content  string        `json:"content"`
	SM3      string        `json:"sm3"`
	Findings []initFinding `json:"findings"`
}

// planInit shows all that an init would make, and holds it to what the
// appliance says of itself. It asks for its status and nothing else.
func (p *program) planInit(ctx context.Context, g authority.Genesis) error {
	content, err := canonical.Marshal(g)
	if err != nil {
		return fmt.Errorf("encoding the ceremony: %w", err)
	}
	s, err := p.askStatus(ctx)
	if err != nil {
		return err
	}
	plan := initPlan{string(content), authority.ContentHash(content), p.compareInit(g, s)}
	if p.json {
		if err := p.printJSON(plan); err != nil {
			return err
		}
		return plan.refusal()
	}
	if err := p.say(msgPlan); err != nil {
		return err
	}
	if err := p.showContent(authority.Init, plan.Content); err != nil {
		return err
	}
	if err := screen.Indent(p.out, 0, p.tr(effectInit)); err != nil {
		return err
	}
	p.section(headCompared)
	if err := p.findings(plan.Findings); err != nil {
		return err
	}
	if err := p.say(msgEveryOfficer); err != nil {
		return err
	}
	return plan.refusal()
}

func (p *program) findings(all []initFinding) error {
	var list screen.List
	for _, f := range all {
		cell := screen.Cell{Text: f.Found, Tone: screen.Good}
		if f.Refused {
			cell = screen.Cell{Text: p.tr(msgFindingRefused, f.Found), Tone: screen.Bad}
		}
		list.Add("  "+f.What, cell)
	}
	return list.Write(p.out, p.outPaint)
}

// refusal is no error if nothing was found that init would be refused for.
func (plan initPlan) refusal() error {
	refused := 0
	for _, f := range plan.Findings {
		if f.Refused {
			refused++
		}
	}
	if refused == 0 {
		return nil
	}
	return &fault{status: exitConflict, what: msgInitRefused, args: []any{refused}, next: hintStatus}
}

func (p *program) compareInit(g authority.Genesis, s admin.Status) []initFinding {
	all := []initFinding{
		{p.tr(labelMode), p.word(s.Mode).Text, s.Mode != "uninitialised"},
		{p.tr(labelName), s.Name, s.Name != g.Appliance},
	}
	for _, t := range g.Tokens {
		all = append(all, p.compareToken(t, s.Tokens))
	}
	for _, o := range g.Officers {
		for _, k := range o.Keys {
			if err := k.ValidAt(s.Now); err != nil {
				all = append(all, initFinding{p.tr(labelOfficer, o.ID), err.Error(), true})
			}
		}
	}
	return all
}

func (p *program) compareToken(want authority.Product, tokens []admin.Token) initFinding {
	f := initFinding{What: p.tr(labelTokenOf, want.Name), Found: p.tr(msgNoSuchToken, want.Name), Refused: true}
	for _, t := range tokens {
		if t.Name != want.Name {
			continue
		}
		f.Found = fmt.Sprintf("%s, %s %s, %s", p.word(t.State).Text, t.Manufacturer, t.Model, t.Serial)
		f.Refused = t.State != "up" || want.Serial != "" && want.Serial != t.Serial
	}
	return f
}
