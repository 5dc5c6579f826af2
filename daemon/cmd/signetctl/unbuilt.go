package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// unbuilt are verbs that the manual names and this version does not have.
// They answer so, rather than "unknown command": whoever types one has read
// of it.
var unbuilt = []string{
	"token reload", "token maintenance", "token seal-pin",
	"key history",
	"seal make", "seal import", "seal show", "seal activate", "seal suspend", "seal resume", "seal cancel", "seal supersede",
	"seal invalidate", "seal history",
	"stamp",
	"log tail", "log proof", "log evidence", "log export", "log verify", "log reanchor", "log rotate-key",
	"order import", "filing list", "filing export", "filing ack",
}

func addUnbuilt(root *cobra.Command) {
	for _, path := range unbuilt {
		parent, name := root, path
		if group, verb, nested := strings.Cut(path, " "); nested {
			parent, name = groupOf(root, group), verb
		}
		parent.AddCommand(unbuiltCommand(name, path))
	}
}

func unbuiltCommand(name, path string) *cobra.Command {
	return &cobra.Command{
		Use: name, Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return &fault{status: exitRefused, what: msgUnbuilt, args: []any{path}, next: hintCommand}
		},
	}
}

// groupOf returns the group of that name. One of which no verb is built is
// made, and answers like its verbs.
func groupOf(root *cobra.Command, name string) *cobra.Command {
	for _, cmd := range root.Commands() {
		if cmd.Name() == name {
			return cmd
		}
	}
	group := unbuiltCommand(name, name)
	root.AddCommand(group)
	return group
}
