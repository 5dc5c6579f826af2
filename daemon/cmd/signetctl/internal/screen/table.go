package screen

import (
	"io"
	"slices"
	"strings"
)

// A Cell is one field of a table. Its text is cleaned when it is written.
type Cell struct {
	Text string
	Tone Tone
}

// A Column has a heading, and may be one whose cells are cut last, one of
// paths, whose beginnings are cut, or one of sentences, which go on below
// themselves and are never cut.
type Column struct {
	Heading string
	Whole   bool
	Path    bool
	Wrap    bool
}

// A Table is rows under headings.
type Table struct {
	Columns []Column
	rows    [][]Cell
}

// gap separates two columns.
const gap = 2

// Row adds a row, one cell for each column.
func (t *Table) Row(cells ...Cell) { t.rows = append(t.rows, cells) }

// Empty tells whether there are no rows.
func (t *Table) Empty() bool { return len(t.rows) == 0 }

// minWrap is as narrow as sentences become before other columns are cut, in
// columns of the screen.
const minWrap = 20

// Write writes the table, each line at most Columns wide: sentences are
// wrapped first, then the widest columns are cut, and those marked Whole only
// if nothing else is left.
func (t *Table) Write(w io.Writer, p Paint) error {
	widths := t.fit()
	var b strings.Builder
	headings := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		headings[i] = Cell{c.Heading, Dim}
	}
	for _, row := range append([][]Cell{headings}, t.rows...) {
		t.writeRow(&b, row, widths, p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writeRow(b *strings.Builder, row []Cell, widths []int, p Paint) {
	texts := make([][]string, len(row))
	height := 1
	for i, cell := range row {
		texts[i] = t.Columns[i].lines(Clean(cell.Text), widths[i])
		height = max(height, len(texts[i]))
	}
	for n := range height {
		var line strings.Builder
		for i, cell := range row {
			text := ""
			if n < len(texts[i]) {
				text = texts[i][n]
			}
			line.WriteString(p.Text(cell.Tone, text))
			line.WriteString(strings.Repeat(" ", widths[i]-Width(text)+gap))
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
}

// lines is a clean text as the column shows it.
func (c Column) lines(text string, width int) []string {
	switch {
	case c.Wrap:
		return Wrap(text, width)
	case c.Path:
		return []string{CutPath(text, width)}
	}
	return []string{Cut(text, width)}
}

// fit returns the width of each column: what its cells need, less what has
// to go for the line to fit.
func (t *Table) fit() []int {
	widths := t.natural()
	over := gap*(len(widths)-1) - Columns
	for _, w := range widths {
		over += w
	}
	for _, step := range []struct {
		least int
		gives func(Column) bool
	}{
		{minWrap, func(c Column) bool { return c.Wrap }},
		{1, func(c Column) bool { return !c.Wrap && !c.Whole }},
		{1, func(c Column) bool { return c.Whole }},
	} {
		for ; over > 0; over-- {
			widest := t.widest(widths, step.gives)
			if widest < 0 || widths[widest] <= step.least {
				break
			}
			widths[widest]--
		}
	}
	return widths
}

func (t *Table) natural() []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = Width(c.Heading)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], Width(Clean(cell.Text)))
		}
	}
	return widths
}

func (t *Table) widest(widths []int, gives func(Column) bool) int {
	widest := -1
	for i, c := range t.Columns {
		if gives(c) && (widest < 0 || widths[i] > widths[widest]) {
			widest = i
		}
	}
	return widest
}

// A List is names with what they stand for, one below the other. Values are
// wrapped, never cut.
type List struct{ items []item }

// maxName bounds the names of a list in columns, for values to have room.
const maxName = 40

type item struct {
	name  string
	value Cell
	note  string
}

// Add adds one item; an empty value is left out.
func (l *List) Add(name string, value Cell) { l.Note(name, value, "") }

// Note is Add with a remark behind the value, or below it where there is no
// room.
func (l *List) Note(name string, value Cell, note string) {
	if value.Text != "" {
		l.items = append(l.items, item{Cut(Clean(name), maxName), value, note})
	}
}

// Write writes the list, each line at most Columns wide.
func (l *List) Write(w io.Writer, p Paint) error {
	names := 0
	for _, it := range l.items {
		names = max(names, Width(it.name))
	}
	var b strings.Builder
	for _, it := range l.items {
		b.WriteString(pad(it.name, names+gap))
		b.WriteString(strings.Join(it.lines(Columns-names-gap, p), "\n"+strings.Repeat(" ", names+gap)))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (it item) lines(columns int, p Paint) []string {
	lines := Wrap(Clean(it.value.Text), columns)
	last := len(lines) - 1
	room := columns - Width(lines[last]) - gap
	for i := range lines {
		lines[i] = p.Text(it.value.Tone, lines[i])
	}
	switch {
	case it.note == "":
	case Width(it.note) <= room:
		lines[last] += strings.Repeat(" ", gap) + p.Text(Dim, it.note)
	default:
		lines = append(lines, p.Text(Dim, Cut(it.note, columns)))
	}
	return lines
}

// Indent writes text wrapped, each line behind that many blanks.
func Indent(w io.Writer, blanks int, text string) error {
	lines := Wrap(text, Columns-blanks)
	margin := strings.Repeat(" ", blanks)
	for i := range lines {
		if lines[i] != "" {
			lines[i] = margin + lines[i]
		}
	}
	_, err := io.WriteString(w, strings.Join(slices.Concat(lines, []string{""}), "\n"))
	return err
}
