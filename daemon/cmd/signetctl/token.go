package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

func (p *program) askTokens(ctx context.Context) (admin.Tokens, error) {
	return read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Tokens, error) { return c.Tokens(ctx) })
}

func (p *program) tokenList() *cobra.Command {
	return p.command("list", helpTokenList, func(ctx context.Context, _ []string) error {
		answer, err := p.askTokens(ctx)
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(answer)
		}
		return p.tokenTable(answer.Tokens)
	})
}

func (p *program) tokenTable(tokens []admin.Token) error {
	if len(tokens) == 0 {
		return p.say(msgNoTokens)
	}
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headToken)}, {Heading: p.tr(headState), Whole: true}, {Heading: p.tr(headSessions), Whole: true},
		{Heading: p.tr(headModule)}, {Heading: p.tr(headProfile)}, {Heading: p.tr(headNote)},
	}}
	for _, token := range tokens {
		t.Row(screen.Cell{Text: token.Name}, p.word(token.State), screen.Cell{Text: sessions(token)},
			screen.Cell{Text: token.Module}, screen.Cell{Text: token.Profile}, p.tokenNote(token))
	}
	return t.Write(p.out, p.outPaint)
}

func sessions(t admin.Token) string {
	text := fmt.Sprintf("%d/%d", t.Open, t.Configured)
	if t.Hung > 0 {
		text += fmt.Sprintf(" -%d", t.Hung)
	}
	return text
}

// tokenNote is the one thing about a token that most needs a look.
func (p *program) tokenNote(t admin.Token) screen.Cell {
	switch {
	case t.State != "up" && t.LastError != "":
		return screen.Cell{Text: t.LastError, Tone: screen.Bad}
	case !t.Production:
		return screen.Cell{Text: p.tr(msgNotForProduction), Tone: screen.Warn}
	case !t.Pinned:
		return screen.Cell{Text: p.tr(msgNotPinned), Tone: screen.Warn}
	}
	return screen.Cell{}
}

func (p *program) tokenStatus() *cobra.Command {
	var mechanisms bool
	cmd := p.command("status NAME", helpTokenStatus, func(ctx context.Context, args []string) error {
		answer, err := p.askTokens(ctx)
		if err != nil {
			return err
		}
		for _, t := range answer.Tokens {
			switch {
			case t.Name == args[0] && mechanisms:
				return p.tryMechanisms(ctx, t.Name)
			case t.Name == args[0]:
				return p.showToken(t)
			}
		}
		return &fault{status: exitNotFound, what: msgNoSuchToken, args: []any{args[0]}, next: hintTokens}
	})
	cmd.Flags().BoolVar(&mechanisms, "mechanisms", false, p.tr(flagMechanisms))
	return cmd
}

func (p *program) showToken(t admin.Token) error {
	if p.json {
		return p.printJSON(t)
	}
	var list screen.List
	list.Add(p.tr(headToken), screen.Cell{Text: t.Name})
	list.Add(p.tr(headState), p.word(t.State))
	list.Add(p.tr(labelSince), screen.Cell{Text: clock(t.Since)})
	list.Add(p.tr(labelLastError), screen.Cell{Text: t.LastError})
	list.Add(p.tr(labelMend), screen.Cell{Text: t.Mend})
	list.Add(p.tr(headSessions), screen.Cell{Text: p.tr(msgSessions, t.Open, t.Configured, t.Hung)})
	list.Add("URI", screen.Cell{Text: t.URI})
	list.Add(p.tr(headModule), screen.Cell{Text: t.Module})
	list.Add(p.tr(labelPinned), p.yes(t.Pinned))
	list.Add(p.tr(headProfile), screen.Cell{Text: t.Profile})
	list.Add(p.tr(labelProduction), p.yes(t.Production))
	list.Add(p.tr(labelDevice), screen.Cell{Text: strings.TrimSpace(t.Manufacturer + "  " + t.Model)})
	list.Add(p.tr(labelSerial), screen.Cell{Text: t.Serial})
	list.Add(p.tr(labelFirmware), screen.Cell{Text: t.Firmware})
	if err := list.Write(p.out, p.outPaint); err != nil {
		return err
	}
	return p.warnings(t.Notices)
}

func (p *program) yes(b bool) screen.Cell {
	if b {
		return screen.Cell{Text: p.tr(wordYes), Tone: screen.Good}
	}
	return screen.Cell{Text: p.tr(wordNo), Tone: screen.Warn}
}

func (p *program) tokenClearPIN() *cobra.Command {
	return p.actCommand("clear-pin NAME", helpTokenClearPIN, []authority.Kind{authority.TokenClearPIN}, func(ctx context.Context, by *handing, args []string) error {
		return p.carry(ctx, by, order{kind: authority.TokenClearPIN, target: args[0], content: just(authority.Nothing{}), done: p.andThen(hintTokenStatus, args[0])})
	})
}
