package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
)

func (p *program) policySet() *cobra.Command {
	var nobody, wide bool
	kinds := []authority.Kind{authority.PolicySet, authority.PolicyNarrow}
	cmd := p.actCommand("set ENTRY FILE", helpPolicySet, kinds, func(ctx context.Context, by *handing, args []string) error {
		source, err := p.readPolicy(args[1])
		if err != nil {
			return err
		}
		content := authority.SetPolicy{Text: source, Nobody: nobody}
		if err := p.checkSomebody(ctx, args[0], args[1], content); err != nil {
			return err
		}
		kind, err := p.kindOfChange(ctx, args[0], source, wide)
		if err != nil {
			return err
		}
		return p.setPolicy(ctx, by, args, kind, content)
	})
	cmd.Flags().BoolVar(&nobody, "nobody", false, p.tr(flagNobody))
	cmd.Flags().BoolVar(&wide, "wide", false, p.tr(flagWide))
	return cmd
}

func (p *program) setPolicy(ctx context.Context, by *handing, args []string, kind authority.Kind, content authority.SetPolicy) error {
	err := p.carry(ctx, by, order{
		kind: kind, target: args[0], content: just(content), effect: effectPolicy,
		before: func(ctx context.Context) error { return p.showPolicyNow(ctx, args[0]) },
		done: func(_ context.Context, result admin.ActResult) error {
			next := hintPolicyShow
			if result.Entry != nil && result.Entry.Status == "pending" {
				next = hintActivate
			}
			return p.done(result, next, args[0])
		},
	})
	switch {
	case kind == authority.PolicyNarrow && errors.Is(err, protocol.IllegalTransition):
		return &advised{err, hintWide, []any{args[0], args[1]}} // the policy in force is another one by now
	case errors.Is(err, protocol.Malformed): // an account that this machine alone knows, or not
		return &advised{err, hintPolicyMend, []any{args[0], args[1]}}
	}
	return err
}

// checkSomebody refuses a policy that no request could pass, unless that is
// what is wanted, and the wish where it is not so.
func (p *program) checkSomebody(ctx context.Context, entry, path string, content authority.SetPolicy) error {
	parsed, err := policy.Parse([]byte(content.Text))
	if err != nil {
		return err
	}
	class, err := p.classOf(ctx, entry)
	if err != nil {
		return err
	}
	why := policy.AllowsNobody(parsed, policy.Holder{Class: class})
	switch {
	case len(why) > 0 && !content.Nobody:
		f := usage(msgNobody, path)
		f.lines = why
		return f
	case len(why) == 0 && content.Nobody:
		return usage(msgSomebody, path)
	}
	return nil
}

// classOf is an entry's class, none where this account may not read the
// register: the daemon judges it in any case.
func (p *program) classOf(ctx context.Context, entry string) (policy.Class, error) {
	e, err := p.askEntry(ctx, entry)
	switch {
	case isNotForUs(err):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return policy.ParseClass(e.Class)
}

// kindOfChange is the act that a change takes: what only narrows takes one
// person.
func (p *program) kindOfChange(ctx context.Context, entry, source string, wide bool) (authority.Kind, error) {
	next, err := policy.Parse([]byte(source))
	if err != nil || wide {
		return authority.PolicySet, err
	}
	d, err := p.diffInForce(ctx, entry, next)
	if isNotForUs(err) {
		return authority.PolicySet, nil
	}
	return d.kind, err
}

// isNotForUs tells that this account may not look, or that there is nothing:
// then an act is made all the same, and the daemon judges it.
func isNotForUs(err error) bool {
	return errors.Is(err, protocol.RoleRefused) || errors.Is(err, protocol.UnknownEntry)
}

// showPolicyNow shows the policy that another one would replace.
func (p *program) showPolicyNow(ctx context.Context, id string) error {
	answer, err := p.askPolicy(ctx, id)
	if err != nil && !errors.Is(err, protocol.UnknownEntry) { // an entry without one yet
		return err
	}
	if err != nil || p.json {
		return nil
	}
	p.section(headBefore)
	if err := screen.Indent(p.out, margin, cleanLines(answer.Text)); err != nil {
		return err
	}
	p.blank()
	return nil
}

func (p *program) askPolicy(ctx context.Context, id string) (admin.Policy, error) {
	return read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Policy, error) { return c.Policy(ctx, id) })
}

// readPolicy reads a policy and refuses it with all its faults, before an
// officer signs it.
func (p *program) readPolicy(path string) (string, error) {
	source, err := p.readAll(path, policy.MaxText)
	if err != nil {
		return "", err
	}
	if _, err := policy.Parse(source); err != nil {
		faults := usage(msgBadPolicy, path)
		faults.lines = strings.Split(err.Error(), "\n")
		return "", faults
	}
	return string(source), nil
}

// readAll reads a file of at most limit bytes, or standard input for "-".
func (p *program) readAll(path string, limit int64) ([]byte, error) {
	f, err := p.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, usage(msgFileRead, path, plainest(err))
	case int64(len(data)) > limit:
		return nil, usage(msgFileTooLarge, path, limit)
	}
	return data, nil
}

// open opens a file, or standard input for "-".
func (p *program) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(p.in), nil
	}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, usage(msgFileMissing, path)
	case err != nil:
		return nil, usage(msgFileRead, path, plainest(err))
	}
	return f, nil
}

func (p *program) policyShow() *cobra.Command {
	return p.command("show ENTRY", helpPolicyShow, func(ctx context.Context, args []string) error {
		answer, err := p.askPolicy(ctx, args[0])
		if err != nil {
			return err
		}
		if p.json {
			return p.printJSON(answer)
		}
		return p.showPolicy(answer)
	})
}

// showPolicy writes the text where it can be edited and set again, so as it
// is; a terminal gets it without control characters. What is known of it goes
// beside.
func (p *program) showPolicy(answer admin.Policy) error {
	var list screen.List
	list.Add(p.tr(headEntry), screen.Cell{Text: answer.Entry})
	list.Add(p.tr(labelRevision), screen.Cell{Text: p.tr(msgRevisionBy, answer.Rev, answer.Event)})
	list.Add("SM3", screen.Cell{Text: answer.Hash})
	list.Add(p.tr(labelUsers), screen.Cell{Text: principals(answer.Users)})
	list.Add(p.tr(labelGroups), screen.Cell{Text: principals(answer.Groups)})
	for _, stale := range answer.Stale {
		list.Add(p.tr(labelStale), screen.Cell{Text: stale, Tone: screen.Warn})
	}
	parsed, err := policy.Parse([]byte(answer.Text))
	if err != nil { // of a newer daemon: it is shown as it is
		parsed = policy.Policy{}
	}
	for _, u := range answer.Usage {
		list.Add(u.Rule, p.usage(u, parsed.Zone()))
	}
	p.listPerCaller(&list, answer.Entry, parsed)
	if err := list.Write(p.err, p.errPaint); err != nil {
		return err
	}
	source := answer.Text
	if screen.IsTerminal(p.out) {
		source = cleanLines(source) + "\n"
	}
	_, err = io.WriteString(p.out, source)
	return err
}

// listPerCaller adds the quotas of each caller: how far they are used up is a
// question about one of them.
func (p *program) listPerCaller(list *screen.List, entry string, of policy.Policy) {
	some := false
	for _, q := range of.Quotas() {
		if q.Scope == policy.OfCaller {
			list.Add(q.Key(), screen.Cell{Text: p.tr(msgPerCaller, q.Limit)})
			some = true
		}
	}
	if some {
		list.Add(p.tr(labelUsedByOne), screen.Cell{Text: p.tr(hintPolicyCaller, entry)})
	}
}

// usage is how far a quota is used up, and when it is filled again.
func (p *program) usage(u admin.UsageItem, zone *time.Location) screen.Cell {
	cell := screen.Cell{Text: p.tr(msgUsage, u.Spent, u.Reserved, u.Limit)}
	if u.Unknown {
		cell.Text = p.tr(msgUsageUnknown, u.Limit)
	}
	if u.Unknown || u.Spent+u.Reserved >= uint64(u.Limit) {
		cell.Tone = screen.Bad
	}
	if u.End != nil {
		cell.Text = p.tr(msgUsageUntil, cell.Text, clockIn(zone, *u.End))
	}
	return cell
}

func principals(all []admin.Principal) string {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = policy.Principal{Name: a.Name, ID: a.ID}.String()
	}
	return strings.Join(names, ", ")
}

// cleanLines cleans a text that is meant to have line ends.
func cleanLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = screen.Clean(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}
