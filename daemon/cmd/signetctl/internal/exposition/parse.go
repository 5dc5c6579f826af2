// Package exposition reads the text format of Prometheus, version 0.0.4, as
// far as signetd writes it: no timestamps of samples.
package exposition

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Family is the samples of one metric.
type Family struct {
	Name    string
	Type    string // counter, gauge, histogram, summary or untyped
	Help    string
	Samples []Sample
}

// A Sample is one value. Its name is the family's, or for a histogram or
// summary the family's with _bucket, _sum or _count.
type Sample struct {
	Name   string
	Labels []Label // in the order in which they were written
	Value  float64
}

// A Label narrows a sample.
type Label struct{ Name, Value string }

// Label returns the value of a label, "" if there is none of that name.
func (s Sample) Label(name string) string {
	for _, l := range s.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Parse reads a whole text. Its errors name the line.
func Parse(text string) ([]Family, error) {
	var r reader
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := r.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return r.families, nil
}

// A reader is where in the text the parser stands.
type reader struct{ families []Family }

func (r *reader) line(line string) error {
	switch {
	case line == "":
		return nil
	case strings.HasPrefix(line, "# HELP "):
		return r.help(strings.TrimPrefix(line, "# HELP "))
	case strings.HasPrefix(line, "# TYPE "):
		return r.kind(strings.TrimPrefix(line, "# TYPE "))
	case line[0] == '#':
		return nil // a comment
	}
	s, err := parseSample(line)
	if err != nil {
		return err
	}
	f := r.last()
	if f == nil || !f.has(s.Name) {
		return fmt.Errorf("%s stands outside its family", strconv.Quote(s.Name))
	}
	f.Samples = append(f.Samples, s)
	return nil
}

func (r *reader) last() *Family {
	if len(r.families) == 0 {
		return nil
	}
	return &r.families[len(r.families)-1]
}

// family returns the family of that name, a new one if it is not the last. It
// is described before its samples.
func (r *reader) family(name string) (*Family, error) {
	if rest, ok := cutName(name); !ok || rest != "" {
		return nil, fmt.Errorf("%s is no name of a metric", strconv.Quote(name))
	}
	if f := r.last(); f != nil && f.Name == name {
		if len(f.Samples) > 0 {
			return nil, fmt.Errorf("%s is described after its samples", strconv.Quote(name))
		}
		return f, nil
	}
	r.families = append(r.families, Family{Name: name, Type: "untyped"})
	return r.last(), nil
}

func (r *reader) help(rest string) error {
	name, help, _ := strings.Cut(rest, " ")
	f, err := r.family(name)
	if err != nil {
		return err
	}
	f.Help, err = unescape(help, `\n`)
	return err
}

func (r *reader) kind(rest string) error {
	name, kind, _ := strings.Cut(rest, " ")
	f, err := r.family(name)
	if err != nil {
		return err
	}
	switch kind {
	case "counter", "gauge", "histogram", "summary", "untyped":
		f.Type = kind
		return nil
	}
	return fmt.Errorf("%s is no type of a metric", strconv.Quote(kind))
}

// has tells whether samples of that name are the family's.
func (f *Family) has(name string) bool {
	if name == f.Name {
		return f.Type != "histogram"
	}
	part, ok := strings.CutPrefix(name, f.Name)
	switch {
	case !ok:
		return false
	case f.Type == "histogram":
		return part == "_bucket" || part == "_sum" || part == "_count"
	case f.Type == "summary":
		return part == "_sum" || part == "_count"
	}
	return false
}

func parseSample(line string) (Sample, error) {
	rest, ok := cutName(line)
	if !ok {
		return Sample{}, errors.New("a sample begins with the name of its metric")
	}
	s := Sample{Name: line[:len(line)-len(rest)]}
	if strings.HasPrefix(rest, "{") {
		var err error
		if s.Labels, rest, err = parseLabels(rest[1:]); err != nil {
			return Sample{}, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	text, ok := strings.CutPrefix(rest, " ")
	if !ok {
		return Sample{}, fmt.Errorf("%s: a space and the value are missing", s.Name)
	}
	var err error
	if s.Value, err = parseValue(text); err != nil {
		return Sample{}, fmt.Errorf("%s: %s is no value", s.Name, strconv.Quote(text))
	}
	return s, nil
}

// parseValue reads a number as Go writes floats, or +Inf, -Inf, NaN.
func parseValue(text string) (float64, error) {
	switch text {
	case "+Inf":
		return math.Inf(1), nil
	case "-Inf":
		return math.Inf(-1), nil
	case "NaN":
		return math.NaN(), nil
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789+-.e", r) }) {
		return 0, errors.New("not a number")
	}
	return strconv.ParseFloat(text, 64)
}

// parseLabels reads from behind the opening brace to behind the closing one.
func parseLabels(text string) (labels []Label, rest string, err error) {
	for {
		if rest, ok := strings.CutPrefix(text, "}"); ok {
			return labels, rest, nil
		}
		rest, ok := cutName(text)
		if !ok || !strings.HasPrefix(rest, `="`) {
			return nil, "", errors.New(`want a label as name="value"`)
		}
		name := text[:len(text)-len(rest)]
		value, rest, ok := cutQuoted(rest[2:])
		if !ok {
			return nil, "", fmt.Errorf("the value of label %s does not end", name)
		}
		if value, err = unescape(value, `\n"`); err != nil {
			return nil, "", err
		}
		labels = append(labels, Label{name, value})
		text = strings.TrimPrefix(rest, ",")
		if text == rest && !strings.HasPrefix(rest, "}") {
			return nil, "", fmt.Errorf("after label %s: want a comma or the closing brace", name)
		}
	}
}

// cutName returns what follows the name of a metric or label.
func cutName(text string) (rest string, ok bool) {
	i := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != ':' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if i < 0 {
		i = len(text)
	}
	if i == 0 || (text[0] >= '0' && text[0] <= '9') {
		return "", false
	}
	return text[i:], true
}

// cutQuoted returns what stands before and behind the closing quote.
func cutQuoted(text string) (value, rest string, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// unescape resolves backslashes before a character of those; n is a new line.
func unescape(text, those string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) || !strings.ContainsRune(those, rune(text[i])) {
			return "", errors.New("a backslash that escapes nothing")
		}
		if text[i] == 'n' {
			b.WriteByte('\n')
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String(), nil
}
