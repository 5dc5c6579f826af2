package screen

import (
	"fmt"
	"strings"
)

// CleanJSON returns a JSON text that means the same and holds no character
// that a terminal would obey: those can only stand in strings, where \u names
// them. It is for terminals; what goes to a program stays as it is.
func CleanJSON(text string) string {
	if !strings.ContainsFunc(text, isUnsafe) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !isUnsafe(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			r -= 0x10000
			fmt.Fprintf(&b, "\\u%04x\\u%04x", 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return b.String()
}
