package main

import (
	"fmt"

	"signet/daemon/cmd/signetctl/internal/screen"
)

// A text is a sentence or word for people, a format of package fmt. It is
// written without field names, so that a missing translation does not
// compile.
type text struct{ en, zh string }

// in returns t in a language with its arguments. Strings and errors among
// them come from elsewhere and are cleaned: what a daemon or a log says must
// not drive a terminal.
func (t text) in(l language, args ...any) string {
	format := t.en
	if l == chinese {
		format = t.zh
	}
	if len(args) == 0 {
		return format
	}
	safe := make([]any, len(args))
	for i, arg := range args {
		safe[i] = cleanArgument(l, arg)
	}
	return fmt.Sprintf(format, safe...)
}

func cleanArgument(l language, arg any) any {
	switch a := arg.(type) {
	case text:
		return a.in(l)
	case string:
		return screen.Clean(a)
	case error:
		return screen.Clean(a.Error())
	case fmt.Stringer:
		return screen.Clean(a.String())
	}
	return arg
}
