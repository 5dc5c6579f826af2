package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol/admin"
)

func (p *program) askStatus(ctx context.Context) (admin.Status, error) {
	return read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Status, error) { return c.Status(ctx) })
}

func (p *program) status() *cobra.Command {
	var every time.Duration
	var cmd *cobra.Command
	cmd = p.command("status", helpStatus, func(ctx context.Context, _ []string) error {
		if cmd.Flags().Changed("watch") {
			return p.watch(ctx, every)
		}
		s, err := p.askStatus(ctx)
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(s)
		}
		return p.showStatus(s)
	})
	cmd.Flags().DurationVar(&every, "watch", 0, p.tr(flagWatch))
	cmd.Flags().Lookup("watch").NoOptDefVal = usualWatch.String()
	return cmd
}

func (p *program) showStatus(s admin.Status) error {
	var list screen.List
	list.Add(p.tr(labelMode), p.mode(s.Mode))
	list.Add(p.tr(labelReason), screen.Cell{Text: s.Reason})
	list.Add(p.tr(labelMend), screen.Cell{Text: s.Mend})
	list.Add(p.tr(labelAppliance), screen.Cell{Text: strings.TrimSpace(s.Name + "  " + s.Appliance)})
	if s.Appliance != "" {
		list.Add(p.tr(labelGenesis), screen.Cell{Text: p.tr(msgGenesis, p.word(s.Authority).Text, s.Crypto, s.Deployment)})
		list.Add(p.tr(labelLog), screen.Cell{Text: p.tr(msgLogAt, s.Events, s.Root)})
		list.Add(p.tr(labelEntries), screen.Cell{Text: p.counts(s.Entries)})
	}
	list.Add(p.tr(labelClock), p.clockState(s))
	list.Add(p.tr(labelDaemon), screen.Cell{Text: p.tr(msgDaemon, s.Version, s.PID, clock(s.Started))})
	if err := list.Write(p.out, p.outPaint); err != nil {
		return err
	}
	if len(s.Tokens) > 0 {
		p.section(headTokens)
		if err := p.tokenTable(s.Tokens); err != nil {
			return err
		}
	}
	return p.warnings(s.Warnings)
}

// mode is the mode's word, with the one of code and log beside it.
func (p *program) mode(mode string) screen.Cell {
	word := p.word(mode)
	if word.Text != mode {
		word.Text = fmt.Sprintf("%s (%s)", word.Text, mode)
	}
	return word
}

func (p *program) counts(counts []admin.Count) string {
	parts := make([]string, len(counts))
	for i, c := range counts {
		parts[i] = fmt.Sprintf("%s %d", p.word(c.Status).Text, c.Count)
	}
	if len(parts) == 0 {
		return p.tr(msgNone)
	}
	return strings.Join(parts, ", ")
}

func (p *program) clockState(s admin.Status) screen.Cell {
	cell := p.word(s.Clock)
	synced := msgSyncUnknown
	switch s.Sync {
	case "synced":
		synced = msgSynced
	case "unsynced":
		synced = msgUnsynced
	}
	cell.Text = fmt.Sprintf("%s, %s, %s", clock(s.Now), cell.Text, p.tr(synced))
	return cell
}

func (p *program) warnings(warnings []string) error {
	if len(warnings) == 0 {
		return nil
	}
	p.section(headWarnings)
	for _, w := range warnings {
		if err := screen.Indent(p.out, 2, p.outPaint.Text(screen.Warn, "! ")+screen.Clean(w)); err != nil {
			return err
		}
	}
	return nil
}

// word is a word of the daemon for people, in its tone. One that the catalog
// does not know is shown as it is.
func (p *program) word(word string) screen.Cell {
	known, ok := words[word]
	if !ok {
		return screen.Cell{Text: word}
	}
	return screen.Cell{Text: p.tr(known.text), Tone: known.tone}
}
