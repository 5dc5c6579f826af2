package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

func (p *program) askOfficers(ctx context.Context) (admin.Officers, error) {
	return read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Officers, error) { return c.Officers(ctx) })
}

func (p *program) officerList() *cobra.Command {
	return p.command("list", helpOfficerList, func(ctx context.Context, _ []string) error {
		answer, err := p.askOfficers(ctx)
		switch {
		case err != nil:
			return err
		case p.json:
			return p.printJSON(answer)
		case len(answer.Officers) == 0:
			return p.say(msgNoOfficers, answer.Authority)
		}
		return p.officerTable(answer)
	})
}

func (p *program) officerTable(answer admin.Officers) error {
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headOfficer), Whole: true}, {Heading: p.tr(headName)}, {Heading: p.tr(headRole), Whole: true},
		{Heading: p.tr(headUID), Whole: true}, {Heading: p.tr(headKeeps)},
	}}
	// Fingerprints are compared with the persons: they need a line of their own
	// to be whole.
	keys := screen.Table{Columns: []screen.Column{{Heading: p.tr(headOfficer), Whole: true}, {Heading: p.tr(labelOfficerKey)}}}
	for _, o := range answer.Officers {
		kept := o.Entries
		if o.Owner != "" {
			kept = append(slices.Clone(kept), p.tr(msgAllOf, o.Owner))
		}
		t.Row(screen.Cell{Text: o.ID}, screen.Cell{Text: o.Name}, p.word(o.Role), screen.Cell{Text: uidText(o.UID)}, screen.Cell{Text: strings.Join(kept, ", ")})
		for _, k := range o.Keys {
			keys.Row(screen.Cell{Text: o.ID}, screen.Cell{Text: k})
		}
	}
	if err := t.Write(p.out, p.outPaint); err != nil {
		return err
	}
	p.blank()
	if err := keys.Write(p.out, p.outPaint); err != nil {
		return err
	}
	return p.say(msgThresholdsAre, thresholdsText(p, answer.Thresholds))
}

func uidText(uid *uint32) string {
	if uid == nil {
		return ""
	}
	return strconv.FormatUint(uint64(*uid), 10)
}

func thresholdsText(p *program, t map[string]int) string {
	return p.tr(msgThresholds, t["administrator"], t["security"], t["many"], t["auditor"])
}

func (p *program) officerChange() *cobra.Command {
	return p.actCommand("change FILE", helpOfficerChange, []authority.Kind{authority.OfficerChange}, func(ctx context.Context, by *handing, args []string) error {
		data, err := p.readAll(args[0], authority.MaxCeremony)
		if err != nil {
			return err
		}
		change, err := authority.ParseChange(data)
		if err != nil {
			return fileFaults(msgBadChange, args[0], err)
		}
		return p.carry(ctx, by, order{
			kind: authority.OfficerChange, content: just(change), effect: effectOfficers,
			before: func(ctx context.Context) error { return p.showChange(ctx, change) },
			done:   p.andThen(hintOfficerList),
		})
	})
}

// fileFaults is the fault of a file that somebody wrote, with all that is wrong
// in it.
func fileFaults(what text, path string, err error) error {
	f := usage(what, path)
	f.lines = strings.Split(err.Error(), "\n")
	return f
}

// showChange shows the officers as they are and as they would be.
func (p *program) showChange(ctx context.Context, c authority.ChangeOfficers) error {
	now, err := p.askOfficers(ctx)
	if err != nil || p.json {
		return err
	}
	for _, part := range []struct {
		heading text
		roll    admin.Officers
	}{{headBefore, now}, {headAfter, changed(now, c)}} {
		p.section(part.heading)
		if err := p.officerTable(part.roll); err != nil {
			return err
		}
	}
	p.blank()
	return nil
}

// changed is the officers after c, as they would be told.
func changed(now admin.Officers, c authority.ChangeOfficers) admin.Officers {
	next := admin.Officers{Authority: now.Authority, Thresholds: now.Thresholds}
	replaced := func(id string) bool {
		return slices.Contains(c.Remove, id) || slices.ContainsFunc(c.Set, func(o authority.Officer) bool { return o.ID == id })
	}
	for _, o := range now.Officers {
		if !replaced(o.ID) {
			next.Officers = append(next.Officers, o)
		}
	}
	for _, o := range c.Set {
		described := admin.Officer{ID: o.ID, Name: o.Name, Role: o.Role.String(), UID: o.UID, Entries: o.Entries, Owner: o.Owner}
		for _, k := range o.Keys {
			described.Keys = append(described.Keys, k.Describe())
		}
		next.Officers = append(next.Officers, described)
	}
	slices.SortFunc(next.Officers, func(x, y admin.Officer) int { return strings.Compare(x.ID, y.ID) })
	if t := c.Thresholds; t != nil {
		next.Thresholds = map[string]int{"administrator": t.Administrator, "security": t.Security, "many": t.Many, "auditor": t.Auditor}
	}
	return next
}
