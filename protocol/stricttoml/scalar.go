package stricttoml

import (
	"strconv"
	"time"
)

// String returns the string of a key that must be there and not be empty.
func (t *Table) String(key string) string {
	n := t.require(key, kindString, "")
	if n == nil {
		return ""
	}
	if n.text == "" {
		t.Faultf(key, "is empty")
	}
	return n.text
}

// StringOr returns a string, which may be empty, or def.
func (t *Table) StringOr(key, def string) string {
	if n := t.optional(key, kindString, ""); n != nil {
		return n.text
	}
	return def
}

// Int returns an integer within bounds. Hexadecimal, octal and binary forms
// are read too.
func (t *Table) Int(key string, low, high int64) int64 {
	return t.integer(key, t.require(key, kindInteger, ""), 0, low, high)
}

// IntOr returns an integer within bounds, or def.
func (t *Table) IntOr(key string, def, low, high int64) int64 {
	return t.integer(key, t.optional(key, kindInteger, ""), def, low, high)
}

func (t *Table) integer(key string, n *node, def, low, high int64) int64 {
	if n == nil {
		return def
	}
	v, _ := n.integer()
	if v < low || v > high {
		t.Faultf(key, "%s is out of bounds: want %d to %d", n.text, low, high)
		return def
	}
	return v
}

func (n *node) integer() (int64, bool) {
	v, err := strconv.ParseInt(n.text, 0, 64)
	return v, err == nil && n.kind == kindInteger
}

// Bool returns the boolean of a key that must be there.
func (t *Table) Bool(key string) bool {
	n := t.require(key, kindBool, "")
	return n != nil && n.text == "true"
}

// BoolOr returns a boolean, or def.
func (t *Table) BoolOr(key string, def bool) bool {
	if n := t.optional(key, kindBool, ""); n != nil {
		return n.text == "true"
	}
	return def
}

// Time returns an instant in UTC, written as a date-time with its offset.
func (t *Table) Time(key string) time.Time {
	return instant(t.require(key, kindTime, timeExample), time.Time{})
}

// TimeOr returns an instant in UTC, or def.
func (t *Table) TimeOr(key string, def time.Time) time.Time {
	return instant(t.optional(key, kindTime, timeExample), def)
}

const timeExample = "2026-01-31T08:00:00+08:00"

func instant(n *node, def time.Time) time.Time {
	if n == nil {
		return def
	}
	at, _ := parseTime(n.text) // the builder has judged it
	return at
}
