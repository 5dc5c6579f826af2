package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"signet/protocol"
)

// An itemFault is why one item of several, or none of a request, was signed.
type itemFault struct {
	err    error
	path   string // of the item that it is of; "" if of none
	number int    // of that item in the run, from 1
	none   int    // items of a request of which none was signed; 0: it is of the one item
	done   int    // items that are signed and written
	of     int
}

func (f *itemFault) Error() string { return fmt.Sprintf("signing %s: %v", f.path, f.err) }
func (f *itemFault) Unwrap() error { return f.err }

// lines say what became of the items.
func (f *itemFault) lines(p *program) []string {
	var lines []string
	switch {
	case f.none == 0 && f.path == "":
		return []string{p.tr(msgDoneOf, f.done, f.of)}
	case f.none == 0:
		return []string{p.tr(msgItem, f.path, f.done, f.of)}
	case f.path == "":
		lines = append(lines, p.tr(msgNoneOf, f.none))
	default:
		lines = append(lines, p.tr(msgNoneFor, f.none, f.number, f.path))
	}
	if f.done > 0 {
		lines = append(lines, p.tr(msgDoneBefore, f.done, f.of))
	}
	return lines
}

func (r *round) fault(it *item, err error) error {
	if err == nil || len(r.items) == 1 {
		return err
	}
	return &itemFault{err: err, path: it.name(), number: r.numberOf(it), done: r.done, of: len(r.items)}
}

func (r *round) numberOf(it *item) int { return slices.Index(r.items, it) + 1 }

// requestFault is why a request was not granted. A refusal names the item that
// it is of; of an answer that did not come, or that was withheld, nobody knows
// here what was signed.
func (r *round) requestFault(batch []*item, err error) error {
	if len(r.items) == 1 {
		return err
	}
	f := &itemFault{err: err, done: r.done, of: len(r.items)}
	var said *protocol.Error
	if !errors.As(err, &said) || errors.Is(err, protocol.Changed) {
		return f
	}
	f.none = len(batch)
	if i, ok := inputOf(said.GetField()); ok && i < len(batch) {
		f.path, f.number = batch[i].name(), r.numberOf(batch[i])
	}
	return f
}

// inputOf is the index that a field of a request names: inputs[2], or what is
// in it.
func inputOf(field string) (int, bool) {
	rest, ok := strings.CutPrefix(field, "inputs[")
	digits, _, closed := strings.Cut(rest, "]")
	i, err := strconv.Atoi(digits)
	return i, ok && closed && err == nil && i >= 0
}
