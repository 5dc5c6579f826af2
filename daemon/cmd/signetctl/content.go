package main

import (
	"context"
	"errors"
	"strconv"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
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
		return p.showBelow(msgContentPolicy, c.Text)
	}
	list := p.listContent(form)
	return list.Write(p.out, p.outPaint)
}

// formOf returns what a content of that kind is read into, nil for a kind
// that is not built.
func formOf(kind authority.Kind) any {
	switch kind {
	case authority.Init:
		return new(authority.Genesis)
	case authority.KeyCreate:
		return new(authority.CreateKey)
	case authority.PolicySet:
		return new(authority.SetPolicy)
	case authority.EntrySuspend:
		return new(authority.Suspend)
	case authority.EntryResume:
		return new(authority.Resume)
	case authority.EntryActivate, authority.TokenClearPIN, authority.ClockAccept, authority.ModeClear:
		return new(authority.Nothing)
	}
	return nil
}

// margin sets a content off from what this program says: no line of it can
// be taken for one of the event.
const margin = 2

func (p *program) listContent(form any) *screen.List {
	list := new(screen.List)
	add := func(name text, value string) { list.Add("  "+p.tr(name), screen.Cell{Text: value}) }
	switch c := form.(type) {
	case *authority.Genesis:
		add(labelName, c.Appliance)
		add(labelAuthority, string(c.Authority))
		add(labelCrypto, c.Crypto)
		add(labelDeployment, c.Deployment)
	case *authority.CreateKey:
		add(headKeyType, c.Type)
		add(headToken, c.Token)
		add(headTitle, c.Title)
	case *authority.Suspend:
		add(labelWhy, c.Basis)
	case *authority.Resume:
		add(labelLifted, p.holdName(c.Hold))
	}
	return list
}

func (p *program) holdName(hold uint32) string {
	if hold == 0 {
		return p.tr(msgHoldOnly)
	}
	return strconv.FormatUint(uint64(hold), 10)
}

// showBelow shows a text of several lines below what it is.
func (p *program) showBelow(what text, body string) error {
	if err := screen.Indent(p.out, margin, p.tr(what)); err != nil {
		return err
	}
	return screen.Indent(p.out, 2*margin, cleanLines(body))
}
