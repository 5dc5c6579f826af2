package systemd

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxValue bounds each text of an entry, in bytes: larger ones would make the
// journal client go through a file in /dev/shm for every entry.
const maxValue = 4096

// printable makes a text safe for a terminal and for one line: control
// characters, line breaks, bidirectional overrides and broken UTF-8 become
// Go escapes, so that nothing a peer or a module wrote can look like an entry
// of its own. Over-long texts are cut and say so.
func printable(text string) string {
	text = bounded(text)
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteRune(r)
		} else {
			b.WriteString(escaped(text[i : i+size]))
		}
		i += size
	}
	return b.String()
}

func escaped(char string) string {
	quoted := strconv.Quote(char)
	return quoted[1 : len(quoted)-1]
}

func bounded(text string) string {
	if len(text) <= maxValue {
		return text
	}
	cut := maxValue
	for cut > maxValue-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + " [cut]"
}

// line is the text form: time, priority, name, text, fields.
func (e entry) line() string {
	var b strings.Builder
	b.WriteString(e.time.UTC().Format(time.RFC3339))
	b.WriteString(" " + e.message.Priority().String() + " " + e.message.Name() + ": ")
	b.WriteString(printable(e.text))
	for _, f := range e.fields {
		b.WriteString(" " + f.key + "=" + fieldValue(f.value))
	}
	b.WriteString("\n")
	return b.String()
}

// fieldValue quotes what would not read back as one value.
func fieldValue(value string) string {
	if value == "" || strings.ContainsAny(value, " =\"\\") || printable(value) != value {
		return strconv.Quote(bounded(value))
	}
	return value
}
