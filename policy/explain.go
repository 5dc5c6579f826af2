package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signet/protocol/stricttoml"
)

// A Verdict is what one rule says of a request. It is for the officers of the
// policy: Why tells what the policy says.
type Verdict struct {
	// Rule is Decision.Rule where the rule refuses; else the keys of the
	// policy, or the fact of the entry, that it looked at.
	Rule     string
	Decision Decision // as if there were no other rule
	Why      string   // the values that were compared
}

// Explain judges a request by every rule, in the order of Decide and without
// stopping: the first verdict that refuses is Decide's answer. Each quota has
// a verdict of its own, the longest period first.
func Explain(p Bound, u Usage, r Request, at Instant) []Verdict {
	q := newQuestion(p, u, r, at)
	var all []Verdict
	for _, rule := range rules {
		all = append(all, rule.verdicts(q)...)
	}
	return all
}

func (r rule) verdicts(q question) []Verdict {
	if r.each != nil {
		if all := r.each(q); len(all) > 0 {
			return all
		}
	}
	v := Verdict{Rule: r.name, Decision: r.judge(q), Why: r.why(q)}
	if !v.Decision.Allowed() {
		v.Rule = v.Decision.Rule
	}
	return []Verdict{v}
}

func whyCallers(q question) string {
	r := q.request
	if name, ok := q.uids[r.UID]; ok {
		return fmt.Sprintf("uid %d is user %s", r.UID, name)
	}
	for _, gid := range r.GIDs {
		if name, ok := q.gids[gid]; ok {
			return fmt.Sprintf("gid %d is group %s", gid, name)
		}
	}
	why := fmt.Sprintf("uid %d is none of the users (%s), and no gid of %v one of the groups (%s)",
		r.UID, wordList(q.policy.Users()), r.GIDs, wordList(q.policy.Groups()))
	for _, s := range q.stale {
		why += fmt.Sprintf("; %s %s is nobody now", s.Kind, s.Principal)
	}
	return why
}

func whyProof(q question) string {
	return either(q.request.Entry.Proven, "the record is what the officers' acts made it", "the record does not prove itself")
}

func whyClass(q question) string {
	return either(q.request.Entry.Class.valid(), "the entry is of class "+q.request.Entry.Class.String(), "the entry is of no known class")
}

func whyStatus(q question) string {
	return either(q.request.Entry.Active, "the entry is active and has no hold", "the entry is not active, or has a hold")
}

func whyKey(q question) string {
	return either(q.request.Entry.KeyMatches, "the public key on the token is the record's", "the public key on the token is not known to be the record's")
}

func whyClock(q question) string {
	return fmt.Sprintf("%s by a clock that is %v", q.date(q.at.Time), q.at.Clock)
}

func whyValidity(q question) string {
	v := q.request.Entry.Validity
	if v.Unbounded {
		return either(q.request.Entry.Class == ClassKey, "a key without a certificate has no end", "no span is known, and only a key may have none")
	}
	return q.within(v.From, v.Until)
}

// within writes the comparison of the time with a span of which an end may be
// absent.
func (q question) within(from, until time.Time) string {
	where := "within"
	switch t := q.at.Time; {
	case !until.IsZero() && t.After(until):
		where = "after the end of"
	case !from.IsZero() && t.Before(from):
		where = "before"
	}
	return fmt.Sprintf("%s is %s %s to %s", q.date(q.at.Time), where, q.dateOr(from, "any time"), q.dateOr(until, "any time"))
}

func (q question) dateOr(t time.Time, absent string) string {
	if t.IsZero() {
		return absent
	}
	return q.date(t)
}

func whyCertificate(q question) string {
	c, asks := q.request.Entry.Certificate, "no age of the list is asked for"
	if q.policy.crlMaxAge > 0 {
		asks = "the list may be " + stricttoml.FormatDuration(q.policy.crlMaxAge) + " old"
	}
	switch {
	case c == nil:
		return "the entry has no certificate; " + asks
	case c.ListMade.IsZero():
		return fmt.Sprintf("%s; no list of its CA was imported; %s", either(c.Revoked, "revoked", "not known to be revoked"), asks)
	}
	return fmt.Sprintf("%s; the list of its CA is of %s, %s old; %s", either(c.Revoked, "revoked", "not revoked"), q.date(c.ListMade),
		stricttoml.FormatDuration(q.at.Time.Sub(c.ListMade).Round(time.Second)), asks)
}

func whyWindow(q question) string {
	if q.policy.notBefore.IsZero() && q.policy.notAfter.IsZero() {
		return "the policy sets neither"
	}
	return q.within(q.policy.notBefore, q.policy.notAfter)
}

func whyOpen(q question) string {
	s := q.policy.schedule
	local := q.at.Time.In(time.FixedZone("", q.at.Offset)).Format("Monday 2006-01-02 15:04 -07:00")
	switch s.closedBy(q.at.Time, q.at.Offset) {
	case "hours":
		return local + " is outside hours " + s.hoursText()
	case "weekdays":
		return local + " is outside weekdays " + s.weekdaysText()
	case "holidays":
		day, _ := localClock(q.at.Time, q.at.Offset)
		i := slices.IndexFunc(s.holidays, func(h days) bool { return h.first <= day && day <= h.last })
		return local + " is in holidays " + s.holidays[i].String()
	}
	var in []string
	if s.hasHours {
		in = append(in, "within hours "+s.hoursText())
	}
	if s.hasWeekdays {
		in = append(in, "one of weekdays "+s.weekdaysText())
	}
	if len(s.holidays) > 0 {
		in = append(in, "in no holidays")
	}
	if len(in) == 0 {
		return "the policy sets none of them"
	}
	return local + " is " + strings.Join(in, ", ")
}

// member writes whether what was asked for is on a list. Nothing is on none.
func member(what, asked string, is bool, list string) string {
	if asked == "" {
		return "no " + what + " is named; wanted: one of " + list
	}
	return asked + either(is, " is one of ", " is not one of ") + list
}

// nameOf is the name of an item of a closed list, "" for none.
func nameOf[T interface {
	comparable
	fmt.Stringer
}](item T) string {
	var none T
	if item == none {
		return ""
	}
	return item.String()
}

func whyOperation(q question) string {
	op := q.request.Operation
	return member("operation", nameOf(op), slices.Contains(q.policy.operations, op), listed(q.policy.operations))
}

func whyOperationFits(q question) string {
	op, class := cmp.Or(nameOf(q.request.Operation), "no operation"), cmp.Or(nameOf(q.request.Entry.Class), "no known one")
	return fmt.Sprintf("%s of an entry of class %s: a seal's key signs stamps and nothing else", op, class)
}

// signsNothing is said where a rule asks about signatures only.
func (q question) signsNothing() string { return q.request.Operation.String() + " signs nothing" }

func whyAlgorithm(q question) string {
	a, signs := q.request.Algorithm, q.request.Operation.signs()
	switch {
	case !signs && !a.Valid():
		return q.signsNothing()
	case !signs:
		return fmt.Sprintf("%s, and %v was asked for", q.signsNothing(), a)
	}
	return member("algorithm", nameOf(a), slices.Contains(q.policy.algorithms, a), listed(q.policy.algorithms))
}

func whyVersion(q question) string {
	v := q.request.Version
	if q.request.Operation != Stamp {
		return "nothing is stamped"
	}
	return member("version", nameOf(v), slices.Contains(q.policy.versions, v), listed(q.policy.versions))
}

func whyContainer(q question) string {
	c := q.request.Container
	if q.request.Operation != Stamp {
		return "nothing is stamped"
	}
	return member("container", nameOf(c), slices.Contains(q.policy.containers, c), listed(q.policy.containers))
}

func whyPurpose(q question) string {
	asked := q.request.Purpose
	if asked != "" {
		asked = strconv.Quote(asked)
	}
	return member("purpose", asked, slices.Contains(q.policy.purposes, q.request.Purpose), wordList(q.policy.purposes))
}

func whyRequired(q question) string {
	switch {
	case !q.request.Operation.signs():
		return q.signsNothing()
	case len(q.policy.require) == 0:
		return "the policy asks for none"
	}
	carries := q.request.Carries.List()
	return fmt.Sprintf("asked for: %s; the request carries: %s", listed(q.policy.require), either(len(carries) == 0, "none", listed(carries)))
}

func whyBatch(q question) string {
	return fmt.Sprintf("%d in one request, of %s", q.request.BatchSize, upTo(q.policy.batch, "item"))
}

func whyNoQuota(q question) string {
	return either(q.request.Operation.signs(), "the policy sets none", q.signsNothing())
}

// eachQuota judges every quota by itself, in the order of precedence that
// quotas gives them.
func eachQuota(q question) []Verdict {
	if !q.request.Operation.signs() {
		return nil
	}
	longestFirst := slices.Clone(q.policy.quotas)
	slices.SortStableFunc(longestFirst, func(a, b Quota) int { return int(b.Period) - int(a.Period) })
	var all []Verdict
	for _, quota := range longestFirst {
		all = append(all, Verdict{quota.Key(), q.judgeQuota(quota), q.whyQuota(quota)})
	}
	return all
}

func (q question) whyQuota(quota Quota) string {
	i := slices.IndexFunc(q.usage.Counts, func(c Count) bool { return c.Quota == quota })
	if i < 0 {
		return fmt.Sprintf("nobody counted; at most %d", quota.Limit)
	}
	c := q.usage.Counts[i]
	used := either(c.Unknown, "an unknown number", fmt.Sprint(c.Spent))
	return fmt.Sprintf("%s used + %d being signed of %d, %s", used, c.Reserved, c.Limit, q.windowOf(c))
}

// windowOf writes the window of a count; one that was recorded has no end.
func (q question) windowOf(c Count) string {
	switch {
	case c.Period == Lifetime:
		return "in the entry's whole life"
	case c.End.IsZero():
		return "from " + q.dateOr(c.Start, "no time")
	}
	return "from " + q.dateOr(c.Start, "no time") + " until " + q.date(c.End)
}

func whyApproval(q question) string {
	asked, a := q.policy.approvals, q.usage.Approval
	switch {
	case !q.request.Operation.signs():
		return q.signsNothing()
	case asked == nil:
		return "the policy asks for none"
	case a == nil:
		return "the request names none; wanted: " + asked.String()
	case a.State == NoApproval:
		return "there is none of that id; wanted: " + asked.String()
	}
	used := either(a.Unknown, "an unknown number", fmt.Sprint(a.Used))
	return fmt.Sprintf("%s is %v, by %s, for %s%s, from %s to %s, %s used + %d being signed of %d; wanted: %v",
		a.ID, a.State, either(len(a.By) == 0, "nobody", strings.Join(a.By, ", ")), cmp.Or(nameOf(a.Form), "no form"), a.misfit(),
		q.dateOr(a.From, "no time"), q.dateOr(a.Until, "no time"), used, a.Reserved, a.Count, asked)
}

// misfit says of an approval that does not fit what may be the matter: the
// argument does not tell which of it is.
func (a Approval) misfit() string {
	if a.Fits {
		return ""
	}
	return fmt.Sprintf(" (which does not fit: it was asked for by another account, or not for this %s)", a.Form.fits())
}
