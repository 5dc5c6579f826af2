package policy

import (
	"strings"
	"testing"
	"time"
)

// listedPolicy is the policy contracts, which asks for a list of at most a week.
const listedPolicy = contracts + `crl_max_age = "168h"` + "\n"

func TestCRLMaxAgeIsRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		contracts: 0, listedPolicy: 7 * 24 * time.Hour,
		`crl_max_age = "1m"`: time.Minute, `crl_max_age = "8784h"`: 366 * 24 * time.Hour,
	} {
		if got := mustParse(t, text).CRLMaxAge(); got != want {
			t.Errorf("CRLMaxAge = %v, want %v, of\n%s", got, want, text)
		}
	}
}

// TestTheListIsYoungEnough: at its edges, for every state of the certificate.
func TestTheListIsYoungEnough(t *testing.T) {
	asks, _ := mustBind(t, listedPolicy)
	asksNot, _ := mustBind(t, contracts)
	made := noon.Add(-7 * 24 * time.Hour)
	for _, tt := range []struct {
		name        string
		certificate *Certificate
		at          time.Time
		reason      Reason // of the policy that asks
		rule        string
		otherwise   Reason // of the policy that does not
	}{
		{"made now", &Certificate{ListMade: noon}, noon, Allowed, "", Allowed},
		{"made later, by another clock", &Certificate{ListMade: noon.Add(time.Hour)}, noon, Allowed, "", Allowed},
		{"exactly at the age", &Certificate{ListMade: made}, noon, Allowed, "", Allowed},
		{"a nanosecond later", &Certificate{ListMade: made}, noon.Add(1), CertInvalid, "crl_max_age", Allowed},
		{"one second later", &Certificate{ListMade: made}, noon.Add(time.Second), CertInvalid, "crl_max_age", Allowed},
		{"years old", &Certificate{ListMade: noon.AddDate(-3, 0, 0)}, noon, CertInvalid, "crl_max_age", Allowed},
		{"no list", new(Certificate), noon, CertInvalid, "crl_max_age", Allowed},
		{"no certificate", nil, noon, CertInvalid, "crl_max_age", Allowed},
		{"revoked, young list", &Certificate{Revoked: true, ListMade: noon}, noon, CertInvalid, "entry.certificate", CertInvalid},
		{"revoked, old list", &Certificate{Revoked: true, ListMade: noon.AddDate(-3, 0, 0)}, noon, CertInvalid, "entry.certificate", CertInvalid},
	} {
		r, at := good(), sane
		r.Entry.Certificate, at.Time = tt.certificate, tt.at
		d := Decide(asks, Usage{}, r, at)
		if d.Reason != tt.reason || d.Rule != tt.rule || !d.After.IsZero() || d.Allowed() == (d.Need != "") {
			t.Errorf("%s: %+v, want %v by %q", tt.name, d, tt.reason, tt.rule)
		}
		if d := Decide(asksNot, Usage{}, r, at); d.Reason != tt.otherwise {
			t.Errorf("%s, and the policy does not ask: %v, want %v", tt.name, d.Reason, tt.otherwise)
		}
	}
}

// TestTheListIsJudgedBeforeThePolicysSpan and behind the entry's own.
func TestTheListIsJudgedBeforeThePolicysSpan(t *testing.T) {
	b, _ := mustBind(t, listedPolicy)
	r, at := good(), sane
	r.Entry.Validity, at.Time = Validity{Unbounded: true}, policyTo.Add(time.Second)
	r.Entry.Certificate = &Certificate{ListMade: noon}
	if d := Decide(b, Usage{}, r, at); d.Rule != "crl_max_age" {
		t.Errorf("an old list after the policy's end: %+v", d)
	}
	r.Entry.Validity = Validity{From: validFrom, Until: validTo}
	if d := Decide(b, Usage{}, r, at); d.Rule != "entry.validity" {
		t.Errorf("an old list after the entry's end: %+v", d)
	}
}

func TestReplayKnowsTheCertificate(t *testing.T) {
	b, then := mustBind(t, listedPolicy)
	for name, c := range map[string]*Certificate{
		"none": nil, "no list": {}, "revoked": {Revoked: true, ListMade: noon}, "young": {ListMade: noon.In(time.FixedZone("UTC+8", 8*3600))},
		"old": {ListMade: noon.AddDate(-1, 0, 0)},
	} {
		for _, proven := range []bool{true, false} {
			r := good()
			r.Entry.Certificate, r.Entry.Proven = c, proven
			want := Decide(b, Usage{}, r, sane)
			if got, line := replayed(t, b, then, r, sane); got != want {
				t.Errorf("%s, proven %v: replay of %s = %+v, want %+v", name, proven, line, got, want)
			}
		}
	}
}

// TestAnUnprovenRecordSaysNothing: what it says of itself does not matter, and
// who is no caller does not learn of it.
func TestAnUnprovenRecordSaysNothing(t *testing.T) {
	b, _ := mustBind(t, contracts)
	for _, tt := range refusals {
		r, at := good(), sane
		tt.change(&r, &at)
		r.Entry.Proven = false
		want := RecordUnproven
		if tt.reason == NotACaller {
			want = NotACaller
		}
		if d := Decide(b, Usage{}, r, at); d.Reason != want {
			t.Errorf("%s: %v, want %v", tt.name, d.Reason, want)
		}
	}
}

func TestARefusalNamesTheAgeThatIsAskedFor(t *testing.T) {
	b, _ := mustBind(t, listedPolicy)
	r := good()
	r.Entry.Certificate = new(Certificate)
	if d := Decide(b, Usage{}, r, sane); !strings.Contains(d.Need, "168h") {
		t.Errorf("Need = %q", d.Need)
	}
}
