package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

func (p *program) actList() *cobra.Command {
	return p.command("list", helpActList, func(ctx context.Context, _ []string) error {
		answer, err := p.askProposals(ctx)
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(answer)
		}
		return p.proposalTable(answer.Proposals)
	})
}

func (p *program) askProposals(ctx context.Context) (admin.Proposals, error) {
	return onAdmin(ctx, p, readTimeout, func(ctx context.Context, c *admin.Client) (admin.Proposals, error) { return c.Proposals(ctx) })
}

func (p *program) proposalTable(all []admin.Proposal) error {
	if len(all) == 0 {
		return p.say(msgNoProposals)
	}
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(labelNonce), Whole: true}, {Heading: p.tr(labelAct), Whole: true}, {Heading: p.tr(labelTarget)},
		{Heading: p.tr(labelNotAfter), Whole: true}, {Heading: p.tr(headSigned)}, {Heading: p.tr(headMissing)},
	}}
	for _, w := range all {
		t.Row(screen.Cell{Text: shortNonce(w.Nonce)}, screen.Cell{Text: w.Kind}, screen.Cell{Text: w.Target}, screen.Cell{Text: w.NotAfter},
			screen.Cell{Text: strings.Join(w.Signers, ", ")}, screen.Cell{Text: w.Missing})
	}
	if err := t.Write(p.out, p.outPaint); err != nil {
		return err
	}
	return p.next(hintActShow, shortNonce(all[0].Nonce))
}

func shortNonce(nonce string) string {
	if len(nonce) > nonceShown {
		return nonce[:nonceShown]
	}
	return nonce
}

func (p *program) actShow() *cobra.Command {
	var exact bool
	cmd := p.command("show ACT", helpActShow, func(ctx context.Context, args []string) error {
		d, _, err := p.findDeed(ctx, args[0])
		if err != nil {
			return err
		}
		switch {
		case exact: // for a tool that signs: not one byte more
			_, err := io.WriteString(p.out, d.request.Act)
			return err
		case p.json:
			return p.printJSON(d.request)
		}
		if err := errors.Join(p.showDeed(d), p.showAbout(ctx, d)); err != nil {
			return err
		}
		return p.next(hintActSignFile, args[0])
	})
	cmd.Flags().BoolVar(&exact, "bytes", false, p.tr(flagBytes))
	return cmd
}

func (p *program) actSign() *cobra.Command {
	var by handing
	cmd := p.command("sign ACT", helpActSign, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		by.agentNamed = cmd.Flags().Changed("agent")
		switch err := by.check(); {
		case err != nil:
			return err
		case !by.signs():
			return usage(msgNoWay)
		}
		return p.signAct(cmd.Context(), &by, args[0])
	}
	by.addSigningFlags(p, cmd)
	return cmd
}

// signAct signs an act that waits and hands it in, or signs a file, which is
// written anew.
func (p *program) signAct(ctx context.Context, by *handing, name string) error {
	d, waits, err := p.findDeed(ctx, name)
	if err != nil {
		return err
	}
	if name == "-" {
		return usage(msgSignInput)
	}
	if d, err = p.signDeed(ctx, by, d); err != nil {
		return err
	}
	if waits {
		return p.handIn(ctx, d, p.carriedOut)
	}
	if err := saveDeed(name, true, d); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(writtenAct{name, d.act.Nonce, string(d.act.Kind), d.act.Target, d.act.NotAfter, len(d.request.Signatures)})
	}
	if err := p.say(msgActSigned, name, len(d.request.Signatures)); err != nil {
		return err
	}
	return p.next(hintActSubmit, name)
}

func (p *program) actSubmit() *cobra.Command {
	var armored, signedData []string
	cmd := p.command("submit FILE", helpActSubmit, func(ctx context.Context, args []string) error {
		d, err := p.readDeed(args[0])
		if err != nil {
			return err
		}
		for _, path := range slices.Concat(armored, signedData) {
			s, err := p.readSignatureOf(path)
			if err != nil {
				return err
			}
			d = d.with(s)
		}
		return p.handIn(ctx, d, p.carriedOut)
	})
	cmd.Flags().StringArrayVar(&armored, "ssh", nil, p.tr(flagSSH))
	cmd.Flags().StringArrayVar(&signedData, "p7", nil, p.tr(flagP7))
	return cmd
}

// maxSignatureFile is more than a signature takes: what is too long for one is
// said by who reads it.
const maxSignatureFile = 64 << 10

// readSignatureOf reads a signature that was made elsewhere.
func (p *program) readSignatureOf(path string) (admin.Signature, error) {
	data, err := p.readAll(path, maxSignatureFile)
	if err != nil {
		return admin.Signature{}, err
	}
	s, err := authority.ReadSignature(data)
	if err != nil {
		return admin.Signature{}, usage(msgBadActSignature, path, err)
	}
	return admin.Signature{Form: string(s.Form), Value: s.Value}, nil
}

// carriedOut shows what an act has become whose verb was typed elsewhere.
func (p *program) carriedOut(_ context.Context, result admin.ActResult) error {
	switch {
	case result.Request != "":
		return p.done(result, hintFetchRequest, result.Target, result.Request, result.Target)
	case result.Kind == string(authority.Backup):
		return p.done(result, hintFetchBackup, p.nonce)
	}
	return p.done(result, hintEvent, result.Event)
}

// findDeed finds an act by the path of its file, or by the first digits of its
// nonce among those that wait. A file of that name comes first.
func (p *program) findDeed(ctx context.Context, name string) (d deed, waits bool, err error) {
	if _, statErr := os.Stat(name); name == "-" || statErr == nil || !isNonce(name) {
		d, err = p.readDeed(name)
		return d, false, err
	}
	answer, err := p.askProposals(ctx)
	if err != nil {
		return deed{}, false, err
	}
	nonce, err := pickNonce(name, answer.Proposals)
	if err != nil {
		return deed{}, false, err
	}
	d, err = p.askProposal(ctx, nonce)
	return d, true, err
}

// minNonce is the fewest digits that name an act.
const minNonce = 4

func isNonce(name string) bool {
	_, err := hex.DecodeString(name + strings.Repeat("0", len(name)%2))
	return err == nil && len(name) >= minNonce
}

func pickNonce(begin string, all []admin.Proposal) (string, error) {
	var found []string
	for _, w := range all {
		if strings.HasPrefix(w.Nonce, strings.ToLower(begin)) {
			found = append(found, w.Nonce)
		}
	}
	switch len(found) {
	case 0:
		return "", &fault{status: exitNotFound, what: msgNoSuchAct, args: []any{begin}, next: hintActList}
	case 1:
		return found[0], nil
	}
	return "", &fault{status: exitUsage, what: msgManyActs, args: []any{len(found), begin}, lines: found, next: hintActList}
}

// askProposal asks for an act that waits and believes nothing of it that its
// bytes do not say.
func (p *program) askProposal(ctx context.Context, nonce string) (deed, error) {
	w, err := onAdmin(ctx, p, readTimeout, func(ctx context.Context, c *admin.Client) (admin.Proposal, error) { return c.Proposal(ctx, nonce) })
	if errors.Is(err, protocol.UnknownEntry) {
		return deed{}, &fault{status: exitNotFound, what: msgNoSuchAct, args: []any{nonce}, next: hintActList}
	}
	if err != nil {
		return deed{}, err
	}
	d, err := openDeed(admin.ActRequest{Act: w.Act, Content: w.Content, Signatures: w.Signatures})
	if err == nil && d.act.Nonce != nonce {
		err = errors.New("its nonce is " + d.act.Nonce)
	}
	if err != nil {
		return deed{}, &fault{status: exitVerification, what: msgBadProposal, args: []any{nonce, err}, next: hintStatus}
	}
	return d, nil
}
