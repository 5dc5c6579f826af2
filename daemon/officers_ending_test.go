package daemon

import (
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
)

// With two of three security officers unable to sign nobody could ever change
// the officers again.
func TestChangeAfterWhichTooFewCouldSignIsRefused(t *testing.T) {
	r := startedOfficers(t)
	changeTo := func(until time.Duration) authority.ChangeOfficers {
		var c authority.ChangeOfficers
		for _, id := range []string{"sara", "sven"} {
			p := newSignatory(t, id, authority.SecurityOfficer, 0)
			p.addUKey(t, r.clock.real().Add(until))
			c.Set = append(c.Set, p.Officer)
		}
		return c
	}
	code, text := refusalOf(r.administrator(), r.signed(authority.OfficerChange, "", changeTo(-time.Hour), "sara", "sven", "adam"))
	if code != protocol.Malformed || !strings.Contains(text, "sara, sven") {
		t.Errorf("certificates that have ended: %v %s, want malformed that names whose", code, text)
	}
	r.must(authority.OfficerChange, "", changeTo(24*time.Hour), "sara", "sven", "adam")
	r.stop()
	r.clock.pass(48 * time.Hour)
	r.start()
	r.waitMode(Serving) // what was accepted stays accepted
}

func TestStatusTellsOfOfficersWhoseCertificatesEnd(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		until []time.Duration
		ssh   bool
		says  string
	}{
		"61 days":           {[]time.Duration{61 * day}, false, ""},
		"60 days":           {[]time.Duration{60 * day}, false, "can sign until " + now.Add(60*day).Format(time.DateOnly)},
		"over":              {[]time.Duration{-time.Second}, false, "cannot sign"},
		"another for years": {[]time.Duration{day, 900 * day}, false, ""},
		"an ssh key too":    {[]time.Duration{-day}, true, ""},
	} {
		p := newSignatory(t, "sara", authority.SecurityOfficer, 0)
		for _, d := range c.until {
			p.addUKey(t, now.Add(d))
		}
		if c.ssh {
			p.addSSHKey(t)
		}
		got := strings.Join(endingOfficers(authority.Roll{Officers: []authority.Officer{p.Officer}}, now), "; ")
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
}
