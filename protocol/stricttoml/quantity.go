package stricttoml

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration returns a span of time within bounds, written "5s" or "1h30m".
func (t *Table) Duration(key string, low, high time.Duration) time.Duration {
	return t.duration(key, t.require(key, kindString, durationExample(0, low, high)), 0, low, high)
}

// DurationOr returns a span of time within bounds, or def.
func (t *Table) DurationOr(key string, def, low, high time.Duration) time.Duration {
	return t.duration(key, t.optional(key, kindString, durationExample(def, low, high)), def, low, high)
}

// durationExample is a span that would be right: def, or a round one.
func durationExample(def, low, high time.Duration) string {
	for _, d := range []time.Duration{def, 24 * time.Hour, time.Hour, time.Minute, 5 * time.Second} {
		if d > 0 && low <= d && d <= high {
			return quoted(d)
		}
	}
	return quoted(low)
}

func quoted(d time.Duration) string { return strconv.Quote(FormatDuration(d)) }

// FormatDuration writes a span of time as people do, "24h" or "1h30m", so that
// Duration reads it.
func FormatDuration(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

func (t *Table) duration(key string, n *node, def, low, high time.Duration) time.Duration {
	if n == nil {
		return def
	}
	d, err := time.ParseDuration(n.text)
	if err != nil {
		t.Faultf(key, `%s is no duration: want a number and a unit (ms, s, m, h) such as %s`, Quote(n.text), durationExample(def, low, high))
		return def
	}
	if d < low || d > high {
		t.Faultf(key, "%s is out of bounds: want %s to %s", Quote(n.text), quoted(low), quoted(high))
		return def
	}
	return d
}

// Size returns a number of bytes within bounds, written "64KiB".
func (t *Table) Size(key string, low, high int64) int64 {
	return t.size(key, t.require(key, kindString, sizeExample), 0, low, high)
}

// SizeOr returns a number of bytes within bounds, or def.
func (t *Table) SizeOr(key string, def, low, high int64) int64 {
	return t.size(key, t.optional(key, kindString, sizeExample), def, low, high)
}

const sizeExample = `"64KiB"`

func (t *Table) size(key string, n *node, def, low, high int64) int64 {
	if n == nil {
		return def
	}
	v, ok := parseSize(n.text)
	if !ok {
		t.Faultf(key, "%s is no size: want a whole number and a unit (B, KiB, MiB, GiB, TiB) such as %s", Quote(n.text), sizeExample)
		return def
	}
	if v < low || v > high {
		t.Faultf(key, "%s is out of bounds: want %s to %s", Quote(n.text), formatSize(low), formatSize(high))
		return def
	}
	return v
}

// sizeUnits goes from the largest unit to the smallest, so that "B" is tried
// after the units that end in it.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
}

func parseSize(text string) (int64, bool) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || int64(n) > math.MaxInt64/u.bytes {
			return 0, false
		}
		return int64(n) * u.bytes, true
	}
	return 0, false
}

func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
