package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/daemon/cmd/signetctl/internal/screen"
)

// printHelp writes the help of one command: what it does, how it is typed,
// and an example. A person who asked for help sees standard output.
func (p *program) printHelp(cmd *cobra.Command) {
	screen.Indent(p.out, 0, cmd.CommandPath()+" - "+cmd.Short)
	if cmd.Long != "" {
		p.blank()
		screen.Indent(p.out, 0, cmd.Long)
	}
	p.section(headUsage)
	screen.Indent(p.out, 2, usageLine(cmd))
	p.helpVerbs(cmd)
	p.helpFlags(headFlags, cmd.NonInheritedFlags(), cmd.HasParent())
	p.helpFlags(headGlobalFlags, cmd.Root().PersistentFlags(), false)
	if cmd.Example != "" {
		p.section(headExample)
		fmt.Fprintln(p.out, "  "+strings.ReplaceAll(cmd.Example, "\n", "\n  ")) // never wrapped: it is to be copied
	}
}

func usageLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if _, arguments, found := strings.Cut(cmd.Use, " "); found {
		line += " " + arguments
	}
	if cmd.HasSubCommands() {
		line += " VERB"
	}
	return line + " [FLAGS]"
}

func (p *program) blank() { fmt.Fprintln(p.out) }

func (p *program) section(heading text) {
	p.blank()
	fmt.Fprintln(p.out, p.tr(heading))
}

func (p *program) helpVerbs(cmd *cobra.Command) {
	var list screen.List
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() {
			list.Add("  "+verb.Name(), screen.Cell{Text: verb.Short})
		}
	}
	if cmd.HasAvailableSubCommands() {
		p.section(headVerbs)
		list.Write(p.out, screen.Paint{})
	}
}

// helpFlags lists flags; those of the root are all global, but for itself.
func (p *program) helpFlags(heading text, flags *pflag.FlagSet, own bool) {
	var list screen.List
	some := false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		name, what := flagLine(f)
		if f.Shorthand == "" {
			name = "    " + name
		}
		list.Add("  "+name, screen.Cell{Text: what})
		some = true
	})
	if some && (own || heading == headGlobalFlags) {
		p.section(heading)
		list.Write(p.out, screen.Paint{})
	}
}

// flagLine is a flag as it is typed, and what it does.
func flagLine(f *pflag.Flag) (name, what string) {
	value, what := pflag.UnquoteUsage(f)
	name = "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	switch {
	case f.NoOptDefVal != "" && f.Value.Type() != "bool":
		name += "[=" + value + "]"
	case f.Value.Type() != "bool":
		name += " " + value
	}
	return name, what
}
