package stricttoml

import (
	"fmt"
	"slices"
	"strings"
)

// maxFaults bounds how many faults are kept. Somebody who handed over the
// wrong file learns that from a hundred lines too.
const maxFaults = 100

// A Fault is one thing that is wrong with a text. Problem says what is wrong
// and, after a colon, what would be right. It never holds the value of a key
// that nobody asked for: a person may have put a secret there.
type Fault struct {
	Line    int    // first line is 1
	Key     string // dotted key, "" where the fault is in no key
	Problem string
}

func (f Fault) String() string {
	if f.Key == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Problem)
	}
	return fmt.Sprintf("line %d: %s: %s", f.Line, f.Key, f.Problem)
}

// Faults are all faults of one text, in the order of their lines. Never empty
// where it is an error.
type Faults []Fault

// Error lists one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// faultList collects faults up to maxFaults and counts the rest.
type faultList struct {
	kept    Faults
	dropped int
}

func (l *faultList) add(line int, key, problem string) {
	if len(l.kept) == maxFaults {
		l.dropped++
		return
	}
	l.kept = append(l.kept, Fault{line, key, problem})
}

// sorted returns the faults by line. Those of one line stay in the order in
// which they were found.
func (l *faultList) sorted() Faults {
	all := slices.Clone(l.kept)
	slices.SortStableFunc(all, func(a, b Fault) int { return a.Line - b.Line })
	if l.dropped > 0 {
		last := all[len(all)-1].Line
		all = append(all, Fault{last, "", fmt.Sprintf("%d more faults are not shown", l.dropped)})
	}
	return all
}

// maxShown bounds the bytes of a value that a fault repeats.
const maxShown = 80

// Quote returns s in quotes for a fault, cut to a length that fits a line.
func Quote(s string) string {
	if len(s) > maxShown {
		s = strings.ToValidUTF8(s[:maxShown], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}
