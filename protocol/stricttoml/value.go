package stricttoml

import "fmt"

// maxItems bounds the length of an array.
const maxItems = 4096

// Strings returns the strings of an array that must be there; it may be
// empty. Where an item is at fault the others keep their index and it is "".
func (t *Table) Strings(key string) []string {
	return t.strings(key, t.require(key, kindArray, stringsExample))
}

// StringsOr returns the strings of an array, or def.
func (t *Table) StringsOr(key string, def ...string) []string {
	n := t.optional(key, kindArray, stringsExample)
	if n == nil {
		return def
	}
	return t.strings(key, n)
}

const stringsExample = `["a", "b"]`

func (t *Table) strings(key string, n *node) []string {
	var all []string
	for _, v := range t.values(key, n) {
		s, ok := v.Text()
		if !ok && v.node.kind != kindBroken {
			v.Faultf("is %s: want a string", v.node.kind)
		}
		all = append(all, s)
	}
	return all
}

// Values returns the items of an array of mixed kinds that must be there.
func (t *Table) Values(key string) []Value {
	return t.values(key, t.require(key, kindArray, ""))
}

// OptionalValues returns the items of an array of mixed kinds: nil if the key
// is absent or no array, which is then a fault, and not nil if the array is
// empty.
func (t *Table) OptionalValues(key string) []Value {
	return t.values(key, t.optional(key, kindArray, ""))
}

func (t *Table) values(key string, n *node) []Value {
	if n == nil {
		return nil
	}
	if len(n.list) > maxItems {
		t.Faultf(key, "has %d items: want at most %d", len(n.list), maxItems)
		return nil
	}
	all := make([]Value, len(n.list))
	for i, item := range n.list {
		all[i] = Value{doc: t.doc, node: item, key: fmt.Sprintf("%s[%d]", join(t.path, key), i)}
	}
	return all
}

// Value returns the value of a key whose kind the reader judges; false if the
// key is absent or its text could not be read.
func (t *Table) Value(key string) (Value, bool) {
	if !t.Has(key) || t.node.fields[key].kind == kindBroken {
		return Value{}, false
	}
	return Value{doc: t.doc, node: t.node.fields[key], key: join(t.path, key)}, true
}

// A Value is one item of an array, or what stands under a key.
type Value struct {
	doc  *Document
	node *node
	key  string
}

// Line returns the line of the value.
func (v Value) Line() int { return v.node.line }

// Kind says what the value is, with its article: "an integer".
func (v Value) Kind() string { return v.node.kind.String() }

// Text returns the value if it is a string.
func (v Value) Text() (string, bool) {
	if v.node.kind != kindString {
		return "", false
	}
	return v.node.text, true
}

// Lines returns the value if it is a string of one line or several, which end
// in \n but for the last. It is for what has lines by nature, such as PEM.
func (v Value) Lines() (string, bool) {
	if v.node.kind != kindLines && v.node.kind != kindString {
		return "", false
	}
	return v.node.text, true
}

// Int returns the value if it is an integer.
func (v Value) Int() (int64, bool) {
	if v.node.kind != kindInteger {
		return 0, false
	}
	return v.node.integer()
}

// Date returns the text of the value if it is a date without a time. It may be
// one that is in no calendar: that is for who reads it to say, of text and of
// dates alike.
func (v Value) Date() (string, bool) {
	if v.node.kind != kindDate {
		return "", false
	}
	return v.node.text, true
}

// Faultf records a fault of the value: what is wrong, a colon, what would be
// right. For a value that could not be read it does nothing: that has its
// fault.
func (v Value) Faultf(format string, args ...any) {
	if v.node.kind != kindBroken {
		v.doc.faults.add(v.node.line, v.key, fmt.Sprintf(format, args...))
	}
}
