// Package model is what design.md 4 and 6 and policy.md say of decisions,
// written once more and as simply as can be. The model test of package daemon
// holds policy and daemon to it: where they part, one of them is wrong. It
// shares no code with them, so names of reasons, rules and keys are plain
// text, and it recounts from plain lists each time it is asked.
package model

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Policy is a policy as an officer thinks of it. What is nil is absent.
type Policy struct {
	Users, Groups                    []Account
	Operations, Algorithms, Purposes []string
	NotBefore, NotAfter              time.Time // zero: absent
	CRLMaxAge                        time.Duration
	Batch                            int // 0: absent, and then 256

	Versions, Containers, Require []string

	Zone     string
	Hours    []string // "08:30-12:00"
	Weekdays []string // "mon", and dates
	Holidays []string // dates, and "2026-10-01..2026-10-07"

	Quotas    []Quota
	Approvals *Approvals

	zone *time.Location
}

// An Account is a caller by its name, or by its id where Name is "". ID 0 is
// nobody.
type Account struct {
	Name string
	ID   uint32
}

// A Quota allows Limit uses in each window.
type Quota struct {
	Scope  string // entry, caller
	Period string // minute, hour, day, month, lifetime
	Limit  int
}

// key is what a refusal by the quota names.
func (q Quota) key() string {
	if q.Scope == "caller" {
		return "quotas.per_caller." + q.Period
	}
	return "quotas." + q.Period
}

// Periods are the periods of quotas, the shortest first.
var Periods = []string{"minute", "hour", "day", "month", "lifetime"}

// Approvals is what a policy asks for before a use. Zero fields are absent.
type Approvals struct {
	Persons    int // absent: 1
	Custodians []string
	Forms      []string
	Most       int           // absent: 1
	Longest    time.Duration // absent: a day
}

func (a Approvals) persons() int           { return max(a.Persons, 1) }
func (a Approvals) most() int              { return max(a.Most, 1) }
func (a Approvals) longest() time.Duration { return orElse(a.Longest, 24*time.Hour) }

func orElse[T comparable](v, absent T) T {
	var zero T
	if v == zero {
		return absent
	}
	return v
}

// needsZone tells whether the policy counts by a calendar.
func (p *Policy) needsZone() bool {
	return p.Hours != nil || p.Weekdays != nil || len(p.Holidays) > 0 ||
		slices.ContainsFunc(p.Quotas, func(q Quota) bool { return q.Period != "lifetime" })
}

// location is the policy's zone as the machine knows it; UTC if it has none.
func (p *Policy) location() *time.Location {
	if p.zone == nil {
		p.zone = Zone(p.Zone)
	}
	return p.zone
}

// Zone is the zone of that name by the time zone database of the machine,
// which is not the one that signet carries.
func Zone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the generator's names are all in every edition
	}
	return zone
}

// Text writes the policy as TOML, with its keys in an order of chance.
func (p *Policy) Text(r *rand.Rand) string {
	lines := []string{"callers = { users = [" + accounts(p.Users) + "], groups = [" + accounts(p.Groups) + "] }"}
	add := func(is bool, key, value string) {
		if is {
			lines = append(lines, key+" = "+value)
		}
	}
	add(p.Operations != nil, "operations", quoted(p.Operations))
	add(p.Algorithms != nil, "algorithms", quoted(p.Algorithms))
	add(p.Purposes != nil, "purposes", quoted(p.Purposes))
	add(!p.NotBefore.IsZero(), "not_before", p.NotBefore.In(p.location()).Format(time.RFC3339Nano))
	add(!p.NotAfter.IsZero(), "not_after", p.NotAfter.Format(time.RFC3339Nano))
	add(p.CRLMaxAge != 0, "crl_max_age", strconv.Quote(p.CRLMaxAge.String()))
	add(p.Batch != 0, "batch", strconv.Itoa(p.Batch))
	add(p.Versions != nil, "versions", quoted(p.Versions))
	add(p.Containers != nil, "containers", quoted(p.Containers))
	add(p.Require != nil, "require", quoted(p.Require))
	add(p.Zone != "", "zone", strconv.Quote(p.Zone))
	add(p.Hours != nil, "hours", quoted(p.Hours))
	add(p.Weekdays != nil, "weekdays", days(p.Weekdays, r))
	add(p.Holidays != nil, "holidays", days(p.Holidays, r))
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return strings.Join(append(lines, p.tables()...), "\n") + "\n"
}

func (p *Policy) tables() []string {
	var lines []string
	for _, scope := range []string{"entry", "caller"} {
		lines = append(lines, map[string]string{"entry": "[quotas]", "caller": "[quotas.per_caller]"}[scope])
		for _, q := range p.Quotas {
			if q.Scope == scope {
				lines = append(lines, fmt.Sprintf("%s = %d", q.Period, q.Limit))
			}
		}
	}
	if len(p.Quotas) == 0 {
		lines = nil
	}
	a := p.Approvals
	if a == nil {
		return lines
	}
	lines = append(lines, "[approvals]")
	for _, row := range []struct {
		is    bool
		key   string
		value string
	}{
		{a.Persons != 0, "persons", strconv.Itoa(a.Persons)}, {a.Custodians != nil, "custodians", quoted(a.Custodians)},
		{a.Forms != nil, "forms", quoted(a.Forms)}, {a.Most != 0, "most", strconv.Itoa(a.Most)},
		{a.Longest != 0, "longest", strconv.Quote(a.Longest.String())},
	} {
		if row.is {
			lines = append(lines, row.key+" = "+row.value)
		}
	}
	return lines
}

func accounts(list []Account) string {
	var parts []string
	for _, a := range list {
		if a.Name != "" {
			parts = append(parts, strconv.Quote(a.Name))
			continue
		}
		parts = append(parts, strconv.FormatUint(uint64(a.ID), 10))
	}
	return strings.Join(parts, ", ")
}

func quoted(list []string) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, strconv.Quote(s))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// days writes single dates now as text, now as TOML's own.
func days(list []string, r *rand.Rand) string {
	var parts []string
	for _, s := range list {
		if len(s) == len(time.DateOnly) && r.IntN(2) == 0 {
			parts = append(parts, s)
			continue
		}
		parts = append(parts, strconv.Quote(s))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
