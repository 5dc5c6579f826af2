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

// A Column has a heading, and may be one whose cells are cut last, or one of
// paths, whose beginnings are cut.
type Column struct {
	Heading string
	Whole   bool
	Path    bool
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

// Write writes the table, each line at most Columns wide: the widest columns
// are cut first, and those marked Whole only if nothing else is left.
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
	var line strings.Builder
	for i, cell := range row {
		cut := Cut
		if t.Columns[i].Path {
			cut = CutPath
		}
		text := cut(Clean(cell.Text), widths[i])
		line.WriteString(p.Text(cell.Tone, text))
		line.WriteString(strings.Repeat(" ", widths[i]-Width(text)+gap))
	}
	b.WriteString(strings.TrimRight(line.String(), " "))
	b.WriteByte('\n')
}

// fit returns the width of each column: what its cells need, less what has
// to go for the line to fit.
func (t *Table) fit() []int {
	widths := t.natural()
	over := gap*(len(widths)-1) - Columns
	for _, w := range widths {
		over += w
	}
	for _, whole := range []bool{false, true} {
		for ; over > 0; over-- {
			widest := t.widest(widths, whole)
			if widest < 0 || widths[widest] <= 1 {
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

func (t *Table) widest(widths []int, whole bool) int {
	widest := -1
	for i, c := range t.Columns {
		if c.Whole == whole && (widest < 0 || widths[i] > widths[widest]) {
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
