package stricttoml

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// read stands for a package that has a file format: every getter once.
func read(text string) (map[string]any, error) {
	doc := Parse([]byte(text))
	root := doc.Root()
	got := map[string]any{
		"name": root.StringOr("name", "nobody"),
		"list": root.StringsOr("list", "x"),
		"n":    root.IntOr("n", 7, 1, 0xFFFFFFFF),
		"on":   root.BoolOr("on", true),
		"wait": root.DurationOr("wait", 5*time.Second, time.Millisecond, time.Hour),
		"room": root.SizeOr("room", 64<<10, 1, 1<<30),
		"from": root.TimeOr("from", time.Time{}),
	}
	var mixed []string
	for _, v := range root.OptionalValues("mixed") {
		s, isText := v.Text()
		n, isInt := v.Int()
		switch {
		case isText:
			mixed = append(mixed, s)
		case isInt:
			mixed = append(mixed, fmt.Sprint(n))
		default:
			v.Faultf("is %s: want a name or an id", v.Kind())
		}
	}
	got["mixed"] = strings.Join(mixed, " ")
	var subs []string
	for _, sub := range root.Tables("sub") {
		subs = append(subs, sub.Name()+"="+sub.String("path"))
		for _, in := range sub.Tables("in") {
			subs = append(subs, in.Name()+"="+fmt.Sprint(in.Int("n", 0, 9)))
		}
	}
	got["sub"] = strings.Join(subs, " ")
	return got, doc.Finish()
}

func TestEveryGetterReadsItsKind(t *testing.T) {
	got, err := read(`
name = 'a\b'
list = [
  "one",
  "two", # comment
]
n = 0x80000004
on = false
wait = "1m30s"
room = "2MiB"
from = 2026-01-31 08:00:00.5+08:00
mixed = ["oa", 20001]
sub.b.path = "/b"
[sub.a]
path = "/a"
in = { x = { n = 1 } }
[sub.a.more]
[sub.c]
path = "/c"
`)
	want := map[string]any{
		"name": `a\b`, "list": []string{"one", "two"}, "n": int64(0x80000004), "on": false,
		"wait": 90 * time.Second, "room": int64(2 << 20),
		"from":  time.Date(2026, 1, 31, 0, 0, 0, 5e8, time.UTC),
		"mixed": "oa 20001", "sub": "b=/b a=/a x=1 c=/c",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read = %v,\nwant %v", got, want)
	}
	wantFaults := Faults{{17, "sub.a.more", "unknown key"}}
	if !reflect.DeepEqual(err, wantFaults) {
		t.Errorf("faults:\n%v\nwant:\n%v", err, wantFaults)
	}
}

func TestAbsentKeysGiveTheirDefaults(t *testing.T) {
	got, err := read("")
	want := map[string]any{
		"name": "nobody", "list": []string{"x"}, "n": int64(7), "on": true, "wait": 5 * time.Second,
		"room": int64(64 << 10), "from": time.Time{}, "mixed": "", "sub": "",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read = %v, %v, want %v", got, err, want)
	}
}

func TestFaultsNameLineKeyAndCure(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown", "\nnmae = 'x'", `line 2: nmae: unknown key: did you mean "name"?`},
		{"unknown and far", "colour = 'x'", `line 1: colour: unknown key`},
		{"present is no candidate", "name = 'x'\nnames = 'y'", `line 2: names: unknown key`},
		{"unknown table", "[fleet]\nx=1\n[fleet.a]", `line 1: fleet: unknown key`},
		{"unknown in sub", "[sub.a]\npath='x'\nPath=1", `line 3: sub.a.Path: unknown key`},
		{"odd key", "\"a b\" = 1", `line 1: "a b": unknown key`},
		{"duplicate", "n = 1\n\nn = 2", `line 3: n: duplicate key: already set on line 1`},
		{"duplicate table", "[sub.a]\npath='x'\n[sub.a]\npath='y'", `line 3: sub.a: duplicate table: already set on line 1`},
		{"inline duplicate", "sub = { a = { path = 'x', path = 'y' } }", `line 1: sub.a.path: duplicate key: already set on line 1`},
		{"inline is closed", "sub = { a = { path = 'x' } }\n[sub.b]\npath='y'", `line 2: sub.b: sub was set as a value on line 1: want a table`},
		{"dotted into header", "[sub.a]\npath='x'\n[sub]\na.in = 1", `line 4: sub.a: already set on line 1: a dotted key cannot add to it`},
		{"value as table", "n = 1\n[n.a]", `line 2: n.a: n was set as a value on line 1: want a table`},
		{"array of tables", "[[sub]]\npath='x'", `line 1: sub: array of tables: want one table, [name]`},
		{"kind string", "name = 1", `line 1: name: is an integer: want a string`},
		{"kind int", "n = '1'", `line 1: n: is a string: want an integer`},
		{"kind float", "n = 1.5", `line 1: n: is a float: want an integer`},
		{"kind bool", "on = 'yes'", `line 1: on: is a string: want a boolean`},
		{"kind duration", "wait = 5", `line 1: wait: is an integer: want a string such as "5s"`},
		{"kind time", "from = '2026-01-31'", `line 1: from: is a string: want a date-time such as 2026-01-31T08:00:00+08:00`},
		{"local time", "from = 2026-01-31T08:00:00", `line 1: from: is a date or time without an offset from UTC: want a date-time such as 2026-01-31T08:00:00+08:00`},
		{"hour of one digit", "from = 2026-01-31T8:00:00Z", `line 1: from: no such date and time: want 2026-01-31T08:00:00+08:00`},
		{"date for a date-time", "from = 2026-01-31", `line 1: from: is a date: want a date-time such as 2026-01-31T08:00:00+08:00`},
		{"dates that nobody wants", "mixed = [\n 2026-02-28, 2026-02-29 ]", "line 2: mixed[0]: is a date: want a name or an id\nline 2: mixed[1]: is a date: want a name or an id"},
		{"no date that nobody asked for", "colour = 2026-02-29", `line 1: colour: unknown key`},
		{"kind table", "sub = 1", `line 1: sub: is an integer: want a table such as [sub]`},
		{"kind sub table", "[sub]\na = 1", `line 2: sub.a: is an integer: want a table such as [sub.a]`},
		{"kind list", "list = 'x'", `line 1: list: is a string: want an array such as ["a", "b"]`},
		{"item", "list = [\n 'x',\n 1 ]", `line 3: list[1]: is an integer: want a string`},
		{"mixed item", "mixed = [\n 'x',\n\n true ]", `line 4: mixed[1]: is a boolean: want a name or an id`},
		{"missing", "[sub.a]", `line 1: sub.a.path: missing: want a string`},
		{"empty", "[sub.a]\npath=''", `line 2: sub.a.path: is empty`},
		{"bound", "n = 0", `line 1: n: 0 is out of bounds: want 1 to 4294967295`},
		{"integer too large", "n = 0xFFFFFFFFFFFFFFFFF", `line 1: n: integer does not fit in 64 bits`},
		{"no such day", "from = 2026-02-30T08:00:00Z", `line 1: from: no such date and time: want 2026-01-31T08:00:00+08:00`},
		{"no duration", "wait = '5'", `line 1: wait: "5" is no duration: want a number and a unit (ms, s, m, h) such as "5s"`},
		{"duration bound", "wait = '2h'", `line 1: wait: "2h" is out of bounds: want "1ms" to "1h"`},
		{"no size", "room = '64KB'", `line 1: room: "64KB" is no size: want a whole number and a unit (B, KiB, MiB, GiB, TiB) such as "64KiB"`},
		{"size overflow", "room = '9223372036854775807TiB'", `line 1: room: "9223372036854775807TiB" is no size: want a whole number and a unit (B, KiB, MiB, GiB, TiB) such as "64KiB"`},
		{"size bound", "room = '2GiB'", `line 1: room: "2GiB" is out of bounds: want 1B to 1GiB`},
		{"control", `name = "a\u0000b"`, `line 1: name: control character in string: want visible characters`},
		{"line feed", "name = '''a\nb'''", `line 1: name: is a string of several lines: want a string`},
		{"escape among lines", "name = \"\"\"a\n\\u001bb\"\"\"", `line 1: name: control character in string: want visible characters and line ends`},
		{"right to left", `name = "a\u202Eb"`, `line 1: name: control character in string: want visible characters`},
		{"byte order mark", "\xef\xbb\xbfname = 'x'", `line 1: text starts with a byte order mark: want UTF-8 without one`},
		{"too deep", "n = " + strings.Repeat("[", 20) + strings.Repeat("]", 20), `line 1: n` + strings.Repeat("[0]", 14) + ": more than 16 levels deep\nline 1: n: is an array: want an integer"},
		{"header too deep", "[" + strings.Repeat("a.", 16) + "a]", `line 1: ` + strings.Repeat("a.", 16) + `a: 17 levels deep: want at most 16`},
		{"syntax", "name = 'x'\nn = = 1\n", `line 2: unexpected character U+003D '=' at start of value`},
		{"open string", "name = \"x\nn = 3", `line 1: basic strings cannot have new lines`},
		{"two on one line", "n = 1 on = true", `line 1: expected newline but got U+006F 'o'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := read(tt.text)
			if err == nil || err.Error() != tt.want {
				t.Errorf("faults:\n%v\nwant:\n%s", err, tt.want)
			}
		})
	}
}

func TestOneSlipDoesNotHideTheOthers(t *testing.T) {
	_, err := read(`name = "unclosed
n = "7"
list = [
  "one"
  "two",
]
wait = "soon"
[sub.a
path = "never read: its table is in doubt"
[sub.b]
paht = "/b"
`)
	want := `line 1: basic strings cannot have new lines
line 2: n: is a string: want an integer
line 5: expected ',' or ']' after array value
line 7: wait: "soon" is no duration: want a number and a unit (ms, s, m, h) such as "5s"
line 8: expected ']' to close table name
line 11: sub.b.paht: unknown key: did you mean "path"?`
	if err == nil || err.Error() != want {
		t.Errorf("faults:\n%v\nwant:\n%s", err, want)
	}
}

func TestAnUnreadableValueIsNotMissingAsWell(t *testing.T) {
	_, err := read("[sub.a]\npath = /usr/lib\n[sub.b]\n")
	want := "line 2: unexpected character U+002F '/' at start of value\nline 3: sub.b.path: missing: want a string"
	if err == nil || err.Error() != want {
		t.Errorf("faults:\n%v\nwant:\n%s", err, want)
	}
}

func TestSomeTablesWantsOne(t *testing.T) {
	for text, want := range map[string]string{
		"":               "line 1: sub: missing: want at least one [sub.NAME]",
		"\n[sub]":        "line 2: sub: missing: want at least one [sub.NAME]",
		"sub = 1":        "line 1: sub: is an integer: want a table such as [sub]",
		"[sub.a]\n[sub]": "",
	} {
		doc := Parse([]byte(text))
		doc.Root().SomeTables("sub")
		if err := doc.Finish(); (want == "") != (err == nil) || err != nil && err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestValueIsJudgedByItsReader(t *testing.T) {
	doc := Parse([]byte("a = 7\nb = 'x'\nc = [1]\nd = = 1"))
	a, okA := doc.Root().Value("a")
	b, okB := doc.Root().Value("b")
	c, okC := doc.Root().Value("c")
	_, okD := doc.Root().Value("d")
	_, okE := doc.Root().Value("e")
	n, isInt := a.Int()
	s, isText := b.Text()
	if !okA || !okB || !okC || okD || okE || n != 7 || !isInt || s != "x" || !isText || c.Kind() != "an array" || c.Line() != 3 {
		t.Errorf("a %v, b %v, c %v, d %v, e %v", a, b, c, okD, okE)
	}
	c.Faultf("is %s: want less", c.Kind())
	want := "line 3: c: is an array: want less\nline 4: unexpected character U+003D '=' at start of value"
	if err := doc.Finish(); err == nil || err.Error() != want {
		t.Errorf("faults:\n%v\nwant:\n%s", err, want)
	}
}

func TestADateIsReadAsItWasWritten(t *testing.T) {
	for text, want := range map[string]string{
		"v = 2026-01-31": "2026-01-31", "v = 2027-02-29": "2027-02-29", "v = 2026-01-31-1": "2026-01-31-1",
		"v = '2026-01-31'": "", "v = 2026-01-31T08:00:00": "", "v = 2026-01-31T08:00:00Z": "", "v = 08:00:00": "",
	} {
		doc := Parse([]byte(text))
		v, ok := doc.Root().Value("v")
		if !ok {
			t.Errorf("%q has no value", text)
			continue
		}
		if got, isDate := v.Date(); got != want || isDate != (want != "") {
			t.Errorf("Date of %q = %q, %v, want %q", text, got, isDate, want)
		}
		if err := doc.Finish(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDurationsAreWrittenAsPeopleDo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Millisecond: "1ms", 10 * time.Second: "10s", 10 * time.Minute: "10m", 90 * time.Second: "1m30s", 24 * time.Hour: "24h",
		100*time.Hour + 10*time.Minute: "100h10m", time.Hour + time.Second: "1h0m1s", -2 * time.Hour: "-2h",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
		if back, err := time.ParseDuration(want); back != d || err != nil {
			t.Errorf("%s is read as %v, %v", want, back, err)
		}
	}
}

// TestTheExampleOfADurationWouldBeRight: it is the default, or lies within the
// bounds.
func TestTheExampleOfADurationWouldBeRight(t *testing.T) {
	for _, tt := range []struct {
		def, low, high time.Duration
		want           string
	}{
		{0, time.Minute, 366 * 24 * time.Hour, `"24h"`}, {24 * time.Hour, time.Minute, 744 * time.Hour, `"24h"`}, {0, time.Second, time.Hour, `"1h"`},
		{10 * time.Second, 100 * time.Millisecond, 5 * time.Minute, `"10s"`}, {0, time.Millisecond, 4 * time.Second, `"1ms"`},
	} {
		doc := Parse([]byte("a = '1d'\nb = 1"))
		doc.Root().DurationOr("a", tt.def, tt.low, tt.high)
		doc.Root().DurationOr("b", tt.def, tt.low, tt.high)
		want := `line 1: a: "1d" is no duration: want a number and a unit (ms, s, m, h) such as ` + tt.want + "\nline 2: b: is an integer: want a string such as " + tt.want
		if err := doc.Finish(); err == nil || err.Error() != want {
			t.Errorf("%+v:\n%v\nwant:\n%s", tt, err, want)
		}
	}
}

func TestAliasesOfAKeyLeadToIt(t *testing.T) {
	for text, want := range map[string]string{
		"tz = 1": `line 1: tz: unknown key: did you mean "zone"?`, "tz = 1\nzone = 'x'": "line 1: tz: unknown key", "tx = 1": "line 1: tx: unknown key",
		"tz = 1\nzonee = 1": "line 1: tz: unknown key: did you mean \"zone\"?\nline 2: zonee: unknown key: did you mean \"zone\"?",
	} {
		doc := Parse([]byte(text))
		doc.Root().Alias("zone", "tz", "timezone")
		doc.Root().StringOr("zone", "")
		if err := doc.Finish(); err == nil || err.Error() != want {
			t.Errorf("%q:\n%v\nwant:\n%s", text, err, want)
		}
	}
}

// TestAnEmptyArrayIsNotAnAbsentOne: for a reader to whom they differ.
func TestAnEmptyArrayIsNotAnAbsentOne(t *testing.T) {
	root := Parse([]byte("none = []\nscalar = 1")).Root()
	if root.OptionalValues("none") == nil || root.OptionalValues("absent") != nil || root.OptionalValues("scalar") != nil {
		t.Error("want nil for what is no array, and for no array only")
	}
}

func TestAKeyThatMayBeLostIsNotLacked(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "b = 1": true, "a = 1": false, "a = = 1": false, "b = = 1": true, "[a]": false, "[b\nx = 1": false, "= 1": false,
	} {
		if got := Parse([]byte(text)).Root().Lacks("a"); got != want {
			t.Errorf("%q lacks a: %v, want %v", text, got, want)
		}
	}
	if Parse([]byte("sub = 1")).Root().Table("sub").Lacks("a") {
		t.Error("what is no table lacks keys too")
	}
}

func TestLinesAreForWhoAsks(t *testing.T) {
	for text, want := range map[string]string{
		"v = 'one'":                       "one",
		"v = \"\"\"\na\n\nb\n\"\"\"":      "a\n\nb\n",
		"v = '''\r\na\r\nb'''":            "a\nb",
		"v = \"\"\"\na \\\n   b\nc\"\"\"": "a b\nc",
	} {
		doc := Parse([]byte(text))
		v, ok := doc.Root().Value("v")
		if !ok {
			t.Errorf("%q has no value", text)
			continue
		}
		got, ok := v.Lines()
		if err := doc.Finish(); got != want || !ok || err != nil {
			t.Errorf("Lines of %q = %q, %v, %v, want %q", text, got, ok, err, want)
		}
		if _, single := v.Text(); single == strings.Contains(want, "\n") {
			t.Errorf("Text of %q: %v", text, single)
		}
	}
	doc := Parse([]byte("v = \"a\\nb\""))
	if _, ok := doc.Root().Value("v"); ok || doc.Finish() == nil {
		t.Error("a line feed that hides in an escape was read")
	}
}

func TestMissingTableIsOneFault(t *testing.T) {
	doc := Parse([]byte("n = 1"))
	table := doc.Root().Table("sub")
	table.String("path")
	table.Table("deeper").Int("n", 0, 1)
	doc.Root().Int("n", 0, 1)
	want := "line 1: sub: missing: want a table such as [sub]"
	if err := doc.Finish(); err == nil || err.Error() != want {
		t.Errorf("faults:\n%v\nwant:\n%s", err, want)
	}
}

func TestKeysOfAnUnaskedTableShowNoValue(t *testing.T) {
	const pin = "31415926"
	for _, text := range []string{
		"pin = '" + pin + "'", "[sub.a]\npath='x'\npin = " + pin, "pin = \"" + pin + "\x01\"",
		"pin = '" + pin + "\n", "n = '" + pin + "'", "list = [" + pin + "]", "pin = 2026-31-41T59:26:00Z",
	} {
		_, err := read(text)
		if err == nil || strings.Contains(err.Error(), pin) {
			t.Errorf("%q: faults %v, want some, without the value", text, err)
		}
	}
}

func TestInputIsBounded(t *testing.T) {
	_, err := read(strings.Repeat("#", MaxSize+1))
	if want := "line 1: text has 1048577 bytes: want at most 1048576"; err == nil || err.Error() != want {
		t.Errorf("faults: %v, want %s", err, want)
	}
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "key%d = 1\n", i)
	}
	_, err = read(text.String())
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != maxFaults+1 {
		t.Fatalf("%d faults, want %d", len(faults), maxFaults+1)
	}
	if got, want := faults[maxFaults].Problem, "4900 more faults are not shown"; got != want {
		t.Errorf("last fault %q, want %q", got, want)
	}
	if _, err = read("list = [" + strings.Repeat("'',", maxItems+1) + "]"); err == nil {
		t.Error("an array above the bound was read")
	}
}

func TestReaderFaultsHaveThePlace(t *testing.T) {
	doc := Parse([]byte("a = ['x',\n 'y']\n[sub.b]\nc = 'z'\n"))
	root := doc.Root()
	root.Strings("a")
	root.ItemFaultf("a", 1, "is odd: want %s", "even")
	sub := root.Tables("sub")[0]
	sub.String("c")
	sub.Faultf("c", "is small")
	sub.Faultf("d", "is wanted")
	sub.TableFaultf("is incomplete")
	want := `line 2: a[1]: is odd: want even
line 3: sub.b.d: is wanted
line 3: sub.b: is incomplete
line 4: sub.b.c: is small`
	if err := doc.Finish(); err == nil || err.Error() != want {
		t.Errorf("faults:\n%v\nwant:\n%s", err, want)
	}
}

func TestDistanceCountsSteps(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"users", "user", 1}, {"nmae", "name", 1},
		{"kitten", "sitting", 3}, {"not_before", "not_after", 4}, {strings.Repeat("a", 99), "a", maxSuggest},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
