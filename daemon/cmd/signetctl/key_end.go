package main

import (
	"context"
	"encoding/hex"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

func (p *program) keyAdopt() *cobra.Command {
	var content authority.AdoptKey
	cmd := p.actCommand("adopt ENTRY", helpKeyAdopt, []authority.Kind{authority.KeyAdopt}, func(ctx context.Context, by *handing, args []string) error {
		if err := checkAdoptKey(content); err != nil {
			return err
		}
		return p.carry(ctx, by, order{kind: authority.KeyAdopt, target: args[0], content: just(content), effect: effectAdopt, done: p.andThen(hintPolicySet, args[0])})
	})
	cmd.Flags().StringVar(&content.Token, "token", "", p.tr(flagToken))
	cmd.Flags().StringVar(&content.ID, "id", "", p.tr(flagKeyID))
	cmd.Flags().StringVar(&content.Title, "title", "", p.tr(flagTitle))
	cmd.Flags().StringVar(&content.Owner, "owner", "", p.tr(flagOwner))
	complete(cmd, "token", p.tokenNames)
	return cmd
}

func checkAdoptKey(content authority.AdoptKey) error {
	if content.Token == "" {
		return usage(msgTokenMissing)
	}
	if id, err := hex.DecodeString(content.ID); err != nil || len(id) == 0 || hex.EncodeToString(id) != content.ID {
		return usage(msgBadKeyID, content.ID)
	}
	if err := authority.CheckWords(content.Title, content.Owner); err != nil {
		return usage(msgBadKey, err)
	}
	return nil
}

func (p *program) keyCancel() *cobra.Command {
	return p.ending("cancel ENTRY", helpKeyCancel, authority.EntryCancel, effectCancel, hintDestroy, func(why string) any { return authority.Cancel{Basis: why} })
}

func (p *program) keyDestroy() *cobra.Command {
	return p.ending("destroy ENTRY", helpKeyDestroy, authority.KeyDestroy, effectDestroy, hintShow, func(why string) any { return authority.DestroyKey{Basis: why} })
}

// ending is a verb that nothing takes back: it wants a reason, and its plan
// shows what there is now.
func (p *program) ending(use string, h help, kind authority.Kind, effect, next text, content func(why string) any) *cobra.Command {
	var why string
	cmd := p.actCommand(use, h, []authority.Kind{kind}, func(ctx context.Context, by *handing, args []string) error {
		if err := checkWhy(why); err != nil {
			return err
		}
		return p.carry(ctx, by, order{
			kind: kind, target: args[0], content: just(content(why)), effect: effect,
			before: func(ctx context.Context) error { return p.showNow(ctx, args[0]) },
			done:   p.andThen(next, args[0]),
		})
	})
	cmd.Flags().StringVar(&why, "why", "", p.tr(flagWhyEnd))
	return cmd
}

func checkWhy(why string) error {
	if why == "" {
		return usage(msgWhyMissing)
	}
	if err := authority.CheckBasis(why); err != nil {
		return usage(msgBadWhy, err)
	}
	return nil
}

// showNow shows an entry as it is, before something is done to it.
func (p *program) showNow(ctx context.Context, id string) error {
	e, err := p.askEntry(ctx, id)
	if err != nil || p.json {
		return err
	}
	p.section(headBefore)
	if err := p.writeEntry(e); err != nil {
		return err
	}
	p.blank()
	return nil
}

func (p *program) askEntry(ctx context.Context, id string) (admin.Entry, error) {
	return read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Entry, error) { return c.Entry(ctx, id) })
}
