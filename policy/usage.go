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

func (c Count) full() bool { return c.Unknown || c.Spent+c.Reserved >= uint64(c.Limit) }

const countTime = "2006-01-02T15:04Z"

// String is the count as an event records it, without its end:
// "entry.day 2026-11-21T16:00Z 3+1/50"; the start of a lifetime is "-", and
// what is unknown is "?".
func (c Count) String() string {
	start, spent := "-", strconv.FormatUint(c.Spent, 10)
	if !c.Start.IsZero() {
		start = c.Start.UTC().Format(countTime)
	}
	if c.Unknown {
		spent = "?"
	}
	return fmt.Sprintf("%v.%v %s %s+%d/%d", c.Scope, c.Period, start, spent, c.Reserved, c.Limit)
}

// ParseCount reads what String wrote, and nothing else.
func ParseCount(text string) (Count, error) {
	wrong := fmt.Errorf("count %q: want SCOPE.PERIOD START SPENT+RESERVED/LIMIT", text)
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		return Count{}, wrong
	}
	var c Count
	scope, period, _ := strings.Cut(parts[0], ".")
	spent, rest, _ := strings.Cut(parts[2], "+")
	reserved, limit, _ := strings.Cut(rest, "/")
	s, p := slices.Index(scopes[:], scope), slices.Index(periods[:], period)
	if s < 1 || p < 1 {
		return Count{}, wrong
	}
	c.Scope, c.Period, c.Unknown = Scope(s), Period(p), spent == "?"
	var errs [4]error
	if parts[1] != "-" {
		c.Start, errs[0] = time.Parse(countTime, parts[1])
	}
	if !c.Unknown {
		c.Spent, errs[1] = strconv.ParseUint(spent, 10, 64)
	}
	c.Reserved, errs[2] = strconv.ParseUint(reserved, 10, 64)
	var n uint64
	n, errs[3] = strconv.ParseUint(limit, 10, 32)
	c.Limit = uint32(n)
	if errs != [4]error{} || c.String() != text {
		return Count{}, wrong
	}
	return c, nil
}
