package policy

import (
	"fmt"
	"slices"
	"time"
)

// AllowsNobody says why no request whatever can pass for an entry of a class,
// whoever makes it and when: each reason names a key and what to write. It is
// empty if some request could. The zero class stands for either.
func AllowsNobody(p Policy, class Class) []string {
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
	return append(append(why, p.neverOpen()...), p.noOperation(class)...)
}

// noOperation says why none of the operations can be used; nothing if one can.
func (p Policy) noOperation(class Class) []string {
	var why []string
	fitting := 0
	for _, op := range p.operations {
		of := op.class()
		if class.valid() && of != class {
			continue
		}
		fitting++
		missing := p.missingFor(op, of)
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
	if class.valid() {
		want = slices.DeleteFunc(want, func(op Operation) bool { return op.class() != class })
	}
	return []string{fmt.Sprintf("operations: none of them is for an entry of class %v: write one of %s", classOr(class), listed(want))}
}

func classOr(c Class) string {
	if !c.valid() {
		return "seal or key"
	}
	return c.String()
}

// missingFor says what keeps one operation from being used.
func (p Policy) missingFor(op Operation, class Class) []string {
	if !op.signs() {
		return nil
	}
	var why []string
	if len(p.algorithms) == 0 {
		why = append(why, fmt.Sprintf(`algorithms: none is listed, and %v signs: write algorithms = ["SM2-SM3"] or the like`, op))
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
	return append(why, p.approvals.never(class)...)
}

// never says why no approval can be what the policy asks for.
func (p *Approvals) never(class Class) []string {
	var why []string
	if p == nil {
		return nil
	}
	usable := slices.Clone(p.Forms)
	if class != ClassKey {
		usable = slices.DeleteFunc(usable, func(f Form) bool { return f == ByDigests })
	}
	switch {
	case len(p.Forms) == 0:
		why = append(why, "approvals.forms: none is listed, so that nothing can be approved: write one of "+listed(Forms()))
	case len(usable) == 0:
		why = append(why, "approvals.forms: digests are approved for an entry of class key: write one of document, references, count")
	}
	if n := len(p.Custodians); p.Persons < 1 || n > 0 && p.Persons > n {
		why = append(why, fmt.Sprintf("approvals.persons: %d of %d custodians cannot grant: write 1 or more, and as many custodians", p.Persons, n))
	}
	if p.Most < 1 {
		why = append(why, "approvals.most: 0 allows no use: write 1 or more")
	}
	if p.Longest < 0 {
		why = append(why, "approvals.longest: nothing is that short: write 1m or more")
	}
	return why
}

// neverOpen says why no instant is one of use.
func (p Policy) neverOpen() []string {
	s := p.schedule
	var why []string
	if !p.notBefore.IsZero() && !p.notAfter.IsZero() && p.notAfter.Before(p.notBefore) {
		why = append(why, "not_after: is before not_before: write a later instant")
	}
	if s.hasHours && len(s.hours) == 0 {
		why = append(why, `hours: none is listed: write hours = ["08:30-17:30"] or the like, or leave it out`)
	}
	if s.hasWeekdays && s.weekdays == [7]bool{} && len(s.openDates) == 0 {
		why = append(why, `weekdays: no day and no date is listed: write weekdays = ["mon", "tue"] or the like, or leave it out`)
	}
	if len(why) == 0 && p.someOpen().IsZero() {
		why = append(why, "hours, weekdays, holidays: no instant of use is left from not_before to not_after: write hours and days that fall between them and are no holidays")
	}
	return why
}

// someOpen returns an instant of use, zero if there is none. It begins to look
// before the first date that is named and ends behind the last: beyond them
// every week is like every other, and a change of the clock cannot swallow the
// same hours in two of them.
func (p Policy) someOpen() time.Time {
	const aWhile = 3 * 7 * 24 * time.Hour
	zone, s := p.zone, p.schedule
	if zone == nil {
		zone = time.UTC
	}
	named := []time.Time{time.Unix(0, 0).UTC()}
	for _, d := range s.namedDates() {
		named = append(named, d.time())
	}
	for _, bound := range []time.Time{p.notBefore, p.notAfter} {
		if !bound.IsZero() {
			named = append(named, bound)
		}
	}
	t, end := slices.MinFunc(named, time.Time.Compare).Add(-aWhile), slices.MaxFunc(named, time.Time.Compare).Add(aWhile)
	if !p.notBefore.IsZero() {
		t = p.notBefore
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
