package main

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/protocol"
)

// A help is what a command says of itself.
type help struct {
	short   text
	long    text
	example string // commands to type; the same in every language
}

// root is the whole command line.
func (p *program) root() *cobra.Command {
	root := p.group("signetctl", helpRoot,
		p.initialise(), p.status(),
		p.group("token", helpToken, p.tokenList(), p.tokenStatus(), p.tokenClearPIN()),
		p.group("key", helpKey, p.keyCreate(), p.keyAdopt(), p.keyList(), p.keyShow(), p.keyActivate(), p.keySuspend(), p.keyResume(),
			p.keyCancel(), p.keyDestroy()),
		p.group("seal", helpSeal, p.sealList()),
		p.group("cert", helpCert, p.certRequest(), p.certImport(), p.certList(), p.certCRL()),
		p.group("policy", helpPolicy, p.policySet(), p.policyShow(), p.policyTest(), p.policyDiff()),
		p.group("approval", helpApproval, p.approvalRequest(), p.approvalList(), p.approvalShow(), p.approvalGrant(), p.approvalDeny(), p.approvalRevoke()),
		p.signCommand(), p.verifyCommand(),
		p.group("log", helpLog, p.logList(), p.logShow(), p.logReplay()),
		p.group("act", helpAct, p.actList(), p.actShow(), p.actSign(), p.actSubmit()),
		p.group("officer", helpOfficer, p.officerList(), p.officerChange()),
		p.backup(), p.restore(), p.selfTest(),
		p.group("mode", helpMode, p.modeShow(), p.modeClear()),
		p.metrics(), p.completion())
	addUnbuilt(root)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { p.printHelp(cmd) })
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagFault(err) })
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.Version = version()
	root.SetVersionTemplate("signetctl {{.Version}}\n")
	p.addFlags(root.PersistentFlags())
	root.Flags().Bool("version", false, p.tr(flagVersion))
	return root
}

func (p *program) addFlags(flags *pflag.FlagSet) {
	flags.BoolP("help", "h", false, p.tr(flagHelp))
	flags.BoolVar(&p.json, "json", false, p.tr(flagJSON))
	flags.DurationVar(&p.timeout, "timeout", 0, p.tr(flagTimeout))
	p.sign.addFlag(p, flags)
	p.admin.addFlag(p, flags)
	p.audit.addFlag(p, flags)
}

// command returns one verb. Upper-case words of use are its arguments, those
// in brackets not required; ENTRY and NAME are what the verb is about.
func (p *program) command(use string, h help, run func(context.Context, []string) error) *cobra.Command {
	want := strings.Fields(use)[1:]
	return &cobra.Command{
		Use: use, Short: p.tr(h.short), Long: p.tr(h.long), Example: h.example,
		DisableFlagsInUseLine: true,
		Args:                  func(_ *cobra.Command, args []string) error { return p.takeArguments(want, args) },
		RunE:                  func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) },
		ValidArgsFunction:     p.completeArgument(want),
	}
}

func (p *program) takeArguments(want, args []string) error {
	required := slices.DeleteFunc(slices.Clone(want), func(word string) bool { return word[0] == '[' })
	switch {
	case len(want) == 0 && len(args) > 0:
		return usage(msgNoArguments, strings.Join(args, " "))
	case len(args) < len(required) || len(args) > len(want) && !isVariadic(want):
		return usage(msgArguments, len(required), strings.Join(want, " "), len(args))
	}
	for i, name := range required {
		if name == "ENTRY" || name == "NAME" {
			if protocol.CheckEntryID("", args[i]) != nil {
				return usage(msgBadName, args[i], protocol.MaxEntryID)
			}
			p.subject = args[i]
		}
		if fault := protocol.CheckApprovalID("", args[i]); name == "APPROVAL" && fault != nil {
			return usage(msgBadApprovalID, args[i])
		}
	}
	return nil
}

// isVariadic tells whether the last argument stands for any number.
func isVariadic(want []string) bool {
	return len(want) > 0 && strings.HasSuffix(want[len(want)-1], "...]")
}

// group returns a command that only has verbs below it. Without one it shows
// its help, which is no success for a script.
func (p *program) group(name string, h help, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: p.tr(h.short), Long: p.tr(h.long), Example: h.example, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			p.printHelp(cmd)
			return usage(msgVerbMissing, cmd.CommandPath())
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usage(msgVerbUnknownNear, cmd.CommandPath(), args[0], cmd.CommandPath()+" "+near[0])
		}
		return usage(msgVerbUnknown, cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(verbs...)
	return cmd
}

// flagFault says in the catalog's words what pflag found.
func flagFault(err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usage(msgFlagUnknown, "-"+name)
		}
		return usage(msgFlagUnknown, "--"+name)
	case errors.As(err, &missing):
		return usage(msgFlagValueMissing, missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return usage(msgFlagValue, invalid.GetValue(), invalid.GetFlag().Name, plainest(invalid.Unwrap()))
	}
	return usage(msgFlagSyntax, err)
}

// plainest is the innermost error: the outer ones name functions of Go.
func plainest(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
