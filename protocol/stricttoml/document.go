// Package stricttoml reads a TOML text that a person wrote and tells that
// person everything that is wrong with it at once, each fault with its line,
// its dotted key and what would be right.
//
// A reader asks for the keys it knows; what nobody asked for is an unknown
// key and a fault. Every getter returns a usable value even where it records
// a fault, so a reader is straight-line code with one check at its end:
//
//	doc := stricttoml.Parse(text)
//	root := doc.Root()
//	name := root.String("name")                                  // required
//	idle := root.DurationOr("idle", time.Minute, time.Second, time.Hour)
//	for _, m := range root.Tables("module") { ... }              // [module.x]
//	if err := doc.Finish(); err != nil { ... }
//
// Of TOML, arrays of tables ([[x]]) are refused, and control characters in
// strings too, but for the line ends of a string in three quotes where a reader
// asks for Lines. It is a leaf: it imports nothing of signet.
package stricttoml

import (
	"fmt"
	"slices"
)

// A Document is a text that was read, and the faults found so far. It belongs
// to one goroutine.
type Document struct {
	root   *node
	faults faultList
	lost   bool
}

// Parse reads a text. Faults of syntax wait for Finish like all others. The
// text may be changed afterwards.
func Parse(text []byte) *Document {
	d := &Document{root: newTable(1, orphaned), lost: true}
	if problem := refuse(text); problem != "" {
		d.faults.add(1, "", problem)
		return d
	}
	b := newBuilder(text, &d.faults)
	b.run()
	d.root, d.lost = b.root, b.lost
	return d
}

// Root returns the table of the keys before the first header.
func (d *Document) Root() *Table {
	return &Table{doc: d, node: d.root}
}

// Finish reports every key that nobody asked for and returns all Faults of
// the document by line, or nil. The document must not be used afterwards.
func (d *Document) Finish() error {
	d.reportUnasked("", d.root)
	if len(d.faults.kept) == 0 {
		return nil
	}
	return d.faults.sorted()
}

func (d *Document) reportUnasked(path string, table *node) {
	for _, name := range table.names {
		child, key := table.fields[name], join(path, name)
		if !table.asked[name] {
			d.faults.add(child.line, key, unknown(name, table))
			continue
		}
		if child.kind == kindTable && child.entered {
			d.reportUnasked(key, child)
		}
	}
}

// unknown words the fault of an unknown key. A key that is present is no
// candidate: the person has that one already.
func unknown(name string, table *node) string {
	var absent []string
	for k := range table.asked {
		if table.fields[k] == nil {
			absent = append(absent, k)
		}
	}
	meant := table.aliases[name]
	if !slices.Contains(absent, meant) {
		meant = Nearest(name, absent)
	}
	if meant != "" {
		return fmt.Sprintf("unknown key: did you mean %q?", meant)
	}
	return "unknown key"
}
