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

// clearing is what mode clear is to end.
type clearing struct {
	acceptClock, acceptOlder bool
	why                      string
}

func (p *program) modeClear() *cobra.Command {
	var c clearing
	kinds := []authority.Kind{authority.ModeClear, authority.ClockAccept, authority.StoreAccept}
	cmd := p.actCommand("clear", helpModeClear, kinds, func(ctx context.Context, by *handing, _ []string) error {
		o, err := c.order()
		if err != nil {
			return err
		}
		o.done = p.andThen(hintStatus)
		return p.carry(ctx, by, o)
	})
	cmd.Flags().BoolVar(&c.acceptClock, "accept-clock", false, p.tr(flagAcceptClock))
	cmd.Flags().BoolVar(&c.acceptOlder, "accept-older", false, p.tr(flagAcceptOlder))
	cmd.Flags().StringVar(&c.why, "why", "", p.tr(flagWhyOlder))
	return cmd
}

func (c clearing) order() (order, error) {
	switch {
	case c.acceptClock && c.acceptOlder:
		return order{}, usage(msgNotTogether, "accept-clock", "accept-older")
	case c.acceptOlder:
		if err := checkWhy(c.why); err != nil {
			return order{}, err
		}
		return order{kind: authority.StoreAccept, content: c.older, effect: effectOlder}, nil
	case c.why != "":
		return order{}, usage(msgWhyForOlder)
	case c.acceptClock:
		return order{kind: authority.ClockAccept, content: just(authority.Nothing{}), effect: effectClock}, nil
	}
	return order{kind: authority.ModeClear, content: just(authority.Nothing{}), effect: effectClear}, nil
}

// older names the log that is accepted: the one that the daemon found.
func (c clearing) older(names admin.ActContext) (any, error) {
	if names.LogSize == 0 || names.Staged {
		return nil, &fault{status: exitConflict, what: msgNothingOlder, next: hintMode}
	}
	return authority.AcceptStore{Size: names.LogSize, Root: names.LogRoot, Epoch: names.Epoch, Basis: c.why}, nil
}
