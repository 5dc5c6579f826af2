package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/protocol/admin"
)

// withLog gives the appliance n events; every third is of entry "a", every
// tenth refused.
func withLog(t *testing.T, n int) *appliance {
	a := newAppliance(t)
	uid := uint32(20001)
	for i := range n {
		e := audit.Event{Kind: audit.KindSign, Op: "digest", UID: &uid, Entry: "b", Result: audit.Allowed, Purpose: "contract", DocID: fmt.Sprint(i)}
		if i%3 == 0 {
			e.Entry = "a"
		}
		if i%10 == 0 {
			e.Kind, e.Result, e.Reason = audit.KindRefuse, audit.Refused, "not_a_caller"
		}
		a.record(e)
	}
	return a
}

func jsonLines(r run) []string { return strings.Split(strings.TrimSuffix(r.out, "\n"), "\n") }

func TestJSONListsEveryEventExactly(t *testing.T) {
	a := withLog(t, 1234)
	want := strings.Join(a.lines, "\n") + "\n"
	got := a.ctl("", "log", "list", "--json")
	got.want(t, exitOK)
	if got.out != want {
		t.Errorf("log list --json has %d lines of %d, or other ones", len(jsonLines(got)), len(a.lines))
	}
	if got := a.ctl("", "log", "show", "1233", "--json"); got.out != a.lines[1233]+"\n" {
		t.Errorf("log show --json = %q", got.out)
	}
}

// Each page that is read adds events: the listing ends where the log ended
// when it began.
func TestListingALogThatGrowsEnds(t *testing.T) {
	a := withLog(t, 1100)
	a.growth = 700
	got := a.ctl("", "log", "list", "--json")
	got.want(t, exitOK)
	if n := len(jsonLines(got)); n != 1100 {
		t.Errorf("listed %d events, want the 1100 that there were", n)
	}
}

func TestSelectionOfEvents(t *testing.T) {
	a := withLog(t, 1234)
	for line, want := range map[string][2]int{ // number of events, index of the first
		"--limit 5":                    {5, 1229},
		"--limit 5 --from 7":           {5, 7},
		"--from 1230":                  {4, 1230},
		"--entry a":                    {412, 0},
		"--entry a --limit 3":          {3, 1227},
		"--entry a --limit 400":        {400, 36},
		"--entry a --from 4 --limit 2": {2, 6},
		"--result refused":             {124, 0},
		"--result refused --entry a":   {42, 0},
		"--result refused --limit 2":   {2, 1220},
		"--limit 0":                    {1234, 0},
		"--limit 5000":                 {1234, 0},
	} {
		got := a.ctl("", append([]string{"log", "list", "--json"}, strings.Fields(line)...)...)
		got.want(t, exitOK)
		lines := jsonLines(got)
		if len(lines) != want[0] || lines[0] != a.lines[want[1]] {
			t.Errorf("log list %s: %d events from %.60s…, want %d from %d", line, len(lines), lines[0], want[0], want[1])
		}
	}
	if got := a.ctl("", "log", "list", "--json", "--from", "99999"); got.out != "" || got.status != exitOK {
		t.Errorf("events behind the end: %q, status %d", got.out, got.status)
	}
}

func TestPeopleSeeTheNewestFifty(t *testing.T) {
	a := withLog(t, 1234)
	got := a.ctl("", "log", "list")
	got.want(t, exitOK, "1233", "1184", "refused not_a_caller", "sign digest contract")
	lines := jsonLines(got)
	if len(lines) != 51 || strings.Contains(got.out, "1183") {
		t.Errorf("%d lines with their heading, from %q", len(lines), lines[1])
	}
	for _, line := range lines {
		if screen.Width(line) > screen.Columns {
			t.Errorf("%d columns: %q", screen.Width(line), line)
		}
	}
	a.ctl("zh_CN.UTF-8", "log", "list").want(t, exitOK, "序号", "拒绝 not_a_caller")
	newAppliance(t).ctl("", "log", "list").want(t, exitOK, "no such events")
}

func TestPagesAreReadOverOneConnection(t *testing.T) {
	a := withLog(t, 2600)
	a.ctl("", "log", "list", "--json").want(t, exitOK)
	if a.pages != 7 { // the size, then pages of 500
		t.Errorf("%d requests for 2600 events", a.pages)
	}
}

func TestLogThatIsNoneIsNotShown(t *testing.T) {
	for name, spoil := range map[string]func([]string){
		"a line missing":   func(l []string) { l[700] = l[701] },
		"two lines in one": func(l []string) { l[3] = strings.Replace(l[3], `"v":1`, "\"v\":1\n", 1) },
		"no JSON":          func(l []string) { l[3] = "{" },
		"another index":    func(l []string) { l[3] = strings.Replace(l[3], `"seq":3`, `"seq":4`, 1) },
	} {
		a := withLog(t, 800)
		spoil(a.lines)
		got := a.ctl("", "log", "list", "--json")
		got.want(t, exitUnexpected, "not event")
		if lines := jsonLines(got); len(lines) > 700 {
			t.Errorf("%s: %d lines were listed", name, len(lines))
		}
	}
}

func TestEventIsShownWithEveryField(t *testing.T) {
	a := newAppliance(t)
	uid := uint32(20001)
	a.record(audit.Event{Kind: audit.KindSign, UID: &uid, Entry: "contract", Sig: strings.Repeat("A", 300), Result: audit.Allowed, DocHash: "ab"})
	got := a.ctl("", "log", "show", "0")
	got.want(t, exitOK, "uid", "20001  (who asked)", "contract", "recorded", "leaf hash")
	leaf := audit.LeafHash([]byte(a.lines[0]))
	if !strings.Contains(got.out, hex.EncodeToString(leaf[:])) {
		t.Errorf("no leaf hash in\n%s", got.out)
	}
	if strings.Count(strings.Join(strings.Fields(got.out), ""), strings.Repeat("A", 300)) != 1 {
		t.Errorf("the signature is cut in\n%s", got.out)
	}
	// A newer daemon says more than this program knows.
	a.lines[0] = strings.Replace(a.lines[0], `"kind"`, `"hue":"blue","kind"`, 1)
	a.ctl("", "log", "show", "0").want(t, exitOK, "hue", "blue")
	a.ctl("", "log", "show", "1").want(t, exitNotFound, "the log has 1")
}

// A page is taken whole and in order; gaps are taken where the daemon says that
// it shows a part, and there it may leave out even all of a page.
func TestPagesAreTakenWithGapsOnlyIfTheLogIsShownInPart(t *testing.T) {
	for name, x := range map[string]struct {
		lines   []string
		partial bool
		next    uint64 // as the daemon says
		want    uint64 // 0: refused
	}{
		"whole":               {[]string{`{"seq":5}`, `{"seq":6}`}, false, 7, 7},
		"gap in a whole log":  {[]string{`{"seq":5}`, `{"seq":7}`}, false, 8, 0},
		"nothing":             {nil, false, 9, 0},
		"part":                {[]string{`{"seq":6}`, `{"seq":9}`}, true, 12, 12},
		"nothing of a part":   {nil, true, 12, 12},
		"part that stands":    {nil, true, 5, 0},
		"part out of order":   {[]string{`{"seq":9}`, `{"seq":6}`}, true, 12, 0},
		"the same twice":      {[]string{`{"seq":6}`, `{"seq":6}`}, true, 12, 0},
		"before what is read": {[]string{`{"seq":4}`}, true, 12, 0},
		"no event":            {[]string{`no`}, true, 12, 0},
	} {
		_, next, ok := take(nil, admin.Events{Lines: x.lines, Partial: x.partial, Next: x.next}, 5)
		if ok != (x.want != 0) || ok && next != x.want {
			t.Errorf("%s: next %d, %v, want %d", name, next, ok, x.want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw string) {
		line, ok := parseLine(raw)
		if !ok {
			return
		}
		if line.raw != raw || strings.ContainsAny(raw, "\r\n") {
			t.Errorf("parseLine(%q) = %q", raw, line.raw)
		}
		var out strings.Builder
		p := newProgram(nil, &out, &out, func(string) string { return "" })
		table := screen.Table{Columns: make([]screen.Column, 6)}
		p.logRow(&table, line.event)
		if table.Write(&out, screen.Paint{}) != nil || p.showEvent(raw) != nil {
			t.Errorf("%q could not be shown", raw)
		}
		for _, shown := range strings.Split(out.String(), "\n") {
			if screen.Clean(shown) != shown {
				t.Errorf("%q is shown as %q", raw, shown)
			}
		}
	})
}
