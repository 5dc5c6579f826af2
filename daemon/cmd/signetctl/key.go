package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

func (p *program) keyCreate() *cobra.Command {
	var content authority.CreateKey
	cmd := p.actCommand("create ENTRY", helpKeyCreate, []authority.Kind{authority.KeyCreate}, func(ctx context.Context, by *handing, args []string) error {
		if err := checkCreateKey(content); err != nil {
			return err
		}
		return p.carry(ctx, by, order{kind: authority.KeyCreate, target: args[0], content: just(content), done: p.andThen(hintPolicySet, args[0])})
	})
	cmd.Flags().StringVar(&content.Token, "token", "", p.tr(flagToken))
	cmd.Flags().StringVar(&content.Type, "type", "", p.tr(flagType))
	cmd.Flags().StringVar(&content.Title, "title", "", p.tr(flagTitle))
	cmd.Flags().StringVar(&content.Owner, "owner", "", p.tr(flagOwner))
	complete(cmd, "token", p.tokenNames)
	offer(cmd, "type", keyTypeNames())
	return cmd
}

func keyTypeNames() []string {
	var names []string
	for _, t := range algo.KeyTypes() {
		names = append(names, t.String())
	}
	return names
}

func checkCreateKey(content authority.CreateKey) error {
	switch {
	case content.Token == "":
		return usage(msgTokenMissing)
	case content.Type == "":
		return usage(msgTypeMissing, fmt.Sprint(algo.KeyTypes()))
	}
	if _, err := content.KeyType(); err != nil {
		return usage(msgBadKey, err)
	}
	return nil
}

func (p *program) keyList() *cobra.Command {
	return p.command("list", helpKeyList, func(ctx context.Context, _ []string) error {
		return p.listEntries(ctx, "key", msgNoKeys)
	})
}

func (p *program) keyShow() *cobra.Command {
	var publicKey string
	var force, transcript bool
	cmd := p.command("show ENTRY", helpKeyShow, func(ctx context.Context, args []string) error {
		if publicKey != "" && transcript {
			return usage(msgNotTogether, "public-key", "transcript")
		}
		e, err := p.askEntry(ctx, args[0])
		if err != nil {
			return err
		}
		switch {
		case publicKey != "":
			return p.writePublicKey(e, publicKey, force)
		case transcript:
			return p.askTranscript(ctx, e)
		case p.json:
			return p.printJSON(e)
		}
		return p.showEntry(e)
	})
	cmd.Flags().StringVar(&publicKey, "public-key", "", p.tr(flagPublicKey))
	cmd.Flags().BoolVar(&force, "force", false, p.tr(flagForce))
	cmd.Flags().BoolVar(&transcript, "transcript", false, p.tr(flagTranscript))
	return cmd
}

// writePublicKey writes the key as PEM, after reading it: what is written is
// a key of the entry's type or nothing.
func (p *program) writePublicKey(e admin.Entry, path string, force bool) error {
	pub, err := algo.ParsePublicKeyPEM([]byte(e.PublicKey))
	if err != nil {
		return fmt.Errorf("reading the public key of %s: %w", e.ID, err)
	}
	if path == "-" {
		_, err := p.out.Write(pub.PEM())
		return err
	}
	f, err := createFile(path, force)
	if err != nil {
		return err
	}
	defer f.discard()
	if err := f.commit(pub.PEM()); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(e)
	}
	return p.say(msgPublicKeyWritten, pub.Type().String(), e.ID, path)
}

func (p *program) keyActivate() *cobra.Command {
	return p.actCommand("activate ENTRY", helpKeyActivate, []authority.Kind{authority.EntryActivate}, func(ctx context.Context, by *handing, args []string) error {
		return p.carry(ctx, by, order{
			kind: authority.EntryActivate, target: args[0], content: just(authority.Nothing{}), effect: effectActivate,
			before: func(ctx context.Context) error { return p.showNow(ctx, args[0]) },
			done:   p.andThen(hintSign, args[0]),
		})
	})
}

func (p *program) keySuspend() *cobra.Command {
	var content authority.Suspend
	cmd := p.actCommand("suspend ENTRY", helpKeySuspend, []authority.Kind{authority.EntrySuspend}, func(ctx context.Context, by *handing, args []string) error {
		if err := checkWhy(content.Basis); err != nil {
			return err
		}
		return p.carry(ctx, by, order{kind: authority.EntrySuspend, target: args[0], content: just(content), done: p.andThen(hintResume, args[0])})
	})
	cmd.Flags().StringVar(&content.Basis, "why", "", p.tr(flagWhy))
	return cmd
}

// namedHold has the act name the hold that it lifts where the entry has one
// only: an act that fits any hold would fit one that comes later.
func (p *program) namedHold(ctx context.Context, entry string, c *authority.Resume) func(admin.ActContext) (any, error) {
	return func(admin.ActContext) (any, error) {
		if c.Hold != 0 {
			return *c, nil
		}
		e, err := p.askEntry(ctx, entry)
		switch {
		case errors.Is(err, protocol.RoleRefused) || errors.Is(err, protocol.UnknownEntry):
			return *c, nil // the daemon judges it
		case err != nil:
			return nil, err
		case len(e.Holds) == 1:
			c.Hold = e.Holds[0].ID
		}
		return *c, nil
	}
}

func (p *program) keyResume() *cobra.Command {
	var content authority.Resume
	cmd := p.actCommand("resume ENTRY", helpKeyResume, []authority.Kind{authority.EntryResume}, func(ctx context.Context, by *handing, args []string) error {
		return p.carry(ctx, by, order{
			kind: authority.EntryResume, target: args[0], content: p.namedHold(ctx, args[0], &content), effect: effectResume,
			before: func(ctx context.Context) error { return p.showNow(ctx, args[0]) },
			done:   p.andThen(hintShow, args[0]),
		})
	})
	cmd.Flags().Uint32Var(&content.Hold, "hold", 0, p.tr(flagHold))
	return cmd
}
