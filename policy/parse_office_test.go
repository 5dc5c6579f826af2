package policy

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/protocol/stricttoml"
)

// officeText says what the policy of office is.
const officeText = `
callers     = { users = ["oa", 20001], groups = ["docs"] }
operations  = ["stamp", "seal.read", "digest", "message", "cms"]
algorithms  = ["SM2-SM3", "ED25519"]
versions    = ["v4"]
containers  = ["ofd", "pdf"]
purposes    = ["contract", "invoice"]
require     = ["doc_no", "user_id"]
not_before  = 2027-01-01T08:00:00+08:00
not_after   = 2027-12-31T00:00:00Z
zone        = "Asia/Shanghai"
hours       = ["08:30-12:00", "14:00-17:30"]
weekdays    = ["mon", "tue", "wed", "thu", "fri", 2027-05-08]
holidays    = ["2027-05-01..2027-05-05", 2027-10-01]
crl_max_age = "168h"
batch       = 16

[quotas]
minute   = 5
day      = 50
lifetime = 1000

[quotas.per_caller]
hour = 10
day  = 20

[approvals]
persons    = 2
custodians = ["carl", "cora", "cyd"]
forms      = ["document", "digests", "count"]
most       = 3
longest    = "24h"
`

// meaning is p without the words in which it was said.
func meaning(p Policy) Policy {
	p.text = ""
	return p
}

func TestParseReadsAnOffice(t *testing.T) {
	p := mustParse(t, officeText)
	want := office(t)
	slices.Sort(want.require)
	if !reflect.DeepEqual(meaning(p), want) {
		t.Errorf("Parse = %+v,\nwant %+v", meaning(p), want)
	}
	approvals, ok := p.Approvals()
	checks := []struct {
		name      string
		got, want any
	}{
		{"Versions", p.Versions(), []Version{V4}}, {"Containers", p.Containers(), []Container{OFD, PDF}},
		{"Require", p.Require(), []Field{DocNo, UserID}}, {"Zone", p.Zone(), mustZone(t, "Asia/Shanghai")},
		{"Quotas", p.Quotas(), want.quotas}, {"Approvals", approvals, *want.approvals}, {"there are Approvals", ok, true},
	}
	for _, c := range checks {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

// TestWhatAPolicyDoesNotSayIsNoBound: one of before these keys parses as it
// did, and none of them narrows it.
func TestWhatAPolicyDoesNotSayIsNoBound(t *testing.T) {
	p := mustParse(t, contracts)
	_, asks := p.Approvals()
	if p.zone != nil || !p.schedule.isZero() || p.quotas != nil || asks || p.require != nil || p.versions != nil || p.containers != nil {
		t.Errorf("Parse = %+v", p)
	}
}

func TestTheSameMeaningGivesTheSameFields(t *testing.T) {
	replace := strings.NewReplacer(
		`["stamp", "seal.read", "digest", "message", "cms"]`, `["cms", "stamp", "message", "digest", "seal.read"]`,
		`["SM2-SM3", "ED25519"]`, `["ED25519", "SM2-SM3"]`, `["ofd", "pdf"]`, `["pdf", "ofd"]`, `["contract", "invoice"]`, `["invoice", "contract"]`,
		`["doc_no", "user_id"]`, `["user_id", "doc_no"]`, `2027-01-01T08:00:00+08:00`, `2027-01-01T00:00:00Z`,
		`["08:30-12:00", "14:00-17:30"]`, `["14:00-17:30", "08:30-12:00"]`,
		`["mon", "tue", "wed", "thu", "fri", 2027-05-08]`, `["2027-05-08", "fri", "thu", "wed", "tue", "mon"]`,
		`["2027-05-01..2027-05-05", 2027-10-01]`, `["2027-10-01..2027-10-01", "2027-05-01..2027-05-05"]`,
		"minute   = 5\nday      = 50\nlifetime = 1000", "lifetime = 1_000\nday = 0x32\nminute = 5\nper_caller = { day = 20, hour = 10 }",
		"[quotas.per_caller]\nhour = 10\nday  = 20\n", "", `["carl", "cora", "cyd"]`, `["cyd", "carl", "cora"]`,
		`["document", "digests", "count"]`, `["count", "document", "digests"]`, `longest    = "24h"`, `longest = "1440m"`, `"168h"`, `"167h60m"`,
	)
	other := replace.Replace(officeText)
	a, b := mustParse(t, officeText), mustParse(t, other)
	dates := [2]string{"zone = 'UTC'\nweekdays = [2027-02-06, 2027-02-07]", "zone = 'UTC'\nweekdays = ['2027-02-07', '2027-02-06']"}
	if !reflect.DeepEqual(meaning(mustParse(t, dates[0])), meaning(mustParse(t, dates[1]))) {
		t.Errorf("%q differ", dates)
	}
	if !reflect.DeepEqual(meaning(a), meaning(b)) {
		t.Errorf("%+v,\nand %+v", meaning(a), meaning(b))
	}
	if a.Hash() == b.Hash() {
		t.Error("two texts have one hash")
	}
}

func TestAnOfficePolicyIsImmutable(t *testing.T) {
	p := mustParse(t, officeText)
	clear(p.Versions())
	clear(p.Containers())
	clear(p.Require())
	clear(p.Quotas())
	approvals, _ := p.Approvals()
	clear(approvals.Custodians)
	clear(approvals.Forms)
	clear(p.Windows(tenOClock))
	if !reflect.DeepEqual(p, mustParse(t, officeText)) {
		t.Error("a change of what was handed out changed the policy")
	}
}

// TestTheEdgesOfBoundsAreInside: one step on is among testdata/bad.
func TestTheEdgesOfBoundsAreInside(t *testing.T) {
	dates := make([]string, maxDates)
	for i := range dates {
		dates[i] = dayOf(2026, 1, 1+2*i).String()
	}
	spans := make([]string, maxHours)
	for i := range spans {
		spans[i] = fmt.Sprintf(`"%02d:00-%02d:30"`, i, i)
	}
	const zone = "zone = 'UTC'\n"
	for name, text := range map[string]string{
		"hours":        zone + `hours = [` + strings.Join(spans, ",") + `]`,
		"a day":        zone + `hours = ["00:00-24:00"]`,
		"a minute":     zone + `hours = ["23:59-24:00", "00:00-00:01"]`,
		"no gap":       zone + `hours = ["08:00-12:00", "12:00-18:00"]`,
		"open dates":   zone + `weekdays = [` + strings.Join(dates, ",") + `]`,
		"closed dates": zone + `holidays = [` + strings.Join(dates, ",") + `]`,
		"a leap year":  zone + `holidays = ["2028-01-01..2028-12-31"]`,
		"first year":   zone + `holidays = ["2000-01-01..2000-02-29"]`,
		"last year":    zone + `weekdays = ["2199-12-31"]`,
		"neighbours":   zone + `holidays = ["2026-10-01..2026-10-03", 2026-10-04]`,
		"open beside":  zone + "weekdays = [2026-10-08]\nholidays = ['2026-10-01..2026-10-07']",
		"quotas":       zone + "[quotas]\nminute = 0\nhour = 1000000000\nper_caller = { lifetime = 1000000000, day = 0 }",
		"a lifetime":   "[quotas]\nlifetime = 0\nper_caller.lifetime = 1",
		"a zone":       zone,
		"persons":      "approvals = { persons = 8, most = 1000000, longest = '744h' }",
		"no persons":   "approvals = { persons = 1, most = 1, longest = '1m' }",
		"custodians":   "approvals = { persons = 2, custodians = ['a', '" + strings.Repeat("-", 32) + "'] }",
		"every zone":   "zone = 'America/Argentina/ComodRivadavia'",
		"nothing here": "versions = []\ncontainers = []\nrequire = []\nquotas = {}\n" + zone + "hours = []\nweekdays = []\nholidays = []",
	} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnEmptyListOfHoursIsNever: and so is one of weekdays, but no holidays
// are none.
func TestAnEmptyListOfHoursIsNever(t *testing.T) {
	for text, closed := range map[string]string{
		"hours = []": "hours", "weekdays = []": "weekdays", "weekdays = [2027-05-08]": "weekdays",
		"holidays = []": "", `hours = ["00:00-24:00"]`: "", `hours = ["10:00-10:01"]`: "",
		`hours = ["10:01-24:00"]`: "hours", `holidays = ["2027-05-10..2027-05-11"]`: "holidays", `weekdays = [2027-05-11]`: "",
	} {
		p := mustParse(t, `zone = "Asia/Shanghai"`+"\n"+text)
		at := p.At(tenOClock, SaneClock)
		if got := p.schedule.closedBy(at.Time, at.Offset); got != closed {
			t.Errorf("%s: ten o'clock is closed by %q, want %q", text, got, closed)
		}
	}
}

func TestApprovalsThatSayNothingAskForWhatNobodyHas(t *testing.T) {
	for _, text := range []string{"[approvals]", "approvals = {}"} {
		p := mustParse(t, text)
		got, ok := p.Approvals()
		if want := (Approvals{Persons: 1, Most: 1, Longest: 24 * time.Hour}); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", text, got, ok, want)
		}
	}
	u := officeUse(t)
	u.policy = mustParse(t, officeText)
	if d := u.decide(t); !d.Allowed() {
		t.Fatalf("the office's own: %+v", d)
	}
	u.policy = mustParse(t, officeText[:strings.Index(officeText, "persons ")])
	if d := u.decide(t); d.Reason != ApprovalDenied {
		t.Errorf("with an empty table: %+v", d)
	}
}

func TestAllFaultsOfAnOfficeComeAtOnce(t *testing.T) {
	_, err := Parse([]byte(`versions = ["v1"]
containers = ["doc"]
require = ["name"]
hours = ["22:00-06:00", "8-12"]
weekdays = ["Mon", 2026-10-01]
holidays = [2026-10-01, 2026-10-01]
[quotas]
day = -1
year = 1
per_caller = { week = 1 }
[approvals]
persons = 2
custodians = ["A"]
forms = ["all"]
most = 0
longest = "1d"
`))
	var faults stricttoml.Faults
	if !errors.As(err, &faults) || len(faults) != 17 {
		t.Errorf("%d faults:\n%v\nwant 17", len(faults), err)
	}
}

// TestAZoneThatCouldNotBeReadIsNotMissingAsWell: nor one that may stand where
// the text is broken.
func TestAZoneThatCouldNotBeReadIsNotMissingAsWell(t *testing.T) {
	for _, text := range []string{
		"zone = Asia/Shanghai\nhours = []", "= 'Asia/Shanghai'\nhours = []", "zone = 'Asia'\nhours = []", "zone = []\n[quotas]\nday = 1",
	} {
		_, err := Parse([]byte(text))
		var faults stricttoml.Faults
		if !errors.As(err, &faults) || len(faults) != 1 || strings.Contains(err.Error(), "none is named") {
			t.Errorf("%q:\n%v", text, err)
		}
	}
}
