// Package screen writes for people at a terminal: text whose width is known,
// tables that fit, colour where it is wanted, and nothing that a terminal
// would obey.
package screen

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Columns is the width that everything for people fits.
const Columns = 100

// Clean returns s with all that is not a graphic character spelled out: an
// escape sequence, a line end or a bidirectional override in a title must not
// move the cursor, forge a line or make text read as something else.
func Clean(s string) string {
	if !strings.ContainsFunc(s, isUnsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isUnsafe(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isUnsafe is also true of U+FFFD, which is what bytes that are no UTF-8 read
// as.
func isUnsafe(r rune) bool { return !unicode.IsGraphic(r) || r == unicode.ReplacementChar }

// Width is the number of columns that s takes: two for East Asian wide and
// full-width characters (UAX #11), none for combining marks. Ambiguous ones
// count as one, as terminals show them outside of legacy encodings.
func Width(s string) int {
	columns := 0
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

const ellipsis = "…"

// Cut returns s if it fits, else as much of its beginning as fits with an
// ellipsis.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	if columns < 1 {
		return ""
	}
	return s[:fitting(s, columns-1)] + ellipsis
}

// CutPath is Cut that keeps the end: of a path that is what tells.
func CutPath(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	if columns < 1 {
		return ""
	}
	for Width(s) > columns-1 {
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
	return ellipsis + s
}

// Wrap breaks s into lines of at most that many columns (at least 2), at
// blanks and beside wide characters, as Chinese is. Line ends in s
// stay.
func Wrap(s string, columns int) []string {
	var lines []string
	for _, line := range strings.Split(s, "\n") {
		lines = append(lines, wrapLine(line, columns)...)
	}
	return lines
}

func wrapLine(s string, columns int) []string {
	var lines []string
	for {
		limit := fitting(s, columns)
		if limit == len(s) {
			return append(lines, s)
		}
		_, first := utf8.DecodeRuneInString(s)
		at := lastBreak(s, max(limit, first))
		lines = append(lines, strings.TrimRight(s[:at], " "))
		if s = strings.TrimLeft(s[at:], " "); s == "" {
			return lines
		}
	}
}

// lastBreak is the last place up to limit where a line may end: before a
// blank, and beside a wide character, but not before punctuation that closes.
// Without such a place it is limit.
func lastBreak(s string, limit int) int {
	at, indent := 0, true
	var before rune
	for i, r := range s {
		if i > limit {
			break
		}
		indent = indent && r == ' '
		wide := runeWidth(r) == 2 || runeWidth(before) == 2
		if !indent && i > 0 && (r == ' ' || wide && !closes(r)) {
			at = i
		}
		before = r
	}
	if at == 0 {
		return limit
	}
	return at
}

func closes(r rune) bool { return strings.ContainsRune("，。；：、！？）》”’…", r) }

// fitting is the length in bytes of the longest beginning of s that fits.
func fitting(s string, columns int) int {
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > columns {
			return i
		}
	}
	return len(s)
}

// pad fills s up to that many columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-Width(s), 0))
}
