package main

import (
	"context"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

func (p *program) modeShow() *cobra.Command {
	return p.command("show", helpModeShow, func(ctx context.Context, _ []string) error {
		s, err := p.askStatus(ctx)
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(struct {
				Mode   string `json:"mode"`
				Reason string `json:"reason,omitempty"`
				Mend   string `json:"mend,omitempty"`
			}{s.Mode, s.Reason, s.Mend})
		}
		return p.showMode(s)
	})
}

func (p *program) showMode(s admin.Status) error {
	var list screen.List
	list.Add(p.tr(labelMode), p.mode(s.Mode))
	if meaning, ok := modeTexts[s.Mode]; ok {
		list.Add(p.tr(labelMeaning), screen.Cell{Text: p.tr(meaning)})
	}
	list.Add(p.tr(labelReason), screen.Cell{Text: s.Reason})
	list.Add(p.tr(labelMend), screen.Cell{Text: s.Mend})
	return list.Write(p.out, p.outPaint)
}

func (p *program) modeClear() *cobra.Command {
	var acceptClock bool
	cmd := p.command("clear", helpModeClear, func(ctx context.Context, _ []string) error {
		kind := authority.ModeClear
		if acceptClock {
			kind = authority.ClockAccept
		}
		result, err := p.act(ctx, kind, "", authority.Nothing{})
		if err != nil {
			return err
		}
		return p.done(result, hintStatus)
	})
	cmd.Flags().BoolVar(&acceptClock, "accept-clock", false, p.tr(flagAcceptClock))
	return cmd
}
