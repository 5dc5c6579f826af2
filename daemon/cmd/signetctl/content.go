package main

import (
	"context"
	"errors"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

// content asks for what a hash stands for and gives out nothing else: the
// reader of a log need not believe the daemon that shows it.
func (p *program) content(ctx context.Context, hash string) (string, error) {
	answer, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Content, error) { return c.Content(ctx, hash) })
	if err != nil {
		return "", err
	}
	if got := authority.ContentHash([]byte(answer.Content)); got != hash {
		return "", &fault{status: exitVerification, what: msgContentOther, args: []any{got, hash}, next: hintStatus}
	}
	return answer.Content, nil
}

// showAct shows the content of an event's act. The kind is the act's own, not
// the event's op: the act is what was signed.
func (p *program) showAct(ctx context.Context, e audit.Event) error {
	var act authority.Act // kinds of a newer daemon are read too, so not by ParseAct
	if canonical.Unmarshal([]byte(e.Act), &act) != nil {
		return &fault{status: exitUnexpected, what: msgActUnread, args: []any{e.Seq}, next: hintLeaf, nextArgs: []any{e.Seq}}
	}
	content, err := p.content(ctx, act.ContentSHA)
	switch {
	case errors.Is(err, protocol.UnknownEntry) && e.Result != audit.Allowed:
		return p.say(msgContentNotKept)
	case errors.Is(err, protocol.UnknownEntry):
		return &fault{status: exitNotFound, what: msgContentMissing, args: []any{e.Seq, act.ContentSHA}, next: hintStatus}
	case err != nil:
		return err
	}
	return p.showContent(act.Kind, content)
}

// showRequestOf shows what a caller asked custodians for: the event holds its
// SM3.
func (p *program) showRequestOf(ctx context.Context, e audit.Event) error {
	content, err := p.content(ctx, e.Value)
	if errors.Is(err, protocol.UnknownEntry) {
		return &fault{status: exitNotFound, what: msgRequestMissing, args: []any{e.Seq, e.Value}, next: hintStatus}
	}
	if err != nil {
		return err
	}
	asked, err := register.ParseAsking([]byte(content))
	if err != nil {
		return p.showBelow(msgContentUnknown, content)
	}
	if err := p.say(msgContentAsked); err != nil {
		return err
	}
	l := &contentList{program: p}
	p.listAsking(func(name text, value screen.Cell) { l.add(name, value.Text) }, asked)
	return l.list.Write(p.out, p.outPaint)
}

// showContent shows a content readably where its form is known, else as it
// is.
func (p *program) showContent(kind authority.Kind, content string) error {
	if err := p.say(msgContent); err != nil {
		return err
	}
	form := formOf(kind)
	if form == nil || authority.ParseContent([]byte(content), form) != nil {
		return p.showBelow(msgContentUnknown, content)
	}
	switch c := form.(type) {
	case *authority.Nothing:
		return screen.Indent(p.out, margin, p.tr(msgContentNothing))
	case *authority.SetPolicy:
		return p.showPolicyContent(*c)
	}
	list := p.listContent(form)
	return list.Write(p.out, p.outPaint)
}

func (p *program) showPolicyContent(c authority.SetPolicy) error {
	if c.Nobody {
		if err := screen.Indent(p.out, margin, p.tr(msgContentNobody)); err != nil {
			return err
		}
	}
	return p.showBelow(msgContentPolicy, c.Text)
}

// margin sets a content off from what this program says: no line of it can
// be taken for one of the event.
const margin = 2

// showBelow shows a text of several lines below what it is.
func (p *program) showBelow(what text, body string) error {
	if err := screen.Indent(p.out, margin, p.tr(what)); err != nil {
		return err
	}
	return screen.Indent(p.out, 2*margin, cleanLines(body))
}
