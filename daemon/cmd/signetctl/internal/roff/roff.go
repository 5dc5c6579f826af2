// Package roff writes manual pages in the macros of man(7).
package roff

import (
	"fmt"
	"strings"
)

// A Page is a manual page under way. The zero value is empty. Nothing that is
// put in can end up as a request or an escape.
type Page struct{ b strings.Builder }

// String returns the page so far.
func (p *Page) String() string { return p.b.String() }

// Begin writes the head: title in capitals, section as in name(section), date
// as 2026-11-22 or empty, and what the page belongs to. man-db reads the encoding from its first line.
func (p *Page) Begin(title, section, date, source string) {
	p.b.WriteString("'\\\" t -*- coding: UTF-8 -*-\n")
	fmt.Fprintf(&p.b, ".TH %s %s %s %s\n", quoted(title), quoted(section), quoted(date), quoted(source))
	p.b.WriteString(".nh\n.ad l\n") // no hyphens in words to be typed; Chinese cannot be justified
}

// Section begins a section.
func (p *Page) Section(name string) { fmt.Fprintf(&p.b, ".SH %s\n", quoted(name)) }

// Name writes the line that apropos(1) reads, which takes no break points.
func (p *Page) Name(page, short string) { p.b.WriteString(escaped(page+" - "+short) + "\n") }

// Text writes paragraphs, which an empty line parts.
func (p *Page) Text(s string) {
	for i, paragraph := range strings.Split(strings.Trim(s, "\n"), "\n\n") {
		if i > 0 {
			p.b.WriteString(".PP\n")
		}
		for line := range strings.Lines(paragraph + "\n") {
			p.b.WriteString(breakable(escaped(line)))
		}
	}
}

// Bold writes a line in bold.
func (p *Page) Bold(s string) { fmt.Fprintf(&p.b, ".B %s\n", quoted(s)) }

// Item writes a name with what it is.
func (p *Page) Item(name, what string) {
	fmt.Fprintf(&p.b, ".TP\n.B %s\n", quoted(name))
	p.Text(what)
}

// Verbatim writes lines as they are, to be copied.
func (p *Page) Verbatim(s string) {
	p.b.WriteString(".nf\n")
	for line := range strings.Lines(strings.Trim(s, "\n") + "\n") {
		p.b.WriteString(escaped(line))
	}
	p.b.WriteString(".fi\n")
}

// escaped keeps what roff would obey: backslashes, a period or quote that
// begins a line, and hyphens and quotes that would be set as other characters
// than those to be typed.
func escaped(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "^", `\(ha`, "~", `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// quoted is an argument of a macro.
func quoted(s string) string {
	return `"` + strings.ReplaceAll(escaped(s), `"`, `\(dq`) + `"`
}

// breakable puts \: , where a line may end, behind each Han character that no
// closing punctuation follows: groff breaks at blanks only.
func breakable(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		b.WriteRune(c)
		if isHan(c) && i+1 < len(runes) && mayBegin(runes[i+1]) {
			b.WriteString(`\:`)
		}
	}
	return b.String()
}

func isHan(r rune) bool {
	return r >= 0x2e80 && r < 0xa000 || strings.ContainsRune("，。；：、！？）》”", r)
}

// mayBegin tells whether a line may begin with r.
func mayBegin(r rune) bool {
	return !strings.ContainsRune("，。；：、！？）》”’…\n \\", r)
}
