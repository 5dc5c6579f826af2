package main

import (
	"context"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

var (
	cryptoChoices     = []string{"gm", "mixed"}
	deploymentChoices = []string{"owner", "hosting", "maker"}
)

func (p *program) initialise() *cobra.Command {
	var crypto, deployment, regime string
	regimes := []string{string(authority.Development)}
	cmd := p.command("init", helpInit, func(ctx context.Context, _ []string) error {
		if crypto == "" {
			return usage(msgCryptoMissing)
		}
		for _, choice := range []struct {
			flag, value string
			want        []string
		}{
			{"crypto", crypto, cryptoChoices},
			{"deployment", deployment, deploymentChoices},
			{"authority", regime, regimes},
		} {
			if err := oneOf(choice.flag, choice.value, choice.want); err != nil {
				return err
			}
		}
		result, err := p.actIn(ctx, authority.Init, "", func(names admin.ActContext) any {
			return authority.Genesis{
				Appliance: names.Name, Authority: authority.Regime(regime), Crypto: crypto, Deployment: deployment,
			}
		})
		if err != nil {
			return err
		}
		return p.initialised(result)
	})
	cmd.Flags().StringVar(&crypto, "crypto", "", p.tr(flagCrypto))
	cmd.Flags().StringVar(&deployment, "deployment", "owner", p.tr(flagDeployment))
	cmd.Flags().StringVar(&regime, "authority", string(authority.Development), p.tr(flagAuthority))
	offer(cmd, "crypto", cryptoChoices)
	offer(cmd, "deployment", deploymentChoices)
	offer(cmd, "authority", regimes)
	return cmd
}

func (p *program) initialised(result admin.ActResult) error {
	if !p.json {
		if err := p.say(msgInitialised, result.Appliance, result.Mode); err != nil {
			return err
		}
	}
	return p.done(result, hintKeyCreate)
}
