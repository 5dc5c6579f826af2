package screen

import (
	"os"

	"golang.org/x/sys/unix"
)

// A Tone says how a word is meant. The zero value is plain text.
type Tone uint8

const (
	Plain Tone = iota
	Good
	Bad
	Warn
	Dim
)

var colours = [...]string{Good: "\x1b[32m", Bad: "\x1b[31m", Warn: "\x1b[33m", Dim: "\x1b[2m"}

// A Paint colours text, or does not: the zero value leaves it plain.
type Paint struct{ Colour bool }

// Text returns s, which must be clean, in the colour of its tone.
func (p Paint) Text(t Tone, s string) string {
	if !p.Colour || t == Plain || s == "" {
		return s
	}
	return colours[t] + s + "\x1b[0m"
}

// IsTerminal tells whether w is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
