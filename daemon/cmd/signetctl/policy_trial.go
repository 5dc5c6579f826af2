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
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// A useTrial is one run of policy test: a use that nobody asks for.
type useTrial struct {
	entry, file string // file: of a policy that is not set; empty: the one in force
	caller, at  string
	question    admin.PolicyQuestion
}

func (p *program) policyTest() *cobra.Command {
	t := useTrial{question: admin.PolicyQuestion{Carries: []string{}}}
	cmd := p.command("test ENTRY [FILE]", helpPolicyTest, func(ctx context.Context, args []string) error {
		t.entry = args[0]
		if len(args) > 1 {
			t.file = args[1]
		}
		return p.tryPolicy(ctx, &t)
	})
	flags, q := cmd.Flags(), &t.question
	flags.StringVar(&t.caller, "caller", "", p.tr(flagCaller))
	flags.StringVar(&t.at, "at", "", p.tr(flagAt))
	flags.StringVar(&q.Operation, "operation", "", p.tr(flagOperation))
	flags.StringVar(&q.Algorithm, "algorithm", "", p.tr(flagTryAlgorithm))
	flags.StringVar(&q.Purpose, "purpose", "", p.tr(flagTryPurpose))
	flags.StringVar(&q.Version, "seal-version", "", p.tr(flagSealVersion))
	flags.StringVar(&q.Container, "container", "", p.tr(flagContainer))
	flags.StringSliceVar(&q.Carries, "carries", q.Carries, p.tr(flagCarries))
	flags.IntVar(&q.Batch, "batch", 1, p.tr(flagBatch))
	flags.StringVar(&q.Approval, "approval", "", p.tr(flagTryApproval))
	for _, list := range closedLists {
		offer(cmd, list.flag, list.names)
	}
	complete(cmd, "approval", p.approvalIDs)
	return cmd
}

// A closedList is a flag with all that it takes.
type closedList struct {
	flag  string
	names []string
}

var closedLists = []closedList{
	{"operation", namesOf(policy.Operations())}, {"algorithm", namesOf(algo.All())}, {"seal-version", namesOf(policy.Versions())},
	{"container", namesOf(policy.Containers())}, {"carries", namesOf(policy.AllFields())},
}

func namesOf[T fmt.Stringer](all []T) []string {
	names := make([]string, len(all))
	for i, item := range all {
		names[i] = item.String()
	}
	return names
}

// tryPolicy asks what would be decided. Nothing is used by it.
func (p *program) tryPolicy(ctx context.Context, t *useTrial) error {
	if err := t.read(p); err != nil {
		return err
	}
	if t.at != "" {
		at, err := readInstant("at", t.at, func() (*time.Location, error) { return p.zoneOf(ctx, t) })
		if err != nil {
			return err
		}
		t.question.At = &at
	}
	answer, err := onAdmin(ctx, p, readTimeout, func(ctx context.Context, c *admin.Client) (admin.PolicyAnswer, error) {
		return c.TestPolicy(ctx, t.entry, t.question)
	})
	if err != nil {
		return t.advise(err)
	}
	if p.json {
		err = p.printJSON(answer)
	} else {
		err = p.showTrial(t, answer)
	}
	return errors.Join(err, adviseTrial(t.question.Approval, verdictOf(answer)))
}

// advise says what to type after a question that could not be answered.
func (t *useTrial) advise(err error) error {
	var said *protocol.Error
	switch {
	case !errors.As(err, &said):
	case said.GetField() == "user":
		return &advised{err, hintPolicyCaller, []any{t.entry}}
	case said.GetField() == "text" && t.file != "":
		return &advised{err, hintPolicyMend, []any{t.entry, t.file}}
	}
	return err
}

// adviseTrial has the approval looked at that the use was tried with.
func adviseTrial(approval string, err error) error {
	var dry *dryRefusal
	if approval != "" && errors.As(err, &dry) && errors.Is(dry.said, protocol.ApprovalNeeded) {
		return &advised{err, hintApprovalShow, []any{approval}}
	}
	return err
}

// read refuses a question that no daemon need see.
func (t *useTrial) read(p *program) error {
	q := &t.question
	if q.Batch < 1 {
		return usage(msgBatch, q.Batch)
	}
	given := map[string][]string{"operation": {q.Operation}, "algorithm": {q.Algorithm}, "seal-version": {q.Version}, "container": {q.Container}, "carries": q.Carries}
	for _, list := range closedLists {
		for _, value := range given[list.flag] {
			if value == "" {
				continue
			}
			if err := oneOf(list.flag, value, list.names); err != nil {
				return err
			}
		}
	}
	if t.file != "" {
		source, err := p.readPolicy(t.file)
		if err != nil {
			return err
		}
		q.Text = source
	}
	return t.readCaller()
}

// readCaller: what is all digits is an id, as in a policy.
func (t *useTrial) readCaller() error {
	if strings.Trim(t.caller, "0123456789") != "" || t.caller == "" {
		t.question.User = t.caller
		return nil
	}
	id, err := strconv.ParseUint(t.caller, 10, 32)
	if err != nil {
		return usage(msgBadUID, t.caller)
	}
	uid := uint32(id)
	t.question.UID = &uid
	return nil
}

// zoneOf is the zone of the policy that is tried.
func (p *program) zoneOf(ctx context.Context, t *useTrial) (*time.Location, error) {
	source := t.question.Text
	if source == "" {
		inForce, err := p.askPolicy(ctx, t.entry)
		if err != nil {
			return nil, err
		}
		source = inForce.Text
	}
	parsed, err := policy.Parse([]byte(source))
	if err != nil {
		return nil, &fault{status: exitUnexpected, what: msgPolicyUnread, args: []any{t.entry}, lines: strings.Split(err.Error(), "\n"), next: hintStatus}
	}
	return parsed.Zone(), nil
}

// showTrial shows the question as it was understood, every rule, the answer.
func (p *program) showTrial(t *useTrial, a admin.PolicyAnswer) error {
	list := p.trialList(t, a)
	if err := list.Write(p.out, p.outPaint); err != nil {
		return err
	}
	p.blank()
	rules := screen.Table{Columns: []screen.Column{{Heading: p.tr(headRule), Whole: true}, {Heading: p.tr(headResult), Whole: true}, {Heading: p.tr(headNumbers), Wrap: true}}}
	for _, v := range a.Rules {
		rules.Row(screen.Cell{Text: v.Rule}, p.ruleResult(v), screen.Cell{Text: v.Why})
	}
	if err := rules.Write(p.out, p.outPaint); err != nil {
		return err
	}
	p.blank()
	answer := p.answerList(a)
	return answer.Write(p.out, p.outPaint)
}

func (p *program) trialList(t *useTrial, a admin.PolicyAnswer) screen.List {
	tried := p.tr(msgRevision, a.PolicyRev)
	if a.PolicyRev == 0 {
		tried = p.tr(msgNotSet, t.file)
	}
	var list screen.List
	list.Add(p.tr(headEntry), screen.Cell{Text: a.Entry})
	list.Add(p.tr(headPolicy), screen.Cell{Text: tried})
	list.Add(p.tr(labelTime), screen.Cell{Text: timeTried(a)})
	list.Add(p.tr(labelCaller), screen.Cell{Text: p.callerText(t, a)})
	list.Add(p.tr(labelOperation), screen.Cell{Text: a.Operation})
	list.Add(p.tr(labelAlgorithm), screen.Cell{Text: a.Algorithm})
	list.Add(p.tr(labelPurpose), screen.Cell{Text: a.Purpose})
	list.Add(p.tr(labelSealVersion), screen.Cell{Text: a.Version})
	list.Add(p.tr(labelContainer), screen.Cell{Text: a.Container})
	list.Add(p.tr(labelCarries), screen.Cell{Text: strings.Join(t.question.Carries, ", ")})
	list.Add(p.tr(labelBatch), screen.Cell{Text: strconv.Itoa(t.question.Batch)})
	list.Add(p.tr(labelApproval), screen.Cell{Text: t.question.Approval})
	return list
}

// timeTried is the time by the clock of the policy, as are all that stand below
// it; by UTC where the policy names no zone.
func timeTried(a admin.PolicyAnswer) string {
	if a.Zone == "" {
		return a.At.UTC().Format(time.RFC3339)
	}
	return a.Local + " (" + a.Zone + ")"
}

// placeOfAnswer is the zone of the policy as this machine has it. Times are
// written with their offset: one that has no such zone says the same by another
// clock.
func placeOfAnswer(a admin.PolicyAnswer) *time.Location {
	if a.Zone == "" {
		return time.UTC
	}
	if zone, err := time.LoadLocation(a.Zone); err == nil {
		return zone
	}
	return nil
}

func (p *program) callerText(t *useTrial, a admin.PolicyAnswer) string {
	groups := make([]string, len(a.GIDs))
	for i, id := range a.GIDs {
		groups[i] = strconv.FormatUint(uint64(id), 10)
	}
	if len(groups) == 0 {
		groups = []string{p.tr(msgNone)}
	}
	text := p.tr(msgCallerIDs, a.UID, strings.Join(groups, " "))
	if t.question.User != "" {
		text = t.question.User + ", " + text
	}
	return text
}

func (p *program) ruleResult(v admin.RuleVerdict) screen.Cell {
	if v.Pass {
		return screen.Cell{Text: p.tr(wordPass), Tone: screen.Good}
	}
	return screen.Cell{Text: p.tr(wordRefuses), Tone: screen.Bad}
}

// decisive is the rule that gives the answer: the first that refuses.
func decisive(a admin.PolicyAnswer) (v admin.RuleVerdict, refuses bool) {
	i := slices.IndexFunc(a.Rules, func(v admin.RuleVerdict) bool { return !v.Pass })
	if i < 0 {
		return v, false
	}
	return a.Rules[i], true
}

func (p *program) answerList(a admin.PolicyAnswer) screen.List {
	var list screen.List
	v, refuses := decisive(a)
	if !refuses {
		list.Add(p.tr(labelAnswer), p.word("allowed"))
		return list
	}
	list.Add(p.tr(labelAnswer), screen.Cell{Text: p.tr(msgRefusedBy, v.Code, v.Reason, v.Rule), Tone: screen.Bad})
	list.Add(p.tr(labelNeed), screen.Cell{Text: v.Need})
	list.Add(p.tr(labelAgain), screen.Cell{Text: p.retryWordsIn(placeOfAnswer(a), refusalBy(v))})
	return list
}

// refusalBy is the refusal that a caller would get, less its event.
func refusalBy(v admin.RuleVerdict) *protocol.Error {
	said := protocol.NewError(protocol.Code(v.Code), "%s", v.Need).WithRule(v.Rule)
	if v.After != nil {
		said = said.RetryAt(*v.After)
	}
	return said
}

// A dryRefusal is the answer "no" to a question that asked for no use. It does
// not wrap what a caller would be told: nobody was refused.
type dryRefusal struct{ said *protocol.Error }

func (d *dryRefusal) Error() string { return fmt.Sprintf("would be refused: %v", d.said) }

// status tells a refusal for good from one that time mends, whatever was wrong.
func (d *dryRefusal) status() int {
	if d.said.GetRetry() == protocol.Retry_AFTER || d.said.GetRetry() == protocol.Retry_NOW {
		return exitLater
	}
	return exitRefused
}

// verdictOf is the answer as an exit status. One that is not what its rules say
// is no answer.
func verdictOf(a admin.PolicyAnswer) error {
	v, refuses := decisive(a)
	switch {
	case refuses == a.Allowed || len(a.Rules) == 0:
		return &fault{status: exitUnexpected, what: msgBadAnswerOfTest, next: hintStatus}
	case refuses:
		return &dryRefusal{refusalBy(v)}
	}
	return nil
}
