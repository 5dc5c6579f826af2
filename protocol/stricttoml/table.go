package stricttoml

import (
	"fmt"
	"slices"
	"strings"
)

// A Table is one table of a document. Its getters come in two forms: Int is
// for a key that must be there, IntOr gives the value of a key that may be
// left out. Bounds include both ends. A getter that records a fault returns
// the zero value or the default.
type Table struct {
	doc  *Document
	node *node
	path string
	name string
}

// Name returns the last part of the table's key, "" for the root.
func (t *Table) Name() string { return t.name }

// Line returns the line on which the table starts.
func (t *Table) Line() int { return t.node.line }

// Keys returns the keys that are present, in the order of the text. They
// still count as unknown until somebody asks for them.
func (t *Table) Keys() []string { return slices.Clone(t.node.names) }

// Has tells whether key is present, and counts as asking for it.
func (t *Table) Has(key string) bool {
	t.node.ask(key)
	return t.node.fields[key] != nil
}

// Lacks tells whether key is not there for certain: it may be where a part of
// the text could not be read. It counts as asking for the key.
func (t *Table) Lacks(key string) bool {
	return !t.Has(key) && t.node.origin != orphaned && !t.doc.lost
}

// Alias has an unknown key of one of these names answered with key, which is
// too far from them to be taken for a slip of the pen.
func (t *Table) Alias(key string, names ...string) {
	if t.node.aliases == nil {
		t.node.aliases = map[string]string{}
	}
	for _, name := range names {
		t.node.aliases[name] = key
	}
}

// lineOf returns the line of a key, or of the table where the key is absent.
func (t *Table) lineOf(key string) int {
	if n := t.node.fields[key]; n != nil {
		return n.line
	}
	return t.node.line
}

// Faultf records a fault of a key, present or not: what is wrong, a colon,
// what would be right. It counts as asking for the key.
func (t *Table) Faultf(key, format string, args ...any) {
	t.node.ask(key)
	t.doc.faults.add(t.lineOf(key), join(t.path, key), fmt.Sprintf(format, args...))
}

// TableFaultf records a fault of the table as a whole.
func (t *Table) TableFaultf(format string, args ...any) {
	t.doc.faults.add(t.node.line, t.path, fmt.Sprintf(format, args...))
}

// ItemFaultf records a fault of item i of the array under key.
func (t *Table) ItemFaultf(key string, i int, format string, args ...any) {
	n := t.node.fields[key]
	if n == nil || i < 0 || i >= len(n.list) {
		t.Faultf(key, format, args...)
		return
	}
	item := fmt.Sprintf("%s[%d]", join(t.path, key), i)
	t.doc.faults.add(n.list[i].line, item, fmt.Sprintf(format, args...))
}

// Table returns the table under a key that must be there.
func (t *Table) Table(key string) *Table {
	if n := t.require(key, kindTable, "[%s]"); n != nil {
		return t.child(key, n)
	}
	return t.child(key, newTable(t.node.line, orphaned))
}

// OptionalTable returns the table under key. An absent one reads as empty,
// and its required keys are then missing: ask Has first if all of it may be
// left out.
func (t *Table) OptionalTable(key string) *Table {
	if !t.Has(key) {
		return t.child(key, newTable(t.node.line, built))
	}
	return t.Table(key)
}

// Tables returns the named tables under key, [key.a] and [key.b], in the
// order of the text; none if the key is absent.
func (t *Table) Tables(key string) []*Table {
	parent := t.OptionalTable(key)
	var all []*Table
	for _, name := range parent.node.names {
		all = append(all, parent.Table(name))
	}
	return all
}

// SomeTables is Tables where there must be at least one.
func (t *Table) SomeTables(key string) []*Table {
	all := t.Tables(key)
	n := t.node.fields[key]
	if len(all) == 0 && (n == nil || n.kind == kindTable) && t.node.origin != orphaned && !t.doc.lost {
		t.Faultf(key, "missing: want at least one [%s.NAME]", join(t.path, key))
	}
	return all
}

func (t *Table) child(key string, n *node) *Table {
	n.entered = true
	return &Table{doc: t.doc, node: n, path: join(t.path, key), name: key}
}

// require returns the value of key if it is there and of that kind. Anything
// else is a fault, recorded once: what has its fault already is passed over.
func (t *Table) require(key string, want kind, example string) *node {
	if t.Lacks(key) {
		t.Faultf(key, "missing: want %s%s", want, t.example(example, key))
	}
	return t.optional(key, want, example)
}

// optional is require for a key that may be absent.
func (t *Table) optional(key string, want kind, example string) *node {
	if !t.Has(key) {
		return nil
	}
	return t.typed(key, want, example)
}

func (t *Table) typed(key string, want kind, example string) *node {
	n := t.node.fields[key]
	switch n.kind {
	case want:
		return n
	case kindBroken:
		return nil
	}
	t.Faultf(key, "is %s: want %s%s", n.kind, want, t.example(example, key))
	return nil
}

// example words an example, which may show the key as %s.
func (t *Table) example(text, key string) string {
	if text == "" {
		return ""
	}
	return " such as " + strings.ReplaceAll(text, "%s", join(t.path, key))
}
