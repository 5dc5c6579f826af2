package main

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

func contentPath(hash string) string { return admin.PathContents + "/" + hash }

// keep has the appliance answer a content by its hash, which it returns.
func (a *appliance) keep(content string) string {
	hash := authority.ContentHash([]byte(content))
	a.answer[contentPath(hash)] = admin.Content{Hash: hash, Content: content}
	return hash
}

// recordAct appends the event of an act with that content_sha.
func (a *appliance) recordAct(kind authority.Kind, hash string, result audit.Result) {
	a.t.Helper()
	raw, err := authority.Act{
		V: authority.ActVersion, Appliance: applianceID, Kind: kind, Target: "contract", ContentSHA: hash,
		Nonce: strings.Repeat("0", 32), NotAfter: "2026-11-22T11:00:00Z", LogSize: 1, LogRoot: strings.Repeat("ab", 32),
	}.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	e := audit.Event{Kind: audit.KindAct, Op: string(kind), Act: string(raw), Role: "unsigned", Result: result}
	if kind == authority.Init {
		e.Kind = audit.KindGenesis
	}
	a.record(e)
}

func canonicalText(t *testing.T, v any) string {
	t.Helper()
	data, err := canonical.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// contentOf is what log show says below the event, each line without blanks
// at its ends.
func contentOf(out string) string {
	_, below, _ := strings.Cut(out, "leaf hash")
	_, below, _ = strings.Cut(below, "\n")
	var lines []string
	for line := range strings.Lines(below) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestActIsShownWithWhatItBinds(t *testing.T) {
	heading := msgContent.en + "\n"
	for name, c := range map[string]struct {
		kind    authority.Kind
		content any
		want    string
		zh      string
	}{
		"init": {authority.Init, authority.Genesis{Appliance: "box", Authority: authority.Development, Crypto: "gm", Deployment: "owner"},
			"appliance box\nauthority development\ncrypto gm\ndeployment owner", "密码算法"},
		"key":              {authority.KeyCreate, authority.CreateKey{Type: "SM2", Token: "seals", Title: "合同"}, "key SM2\ntoken seals\ntitle 合同", "合同"},
		"key, no title":    {authority.KeyCreate, authority.CreateKey{Type: "SM2", Token: "seals"}, "key SM2\ntoken seals", "令牌"},
		"suspend":          {authority.EntrySuspend, authority.Suspend{Basis: "laptop lost"}, "why laptop lost", "理由"},
		"resume":           {authority.EntryResume, authority.Resume{}, "hold lifted the only one", "唯一的一条"},
		"resume one":       {authority.EntryResume, authority.Resume{Hold: 3}, "hold lifted 3", "解除的停用事由"},
		"policy":           {authority.PolicySet, authority.SetPolicy{Text: "# 合同\n\npurposes = [\"contract\"]\n"}, msgContentPolicy.en + "\n# 合同\n\npurposes = [\"contract\"]", "用印策略正文"},
		"nobody":           {authority.PolicySet, authority.SetPolicy{Text: "# none\n", Nobody: true}, msgContentNobody.en + "\n" + msgContentPolicy.en + "\n# none", "意在不允许任何人"},
		"narrow":           {authority.PolicyNarrow, authority.SetPolicy{Text: "# less\n"}, msgContentPolicy.en + "\n# less", "用印策略正文"},
		"grant":            {authority.ApprovalGrant, authority.GrantApproval{Approval: "0123456789abcdef", Request: "ab"}, "approval 0123456789abcdef\nrequest SM3 ab\nuses as many as were asked for", "与请求相同"},
		"grant less":       {authority.ApprovalGrant, authority.GrantApproval{Approval: "0123456789abcdef", Request: "ab", Count: 2, Until: "2026-11-23T10:00:00Z"}, "approval 0123456789abcdef\nrequest SM3 ab\nuses 2\nuntil 2026-11-23T10:00:00Z", "截止"},
		"deny":             {authority.ApprovalDeny, authority.EndApproval{Approval: "0123456789abcdef", Request: "ab", Basis: "draft"}, "approval 0123456789abcdef\nrequest SM3 ab\nwhy draft", "理由"},
		"revoke":           {authority.ApprovalRevoke, authority.EndApproval{Approval: "0123456789abcdef", Request: "ab", Basis: "draft"}, "approval 0123456789abcdef\nrequest SM3 ab\nwhy draft", "理由"},
		"activate":         {authority.EntryActivate, authority.Nothing{}, msgContentNothing.en, "无其他内容"},
		"a newer kind":     {"seal.melt", map[string]string{"heat": "800"}, msgContentUnknown.en + "\n" + `{"heat":"800"}`, "原样列出"},
		"a newer form":     {authority.EntrySuspend, map[string]string{"basis": "lost", "until": "noon"}, msgContentUnknown.en + "\n" + `{"basis":"lost","until":"noon"}`, "原样列出"},
		"another's by act": {authority.EntryResume, authority.Suspend{Basis: "lost"}, msgContentUnknown.en + "\n" + `{"basis":"lost"}`, "原样列出"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			a.recordAct(c.kind, a.keep(canonicalText(t, c.content)), audit.Allowed)
			got := a.ctl("", "log", "show", "0")
			got.want(t, exitOK, "leaf hash")
			if below := contentOf(got.out); below != heading+c.want {
				t.Errorf("log show says\n%s\nwant\n%s", below, heading+c.want)
			}
			a.ctl("zh_CN.UTF-8", "log", "show", "0").want(t, exitOK, "管理指令内容", c.zh)
			if got := a.ctl("", "log", "show", "0", "--json"); got.out != a.lines[0]+"\n" || got.err != "" {
				t.Errorf("as JSON it is %q, %q, want the leaf alone", got.out, got.err)
			}
		})
	}
}

// A daemon that gives another content than the act binds is found out, and
// what it gave is not shown.
func TestContentThatIsNotTheActsIsNotShown(t *testing.T) {
	a := newAppliance(t)
	hash := a.keep(`{"basis":"lost"}`)
	for name, given := range map[string]admin.Content{
		"another why":        {Hash: hash, Content: `{"basis":"holiday"}`},
		"its own hash":       {Hash: authority.ContentHash([]byte(`{"basis":"holiday"}`)), Content: `{"basis":"holiday"}`},
		"a blank more":       {Hash: hash, Content: `{"basis":"lost"} `},
		"nothing":            {Hash: hash},
		"the hash by itself": {Hash: hash, Content: hash},
	} {
		a.answer[contentPath(hash)] = given
		a.lines = nil
		a.recordAct(authority.EntrySuspend, hash, audit.Allowed)
		for _, lang := range []string{"C", "zh_CN.UTF-8"} {
			got := a.ctl(lang, "log", "show", "0")
			got.want(t, exitVerification, "SM3", hash)
			if strings.Contains(got.out+got.err, "holiday") || strings.Contains(got.out, msgContent.en) {
				t.Errorf("%s is shown as the act's:\n%s%s", name, got.out, got.err)
			}
		}
	}
}

func TestContentThatIsNotThereIsSaid(t *testing.T) {
	a := newAppliance(t)
	hash := strings.Repeat("1", 64)
	a.recordAct(authority.EntrySuspend, hash, audit.Refused)
	a.recordAct(authority.EntrySuspend, hash, audit.Failed)
	a.recordAct(authority.EntrySuspend, hash, audit.Allowed)
	a.record(audit.Event{Kind: audit.KindAct, Act: `{"kind":"key.create"}`, Result: audit.Allowed})
	a.ctl("", "log", "show", "0").want(t, exitOK, "leaf hash", msgContentNotKept.en)
	a.ctl("", "log", "show", "1").want(t, exitOK, "leaf hash", msgContentNotKept.en)
	a.ctl("zh_CN.UTF-8", "log", "show", "0").want(t, exitOK, msgContentNotKept.zh)
	// An act that took effect has its content: that it is gone is no detail.
	a.ctl("", "log", "show", "2").want(t, exitNotFound, "leaf hash", "event 2", hash)
	a.ctl("", "log", "show", "3").want(t, exitUnexpected, "leaf hash", "event 3", "not in a form")
}

func testTranscript(evil string) hsm.Transcript {
	t := hsm.Transcript{
		Token: "seals", Module: "/usr/lib/m.so" + evil, ModuleSHA256: "ab", Manufacturer: "Maker", Model: "One", Serial: "7", Firmware: "1.2", Profile: "sansec",
		KeyType: "SM2", Mechanism: "0x1", Label: "contract.0000", ID: "0102", PublicKey: []byte{1},
	}
	t.Add("CKA_EXTRACTABLE of the private key", "false"+evil, hsm.Held)
	t.Add("C_WrapKey", "no wrapping key", hsm.NotTried)
	t.Add("a step of a newer version"+evil, "x", hsm.Outcome("sealed"+evil))
	return t
}

// withTranscript has entry "contract" name a transcript.
func (a *appliance) withTranscript(text string) string {
	hash := a.keep(text)
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", Class: "key", Status: "active", Transcript: hash}
	return hash
}

func transcriptText(t *testing.T, tr hsm.Transcript) string {
	t.Helper()
	data, err := json.Marshal(tr)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTranscriptIsShownIfItIsTheEntrys(t *testing.T) {
	a := newAppliance(t)
	text := transcriptText(t, testTranscript(""))
	hash := a.withTranscript(text)
	a.ctl("", "key", "show", "contract", "--transcript").want(t, exitOK, "Maker One", "sansec", "contract.0000",
		"CKA_EXTRACTABLE of the private key: false  (held)", "C_WrapKey: no wrapping key  (not tried)", "a step of a newer version: x  (sealed)")
	a.ctl("zh_CN.UTF-8", "key", "show", "contract", "--transcript").want(t, exitOK, "(符合要求)", "(未能检查)")
	if got := a.ctl("", "key", "show", "contract", "--transcript", "--json"); got.out != text+"\n" {
		t.Errorf("as JSON it is %q, want %q", got.out, text)
	}
	a.answer[contentPath(hash)] = admin.Content{Hash: hash, Content: strings.Replace(text, `"false"`, `"true"`, 1)}
	got := a.ctl("", "key", "show", "contract", "--transcript")
	got.want(t, exitVerification, hash)
	if got.out != "" {
		t.Errorf("another transcript is shown: %s", got.out)
	}
	if got := a.ctl("", "key", "show", "contract", "--transcript", "--json"); got.out != "" || got.status != exitVerification {
		t.Errorf("another transcript is shown as JSON: %d %s", got.status, got.out)
	}
	delete(a.answer, contentPath(hash))
	a.ctl("", "key", "show", "contract", "--transcript").want(t, exitNotFound, hash)
	a.withTranscript("no JSON")
	a.ctl("", "key", "show", "contract", "--transcript").want(t, exitUnexpected, "none that this program reads")
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", Class: "key"}
	a.ctl("", "key", "show", "contract", "--transcript").want(t, exitNotFound, "names no transcript")
}

// What hsm writes this program reads, by the same names.
func TestTranscriptHasTheFieldsOfTheCeremony(t *testing.T) {
	for _, pair := range [][2]reflect.Type{
		{reflect.TypeFor[hsm.Transcript](), reflect.TypeFor[transcript]()},
		{reflect.TypeFor[hsm.Step](), reflect.TypeFor[step]()},
	} {
		read := map[string]bool{}
		for f := range pair[1].Fields() {
			read[f.Tag.Get("json")] = true
		}
		for f := range pair[0].Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !read[name] && name != "public_key" { // of which a step has the hex
				t.Errorf("%v has %s, which is not shown", pair[0], name)
			}
			delete(read, name)
		}
		for name := range read {
			t.Errorf("%v has no %s", pair[0], name)
		}
	}
}

// Somebody typed the reason, the policy, the title: none drives a terminal,
// and none passes for a line of the event.
func TestNoContentDrivesTheTerminal(t *testing.T) {
	evil := "a\x1b]0;pwned\a\u009b2J\u202e\nleaf hash forged\rover\tx"
	a := newAppliance(t)
	for _, c := range []struct {
		kind    authority.Kind
		content any
	}{
		{authority.Init, authority.Genesis{Appliance: evil, Authority: authority.Regime(evil), Crypto: evil, Deployment: evil}},
		{authority.KeyCreate, authority.CreateKey{Type: evil, Token: evil, Title: evil}},
		{authority.EntrySuspend, authority.Suspend{Basis: evil}},
		{authority.PolicySet, authority.SetPolicy{Text: evil}},
		{authority.ApprovalGrant, authority.GrantApproval{Approval: evil, Request: evil, Until: evil}},
		{authority.ApprovalDeny, authority.EndApproval{Approval: evil, Request: evil, Basis: evil}},
		{authority.KeyAdopt, authority.AdoptKey{Token: evil, ID: evil, Title: evil, Owner: evil}},
		{authority.CertRequest, authority.RequestCert{Subject: evil}},
		{authority.CertImport, authority.ImportCert{Answer: evil}},
		{authority.OfficerChange, authority.ChangeOfficers{Remove: []string{evil}, Set: []authority.Officer{{ID: evil, Name: evil, Role: authority.Custodian,
			Keys: []authority.Key{{Form: "ssh", Value: evil}}, Entries: []string{evil}, Owner: evil}}}},
		{"seal.melt", evil},
	} {
		a.recordAct(c.kind, a.keep(canonicalText(t, c.content)), audit.Allowed)
	}
	a.recordAct("seal.melt", a.keep(evil), audit.Allowed)
	a.withTranscript(transcriptText(t, testTranscript(evil)))
	commands := []string{"key show contract --transcript"}
	for i := range a.lines {
		commands = append(commands, "log show "+strconv.Itoa(i))
	}
	for _, command := range commands {
		for _, lang := range []string{"C", "zh_CN.UTF-8"} {
			got := a.ctl(lang, strings.Fields(command)...)
			got.want(t, exitOK, `\u001b`)
			forged := 0
			for line := range strings.Lines(got.out + got.err) {
				line = strings.TrimSuffix(line, "\n")
				if screen.Clean(line) != line || screen.Width(line) > screen.Columns {
					t.Errorf("%s wrote %q", command, line)
				}
				if strings.HasPrefix(line, "leaf hash forged") {
					forged++
				}
			}
			if forged != 0 {
				t.Errorf("%s let a line of the event be forged:\n%s", command, got.out)
			}
		}
	}
}

// FuzzShowContent: whatever an act binds can be shown, and nothing of it
// reaches the terminal raw.
func FuzzShowContent(f *testing.F) {
	kinds := []authority.Kind{"seal.melt"}
	for _, rule := range authority.Rules() {
		kinds = append(kinds, rule.Kind)
	}
	f.Fuzz(func(t *testing.T, content string) {
		for _, kind := range kinds {
			var out strings.Builder
			p := newProgram(nil, &out, &out, func(string) string { return "" })
			if err := p.showContent(kind, content); err != nil {
				t.Fatalf("showing %q of %s: %v", content, kind, err)
			}
			var tr transcript
			if json.Unmarshal([]byte(content), &tr) == nil && p.showTranscript(tr) != nil {
				t.Errorf("the transcript %q could not be shown", content)
			}
			for line := range strings.Lines(out.String()) {
				if line = strings.TrimSuffix(line, "\n"); screen.Clean(line) != line {
					t.Errorf("%q of %s is shown as %q", content, kind, line)
				}
			}
		}
	})
}
