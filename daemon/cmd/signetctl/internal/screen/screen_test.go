package screen

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

func TestWidthCountsColumns(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "电子印章": 8, "ａ": 2, "e\u0301": 1, "…": 1, "印a章": 5, "😀": 2, "\u3000": 2,
	} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestCutNeverExceedsItsColumns(t *testing.T) {
	for s, want := range map[string][]string{ // at 0, 1, 2 ... columns
		"abc":  {"", "…", "a…", "abc", "abc"},
		"印章":   {"", "…", "…", "印…", "印章"},
		"a印章":  {"", "…", "a…", "a…", "a印…", "a印章"},
		"印a章b": {"", "…", "…", "印…", "印a…", "印a…", "印a章b"},
	} {
		for columns, cut := range want {
			if got := Cut(s, columns); got != cut {
				t.Errorf("Cut(%q, %d) = %q, want %q", s, columns, got, cut)
			}
		}
	}
}

func TestWrapKeepsEveryCharacterAndFits(t *testing.T) {
	texts := []string{
		"one two three four five six", "oneverylongwordthatfitsnowhere", "印章的签名在写出之前先经验证，不带 -o 时写到标准输出。",
		"  indented text stays indented", "a\nb\n\nc", "", "印", "ab 印章cd",
	}
	for _, s := range texts {
		for columns := 2; columns < 40; columns++ {
			lines := Wrap(s, columns)
			for _, line := range lines {
				if Width(line) > columns {
					t.Errorf("Wrap(%q, %d) has a line of %d: %q", s, columns, Width(line), line)
				}
			}
			bare := func(s string) string { return strings.Join(strings.Fields(s), "") }
			if got := bare(strings.Join(lines, "")); got != bare(s) {
				t.Errorf("Wrap(%q, %d) = %q lost text", s, columns, lines)
			}
		}
	}
}

func TestWrapBreaksWhereAReaderExpects(t *testing.T) {
	for _, test := range []struct {
		s       string
		columns int
		want    []string
	}{
		{"one two three", 8, []string{"one two", "three"}},
		{"签名写到标准输出，回执", 16, []string{"签名写到标准输", "出，回执"}}, // not before the comma
		{"签名 status", 8, []string{"签名", "status"}},
		{"one   ", 4, []string{"one"}},
		{"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
	} {
		if got := Wrap(test.s, test.columns); !reflect.DeepEqual(got, test.want) {
			t.Errorf("Wrap(%q, %d) = %q, want %q", test.s, test.columns, got, test.want)
		}
	}
}

func TestCleanLeavesNothingThatATerminalObeys(t *testing.T) {
	for s, want := range map[string]string{
		"合同 2026":           "合同 2026",
		"a\x1b[31mb":        `a\u001b[31mb`,
		"a\nb":              `a\u000ab`,
		"\u009b2J":          `\u009b2J`,
		"\u202egnp.exe":     `\u202egnp.exe`,
		"\xff":              `\ufffd`,
		"a\u2028b":          `a\u2028b`,
		"全角\u3000空格":        "全角\u3000空格",
		"\U000e0001":        `\ue0001`,
		"zero\u200bwidth\r": `zero\u200bwidth\u000d`,
	} {
		if got := Clean(s); got != want {
			t.Errorf("Clean(%q) = %q, want %q", s, got, want)
		}
	}
}

// lines checks what every table and list promises and returns its lines.
func lines(t *testing.T, text string) []string {
	t.Helper()
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range all {
		if Width(line) > Columns {
			t.Errorf("a line takes %d columns: %q", Width(line), line)
		}
		if strings.ContainsFunc(line, unicode.IsControl) || strings.TrimRight(line, " ") != line {
			t.Errorf("a line has control characters or blanks at its end: %q", line)
		}
	}
	return all
}

func TestTableAlignsWideCharacters(t *testing.T) {
	table := Table{Columns: []Column{{Heading: "台账条目"}, {Heading: "状态"}, {Heading: "title"}}}
	table.Row(Cell{Text: "contract"}, Cell{Text: "已启用"}, Cell{Text: "x"})
	table.Row(Cell{Text: "c"}, Cell{Text: "up"}, Cell{Text: "y"})
	var b strings.Builder
	if err := table.Write(&b, Paint{}); err != nil {
		t.Fatal(err)
	}
	got := lines(t, b.String())
	want := []string{"台账条目  状态    title", "contract  已启用  x", "c         up      y"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("table is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTableFitsWhateverItHolds(t *testing.T) {
	long := strings.Repeat("印章管理", 50)
	for columns := 1; columns <= 40; columns++ {
		var table Table
		var row, whole []Cell
		for i := range columns {
			table.Columns = append(table.Columns, Column{Heading: "heading", Whole: i%2 == 0})
			row = append(row, Cell{Text: long})
			whole = append(whole, Cell{Text: "a\nb\x1b[2J"})
		}
		table.Row(row...)
		table.Row(whole...)
		var b strings.Builder
		if err := table.Write(&b, Paint{}); err != nil {
			t.Fatal(err)
		}
		if columns <= 30 { // beyond, the gaps and one column each take more than there is
			lines(t, b.String())
		}
	}
}

func TestTableCutsWholeColumnsLast(t *testing.T) {
	table := Table{Columns: []Column{{Heading: "when", Whole: true}, {Heading: "what"}}}
	table.Row(Cell{Text: "2026-11-22 10:00:00"}, Cell{Text: strings.Repeat("x", 200)})
	var b strings.Builder
	if err := table.Write(&b, Paint{}); err != nil {
		t.Fatal(err)
	}
	if row := lines(t, b.String())[1]; !strings.HasPrefix(row, "2026-11-22 10:00:00  xxx") || !strings.HasSuffix(row, "x…") || Width(row) != Columns {
		t.Errorf("row is %q", row)
	}
}

func TestSentencesOfATableGoOnBelowAndAreNeverCut(t *testing.T) {
	table := Table{Columns: []Column{{Heading: "rule", Whole: true}, {Heading: "what"}, {Heading: "why", Wrap: true}}}
	why := strings.TrimSpace(strings.Repeat("因为 because ", 30))
	table.Row(Cell{Text: "hours"}, Cell{Text: "short"}, Cell{Text: why})
	table.Row(Cell{Text: "purposes"}, Cell{Text: "x"}, Cell{Text: "y"})
	var b strings.Builder
	if err := table.Write(&b, Paint{}); err != nil {
		t.Fatal(err)
	}
	all := lines(t, b.String())
	if first := all[1]; !strings.HasPrefix(first, "hours     short  因为") {
		t.Errorf("the row begins with %q", first)
	}
	if last := all[len(all)-1]; last != "purposes  x      y" {
		t.Errorf("the next row is %q", last)
	}
	below := strings.Repeat(" ", len("purposes  short  "))
	shown := strings.TrimPrefix(all[1], "hours     short  ")
	for _, line := range all[2 : len(all)-1] {
		if !strings.HasPrefix(line, below) {
			t.Errorf("%q does not stand below its heading", line)
		}
		shown += " " + strings.TrimSpace(line)
	}
	if strings.Join(strings.Fields(shown), "") != strings.Join(strings.Fields(why), "") {
		t.Errorf("of %q is shown %q", why, shown)
	}
}

func TestListWrapsAndNeverCuts(t *testing.T) {
	var list List
	value := strings.Repeat("0123456789", 30)
	list.Add("名称", Cell{Text: value})
	list.Add("empty", Cell{})
	list.Note("short", Cell{Text: "v"}, "(a remark)")
	list.Add(strings.Repeat("n", 300)+"\n", Cell{Text: "a name of a stranger"})
	list.Note("long", Cell{Text: value[:55]}, "(below)")
	var b strings.Builder
	if err := list.Write(&b, Paint{}); err != nil {
		t.Fatal(err)
	}
	all := lines(t, b.String())
	text := strings.Join(all, "\n")
	if strings.Contains(text, "empty") || strings.Count(text, "…") != 1 { // the stranger's name

		t.Errorf("list shows what is empty, or cuts:\n%s", text)
	}
	if got := strings.Count(strings.Join(strings.Fields(text), ""), value); got != 1 {
		t.Errorf("the long value stands %d times in\n%s", got, text)
	}
	if !strings.Contains(text, " v  (a remark)") || strings.TrimSpace(all[len(all)-1]) != "(below)" {
		t.Errorf("remarks are misplaced:\n%s", text)
	}
}

func TestPathsKeepTheirEnds(t *testing.T) {
	table := Table{Columns: []Column{{Heading: "file", Path: true}, {Heading: "event", Whole: true}}}
	table.Row(Cell{Text: strings.Repeat("目录/", 60) + "合同.ofd.sig"}, Cell{Text: "41"})
	var b strings.Builder
	if err := table.Write(&b, Paint{}); err != nil {
		t.Fatal(err)
	}
	if row := lines(t, b.String())[1]; !strings.HasPrefix(row, "…") || !strings.Contains(row, "录/合同.ofd.sig  41") {
		t.Errorf("row is %q", row)
	}
	for columns := range 12 {
		if got := CutPath("a目录/合同", columns); Width(got) > columns || columns == 10 && got != "a目录/合同" {
			t.Errorf("CutPath at %d columns is %q", columns, got)
		}
	}
}

func TestColourIsOnlyWhereItIsWanted(t *testing.T) {
	for _, test := range []struct {
		paint Paint
		tone  Tone
		want  string
	}{
		{Paint{}, Bad, "x"}, {Paint{Colour: true}, Plain, "x"}, {Paint{Colour: true}, Bad, "\x1b[31mx\x1b[0m"},
	} {
		if got := test.paint.Text(test.tone, "x"); got != test.want {
			t.Errorf("%+v.Text(%v) = %q, want %q", test.paint, test.tone, got, test.want)
		}
	}
	if IsTerminal(new(strings.Builder)) {
		t.Error("a buffer is no terminal")
	}
}

func FuzzCleanJSON(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		clean := CleanJSON(text)
		if strings.ContainsFunc(clean, isUnsafe) {
			t.Fatalf("CleanJSON(%q) = %q", text, clean)
		}
		var compact any
		if json.Unmarshal([]byte(text), &compact) != nil || strings.ContainsAny(text, "\t\r\n") {
			return // JSON with blanks between its parts is not what is printed
		}
		var again any
		if err := json.Unmarshal([]byte(clean), &again); err != nil || !reflect.DeepEqual(compact, again) {
			t.Errorf("CleanJSON(%q) = %q means something else: %v", text, clean, err)
		}
	})
}

func FuzzWrap(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string, columns uint8) {
		n := int(columns%200) + 2
		s = Clean(s)
		for _, line := range Wrap(s, n) {
			if Width(line) > n {
				t.Errorf("Wrap(%q, %d) has a line of %d columns", s, n, Width(line))
			}
		}
		if got := Cut(s, n); Width(got) > n {
			t.Errorf("Cut(%q, %d) takes %d columns", s, n, Width(got))
		}
	})
}
