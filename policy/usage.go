package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Usage is what was used before, as far as the policy asks: a count for each
// of its quotas, and the approval that the request names.
type Usage struct {
	Counts   []Count
	Approval *Approval // nil: the request names none
}

// A Count is how far one quota is used up in the window that holds the time of
// the decision.
type Count struct {
	Quota
	Start time.Time // of the window, UTC; zero for Lifetime
	End   time.Time // the window's; zero if it has none, and in a recorded count

	Spent    uint64 // uses in the log
	Reserved uint64 // uses that are being signed, those granted before in the same request too

	// Unknown: a part of the window lies before a restore, and what was used
	// then is not known. It counts as full.
	Unknown bool
}

// full does not add: a recorded count may be any two numbers.
func (c Count) full() bool {
	limit := uint64(c.Limit) + beyondLimit
	return c.Unknown || c.Spent >= limit || c.Reserved >= limit-c.Spent
}

const countTime = "2006-01-02T15:04Z"

// String is the count as an event records it, without its end:
// "entry.day 2026-11-21T16:00Z 3+1/50"; the start of a lifetime is "-", and
// what is unknown is "?".
func (c Count) String() string { return string(c.append(nil)) }

// append is String into dst: a log that is replayed has millions of them.
func (c Count) append(dst []byte) []byte {
	dst = append(append(append(dst, c.Scope.String()...), '.'), c.Period.String()...)
	if dst = append(dst, ' '); c.Start.IsZero() {
		dst = append(dst, '-')
	} else {
		dst = c.Start.UTC().AppendFormat(dst, countTime)
	}
	if dst = append(dst, ' '); c.Unknown {
		dst = append(dst, '?')
	} else {
		dst = strconv.AppendUint(dst, c.Spent, 10)
	}
	dst = strconv.AppendUint(append(dst, '+'), c.Reserved, 10)
	return strconv.AppendUint(append(dst, '/'), uint64(c.Limit), 10)
}

// ParseCount reads what String wrote, and nothing else.
func ParseCount(text string) (Count, error) {
	quota, rest, _ := strings.Cut(text, " ")
	start, numbers, _ := strings.Cut(rest, " ")
	scope, period, _ := strings.Cut(quota, ".")
	spent, rest, _ := strings.Cut(numbers, "+")
	reserved, limit, _ := strings.Cut(rest, "/")
	s, p := slices.Index(scopes[:], scope), slices.Index(periods[:], period)
	c := Count{Unknown: spent == "?"}
	var errs [4]error
	if start != "-" {
		c.Start, errs[0] = time.Parse(countTime, start)
	}
	if !c.Unknown {
		c.Spent, errs[1] = strconv.ParseUint(spent, 10, 64)
	}
	c.Reserved, errs[2] = strconv.ParseUint(reserved, 10, 64)
	var n uint64
	n, errs[3] = strconv.ParseUint(limit, 10, 32)
	if s < 1 || p < 1 || errs != [4]error{} {
		return Count{}, notACount(text)
	}
	c.Quota = Quota{Scope: Scope(s), Period: Period(p), Limit: uint32(n)}
	var written [64]byte
	if string(c.append(written[:0])) != text {
		return Count{}, notACount(text)
	}
	return c, nil
}

func notACount(text string) error {
	return fmt.Errorf("count %q: want SCOPE.PERIOD START SPENT+RESERVED/LIMIT", text)
}
