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
	"key adopt", "key cancel", "key destroy", "key history",
	"seal make", "seal import", "seal show", "seal activate", "seal suspend", "seal resume", "seal cancel", "seal supersede",
	"seal invalidate", "seal history",
	"cert request", "cert import", "cert list", "cert crl",
	"policy diff", "policy test",
	"approval request", "approval list", "approval show", "approval grant", "approval deny", "approval revoke",
	"stamp", "verify",
	"log tail", "log proof", "log evidence", "log export", "log verify", "log replay", "log reanchor", "log rotate-key",
	"act list", "act show", "act sign", "act submit",
	"officer list", "officer change", "order import", "filing list", "filing export", "filing ack",
	"backup", "restore", "metrics", "selftest",
}

func (p *program) addUnbuilt(root *cobra.Command) {
	for _, path := range unbuilt {
		parent, name := root, path
		if group, verb, nested := strings.Cut(path, " "); nested {
			parent, name = p.groupOf(root, group), verb
		}
		parent.AddCommand(&cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error {
				return &fault{status: exitRefused, what: msgUnbuilt, args: []any{path}}
			},
		})
	}
}

// groupOf returns the group of that name; one that has no verb yet is made,
// and stays out of the help.
func (p *program) groupOf(root *cobra.Command, name string) *cobra.Command {
	for _, cmd := range root.Commands() {
		if cmd.Name() == name {
			return cmd
		}
	}
	group := p.group(name, help{})
	group.Hidden = true
	root.AddCommand(group)
	return group
}
