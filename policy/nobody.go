package policy

import (
	"fmt"
	"slices"
	"time"

	"signet/protocol/algo"
)

// A Holder is what is known of the entry that a policy is for, and of when. The
// zero value is any.
type Holder struct {
	Class      Class
	Algorithms []algo.Algorithm // that fit the entry's key; nil: not known
	Now        time.Time        // of the first use; zero: any
	Grantors   []string         // ids of the officers who can grant an approval; nil: not known
}

// AllowsNobody says why no request whatever can pass for such an entry, whoever
// makes it and when: each reason names a key and what to write. It is empty if
// some request could.
func AllowsNobody(p Policy, h Holder) []string {
	var why []string
	if len(p.users)+len(p.groups) == 0 {
		why = append(why, `callers: no user and no group is listed: write the accounts of the callers, as in callers = { users = ["oa"] }`)
	}
	if len(p.purposes) == 0 {
		why = append(why, `purposes: none is listed, and a request must state one of them: write purposes = ["contract"] or the like`)
	}
	if p.batch < 1 {
		why = append(why, fmt.Sprintf("batch: 1 item is too many: write a number from 1 to %d, or leave it out", MaxBatch))
	}
	return append(append(why, p.neverOpen(h.Now)...), p.noOperation(h)...)
}

// noOperation says why none of the operations can be used; nothing if one can.
func (p Policy) noOperation(h Holder) []string {
	var why []string
	fitting := 0
	for _, op := range p.operations {
		if h.Class.valid() && op.class() != h.Class {
			continue
		}
		fitting++
		missing := p.missingFor(op, h)
		if len(missing) == 0 {
			return nil
		}
		for _, m := range missing {
			if !slices.Contains(why, m) {
				why = append(why, m)
			}
		}
	}
	if fitting > 0 {
		return why
	}
	want := Operations()
	if h.Class.valid() {
		want = slices.DeleteFunc(want, func(op Operation) bool { return op.class() != h.Class })
	}
	why = []string{fmt.Sprintf("operations: none of them is for an entry of class %v: write one of %s", classOr(h.Class), listed(want))}
	if len(p.algorithms) == 0 {
		why = append(why, "algorithms: none is listed, and who signs needs one: "+h.writeAlgorithm())
	}
	return why
}

func (h Holder) writeAlgorithm() string {
	if len(h.Algorithms) == 0 {
		return `write algorithms = ["SM2-SM3"] or the like`
	}
	return "write one of " + listed(h.Algorithms)
}

// noAlgorithm says why none of the algorithms will do; "" if one does.
func (p Policy) noAlgorithm(op Operation, h Holder) string {
	fits := func(a algo.Algorithm) bool { return h.Algorithms == nil || slices.Contains(h.Algorithms, a) }
	switch {
	case len(p.algorithms) == 0:
		return fmt.Sprintf("algorithms: none is listed, and %v signs: %s", op, h.writeAlgorithm())
	case !slices.ContainsFunc(p.algorithms, fits):
		return fmt.Sprintf("algorithms: none of %s fits the entry's key: %s", listed(p.algorithms), h.writeAlgorithm())
	}
	return ""
}

func classOr(c Class) string {
	if !c.valid() {
		return "seal or key"
	}
	return c.String()
}

// missingFor says what keeps one operation from being used.
func (p Policy) missingFor(op Operation, h Holder) []string {
	if !op.signs() {
		return nil
	}
	var why []string
	if problem := p.noAlgorithm(op, h); problem != "" {
		why = append(why, problem)
	}
	if op == Stamp && len(p.versions) == 0 {
		why = append(why, "versions: none is listed, and a stamp has one: write one of "+listed(Versions()))
	}
	if op == Stamp && len(p.containers) == 0 {
		why = append(why, "containers: none is listed, and a stamp is for one: write one of "+listed(Containers()))
	}
	for _, q := range p.quotas {
		if q.Limit == 0 {
			why = append(why, q.Key()+": 0 allows no use: write 1 or more, or leave it out")
		}
	}
	if p.approvals == nil {
		return why
	}
	why = append(why, p.approvals.noForm(op.class(), h)...)
	return append(append(why, p.approvals.noGrantor(h.Grantors)...), p.approvals.noRoom()...)
}

// formsFor are those of a class. Digests are not what a stamp signs, and only a
// stamp is of the parts of a document.
func formsFor(class Class) []Form {
	switch class {
	case ClassSeal:
		return []Form{ByDocument, ByReferences, ByCount}
	case ClassKey:
		return []Form{ByDocument, ByDigests, ByCount}
	}
	return Forms()
}

func (p Approvals) noForm(class Class, h Holder) []string {
	usable := formsFor(class)
	switch {
	case len(p.Forms) == 0:
		return []string{"approvals.forms: none is listed, so that nothing can be approved: write one of " + listed(formsFor(h.Class))}
	case !slices.ContainsFunc(p.Forms, func(f Form) bool { return slices.Contains(usable, f) }):
		return []string{fmt.Sprintf("approvals.forms: none of %s is for an entry of class %v: write one of %s", listed(p.Forms), class, listed(usable))}
	}
	return nil
}

// noGrantor says why there are too few who could grant. all are the officers
// who can, nil if it is not known.
func (p Approvals) noGrantor(all []string) []string {
	n := len(p.Custodians)
	able := slices.DeleteFunc(slices.Clone(p.Custodians), func(id string) bool { return all != nil && !slices.Contains(all, id) })
	switch {
	case p.Persons < 1, n > 0 && p.Persons > n:
		return []string{fmt.Sprintf("approvals.persons: %d of %s cannot grant: write 1 or more, and as many custodians", p.Persons, counted(n, "custodian"))}
	case n > 0 && len(able) < p.Persons:
		return []string{fmt.Sprintf("approvals.custodians: of %s only %d can grant for this entry, and persons is %d: write ids of its custodians", wordList(p.Custodians), len(able), p.Persons)}
	case n == 0 && all != nil && p.Persons > len(all):
		return []string{fmt.Sprintf("approvals.persons: %d, and %d can grant for this entry: write fewer, or enrol custodians", p.Persons, len(all))}
	}
	return nil
}

// noRoom says why no approval is short and small enough.
func (p Approvals) noRoom() []string {
	var why []string
	if p.Most < 1 {
		why = append(why, "approvals.most: 0 allows no use: write 1 or more")
	}
	if p.Longest < 0 {
		why = append(why, "approvals.longest: nothing is that short: write 1m or more")
	}
	return why
}

// neverOpen says why no instant from now on is one of use; of a zero now, none
// at all.
func (p Policy) neverOpen(now time.Time) []string {
	s := p.schedule
	var why []string
	if !p.notBefore.IsZero() && !p.notAfter.IsZero() && p.notAfter.Before(p.notBefore) {
		why = append(why, "not_after: is before not_before: write a later instant")
	}
	if !p.notAfter.IsZero() && now.After(p.notAfter) {
		why = append(why, "not_after: was on "+p.notAfter.In(p.location()).Format(time.RFC3339)+": write an instant to come, or leave it out")
	}
	if s.hasHours && len(s.hours) == 0 {
		why = append(why, `hours: none is listed: write hours = ["08:30-17:30"] or the like, or leave it out`)
	}
	if problem := s.noDay(p.At(now, SaneClock)); problem != "" {
		why = append(why, problem)
	}
	if len(why) == 0 && p.someOpen(now).IsZero() {
		why = append(why, "hours, weekdays, holidays: no instant of use is left from "+either(now.IsZero(), "not_before", "now")+
			" to not_after: write hours and days that fall between them and are no holidays")
	}
	return why
}

// noDay says why weekdays has none to come, "" if it may have.
func (s schedule) noDay(now Instant) string {
	const write = `: write weekdays = ["mon", "tue"] or the like, or leave it out`
	today, _ := localClock(now.Time, now.Offset)
	switch {
	case !s.hasWeekdays, s.weekdays != [7]bool{}:
		return ""
	case len(s.openDates) == 0:
		return "weekdays: no day and no date is listed" + write
	case !now.Time.IsZero() && slices.Max(s.openDates) < today:
		return "weekdays: it has dates only, and the last of them is over" + write
	}
	return ""
}

// someOpen returns the first instant of use from now on, of a zero now any;
// zero if there is none. It begins to look before the first date that is named
// and ends behind the last: beyond them every week is like every other, and a
// change of the clock cannot swallow the same hours in two of them.
func (p Policy) someOpen(now time.Time) time.Time {
	const aWhile = 3 * 7 * 24 * time.Hour
	zone, s := p.location(), p.schedule
	named := []time.Time{time.Unix(0, 0).UTC()}
	for _, d := range s.namedDates() {
		named = append(named, d.time())
	}
	for _, bound := range []time.Time{p.notBefore, p.notAfter, now} {
		if !bound.IsZero() {
			named = append(named, bound)
		}
	}
	t, end := slices.MinFunc(named, time.Time.Compare).Add(-aWhile), slices.MaxFunc(named, time.Time.Compare).Add(aWhile)
	if !p.notBefore.IsZero() {
		t = p.notBefore
	}
	if now.After(t) {
		t = now
	}
	if !p.notAfter.IsZero() {
		end = p.notAfter
	}
	for ; !t.After(end); t = t.AddDate(0, 0, searchDays) {
		if open := s.next(zone, t); !open.IsZero() {
			if open.After(end) {
				break
			}
			return open
		}
	}
	return time.Time{}
}
