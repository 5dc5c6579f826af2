package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"

	"signet/protocol/algo"
	"signet/protocol/stricttoml"
)

// MaxText is the longest policy, in bytes: one has to be read by the people
// who sign it.
const MaxText = 64 << 10

// Parse reads a policy. An error is stricttoml.Faults: everything that is
// wrong with the text, each with its line; a text longer than MaxText is not
// read. Lists are sorted, so that two texts that say the same give the same
// fields; but callers, which errors name in the order of the text.
func Parse(text []byte) (Policy, error) {
	if len(text) > MaxText {
		return Policy{}, fmt.Errorf("policy has %d bytes: want at most %d", len(text), MaxText)
	}
	doc := stricttoml.Parse(text)
	root := doc.Root()
	p := Policy{
		text:       string(text),
		operations: unique(root, "operations", ParseOperation),
		algorithms: unique(root, "algorithms", algo.Parse),
		purposes:   unique(root, "purposes", parsePurpose),
		notBefore:  root.TimeOr("not_before", time.Time{}),
		notAfter:   root.TimeOr("not_after", time.Time{}),
		crlMaxAge:  root.DurationOr("crl_max_age", 0, time.Minute, 366*24*time.Hour),
		batch:      int(root.IntOr("batch", MaxBatch, 1, MaxBatch)),
		versions:   unique(root, "versions", ParseVersion),
		containers: unique(root, "containers", ParseContainer),
		require:    unique(root, "require", ParseField),
		schedule:   scheduleOf(root),
		approvals:  approvalsOf(root),
	}
	root.Alias("callers", "users", "groups", "accounts")
	root.Alias("zone", "tz", "timezone", "time_zone")
	root.Alias("batch", "max_batch", "batch_size")
	callers := root.OptionalTable("callers")
	p.users, p.groups = accountsOf(callers, "users"), accountsOf(callers, "groups")
	quotas := root.OptionalTable("quotas")
	perCaller := quotas.OptionalTable("per_caller")
	p.quotas = append(quotasOf(OfEntry, quotas), quotasOf(OfCaller, perCaller)...)
	p.zone = zoneOf(root, quotas, perCaller)
	if !p.notBefore.IsZero() && !p.notAfter.IsZero() && p.notAfter.Before(p.notBefore) {
		root.Faultf("not_after", "is before not_before: want a later instant")
	}
	if err := doc.Finish(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// unique calls read for each item of a list of strings and records what it
// refuses, and every repetition, as a fault of that item. The items are sorted.
func unique[T cmp.Ordered](table *stricttoml.Table, key string, read func(string) (T, error)) []T {
	return uniqueOf(table.OptionalValues(key), read)
}

func uniqueOf[T cmp.Ordered](values []stricttoml.Value, read func(string) (T, error)) []T {
	var all []T
	for _, v := range values {
		text, ok := v.Text()
		if !ok {
			v.Faultf("is %s: want a string", v.Kind())
			continue
		}
		item, err := read(text)
		switch {
		case err != nil:
			v.Faultf("%v", err)
		case slices.Contains(all, item):
			v.Faultf("%s is listed twice", stricttoml.Quote(text))
		default:
			all = append(all, item)
		}
	}
	slices.Sort(all)
	return all
}

var purposeForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func parsePurpose(text string) (string, error) {
	if !purposeForm.MatchString(text) {
		return "", fmt.Errorf("%s is no purpose: want 1 to 32 of a-z, 0-9 and -", stricttoml.Quote(text))
	}
	return text, nil
}
