package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
)

// expired is the state of an approval that ended undecided or unused. It
// follows from the clock, so no act makes it.
const expired = "expired"

// usedUp is what people are told of one that is granted and has no use left.
const usedUp = "used up"

func approvalStates() []string {
	return append(namesOf([]policy.State{policy.Pending, policy.Granted, policy.Denied, policy.Revoked}), expired)
}

func (p *program) approvalList() *cobra.Command {
	var entry, state string
	cmd := p.command("list", helpApprovalList, func(ctx context.Context, _ []string) error {
		if state != "" {
			if err := oneOf("state", state, approvalStates()); err != nil {
				return err
			}
		}
		answer, err := p.askApprovals(ctx, entry, state)
		switch {
		case isClosed(err):
			return &advised{err, hintApprovalOwn, []any{"ID"}}
		case err != nil:
			return err
		case p.json:
			return p.printJSON(answer)
		case len(answer.Approvals) == 0:
			return p.say(msgNoApprovals)
		}
		return p.approvalTable(answer)
	})
	cmd.Flags().StringVar(&entry, "entry", "", p.tr(flagApprovalEntry))
	cmd.Flags().StringVar(&state, "state", "", p.tr(flagState))
	complete(cmd, "entry", p.entryIDs)
	offer(cmd, "state", approvalStates())
	return cmd
}

func (p *program) askApprovals(ctx context.Context, entry, state string) (admin.Approvals, error) {
	return read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Approvals, error) {
		return c.Approvals(ctx, entry, state)
	})
}

func (p *program) approvalTable(answer admin.Approvals) error {
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(labelApproval), Whole: true}, {Heading: p.tr(headState), Whole: true}, {Heading: p.tr(headEntry)}, {Heading: p.tr(labelPurpose)},
		{Heading: p.tr(headUID), Whole: true}, {Heading: p.tr(headForm), Whole: true}, {Heading: p.tr(headGrants), Whole: true}, {Heading: p.tr(headUses), Whole: true},
		{Heading: p.tr(headUntil), Whole: true},
	}}
	for _, a := range answer.Approvals {
		t.Row(screen.Cell{Text: a.ID}, p.approvalState(a.State, a.Used, a.Count), screen.Cell{Text: a.Entry}, screen.Cell{Text: a.Purpose},
			screen.Cell{Text: strconv.FormatUint(uint64(a.UID), 10)}, p.word(a.Form), screen.Cell{Text: fmt.Sprintf("%d/%d", persons(a.Grants), a.Persons)},
			screen.Cell{Text: fmt.Sprintf("%d/%d", a.Used, a.Count)}, screen.Cell{Text: a.Until.Local().Format("2006-01-02 15:04")})
	}
	if err := t.Write(p.out, p.outPaint); err != nil {
		return err
	}
	if answer.More {
		if err := p.say(msgMoreApprovals); err != nil {
			return err
		}
	}
	return p.next(hintApprovalShow, answer.Approvals[0].ID)
}

// approvalState is a state in words: those of entries mean something else.
func (p *program) approvalState(state string, used, count uint32) screen.Cell {
	switch {
	case state == policy.Pending.String():
		state = "not decided"
	case state == policy.Granted.String() && used >= count:
		state = usedUp
	}
	return p.word(state)
}

// An asked is an approval with what was asked for, as the content says that
// acts name by its SM3. The rest is the daemon's word.
type asked struct {
	admin.Approval
	content register.Asking
}

// askApproval asks for an approval and believes nothing of what was asked for
// that its content does not say.
func (p *program) askApproval(ctx context.Context, id string) (asked, error) {
	told, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Approval, error) { return c.Approval(ctx, id) })
	switch {
	case errors.Is(err, protocol.UnknownEntry):
		return asked{}, &advised{err, hintApprovalList, nil}
	case err != nil:
		return asked{}, err
	}
	content, err := p.content(ctx, told.Request)
	if err != nil {
		return asked{}, err
	}
	a := asked{Approval: told}
	if a.content, err = register.ParseAsking([]byte(content)); err != nil {
		return asked{}, &fault{status: exitVerification, what: msgRequestUnread, args: []any{id, err}, next: hintStatus}
	}
	if other := a.deviations(id, register.ApprovalID([]byte(content))); len(other) > 0 {
		return asked{}, &fault{status: exitVerification, what: msgRequestOther, args: []any{id, strings.Join(other, ", ")}, next: hintStatus}
	}
	return a, nil
}

// deviations names what signetd tells otherwise than the content that was
// asked for by this id. Uses and end may be less than was asked for: a grant
// can say so.
func (a asked) deviations(id, contentID string) []string {
	c := a.content
	var names []string
	for _, field := range []struct {
		name string
		same bool
	}{
		{"id", a.ID == id && contentID == id}, {"entry", a.Entry == c.Entry}, {"uid", a.UID == c.UID}, {"made", instantText(a.Made) == c.Made},
		{"purpose", a.Purpose == c.Purpose}, {"justification", a.Justification == c.Justification}, {"person", a.Person == c.Person},
		{"dept", a.Dept == c.Dept}, {"doc_id", a.DocID == c.DocID}, {"doc_no", a.DocNo == c.DocNo}, {"pages", a.Pages == c.Pages},
		{"form", a.Form == c.Form.String()}, {"doc_sm3", a.DocSM3 == c.DocSM3}, {"refs_sm3", a.RefsSM3 == c.RefsSM3}, {"digests", slices.Equal(a.Digests, c.Digests)},
		{"from", instantText(a.From) == c.From}, {"until", instantText(a.Until) <= c.Until}, {"count", a.Count <= c.Count}, {"persons", a.Persons == c.Persons},
	} {
		if !field.same {
			names = append(names, field.name)
		}
	}
	return names
}

// instantText is a time as contents have it.
func instantText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// showApproval shows all that a custodian can check.
func (p *program) showApproval(a asked) error {
	var list screen.List
	p.listAsking(func(name text, value screen.Cell) { list.Add(p.tr(name), value) }, a.content)
	p.listDecision(&list, a.Approval)
	return list.Write(p.out, p.outPaint)
}

// listAsking adds what was asked for.
func (p *program) listAsking(add func(name text, value screen.Cell), c register.Asking) {
	pages := ""
	if c.Pages > 0 {
		pages = strconv.FormatUint(uint64(c.Pages), 10)
	}
	for _, row := range []struct {
		name  text
		value string
	}{
		{headEntry, c.Entry}, {labelPurpose, c.Purpose}, {labelJustification, c.Justification}, {labelPerson, c.Person}, {labelDept, c.Dept},
		{labelDocID, c.DocID}, {labelDocNo, c.DocNo}, {labelPages, pages}, {labelAskedBy, p.tr(msgAskedBy, c.UID, c.Made)},
	} {
		add(row.name, screen.Cell{Text: row.value})
	}
	add(labelBound, screen.Cell{Text: p.boundTo(c.Form), Tone: boundTones[c.Form]})
	add(labelDocSM3, screen.Cell{Text: c.DocSM3})
	add(labelRefsSM3, screen.Cell{Text: c.RefsSM3})
	for _, d := range c.Digests {
		add(labelDigest, screen.Cell{Text: d})
	}
	add(labelAskedUses, screen.Cell{Text: strconv.FormatUint(uint64(c.Count), 10)})
	add(labelAskedSpan, screen.Cell{Text: p.span(c.Window())})
}

// boundTo says what the caller cannot change once it is granted.
func (p *program) boundTo(f policy.Form) string {
	said, ok := formTexts[f]
	if !ok {
		return f.String()
	}
	return p.tr(said)
}

// boundTones: a count permits any document.
var boundTones = map[policy.Form]screen.Tone{policy.ByCount: screen.Warn}

func (p *program) span(from, until time.Time, err error) string {
	if err != nil { // the content was parsed: it has both
		return ""
	}
	return p.tr(msgSpan, clock(from), clock(until))
}

// listDecision adds what became of it, by the daemon's word.
func (p *program) listDecision(list *screen.List, a admin.Approval) {
	list.Add(p.tr(headState), p.approvalState(a.State, a.Used, a.Count))
	list.Add(p.tr(headUses), screen.Cell{Text: p.tr(msgUses, a.Used, a.Count)})
	list.Add(p.tr(headUntil), screen.Cell{Text: clock(a.Until)})
	list.Add(p.tr(labelPersons), screen.Cell{Text: p.tr(msgPersons, persons(a.Grants), a.Persons)})
	for _, g := range a.Grants {
		list.Add(p.tr(labelGrantedBy), screen.Cell{Text: p.tr(msgByEvent, strings.Join(g.By, ", "), g.Event)})
	}
	if e := a.Ended; e != nil {
		list.Add(p.tr(labelEndedBy), screen.Cell{Text: p.tr(msgByEvent, strings.Join(e.By, ", "), e.Event), Tone: screen.Bad})
		list.Add(p.tr(labelWhy), screen.Cell{Text: e.Basis})
	}
	list.Add(p.tr(labelEvent), screen.Cell{Text: strconv.FormatUint(a.Event, 10)})
	list.Add(p.tr(labelRequest), screen.Cell{Text: a.Request})
}

// persons counts each person once, however many acts he signed.
func persons(grants []admin.ApprovalGrant) int {
	var by []string
	for _, g := range grants {
		by = append(by, g.By...)
	}
	slices.Sort(by)
	return len(slices.Compact(by))
}

// approvalIDs are those that completion offers.
func (p *program) approvalIDs(ctx context.Context) []string {
	answer, err := p.askApprovals(ctx, "", "")
	if err != nil {
		return nil
	}
	var ids []string
	for _, a := range answer.Approvals {
		ids = append(ids, a.ID)
	}
	return ids
}
