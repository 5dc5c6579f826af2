package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

const testPath = admin.PathEntries + "/k/policy/test"

// refusedAnswer is what a daemon says of a use outside the hours.
func refusedAnswer() admin.PolicyAnswer {
	after := applianceTime.Add(22 * time.Hour)
	return admin.PolicyAnswer{
		Entry: "k", PolicyRev: 3, Engine: 3, At: applianceTime, Local: "2026-11-22T18:00:00+08:00", Zone: "Asia/Shanghai",
		UID: 20001, GIDs: []uint32{20001, 997}, Operation: "digest", Algorithm: "SM2-SM3", Purpose: "contract", Rules: []admin.RuleVerdict{
			{Rule: "callers", Pass: true, Why: "uid 20001 is user oa"},
			{Rule: "hours", Reason: "outside_hours", Code: 208, Why: strings.Repeat("Sunday 18:00 is outside 08:30-17:30, ", 6), Need: "a time from Monday on", After: &after},
			{Rule: "quotas.day", Reason: "quota", Code: 209, Why: "50 used of 50", Need: "a day with a use left"},
		},
	}
}

func allowedAnswer() admin.PolicyAnswer {
	a := refusedAnswer()
	a.Allowed, a.Rules = true, a.Rules[:1]
	return a
}

func TestATrialShowsQuestionRulesAndAnswer(t *testing.T) {
	a := newAppliance(t)
	a.answer[testPath] = refusedAnswer()
	got := a.ctl("", "policy", "test", "k", "--caller", "oa", "--at", "2026-11-22T10:00:00Z", "--carries", "doc_id,user_id", "--batch", "7", "--approval", "0123456789abcdef",
		"--operation", "digest", "--algorithm", "SM2-SM3", "--purpose", "contract", "--seal-version", "v4", "--container", "ofd")
	got.want(t, exitLater, "rev. 3", "2026-11-22T18:00:00+08:00 (Asia/Shanghai)", "oa, uid 20001, groups 20001 997", "doc_id, user_id", "0123456789abcdef",
		"passes", "uid 20001 is user oa", "REFUSES", "Sunday 18:00 is outside", "50 used of 50",
		"refused, code 208 outside_hours, rule hours", "a time from Monday on", "try again after 2026-11-23 16:00:00 +08:00", "this would be refused: the policy does not allow use at this hour", "signetctl policy show k")
	for line := range strings.Lines(got.out + got.err) {
		if screen.Width(strings.TrimSuffix(line, "\n")) > screen.Columns {
			t.Errorf("too wide: %q", line)
		}
	}
	if n := strings.Count(strings.Join(strings.Fields(got.out), " "), "Sunday 18:00 is outside 08:30-17:30,"); n != 6 {
		t.Errorf("what was compared is cut:\n%s", got.out)
	}
	at, want := applianceTime, admin.PolicyQuestion{
		User: "oa", Operation: "digest", Algorithm: "SM2-SM3", Purpose: "contract", Version: "v4", Container: "ofd", Carries: []string{"doc_id", "user_id"}, Batch: 7, Approval: "0123456789abcdef",
	}
	want.At = &at
	if !reflect.DeepEqual(a.questions, []admin.PolicyQuestion{want}) {
		t.Errorf("asked %+v, want %+v", a.questions, want)
	}
	a.ctl("zh_CN.UTF-8", "policy", "test", "k").want(t, exitLater, "应用系统账户", "拒绝，代码 208 outside_hours，规则 hours", "会被拒绝：当前时间不在允许用印的时段内")
	allowed := allowedAnswer()
	allowed.GIDs = nil
	a.answer[testPath] = allowed
	a.ctl("", "policy", "test", "k", "--caller", "20001").want(t, exitOK, "uid 20001, groups none", "answer", "allowed")
	if q := a.questions[len(a.questions)-1]; q.UID == nil || *q.UID != 20001 || q.User != "" || q.At != nil || q.Carries == nil || q.Batch != 1 {
		t.Errorf("asked %+v", q)
	}
}

// A script reads the answer from standard output and the status, whatever was
// wrong: what a caller mends by asking otherwise is refused for good here too.
func TestATrialTellsScripts(t *testing.T) {
	later := applianceTime.Add(time.Hour)
	for name, c := range map[string]struct {
		verdict admin.RuleVerdict
		status  int
	}{
		"a batch":            {admin.RuleVerdict{Rule: "batch", Code: 107, Reason: "batch_too_large"}, exitRefused},
		"a stranger":         {admin.RuleVerdict{Rule: "callers", Code: 201, Reason: "not_a_caller"}, exitRefused},
		"a lifetime's quota": {admin.RuleVerdict{Rule: "quotas.lifetime", Code: 209, Reason: "quota"}, exitRefused},
		"a day's quota":      {admin.RuleVerdict{Rule: "quotas.day", Code: 209, Reason: "quota", After: &later}, exitLater},
		"an approval":        {admin.RuleVerdict{Rule: "approvals", Code: 211, Reason: "approval_needed"}, exitLater},
		"a container":        {admin.RuleVerdict{Rule: "containers", Code: 226, Reason: "container"}, exitRefused},
	} {
		a := newAppliance(t)
		answer := refusedAnswer()
		answer.Rules = []admin.RuleVerdict{{Rule: "clock", Pass: true}, c.verdict}
		a.answer[testPath] = answer
		got := a.ctl("", "policy", "test", "k", "--json")
		var out admin.PolicyAnswer
		if err := json.Unmarshal([]byte(got.out), &out); err != nil || !reflect.DeepEqual(out, answer) || got.status != c.status {
			t.Errorf("%s: status %d, want %d; %v\n%s", name, got.status, c.status, err, got.out)
		}
		var said struct {
			Error admin.Error
			Exit  int
		}
		if err := json.Unmarshal([]byte(got.err), &said); err != nil || said.Exit != c.status || said.Error.Code != c.verdict.Code || said.Error.Rule != c.verdict.Rule {
			t.Errorf("%s: on standard error %s", name, got.err)
		}
	}
}

func TestAnAnswerThatContradictsItselfIsNone(t *testing.T) {
	for name, edit := range map[string]func(*admin.PolicyAnswer){
		"allowed, and a rule refuses": func(a *admin.PolicyAnswer) { a.Allowed = true },
		"refused by nothing":          func(a *admin.PolicyAnswer) { a.Rules = a.Rules[:1] },
		"allowed by nothing":          func(a *admin.PolicyAnswer) { a.Allowed, a.Rules = true, nil },
	} {
		a := newAppliance(t)
		answer := refusedAnswer()
		edit(&answer)
		a.answer[testPath] = answer
		if got := a.ctl("", "policy", "test", "k"); got.status != exitUnexpected {
			t.Errorf("%s: status %d", name, got.status)
		}
	}
}

const zonedPolicy = `callers = { users = [20001] }
operations = ["digest"]
algorithms = ["SM2-SM3"]
purposes = ["contract"]
zone = "Europe/Berlin"
hours = ["08:00-18:00"]
`

// A time without an offset is by the clock of the policy that is tried.
func TestTimesAreByThePolicysClock(t *testing.T) {
	a := newAppliance(t)
	a.answer[testPath] = allowedAnswer()
	a.answer[admin.PathEntries+"/k/policy"] = admin.Policy{Entry: "k", Rev: 3, Text: strings.Replace(zonedPolicy, "Europe/Berlin", "Asia/Shanghai", 1)}
	file := writeFile(t, "p.toml", zonedPolicy)
	for _, c := range []struct{ file, at, want string }{
		{"", "2026-11-22 08:00", "2026-11-22T00:00:00Z"},
		{"", "2026-11-22T08:00:30", "2026-11-22T00:00:30Z"},
		{"", "2026-11-22T08:00:00+01:00", "2026-11-22T07:00:00Z"},
		{file, "2026-11-22T08:00", "2026-11-22T07:00:00Z"},
		{file, "2026-07-22 08:00:00", "2026-07-22T06:00:00Z"},
	} {
		args := []string{"policy", "test", "k", "--at", c.at}
		if c.file != "" {
			args = append(args, c.file)
		}
		a.ctl("", args...).want(t, exitOK)
		q := a.questions[len(a.questions)-1]
		if got := q.At.UTC().Format(time.RFC3339); got != c.want || (c.file != "") != (q.Text == zonedPolicy) {
			t.Errorf("%s of %s is %s, want %s", c.at, c.file, got, c.want)
		}
	}
	asked := len(a.questions)
	for at, want := range map[string]string{
		"2026-03-29 02:30": "never shows that", "2026-10-25 02:30": "want 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00", "soon": "want RFC 3339", "2026-11-31 08:00": "want RFC 3339",
	} {
		a.ctl("", "policy", "test", "k", file, "--at", at).want(t, exitUsage, want)
	}
	bare := writeFile(t, "p.toml", goodPolicy)
	a.ctl("", "policy", "test", "k", bare, "--at", "2026-11-22 08:00").want(t, exitUsage, "names no zone")
	if len(a.questions) != asked {
		t.Error("a time that nobody can tell was asked with")
	}
}

func TestInstantsOfAReading(t *testing.T) {
	for _, c := range []struct {
		zone, reading string
		want          []string
	}{
		{"Pacific/Apia", "2011-12-30 12:00:00", nil}, // a day that was skipped
		{"Pacific/Apia", "2011-12-31 00:00:00", []string{"2011-12-30T10:00:00Z"}},
		{"Australia/Lord_Howe", "2026-04-05 01:45:00", []string{"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"}},
		{"Asia/Kathmandu", "2026-11-22 08:00:00", []string{"2026-11-22T02:15:00Z"}},
		{"UTC", "2026-11-22 08:00:00", []string{"2026-11-22T08:00:00Z"}},
	} {
		place, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		reading, err := time.Parse(time.DateTime, c.reading)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, at := range instantsShowing(reading, place) {
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s in %s is %v, want %v", c.reading, c.zone, got, c.want)
		}
	}
}

// widerPolicy has one purpose more, narrowerPolicy one bound more.
var (
	widerPolicy    = strings.Replace(goodPolicy, `["contract"]`, `["contract", "invoice"]`, 1)
	narrowerPolicy = goodPolicy + "batch = 3\n"
)

// withPolicy gives entry k a policy.
func (a *appliance) withPolicy(text string, stale ...string) {
	a.answer[admin.PathEntries+"/k"] = admin.Entry{ID: "k", Class: "key", Status: "active", PolicyRev: 3}
	a.answer[admin.PathEntries+"/k/policy"] = admin.Policy{Entry: "k", Rev: 3, Text: text, Stale: stale}
}

func TestDiffSaysWhatWidensAndWhoSigns(t *testing.T) {
	a := newAppliance(t)
	a.withOfficers(1)
	a.withPolicy(goodPolicy)
	wide, narrow, same := writeFile(t, "w.toml", widerPolicy), writeFile(t, "n.toml", narrowerPolicy), writeFile(t, "s.toml", "# by li\n"+goodPolicy)
	a.ctl("", "policy", "diff", "k", wide).want(t, exitOK, "WIDENS", "purposes", "invoice", "set a policy (policy.set)", "2 × security officer")
	a.ctl("", "policy", "diff", "k", narrow).want(t, exitOK, "narrows", "batch", "256", "narrow a policy (policy.narrow)", "1 × security officer")
	a.answer[admin.PathEntries+"/k"] = admin.Entry{ID: "k", Custodians: []string{"cora", "dan"}}
	a.ctl("", "policy", "diff", "k", narrow).want(t, exitOK, "1 × security officer, or 1 × custodian (cora, dan)")
	a.ctl("", "policy", "diff", "k", same).want(t, exitOK, "no change", "policy.narrow")
	a.ctl("zh_CN.UTF-8", "policy", "diff", "k", wide).want(t, exitOK, "放宽", "安全管理员")
	got := a.ctl("", "policy", "diff", "k", wide, "--json")
	if want := `{"changes":[{"key":"purposes","direction":"widens","old":"","new":"invoice"}],"stale":[],"kind":"policy.set","signed_by":"2 × security officer"}` + "\n"; got.out != want {
		t.Errorf("as JSON it is %s, want %s", got.out, want)
	}
	a.withPolicy(goodPolicy, "user oa (20001): has id 20002 now")
	a.ctl("", "policy", "diff", "k", narrow).want(t, exitOK, "WIDENS", "has id 20002", "policy.set")
	delete(a.answer, admin.PathEntries+"/k/policy")
	a.fault[admin.PathEntries+"/k/policy"] = protocol.NewError(protocol.UnknownEntry, "no policy yet").WithField("policy")
	a.ctl("", "policy", "diff", "k", narrow).want(t, exitOK, "WIDENS", "callers.users", "policy.set")
	delete(a.fault, admin.PathEntries+"/k/policy")
	a.ctl("", "policy", "diff", "k", narrow).want(t, exitNotFound)

	none := &appliance{dir: t.TempDir(), t: t} // two files are compared without a daemon
	none.ctl("", "policy", "diff", narrow, wide).want(t, exitOK, "WIDENS", "batch", "the threshold of security officer")
	none.ctl("", "policy", "diff", wide, narrow).want(t, exitOK, "policy.narrow", "1 × security officer")
	none.ctl("", "policy", "diff", "/nowhere/p", wide).want(t, exitUsage, "there is no file")
	names := a.answer[admin.PathOfficers].(admin.Officers)
	names.Authority = "development"
	a.answer[admin.PathOfficers] = names
	a.withPolicy(goodPolicy)
	a.ctl("", "policy", "diff", "k", wide).want(t, exitOK, "nobody: acts are taken")
}

// What only narrows takes one person, so it is an act of a kind of its own.
func TestTheKindOfAPolicysActFollowsFromWhatItChanges(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		stale []string
		flags string
		want  authority.Kind
	}{
		"widens":           {widerPolicy, nil, "", authority.PolicySet},
		"narrows":          {narrowerPolicy, nil, "", authority.PolicyNarrow},
		"the same":         {goodPolicy, nil, "", authority.PolicyNarrow},
		"asked for":        {narrowerPolicy, nil, "--wide", authority.PolicySet},
		"somebody else by": {narrowerPolicy, []string{"user oa"}, "", authority.PolicySet},
	} {
		a := newAppliance(t)
		a.withPolicy(goodPolicy, c.stale...)
		args := append([]string{"policy", "set", "k", writeFile(t, "p.toml", c.text)}, strings.Fields(c.flags)...)
		a.ctl("", args...).want(t, exitOK, string(c.want)+" k: done")
		if act := actOf(t, a.acts[0]); act.Kind != c.want {
			t.Errorf("%s: kind %s, want %s", name, act.Kind, c.want)
		}
	}
	a := newAppliance(t)
	a.withPolicy(goodPolicy)
	a.fault[admin.PathActs] = protocol.NewError(protocol.IllegalTransition, "the policy does not only narrow the one in force")
	a.ctl("", "policy", "set", "k", writeFile(t, "p.toml", narrowerPolicy)).want(t, exitConflict, "does not only narrow", "--wide")
	// Who may bring acts and not read: the daemon judges.
	a = newAppliance(t)
	for _, path := range []string{"/k", "/k/policy"} {
		a.fault[admin.PathEntries+path] = protocol.NewError(protocol.RoleRefused, "")
	}
	a.ctl("", "policy", "set", "k", writeFile(t, "p.toml", narrowerPolicy)).want(t, exitOK, "policy.set k: done")
}

func TestAPolicyThatAllowsNobodyIsRefusedUnlessMeant(t *testing.T) {
	a := newAppliance(t)
	a.withPolicy(goodPolicy)
	nobody := writeFile(t, "p.toml", strings.Replace(goodPolicy, `["contract"]`, `[]`, 1))
	stamp := writeFile(t, "s.toml", strings.Replace(goodPolicy, `"digest"`, `"stamp"`, 1))
	a.ctl("", "policy", "set", "k", nobody).want(t, exitUsage, "would allow nobody", "purposes", "--nobody")
	a.ctl("", "policy", "set", "k", stamp).want(t, exitUsage, "operations") // of an entry of class key
	a.ctl("zh_CN.UTF-8", "policy", "set", "k", nobody).want(t, exitUsage, "不会允许任何人")
	a.ctl("", "policy", "set", "k", writeFile(t, "g.toml", goodPolicy), "--nobody").want(t, exitUsage, "leave --nobody out")
	if len(a.acts) != 0 {
		t.Fatalf("%d acts were handed in", len(a.acts))
	}
	a.ctl("", "policy", "set", "k", nobody, "--nobody").want(t, exitOK)
	var content authority.SetPolicy
	if err := authority.ParseContent([]byte(a.acts[0].Content), &content); err != nil || !content.Nobody {
		t.Errorf("content is %+v, %v", content, err)
	}
}

// Every officer who signs sees what widens, not the first one alone.
func TestWhoSignsAPolicySeesWhatItChanges(t *testing.T) {
	a, li, wang := newAppliance(t), newPerson(t, 1, ""), newPerson(t, 2, "")
	a.withOfficers(2)
	a.withPolicy(goodPolicy)
	file := writeFile(t, "p.toml", widerPolicy)
	seen := []string{"what it changes of the policy in force", "WIDENS", "invoice"}
	a.ctl("", "policy", "set", "k", file, "--plan").want(t, exitOK, append(seen, "as it is now")...)
	first := a.ctl("", "policy", "set", "k", file, "--sign", li.file, "--yes")
	first.want(t, exitMore, seen...)
	if strings.Contains(first.out, "WIDENS") {
		t.Errorf("what is signed is shown on standard output:\n%s", first.out)
	}
	nonce := actOf(t, a.acts[0]).Nonce
	a.ctl("", "act", "show", nonce).want(t, exitOK, seen...)
	a.ctl("zh_CN.UTF-8", "act", "show", nonce).want(t, exitOK, "相对于现行用印策略的变更", "放宽")
	// In an emptier policy of the same name more widens: it is held to the one
	// in force now.
	a.withPolicy(strings.Replace(goodPolicy, `["contract"]`, `["tender"]`, 1))
	a.ctl("", "act", "sign", nonce, "--sign", wang.file, "--yes").want(t, exitOK, append(seen, "tender")...)
	// An officer elsewhere signs what is written whole, and is told.
	act := writeFile(t, "a.act", mustFormat(t, a.acts[0]))
	none := &appliance{dir: t.TempDir(), t: t}
	none.ctl("", "act", "show", act).want(t, exitOK, "invoice", "not compared with the policy in force")
	none.ctl("", "act", "sign", act, "--sign", wang.file, "--yes").want(t, exitOK, "not compared with the policy in force")
}

func mustFormat(t *testing.T, r admin.ActRequest) string {
	t.Helper()
	data, err := deed{request: r}.format()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// An account that does not exist is found by signetd alone: the file is to be
// mended, not the command line.
func TestAnAccountThatDoesNotExistIsAFaultOfTheFile(t *testing.T) {
	a := newAppliance(t)
	a.withPolicy(goodPolicy)
	a.fault[admin.PathActs] = protocol.NewError(protocol.Malformed, "policy: line 1: no user oa\nline 2: no group clerks")
	file := writeFile(t, "p.toml", narrowerPolicy)
	a.ctl("", "policy", "set", "k", file).want(t, exitUsage, "\n  line 2: no group clerks\n", "next: mend the file, then: signetctl policy set k "+file)
	a.ctl("zh_CN.UTF-8", "policy", "set", "k", file, "--json").want(t, exitUsage, `"next":"signetctl policy set k `+file+`"`)
	a.fault[testPath] = protocol.NewError(protocol.Malformed, "resolving user oa").WithField("text")
	a.ctl("", "policy", "test", "k", file).want(t, exitUsage, "next: mend the file, then: signetctl policy set k "+file)
	a.fault[testPath] = protocol.NewError(protocol.Malformed, "missing: the policy names no user").WithField("user")
	a.ctl("", "policy", "test", "k").want(t, exitUsage, "next: signetctl policy test k --caller NAME")
}

func TestATrialOfAnApprovalThatWaitsSaysWhereToLook(t *testing.T) {
	a := newAppliance(t)
	answer := refusedAnswer()
	answer.Rules = []admin.RuleVerdict{{Rule: "approvals", Code: 211, Reason: "approval_needed"}}
	a.answer[testPath] = answer
	a.ctl("", "policy", "test", "k").want(t, exitLater, "next: signetctl approval request k --help")
	a.ctl("", "policy", "test", "k", "--approval", "0123456789abcdef").want(t, exitLater, "next: signetctl approval show 0123456789abcdef")
}

// A time without a zone of its own is UTC's, and says so.
func TestATrialWithoutAZoneIsInUTC(t *testing.T) {
	a := newAppliance(t)
	answer := refusedAnswer()
	answer.Zone, answer.Local = "", ""
	a.answer[testPath] = answer
	a.ctl("", "policy", "test", "k").want(t, exitLater, "2026-11-22T10:00:00Z", "try again after 2026-11-23 08:00:00 +00:00")
}

func TestADiffOfApprovalsIsInTheReadersLanguage(t *testing.T) {
	none := &appliance{dir: t.TempDir(), t: t}
	asks := "[approvals]\npersons = 2\nforms = [\"document\", \"digests\"]\nmost = 9\nlongest = \"24h\"\n"
	free, asking := writeFile(t, "f.toml", goodPolicy), writeFile(t, "a.toml", goodPolicy+asks)
	listed := writeFile(t, "l.toml", goodPolicy+asks+"custodians = [\"cora\", \"dan\"]\n")
	none.ctl("", "policy", "diff", free, asking).want(t, exitOK, "granted by 2 of: every custodian of the entry; for document, digests;", "uses at most 9", "24h")
	none.ctl("zh_CN.UTF-8", "policy", "diff", asking, listed).want(t, exitOK, "条目的每位印章保管人", "cora, dan")
	got := none.ctl("zh_CN.UTF-8", "policy", "diff", free, asking)
	got.want(t, exitOK, "须由以下人员中 2 人授权：条目的每位印章保管人", "文件, 待签值")
	if strings.Contains(got.out, "granted by") {
		t.Errorf("it says in English\n%s", got.out)
	}
	none.ctl("zh_CN.UTF-8", "policy", "diff", free, asking, "--json").want(t, exitOK, "granted by", `"signed_by":"1 × security officer, or 1 × custodian"`)
}

func TestADiffThatLeavesNoCallerSaysWhyItNarrows(t *testing.T) {
	none := &appliance{dir: t.TempDir(), t: t}
	nobody := strings.Replace(widerPolicy, "users = [20001]", "users = []", 1)
	if nobody == widerPolicy {
		t.Fatal("the policy of these tests is written otherwise")
	}
	none.ctl("", "policy", "diff", writeFile(t, "a.toml", goodPolicy), writeFile(t, "b.toml", nobody)).want(t, exitOK, "WIDENS", "no caller is left", "policy.narrow")
}

func TestPolicyShowsTheQuotasOfEachCaller(t *testing.T) {
	a := newAppliance(t)
	a.withPolicy(strings.Replace(zonedPolicy, "Europe/Berlin", "Asia/Shanghai", 1) + "[quotas]\nday = 50\n[quotas.per_caller]\nday = 20\nhour = 5\n")
	answer := a.answer[admin.PathEntries+"/k/policy"].(admin.Policy)
	end := applianceTime.Add(6 * time.Hour)
	answer.Usage = []admin.UsageItem{{Rule: "quotas.day", Spent: 49, Limit: 50, End: &end}}
	a.answer[admin.PathEntries+"/k/policy"] = answer
	a.ctl("", "policy", "show", "k").want(t, exitOK, "until 2026-11-23 00:00:00 +08:00", "quotas.per_caller.day", "at most 20 of each caller", "at most 5 of each caller", "signetctl policy test k --caller NAME")
}

func TestPolicyShowsHowFarItsQuotasAre(t *testing.T) {
	a := newAppliance(t)
	a.withPolicy(goodPolicy)
	end := applianceTime.Add(6 * time.Hour)
	answer := a.answer[admin.PathEntries+"/k/policy"].(admin.Policy)
	answer.Usage = []admin.UsageItem{{Rule: "quotas.day", Spent: 49, Reserved: 1, Limit: 50, End: &end}, {Rule: "quotas.lifetime", Unknown: true, Limit: 9}}
	a.answer[admin.PathEntries+"/k/policy"] = answer
	got := a.ctl("", "policy", "show", "k")
	got.want(t, exitOK, "quotas.day", "49 used, 1 being signed, of 50, until 2026-11-22", "quotas.lifetime", "counts as full")
	if got.out != goodPolicy {
		t.Errorf("standard output is %q", got.out)
	}
}
