package stricttoml

import (
	"bytes"
	"errors"
	"regexp"

	"github.com/pelletier/go-toml/v2/unstable"
)

var (
	brokenKey    = regexp.MustCompile(`^[ \t]*([A-Za-z0-9_-]+)[ \t]*=`)
	brokenHeader = regexp.MustCompile(`^[ \t]*\[`)
	nextHeader   = regexp.MustCompile(`^[ \t]*\[[A-Za-z0-9_."'-]+\][ \t]*(#|\r?$)`)
)

// recover records a fault of syntax and returns the offset of the line to go
// on with. It is called after the parser stopped; what the parser had read
// before is in the tree.
func (b *builder) recover(err error) int {
	at := b.base + b.errorOffset(err)
	b.faults.add(b.lineAt(at), "", err.Error())

	// The expression at fault may have begun lines before: an array, say.
	start := b.expressionStart(at)
	if key := brokenKey.FindSubmatch(b.lineText(start)); key != nil && b.table != nil {
		b.standIn(string(key[1]), start)
	} else {
		b.lost = true
	}
	if brokenHeader.Match(b.lineText(start)) {
		b.table = nil
	}
	for next := b.lineEnd(at); next < len(b.text); next = b.lineEnd(next) {
		if startsExpression(b.lineText(next)) {
			return next
		}
	}
	return len(b.text)
}

// standIn marks a key whose value could not be read as present, so that it
// is not called missing as well.
func (b *builder) standIn(name string, start int) {
	if b.table.fields[name] == nil {
		b.table.set(name, &node{kind: kindBroken, line: b.lineAt(start)})
	}
}

func startsExpression(line []byte) bool {
	return brokenKey.Match(line) || nextHeader.Match(line)
}

// expressionStart returns where the line starts that holds the expression at
// fault: the nearest one, going up from offset, that looks like one.
func (b *builder) expressionStart(offset int) int {
	start := b.lineStart(offset)
	for at := start; at >= b.base; at = b.lineStart(at - 1) {
		if line := b.lineText(at); startsExpression(line) || brokenHeader.Match(line) {
			return at
		}
		if at == 0 {
			break
		}
	}
	return start
}

// errorOffset finds the place of a parser's error in what the parser was
// given: its highlight is a part of that slice.
func (b *builder) errorOffset(err error) int {
	data := b.parser.Data()
	var perr *unstable.ParserError
	if !errors.As(err, &perr) || perr.Highlight == nil {
		return 0
	}
	return min(max(cap(data)-cap(perr.Highlight), 0), len(data)-1)
}

func (b *builder) lineStart(offset int) int {
	return bytes.LastIndexByte(b.text[:offset], '\n') + 1
}

// lineEnd returns where the line after offset starts.
func (b *builder) lineEnd(offset int) int {
	i := bytes.IndexByte(b.text[offset:], '\n')
	if i < 0 {
		return len(b.text)
	}
	return offset + i + 1
}

func (b *builder) lineText(start int) []byte {
	return bytes.TrimSuffix(b.text[start:b.lineEnd(start)], []byte("\n"))
}
