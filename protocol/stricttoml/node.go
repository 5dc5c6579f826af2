package stricttoml

import (
	"slices"
	"strings"
)

type kind uint8

// kindBroken stands for a value whose text could not be read. Its fault is
// already recorded, so whoever asks for it gets a zero value and no second
// fault.
const (
	kindBroken kind = iota
	kindString
	kindLines // a string in three quotes that has line feeds
	kindInteger
	kindFloat
	kindBool
	kindTime
	kindDate
	kindLocalTime
	kindArray
	kindTable
)

var kindNames = [...]string{
	kindBroken:    "unreadable",
	kindString:    "a string",
	kindLines:     "a string of several lines",
	kindInteger:   "an integer",
	kindFloat:     "a float",
	kindBool:      "a boolean",
	kindTime:      "a date-time",
	kindDate:      "a date",
	kindLocalTime: "a date or time without an offset from UTC",
	kindArray:     "an array",
	kindTable:     "a table",
}

func (k kind) String() string { return kindNames[k] }

// An origin says how a table came to be, which decides how it may still grow
// (TOML 1.0, Table and Inline Table).
type origin uint8

const (
	implied  origin = iota // by [a.b], for a: may still get its own header
	headed                 // by its own header: a second one is a duplicate
	dotted                 // by a.b = 1, for a: grows by dotted keys only
	inlined                // by { }: closed
	built                  // by this package, for a table that is absent
	orphaned               // as built, and its absence is already a fault
)

// A node is a value with its place.
type node struct {
	kind kind
	line int
	text string  // strings: the content, with \n between lines; other scalars: as written
	list []*node // arrays

	// Tables only.
	origin origin
	names  []string // in the order of the text
	fields map[string]*node

	asked   map[string]bool   // keys that a reader knows, present or not
	aliases map[string]string // to those keys

	// entered is set once a reader has looked inside the table. One that was
	// only refused or probed has its fault, and its keys need none.
	entered bool
}

func newTable(line int, o origin) *node {
	return &node{kind: kindTable, line: line, origin: o}
}

// ask notes that a reader knows the key. The maps are made on first use: a
// text of MaxSize bytes can hold 300,000 empty tables.
func (n *node) ask(name string) {
	if n.asked == nil {
		n.asked = map[string]bool{}
	}
	n.asked[name] = true
}

func (n *node) set(name string, child *node) {
	if n.fields == nil {
		n.fields = map[string]*node{}
	}
	n.names = append(n.names, name)
	n.fields[name] = child
}

// join appends a name to a dotted key, quoted where TOML would need it, and
// cut where it is too long to show.
func join(path, name string) string {
	if !isBare(name) || len(name) > maxShown {
		name = Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

func joinAll(path string, names []string) string {
	for _, name := range names {
		path = join(path, name)
	}
	return path
}

func isBare(name string) bool {
	return name != "" && !slices.ContainsFunc([]byte(name), func(c byte) bool {
		return !strings.ContainsRune("-_", rune(c)) &&
			(c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}
