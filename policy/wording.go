package policy

import (
	"fmt"
	"strings"
)

// listed joins names for a text that people read.
func listed[T fmt.Stringer](items []T) string { return wordList(texts(items)) }

func texts[T fmt.Stringer](items []T) []string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = item.String()
	}
	return all
}

func wordList(names []string) string {
	if len(names) == 0 {
		return "nothing: the list is empty"
	}
	return strings.Join(names, ", ")
}

// counted writes a number of things: "1 use", "2 uses".
func counted[N int | uint32](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// upTo writes a number of which there must be one at least.
func upTo[N int | uint32](most N, thing string) string {
	if most <= 1 {
		return counted(most, thing)
	}
	return "1 to " + counted(most, thing)
}

// either picks the words for a fact.
func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// each says how often a window of the period comes.
func (p Period) each() string {
	switch p {
	case Hour:
		return "an hour"
	case Lifetime:
		return "in the entry's whole life"
	}
	return "a " + p.String()
}
