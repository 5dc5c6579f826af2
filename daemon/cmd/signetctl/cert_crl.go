package main

import (
	"context"
	"encoding/base64"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/protocol/admin"
)

// certCRL imports a list of revoked certificates, or shows which there are.
func (p *program) certCRL() *cobra.Command {
	return p.actCommand("crl [FILE]", helpCertCRL, []authority.Kind{authority.CRLImport}, func(ctx context.Context, by *handing, args []string) error {
		if len(args) == 0 {
			return p.listCRLs(ctx)
		}
		data, err := p.readAll(args[0], certificate.MaxCRL)
		if err != nil {
			return err
		}
		list, err := certificate.ReadCRL(data)
		if err != nil {
			return usage(msgBadCRL, args[0], err)
		}
		return p.carry(ctx, by, order{
			kind: authority.CRLImport, content: just(authority.ImportCRL{CRL: base64.StdEncoding.EncodeToString(list.DER())}),
			effect: effectCRL, done: p.andThen(hintCRLs),
		})
	})
}

func (p *program) listCRLs(ctx context.Context) error {
	answer, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.CRLs, error) { return c.CRLs(ctx) })
	switch {
	case err != nil:
		return err
	case p.json:
		return p.printJSON(answer)
	case len(answer.CRLs) == 0:
		return p.say(msgNoCRLs)
	}
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(labelIssuer)}, {Heading: p.tr(labelCRLNumber), Whole: true}, {Heading: p.tr(labelThisUpdate), Whole: true},
		{Heading: p.tr(labelNextUpdate), Whole: true},
	}}
	for _, l := range answer.CRLs {
		t.Row(screen.Cell{Text: l.Issuer}, screen.Cell{Text: l.Number}, screen.Cell{Text: l.ThisUpdate}, screen.Cell{Text: l.NextUpdate})
	}
	return t.Write(p.out, p.outPaint)
}
