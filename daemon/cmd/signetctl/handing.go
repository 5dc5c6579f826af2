package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
)

// How long an act made here can be handed in. One that needs no signatures is
// handed in at once: an hour is for clocks and queues. Others wait for people.
const (
	actLifetime    = time.Hour
	signedLifetime = 24 * time.Hour
)

// A handing is how an act leaves this program: signed here, written to a file
// for others to sign, or, where nobody has to sign, as it is.
type handing struct {
	kinds                  []authority.Kind // that the verb makes
	keyFile, agent, helper string
	agentNamed             bool // --agent was given, with or without a fingerprint
	file                   string
	force                  bool
	valid                  time.Duration
	yes, plan              bool
}

// annotationAct is the annotation of a verb that makes acts: their kinds,
// separated by blanks.
const annotationAct = "act"

// actCommand returns a verb that makes acts of these kinds; -o is the file of
// the act.
func (p *program) actCommand(use string, h help, kinds []authority.Kind, run func(context.Context, *handing, []string) error) *cobra.Command {
	return p.actVerb(use, h, kinds, "o", run)
}

// actWriter is actCommand for a verb that writes a file of its own: -o is that.
func (p *program) actWriter(use string, h help, kinds []authority.Kind, path *string, what text, run func(context.Context, *handing, []string) error) *cobra.Command {
	cmd := p.actVerb(use, h, kinds, "", run)
	cmd.Flags().StringVarP(path, "out", "o", "", p.tr(what))
	return cmd
}

func (p *program) actVerb(use string, h help, kinds []authority.Kind, short string, run func(context.Context, *handing, []string) error) *cobra.Command {
	by := handing{kinds: kinds}
	cmd := p.command(use, h, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		by.agentNamed = cmd.Flags().Changed("agent")
		if err := by.check(); err != nil {
			return err
		}
		return run(cmd.Context(), &by, args)
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	cmd.Annotations = map[string]string{annotationAct: strings.Join(names, " ")}
	by.addSigningFlags(p, cmd)
	cmd.Flags().StringVarP(&by.file, "act-file", short, "", p.tr(flagActFile))
	cmd.Flags().BoolVar(&by.force, "force", false, p.tr(flagForce))
	cmd.Flags().DurationVar(&by.valid, "valid", 0, p.tr(flagValid))
	cmd.Flags().BoolVar(&by.plan, "plan", false, p.tr(flagPlan))
	return cmd
}

// addSigningFlags adds the ways to sign.
func (h *handing) addSigningFlags(p *program, cmd *cobra.Command) {
	cmd.Flags().StringVar(&h.keyFile, "sign", "", p.tr(flagSignWith))
	cmd.Flags().StringVar(&h.agent, "agent", "", p.tr(flagAgent))
	cmd.Flags().Lookup("agent").NoOptDefVal = anyKey
	cmd.Flags().StringVar(&h.helper, "exec", "", p.tr(flagExec))
	cmd.Flags().BoolVar(&h.yes, "yes", false, p.tr(flagYes))
}

// anyKey stands for --agent without a fingerprint.
const anyKey = "any"

// check refuses what contradicts itself, before anything is asked.
func (h *handing) check() error {
	ways := 0
	for _, given := range []bool{h.keyFile != "", h.agentNamed, h.helper != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return usage(msgOneWay)
	case h.valid < 0 || h.valid > authority.Lifetime:
		return usage(msgValid, h.valid, authority.Lifetime)
	}
	return nil
}

// signs tells whether somebody signs here and now.
func (h *handing) signs() bool { return h.keyFile != "" || h.agentNamed || h.helper != "" }

// lifetime is how long the act will be good for.
func (h *handing) lifetime(signed bool) time.Duration {
	switch {
	case h.valid > 0:
		return h.valid
	case signed:
		return signedLifetime
	}
	return actLifetime
}
