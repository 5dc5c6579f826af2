package policy

import (
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

// later are keys of a policy that this version knows to exist and cannot
// honour. To ignore one would widen the policy, so each is refused by name.
var later = []string{
	"require", "hours", "weekdays", "holidays", "zone", "quotas", "approvals", "versions", "containers",
}

// Parse reads a policy. An error is stricttoml.Faults: everything that is
// wrong with the text, each with its line.
func Parse(text []byte) (Policy, error) {
	if len(text) > MaxText {
		return Policy{}, fmt.Errorf("policy has %d bytes: want at most %d", len(text), MaxText)
	}
	doc := stricttoml.Parse(text)
	root := doc.Root()
	p := Policy{
		text:       string(text),
		operations: operationsOf(root),
		algorithms: algorithmsOf(root),
		purposes:   purposesOf(root),
		notBefore:  root.TimeOr("not_before", time.Time{}),
		notAfter:   root.TimeOr("not_after", time.Time{}),
		crlMaxAge:  root.DurationOr("crl_max_age", 0, time.Minute, 366*24*time.Hour),
		batch:      int(root.IntOr("batch", MaxBatch, 1, MaxBatch)),
	}
	callers := root.OptionalTable("callers")
	p.users, p.groups = accountsOf(callers, "users"), accountsOf(callers, "groups")
	if !p.notBefore.IsZero() && !p.notAfter.IsZero() && p.notAfter.Before(p.notBefore) {
		root.Faultf("not_after", "is before not_before: want a later instant")
	}
	for _, key := range later {
		if root.Has(key) {
			root.Faultf(key, "not supported by this version: a policy that relies on it would allow too much")
		}
	}
	if err := doc.Finish(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// unique calls read for each item of a list of strings and records what it
// refuses, and every repetition, as a fault of that item.
func unique[T comparable](root *stricttoml.Table, key string, read func(string) (T, error)) []T {
	var all []T
	for _, v := range root.OptionalValues(key) {
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
	return all
}

func operationsOf(root *stricttoml.Table) []Operation {
	return unique(root, "operations", ParseOperation)
}

func algorithmsOf(root *stricttoml.Table) []algo.Algorithm {
	return unique(root, "algorithms", algo.Parse)
}

func purposesOf(root *stricttoml.Table) []string {
	return unique(root, "purposes", parsePurpose)
}

var purposeForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func parsePurpose(text string) (string, error) {
	if !purposeForm.MatchString(text) {
		return "", fmt.Errorf("%s is no purpose: want 1 to 32 of a-z, 0-9 and -", stricttoml.Quote(text))
	}
	return text, nil
}
