package testsofthsm

import (
	"slices"
	"strings"
	"testing"
)

func TestParseLoginsJoinsCallsAndResults(t *testing.T) {
	got, err := parseLogins("7 1 user=1 called\n8 1 user=0 called\n7 1 user=1 rv=0xa0\n7 2 user=1 called\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Login{
		{PID: 7, Call: 1, User: 1, Returned: true, Result: 0xa0},
		{PID: 8, Call: 1, User: 0},
		{PID: 7, Call: 2, User: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("parseLogins = %+v, want %+v", got, want)
	}
}

func TestParseLoginsRefusesOtherLines(t *testing.T) {
	for _, line := range []string{
		"", "7 1 user=1", "7 1 user=1 called ", "07 1 user=1 called", "7 1 user=1 rv=0XA0", "7 1 user=1 rv=a0", "7 1 user=1 rv=0x0a0",
		"x 1 user=1 called", "7  1 user=1 called", "7 1 user=-1 called", "7 1 user=1 called\r",
	} {
		if _, err := parseLogins("7 1 user=1 called\n" + line + "\n"); err == nil {
			t.Errorf("line %q is accepted", line)
		}
	}
	if _, err := parseLogins("7 1 user=1 rv=0x0\n"); err == nil {
		t.Error("a login that returns without having been called is accepted")
	}
}

// What parses prints as it was: one line for each call, one for each return.
func FuzzParseLogins(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		logins, err := parseLogins(text)
		if err != nil {
			if logins != nil {
				t.Errorf("logins %+v beside error %v", logins, err)
			}
			return
		}
		var lines []string
		for _, l := range logins {
			called := l
			called.Returned, called.Result = false, 0
			lines = append(lines, called.line())
			if l.Returned {
				lines = append(lines, l.line())
			}
		}
		given := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if text == "" {
			given = nil
		}
		slices.Sort(lines)
		slices.Sort(given)
		if !slices.Equal(lines, given) {
			t.Errorf("%q prints as %q", text, lines)
		}
	})
}
