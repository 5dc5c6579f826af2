package main

import (
	"context"
	"fmt"
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
			if _, err := fmt.Fprint(p.out, bashWords); err != nil {
				return err
			}
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

// bashWords stands in for the one function of package bash-completion that
// cobra's script needs, where that package is not installed: as on an
// appliance. It is called with -n =: and splits the line at blanks only, so
// that --flag=value stays one word.
const bashWords = `declare -F _get_comp_words_by_ref >/dev/null || _get_comp_words_by_ref() {
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    cword=$((${#words[@]} - 1))
    cur=${words[cword]} prev=${words[cword > 0 ? cword - 1 : 0]}
}
`

// completionTimeout is as long as somebody who pressed Tab waits.
const completionTimeout = 2 * time.Second

// offer completes a flag with the values that it takes.
func offer(cmd *cobra.Command, flag string, values []string) {
	complete(cmd, flag, func(context.Context) []cobra.Completion { return values })
}

// complete completes a flag with what is found when somebody asks.
func complete(cmd *cobra.Command, flag string, find func(context.Context) []cobra.Completion) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		return find(ctx), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil { // the flag is not defined: a fault of this program, told by each run of the verb
		cmd.PreRunE = func(*cobra.Command, []string) error { return err }
	}
}

// completeArgument offers the entries, tokens and approvals that there are, and files
// where an argument is one.
func (p *program) completeArgument(want []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		word := argumentAt(want, len(args))
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		switch word {
		case "FILE", "[FILE]", "[FILE...]":
			return nil, cobra.ShellCompDirectiveDefault
		case "ENTRY":
			return p.entryIDs(ctx), cobra.ShellCompDirectiveNoFileComp
		case "APPROVAL":
			return p.approvalIDs(ctx), cobra.ShellCompDirectiveNoFileComp
		case "[ENTRY]", "ENTRY|FILE":
			return p.entryIDs(ctx), cobra.ShellCompDirectiveDefault
		case "NAME":
			return p.tokenNames(ctx), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// argumentAt is the word for argument i, "" if there is none. The last may
// stand for any number.
func argumentAt(want []string, i int) string {
	switch {
	case i < len(want):
		return want[i]
	case isVariadic(want):
		return want[len(want)-1]
	}
	return ""
}

// entryIDs asks the people's sockets, then, for a caller, sign.sock. Each has
// half of the time: one that hangs must not use up the other's.
func (p *program) entryIDs(ctx context.Context) []cobra.Completion {
	var ids []cobra.Completion
	people, cancel := context.WithTimeout(ctx, completionTimeout/2)
	defer cancel()
	all, err := readEither(people, p, func(ctx context.Context, c *admin.Client) (admin.Entries, error) { return c.Entries(ctx) })
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
	if err != nil {
		return nil
	}
	for _, e := range list.Entries {
		ids = append(ids, e.Id)
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
