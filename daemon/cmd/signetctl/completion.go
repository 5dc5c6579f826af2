package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"signet/protocol/admin"
)

func (p *program) completion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	var cmd *cobra.Command
	cmd = p.command("completion SHELL", helpCompletion, func(_ context.Context, args []string) error {
		if err := oneOf("SHELL", args[0], shells); err != nil {
			return err
		}
		switch args[0] {
		case "bash":
			return cmd.Root().GenBashCompletionV2(p.out, true)
		case "zsh":
			return cmd.Root().GenZshCompletion(p.out)
		}
		return cmd.Root().GenFishCompletion(p.out, true)
	})
	cmd.ValidArgsFunction = nil
	cmd.ValidArgs = shells
	return cmd
}

// completionTimeout is as long as somebody who pressed Tab waits.
const completionTimeout = 2 * time.Second

// completeArgument offers the entries and tokens that there are, and files
// where an argument is one.
func (p *program) completeArgument(want []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= len(want) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		switch want[len(args)] {
		case "FILE":
			return nil, cobra.ShellCompDirectiveDefault
		case "ENTRY":
			return p.entryIDs(ctx), cobra.ShellCompDirectiveNoFileComp
		case "NAME":
			return p.tokenNames(ctx), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// entryIDs asks the people's sockets, then, for a caller, sign.sock.
func (p *program) entryIDs(ctx context.Context) []cobra.Completion {
	var ids []cobra.Completion
	all, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Entries, error) { return c.Entries(ctx) })
	if err == nil {
		for _, e := range all.Entries {
			ids = append(ids, e.ID)
		}
		return ids
	}
	c, err := p.dialSign(ctx)
	if err != nil {
		return nil
	}
	defer c.Close()
	list, err := c.ListEntries(ctx)
	for _, e := range list.GetEntries() {
		ids = append(ids, e.Id)
	}
	if err != nil {
		return nil
	}
	return ids
}

func (p *program) tokenNames(ctx context.Context) []cobra.Completion {
	answer, err := p.askTokens(ctx)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, t := range answer.Tokens {
		names = append(names, t.Name)
	}
	return names
}
