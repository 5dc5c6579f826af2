package stricttoml

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	// MaxSize is the longest text that Parse reads, in bytes.
	MaxSize = 1 << 20

	// maxDepth bounds how deep tables and arrays nest.
	maxDepth = 16
)

// builder turns the parser's expressions into a tree.
type builder struct {
	text   []byte
	breaks []int // offsets of the line feeds
	faults *faultList

	root  *node
	table *node // of the last header; nil where that header is in doubt
	path  string

	// lost is set where a part of the text could not be given a place, so
	// that a key which seems to be missing may well be there.
	lost bool

	parser unstable.Parser
	base   int // offset in text of what parser was given last
}

func newBuilder(text []byte, faults *faultList) *builder {
	b := &builder{text: text, faults: faults, root: newTable(1, headed)}
	b.table = b.root
	for i, c := range text {
		if c == '\n' {
			b.breaks = append(b.breaks, i)
		}
	}
	return b
}

// lineAt returns the line of an offset in the text.
func (b *builder) lineAt(offset int) int {
	return 1 + sort.SearchInts(b.breaks, offset)
}

func (b *builder) lineOf(n *unstable.Node) int {
	return b.lineAt(b.base + int(n.Raw.Offset))
}

// run reads the whole text. After a fault of syntax it goes on at the next
// line that looks like an expression of its own, so that one slip does not
// hide the other faults.
func (b *builder) run() {
	for b.base < len(b.text) {
		b.parser.Reset(b.text[b.base:])
		for b.parser.NextExpression() {
			b.expression(b.parser.Expression())
		}
		if b.parser.Error() == nil {
			return
		}
		b.base = b.recover(b.parser.Error())
	}
}

func (b *builder) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table:
		b.header(n)
	case unstable.ArrayTable:
		names, line := b.key(n)
		b.faults.add(line, joinAll("", names), "array of tables: want one table, [name]")
		b.table, b.lost = nil, true
	case unstable.KeyValue:
		if b.table != nil {
			b.keyValue(b.table, b.path, n, 1)
		}
	}
}

// key returns the parts of a key and the line it starts on.
func (b *builder) key(n *unstable.Node) (names []string, line int) {
	for it := n.Key(); it.Next(); {
		if line == 0 {
			line = b.lineOf(it.Node())
		}
		name := string(it.Node().Data)
		if hasControl(name) {
			b.faults.add(line, "", fmt.Sprintf("key %s has a control character: want visible characters", Quote(name)))
		}
		names = append(names, name)
	}
	return names, line
}

// header opens the table of a [header]. What stands under a header that is
// at fault is read no further: it would only repeat that fault.
func (b *builder) header(n *unstable.Node) {
	names, line := b.key(n)
	path := joinAll("", names)
	table, problem := b.open(names, line)
	if problem != "" {
		b.faults.add(line, path, problem)
		b.lost = true
	}
	b.table, b.path = table, path
}

func (b *builder) open(names []string, line int) (table *node, problem string) {
	if len(names) > maxDepth {
		return nil, fmt.Sprintf("%d levels deep: want at most %d", len(names), maxDepth)
	}
	at := b.root
	for _, name := range names[:len(names)-1] {
		next := at.fields[name]
		if next == nil {
			next = newTable(line, implied)
			at.set(name, next)
		}
		if next.kind != kindTable || next.origin == inlined {
			return nil, fmt.Sprintf("%s was set as a value on line %d: want a table", name, next.line)
		}
		at = next
	}
	last := names[len(names)-1]
	old := at.fields[last]
	switch {
	case old == nil:
		old = newTable(line, headed)
		at.set(last, old)
	case old.kind != kindTable || old.origin != implied:
		return nil, fmt.Sprintf("duplicate table: already set on line %d", old.line)
	default:
		old.origin, old.line = headed, line
	}
	return old, ""
}

// keyValue puts one key = value under a table.
func (b *builder) keyValue(table *node, path string, n *unstable.Node, depth int) {
	names, line := b.key(n)
	if depth+len(names) > maxDepth {
		b.faults.add(line, path, fmt.Sprintf("more than %d levels deep", maxDepth))
		return
	}
	for _, name := range names[:len(names)-1] {
		next := table.fields[name]
		if next == nil {
			next = newTable(line, dotted)
			table.set(name, next)
		}
		path = join(path, name)
		if next.kind != kindTable || next.origin != dotted {
			b.faults.add(line, path, fmt.Sprintf("already set on line %d: a dotted key cannot add to it", next.line))
			return
		}
		table = next
	}
	last := names[len(names)-1]
	path = join(path, last)
	if old := table.fields[last]; old != nil {
		b.faults.add(line, path, fmt.Sprintf("duplicate key: already set on line %d", old.line))
		return
	}
	table.set(last, b.value(path, line, n.Value(), depth+len(names)))
}

// value reads a value. The line of an array or table is that of its key: the
// parser gives no place for them.
func (b *builder) value(path string, line int, n *unstable.Node, depth int) *node {
	switch n.Kind {
	case unstable.Array:
		return b.array(path, line, n, depth)
	case unstable.InlineTable:
		return b.inline(path, line, n, depth)
	}
	v := &node{kind: scalarKind(n.Kind), line: b.lineOf(n), text: string(n.Data)}
	if v.kind == kindString && b.hasLines(n) {
		v.kind, v.text = kindLines, strings.ReplaceAll(v.text, "\r\n", "\n")
	}
	if problem := scalarProblem(v); problem != "" {
		b.faults.add(v.line, path, problem)
		v.kind, v.text = kindBroken, ""
	}
	return v
}

func (b *builder) array(path string, line int, n *unstable.Node, depth int) *node {
	v := &node{kind: kindArray, line: line}
	if depth >= maxDepth {
		b.faults.add(line, path, fmt.Sprintf("more than %d levels deep", maxDepth))
		v.kind = kindBroken
		return v
	}
	for it := n.Children(); it.Next(); {
		item := fmt.Sprintf("%s[%d]", path, len(v.list))
		v.list = append(v.list, b.value(item, line, it.Node(), depth+1))
	}
	return v
}

func (b *builder) inline(path string, line int, n *unstable.Node, depth int) *node {
	v := newTable(line, inlined)
	for it := n.Children(); it.Next(); {
		b.keyValue(v, path, it.Node(), depth)
	}
	return v
}

// hasLines tells a string that the text itself breaks into lines from one that
// hides a line feed in an escape.
func (b *builder) hasLines(n *unstable.Node) bool {
	raw := b.parser.Raw(n.Raw)
	quoted := bytes.HasPrefix(raw, []byte(`"""`)) || bytes.HasPrefix(raw, []byte("'''"))
	return quoted && bytes.ContainsRune(raw, '\n') && bytes.ContainsRune(n.Data, '\n')
}

func scalarKind(k unstable.Kind) kind {
	switch k {
	case unstable.String:
		return kindString
	case unstable.Integer:
		return kindInteger
	case unstable.Float:
		return kindFloat
	case unstable.Bool:
		return kindBool
	case unstable.DateTime:
		return kindTime
	case unstable.LocalDate:
		return kindDate
	}
	return kindLocalTime
}

// scalarProblem judges what the parser leaves to its caller.
func scalarProblem(v *node) string {
	switch v.kind {
	case kindString:
		if hasControl(v.text) {
			return "control character in string: want visible characters"
		}
	case kindLines:
		if hasControl(strings.ReplaceAll(v.text, "\n", "")) {
			return "control character in string: want visible characters and line ends"
		}
	case kindInteger:
		if _, err := strconv.ParseInt(v.text, 0, 64); err != nil {
			return "integer does not fit in 64 bits"
		}
	case kindTime:
		if _, err := parseTime(v.text); err != nil {
			return "no such date and time: want 2026-01-31T08:00:00+08:00"
		}
	}
	return ""
}

// parseTime reads an offset date-time, RFC 3339 with the latitude of TOML 1.0
// (lower case t and z, a space for the t).
func parseTime(text string) (time.Time, error) {
	text = strings.ToUpper(text)
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	if len(text) < 14 || text[13] != ':' { // time.Parse takes an hour of one digit too
		return time.Time{}, errors.New("hour of one digit")
	}
	t, err := time.Parse(time.RFC3339, text)
	return t.UTC(), err
}

// hasControl tells whether a person who reads s would not see all of it: it
// has control characters, line separators, or marks that reverse or hide text.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	})
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// refuse judges the text as a whole, before it is parsed.
func refuse(text []byte) string {
	switch {
	case len(text) > MaxSize:
		return fmt.Sprintf("text has %d bytes: want at most %d", len(text), MaxSize)
	case bytes.HasPrefix(text, byteOrderMark):
		return "text starts with a byte order mark: want UTF-8 without one"
	}
	return ""
}
