package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (p *program) sealList() *cobra.Command {
	return p.command("list", helpSealList, func(ctx context.Context, _ []string) error {
		return p.listEntries(ctx, "seal", msgNoSeals)
	})
}
