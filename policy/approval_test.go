package policy

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func TestGrantorsAreCountedOnce(t *testing.T) {
	for _, tt := range []struct {
		custodians, by []string
		want           int
	}{
		{nil, nil, 0}, {nil, []string{"carl"}, 1}, {nil, []string{"carl", "cora"}, 2}, {nil, []string{"carl", "carl", "cora", "carl"}, 2},
		{[]string{"carl"}, []string{"carl", "cora"}, 1}, {[]string{"carl"}, []string{"cora"}, 0}, {[]string{"carl", "cora"}, []string{"cora", "cora", "dora"}, 1},
		{[]string{"carl", "carl"}, []string{"carl"}, 1},
	} {
		if got := (Approvals{Custodians: tt.custodians}).grantors(Approval{By: tt.by}); got != tt.want {
			t.Errorf("of %v, granted by %v: %d, want %d", tt.custodians, tt.by, got, tt.want)
		}
	}
}

func TestWhatIsLeftOfAnApproval(t *testing.T) {
	for _, tt := range []struct {
		count, used, reserved uint32
		want                  int64
	}{
		{0, 0, 0, 0}, {3, 0, 0, 3}, {3, 1, 1, 1}, {3, 2, 1, 0}, {3, 3, 1, -1}, {1, 1<<32 - 1, 1<<32 - 1, 1 - 2*(1<<32-1)},
	} {
		if got := (Approval{Count: tt.count, Used: tt.used, Reserved: tt.reserved}).left(); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}

// TestApprovalsKeepTheirNames: they stand in the log.
func TestApprovalsKeepTheirNames(t *testing.T) {
	at := time.Date(2027, 5, 11, 1, 0, 0, 0, time.UTC)
	for want, a := range map[string]Approval{
		`{"id":"","state":"none"}`: {},
		`{"id":"0123456789abcdef","state":"granted","form":"digests","fits":true,"by":["carl"],"from":"2027-05-11T01:00:00Z",` +
			`"until":"2027-05-11T03:00:00Z","count":3,"used":2,"reserved":1,"unknown":true}`: {
			ID: "0123456789abcdef", State: Granted, Form: ByDigests, Fits: true, By: []string{"carl"}, From: at, Until: at.Add(2 * time.Hour),
			Count: 3, Used: 2, Reserved: 1, Unknown: true,
		},
	} {
		line, err := json.Marshal(a)
		if err != nil || string(line) != want {
			t.Errorf("%s, %v, want %s", line, err, want)
		}
		var back Approval
		if err := json.Unmarshal(line, &back); err != nil || !reflect.DeepEqual(back, a) {
			t.Errorf("%s is read as %+v, %v", line, back, err)
		}
	}
	for i, s := range []State{NoApproval, Pending, Granted, Denied, Revoked} {
		if got, err := ParseState(s.String()); got != s || err != nil || int(s) != i {
			t.Errorf("ParseState(%q) = %d, %v, want %d", s, got, err, i)
		}
	}
	for _, bad := range []string{`{"state":""}`, `{"state":"expired"}`, `{"state":"state(7)"}`, `{"state":"none","form":"any"}`, `{"state":2}`} {
		var a Approval
		if err := json.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("%s is read as %+v", bad, a)
		}
	}
	if s := State(9).String() + " " + Form(9).String() + " " + Form(0).String(); s != "state(9) form(9) form(0)" {
		t.Errorf("a number outside its enumeration is %q", s)
	}
}

func TestApprovalsAreSaidInAFewWords(t *testing.T) {
	for want, a := range map[string]Approvals{
		"granted by 1 of its custodians; for count; at most 1 use within 1h":                   {Persons: 1, Forms: []Form{ByCount}, Most: 1, Longest: time.Hour},
		"granted by 2 of carl, cora; for nothing: the list is empty; at most 3 uses within 1m": {Persons: 2, Custodians: []string{"carl", "cora"}, Most: 3, Longest: time.Minute},
	} {
		if got := a.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestApprovalsOfAPolicyAreACopy: a policy is immutable.
func TestApprovalsOfAPolicyAreACopy(t *testing.T) {
	p := office(t)
	a, asked := p.Approvals()
	if !asked {
		t.Fatal("the office asks for none")
	}
	clear(a.Custodians)
	clear(a.Forms)
	clear(p.Quotas())
	clear(p.Require())
	clear(p.Versions())
	clear(p.Containers())
	if !reflect.DeepEqual(p, office(t)) {
		t.Error("a change of what was handed out changed the policy")
	}
	if _, asked := (Policy{}).Approvals(); asked {
		t.Error("the zero policy asks for approvals")
	}
}
