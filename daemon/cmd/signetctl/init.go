package main

import (
	"context"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

var (
	cryptoChoices     = []string{authority.GM, authority.Mixed}
	deploymentChoices = []string{"owner", "hosting", "maker"}
)

// A trial is what init without a ceremony takes from flags.
type trial struct{ crypto, deployment, regime string }

var regimes = []string{string(authority.Development)}

func (p *program) initialise() *cobra.Command {
	var try trial
	cmd := p.actCommand("init [FILE]", helpInit, []authority.Kind{authority.Init}, func(ctx context.Context, by *handing, args []string) error {
		if len(args) == 1 {
			return p.initByCeremony(ctx, by, args[0], try)
		}
		if err := try.check(); err != nil {
			return err
		}
		return p.carry(ctx, by, order{
			kind: authority.Init, effect: effectInit, done: p.initialised,
			content: func(names admin.ActContext) (any, error) {
				return authority.Genesis{
					Appliance: names.Name, Authority: authority.Regime(try.regime), Crypto: try.crypto, Deployment: try.deployment,
				}, nil
			},
		})
	})
	cmd.Flags().StringVar(&try.crypto, "crypto", "", p.tr(flagCrypto))
	cmd.Flags().StringVar(&try.deployment, "deployment", "", p.tr(flagDeployment))
	cmd.Flags().StringVar(&try.regime, "authority", "", p.tr(flagAuthority))
	offer(cmd, "crypto", cryptoChoices)
	offer(cmd, "deployment", deploymentChoices)
	offer(cmd, "authority", regimes)
	return cmd
}

// check fills in what was not said and refuses what cannot be.
func (t *trial) check() error {
	if t.crypto == "" {
		return usage(msgCryptoMissing)
	}
	if t.deployment == "" {
		t.deployment = deploymentChoices[0]
	}
	if t.regime == "" {
		t.regime = regimes[0]
	}
	for _, choice := range []struct {
		flag, value string
		want        []string
	}{
		{"crypto", t.crypto, cryptoChoices},
		{"deployment", t.deployment, deploymentChoices},
		{"authority", t.regime, regimes},
	} {
		if err := oneOf(choice.flag, choice.value, choice.want); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) initByCeremony(ctx context.Context, by *handing, path string, try trial) error {
	if try != (trial{}) {
		return usage(msgCeremonyOrFlags)
	}
	data, err := p.readAll(path, authority.MaxCeremony)
	if err != nil {
		return err
	}
	g, err := authority.ParseCeremony(data)
	if err != nil {
		return fileFaults(msgBadCeremony, path, err)
	}
	if err := checkRecipients(path, g); err != nil {
		return err
	}
	if by.plan {
		return p.planInit(ctx, g)
	}
	return p.carry(ctx, by, order{kind: authority.Init, content: just(g), done: p.initialised})
}

func (p *program) initialised(_ context.Context, result admin.ActResult) error {
	if !p.json {
		if err := p.say(msgInitialised, result.Appliance, result.Mode); err != nil {
			return err
		}
	}
	return p.done(result, hintKeyCreate)
}
