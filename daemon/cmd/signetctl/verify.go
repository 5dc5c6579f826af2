package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// A verification is what one run of verify was asked for.
type verification struct {
	sources   sources
	entry     string // whose key the daemon is asked for; empty: publicKey
	publicKey string // path of a PEM file
	signature string // a pattern, as for sign
	format    string
	algorithm string
}

func (p *program) verifyCommand() *cobra.Command {
	var v verification
	cmd := p.command("verify [ENTRY] [FILE...]", helpVerify, func(ctx context.Context, args []string) error {
		p.caller = true
		return p.runVerify(ctx, &v, args)
	})
	flags := cmd.Flags()
	flags.StringVar(&v.publicKey, "public-key", "", p.tr(flagVerifyKey))
	flags.StringVar(&v.signature, "signature", "", p.tr(flagSignature))
	v.sources.addFlags(p, flags)
	flags.StringVar(&v.format, "format", "auto", p.tr(flagVerifyFormat))
	flags.StringVar(&v.algorithm, "algorithm", "", p.tr(flagVerifyAlgorithm))
	offer(cmd, "algorithm", algorithmNames())
	offer(cmd, "format", verifyFormats)
	return cmd
}

// runVerify judges every signature that is named, also after one that is bad.
func (p *program) runVerify(ctx context.Context, v *verification, arguments []string) error {
	all, named, err := p.planVerify(v, arguments)
	if err != nil {
		return err
	}
	key, err := p.askPublicKey(ctx, v)
	if err != nil {
		return &undecided{err}
	}
	candidates, err := v.candidates(named, key)
	if err != nil {
		return &undecided{err}
	}
	verdicts, err := p.judgeAll(ctx, v, all, key, candidates)
	if err != nil {
		return err
	}
	if err := p.showVerdicts(v, verdicts); err != nil {
		return err
	}
	return p.sum(v, verdicts)
}

// planVerify refuses a command line by which nothing could be judged.
func (p *program) planVerify(v *verification, arguments []string) ([]source, algo.Algorithm, error) {
	if v.publicKey == "" {
		if len(arguments) == 0 {
			return nil, 0, usage(msgNoKey)
		}
		if protocol.CheckEntryID("", arguments[0]) != nil {
			return nil, 0, usage(msgBadName, arguments[0], protocol.MaxEntryID)
		}
		v.entry, p.subject, arguments = arguments[0], arguments[0], arguments[1:]
	}
	all, err := v.sources.list(arguments)
	if err != nil {
		return nil, 0, err
	}
	var named algo.Algorithm
	if v.algorithm != "" {
		if named, err = parseAlgorithm(v.algorithm); err != nil {
			return nil, 0, err
		}
	}
	return all, named, errors.Join(v.planSignatures(all), oneOf("format", v.format, verifyFormats))
}

// planSignatures finds a signature for each source: beside its file where
// nothing else is said.
func (v *verification) planSignatures(all []source) error {
	switch {
	case v.signature == "" && !all[0].isDocument():
		return usage(msgNoSignature, flagOf[all[0].kind])
	case v.signature == "" && all[0].path == "-":
		return usage(msgNoSignature, flagOf[ofFile])
	case v.signature == "":
		v.signature = besideFile
	case v.signature == "-" && slices.Contains([]string{all[0].path, v.publicKey}, "-"):
		return usage(msgInputTwice)
	}
	if len(all) > 1 && placeOf(v.signature, "a") == placeOf(v.signature, "b") {
		return usage(msgOneSignature, v.signature, len(all))
	}
	if v.publicKey == "-" && all[0].path == "-" {
		return usage(msgInputTwice)
	}
	return nil
}

// askPublicKey takes the key from its file, so that nobody need be believed,
// or asks the daemon: as a caller, who is told the keys that he may use, then
// as an officer or auditor.
func (p *program) askPublicKey(ctx context.Context, v *verification) (algo.PublicKey, error) {
	if v.publicKey != "" {
		return p.readPublicKey(v.publicKey)
	}
	t, callerErr := p.askTerms(ctx, v.entry, 1)
	if callerErr == nil && !t.public.IsZero() {
		return t.public, nil
	}
	e, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Entry, error) { return c.Entry(ctx, v.entry) })
	switch {
	case err == nil:
		return algo.ParsePublicKeyPEM([]byte(e.PublicKey))
	case errors.Is(err, protocol.UnknownEntry):
		return algo.PublicKey{}, err
	case callerErr == nil: // no officer: what a caller is told is all there is
		return algo.PublicKey{}, notListed(v.entry)
	}
	return algo.PublicKey{}, callerErr
}

// maxKeyFile bounds a public key file in bytes: RSA-4096 takes 800.
const maxKeyFile = 64 << 10

func (p *program) readPublicKey(path string) (algo.PublicKey, error) {
	text, err := p.readAll(path, maxKeyFile)
	if err != nil {
		return algo.PublicKey{}, err
	}
	pub, err := algo.ParsePublicKeyPEM(text)
	if err != nil {
		return algo.PublicKey{}, usage(msgBadPublicKey, path, err)
	}
	return pub, nil
}

// candidates are the algorithms to judge by: the one that is named, else all
// that the key can have signed with.
func (v *verification) candidates(named algo.Algorithm, key algo.PublicKey) ([]algo.Algorithm, error) {
	if named == 0 {
		return algo.For(key.Type()), nil
	}
	if !named.Fits(key.Type()) {
		return nil, usage(msgAlgorithmKey, named.String(), v.keyName(), key.Type().String())
	}
	return []algo.Algorithm{named}, nil
}

// keyName is where the key comes from.
func (v *verification) keyName() string {
	if v.entry != "" {
		return v.entry
	}
	return v.publicKey
}

func (p *program) judgeAll(ctx context.Context, v *verification, all []source, key algo.PublicKey, candidates []algo.Algorithm) ([]verdict, error) {
	h, stop := p.hash(len(all))
	defer stop()
	var verdicts []verdict
	for _, s := range all {
		verdict := verdict{source: s, signature: placeOf(v.signature, s.path)}
		signature, err := p.readSignature(verdict.signature, v.format)
		if err == nil {
			verdict.values, err = h.values(ctx, s, key)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			verdict.err = err
		} else {
			verdict.judge(key, candidates, signature)
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts, nil
}
