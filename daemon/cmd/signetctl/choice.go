package main

import (
	"slices"
	"strings"
)

// oneOf refuses a flag whose value is not one of those wanted.
func oneOf(flag, value string, want []string) error {
	if slices.Contains(want, value) {
		return nil
	}
	return usage(msgChoice, flag, value, strings.Join(want, ", "))
}
