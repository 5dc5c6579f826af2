package main

import (
	"encoding/base64"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

const goodPolicy = `callers    = { users = [20001] }
operations = ["digest"]
algorithms = ["SM2-SM3"]
purposes   = ["contract"]
`

func TestVerbsMakeTheirActs(t *testing.T) {
	policyFile := writeFile(t, "p.toml", goodPolicy)
	change := writeFile(t, "c.toml", `remove = ["li"]`)
	chain, crl := caFiles(t)
	for line, want := range map[string]struct {
		kind    authority.Kind
		target  string
		content any
	}{
		"init --crypto gm":                                  {authority.Init, "", &authority.Genesis{Appliance: "box", Authority: authority.Development, Crypto: "gm", Deployment: "owner"}},
		"init --crypto mixed --deployment hosting":          {authority.Init, "", &authority.Genesis{Appliance: "box", Authority: authority.Development, Crypto: "mixed", Deployment: "hosting"}},
		"key create k --token seals --type SM2 --title 合同":  {authority.KeyCreate, "k", &authority.CreateKey{Type: "SM2", Token: "seals", Title: "合同"}},
		"key create k --token seals --type SM2 --owner o":   {authority.KeyCreate, "k", &authority.CreateKey{Type: "SM2", Token: "seals", Owner: "o"}},
		"key adopt k --token seals --id 0a1b":               {authority.KeyAdopt, "k", &authority.AdoptKey{Token: "seals", ID: "0a1b"}},
		"key adopt k --token s --id 00 --title t --owner o": {authority.KeyAdopt, "k", &authority.AdoptKey{Token: "s", ID: "00", Title: "t", Owner: "o"}},
		"key cancel k --why ended":                          {authority.EntryCancel, "k", &authority.Cancel{Basis: "ended"}},
		"key destroy k --why ended":                         {authority.KeyDestroy, "k", &authority.DestroyKey{Basis: "ended"}},
		"cert request k --subject CN=k,C=CN":                {authority.CertRequest, "k", &authority.RequestCert{Subject: "CN=k,C=CN"}},
		"cert import k " + chain:                            {authority.CertImport, "k", &authority.ImportCert{Answer: encoded(t, chain)}},
		"cert crl " + crl:                                   {authority.CRLImport, "", &authority.ImportCRL{CRL: encoded(t, crl)}},
		"officer change " + change:                          {authority.OfficerChange, "", &authority.ChangeOfficers{Remove: []string{"li"}}},
		"mode clear --accept-older --why lost":              {authority.StoreAccept, "", &authority.AcceptStore{Size: 3, Root: strings.Repeat("ab", 32), Basis: "lost"}},
		"key activate k":                                    {authority.EntryActivate, "k", &authority.Nothing{}},
		"key suspend k --why lost":                          {authority.EntrySuspend, "k", &authority.Suspend{Basis: "lost"}},
		"key resume k":                                      {authority.EntryResume, "k", &authority.Resume{}},
		"key resume k --hold 3":                             {authority.EntryResume, "k", &authority.Resume{Hold: 3}},
		"policy set k " + policyFile:                        {authority.PolicySet, "k", &authority.SetPolicy{Text: goodPolicy}},
		"token clear-pin seals":                             {authority.TokenClearPIN, "seals", &authority.Nothing{}},
		"mode clear":                                        {authority.ModeClear, "", &authority.Nothing{}},
		"mode clear --accept-clock":                         {authority.ClockAccept, "", &authority.Nothing{}},
		"mode clear --timeout 5s":                           {authority.ModeClear, "", &authority.Nothing{}},
		"key activate k --json":                             {authority.EntryActivate, "k", &authority.Nothing{}},
	} {
		t.Run(line, func(t *testing.T) {
			a := newAppliance(t)
			a.ctl("", strings.Fields(line)...).want(t, exitOK, "7", string(want.kind))
			if len(a.acts) != 1 {
				t.Fatalf("%d acts were handed in", len(a.acts))
			}
			checkAct(t, a.acts[0], want.kind, want.target)
			got := reflect.New(reflect.TypeOf(want.content).Elem()).Interface()
			if err := authority.ParseContent([]byte(a.acts[0].Content), got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want.content) {
				t.Errorf("content is %+v, want %+v", got, want.content)
			}
		})
	}
}

// caFiles are a chain as a CA sends it, and a list of what it revoked.
func caFiles(t *testing.T) (chain, crl string) {
	t.Helper()
	c, err := ca.New(algo.KeySM2, applianceTime.AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.CRL(ca.List{ThisUpdate: applianceTime, NextUpdate: applianceTime.AddDate(0, 0, 7)})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "chain.pem", strings.TrimSpace(string(ca.PEM(c.Chain()...)))), writeFile(t, "ca.crl", string(list))
}

// encoded is the file as a content has it.
func encoded(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

// checkAct holds an act to all that the daemon checks of it.
func checkAct(t *testing.T, r admin.ActRequest, kind authority.Kind, target string) {
	t.Helper()
	act, err := authority.ParseAct([]byte(r.Act))
	if err != nil {
		t.Fatal(err)
	}
	appliance, size, root := applianceID, uint64(3), strings.Repeat("ab", 32)
	if kind == authority.Init { // there is no log yet
		appliance, size, root = "", 0, ""
	}
	if act.Kind != kind || act.Target != target || act.Appliance != appliance || act.LogSize != size || act.LogRoot != root {
		t.Errorf("act is %+v", act)
	}
	if err := act.CheckContent([]byte(r.Content)); err != nil {
		t.Error(err)
	}
	// The appliance's clock counts, and an hour is left.
	if act.CheckTime(applianceTime) != nil || act.CheckTime(applianceTime.Add(time.Hour+time.Second)) == nil {
		t.Errorf("not_after is %s at %v", act.NotAfter, applianceTime)
	}
	if r.Signatures == nil || len(r.Signatures) != 0 {
		t.Errorf("signatures are %v, want an empty list", r.Signatures)
	}
}

func TestEveryActHasItsOwnNonce(t *testing.T) {
	a := newAppliance(t)
	a.ctl("", "key", "activate", "k").want(t, exitOK)
	a.ctl("", "key", "activate", "k").want(t, exitOK)
	first, err := authority.ParseAct([]byte(a.acts[0].Act))
	if err != nil {
		t.Fatal(err)
	}
	second, err := authority.ParseAct([]byte(a.acts[1].Act))
	if err != nil {
		t.Fatal(err)
	}
	if first.Nonce == second.Nonce {
		t.Errorf("two acts have the nonce %s", first.Nonce)
	}
}

func TestPolicyIsCheckedBeforeItIsSent(t *testing.T) {
	a := newAppliance(t)
	bad := writeFile(t, "bad.toml", "calers = {}\noperations = [\"digst\"]\n")
	a.ctl("", "policy", "set", "k", bad).want(t, exitUsage, "line 1: calers", "line 2: operations[0]", "nothing was sent")
	a.ctl("zh_CN.UTF-8", "policy", "set", "k", bad).want(t, exitUsage, "不是合法的用印策略", "line 2: operations[0]")
	a.ctl("", "policy", "set", "k", writeFile(t, "big", strings.Repeat("#", 1<<17))).want(t, exitUsage, "more than 65536 bytes")
	a.ctl("", "policy", "set", "k", t.TempDir()).want(t, exitUsage, "reading")
	if len(a.acts) != 0 {
		t.Errorf("a bad policy was handed in: %v", a.acts)
	}
	a.ctlWith(t.Context(), "", goodPolicy, "policy", "set", "k", "-").want(t, exitOK)
	if len(a.acts) != 1 {
		t.Errorf("a policy from standard input was not handed in")
	}
}

// What is shown can be set again: the text, byte for byte, and nothing else.
func TestPolicyIsShownAsItWasSet(t *testing.T) {
	a := newAppliance(t)
	source := "# 合同\n\tcallers = {}   \n\n"
	a.answer[admin.PathEntries+"/k/policy"] = admin.Policy{Entry: "k", Rev: 2, Text: source, Hash: "ab", Users: []admin.Principal{{Name: "oa", ID: 7}}}
	got := a.ctl("", "policy", "show", "k")
	got.want(t, exitOK, "oa (7)")
	if got.out != source {
		t.Errorf("standard output is %q, want %q", got.out, source)
	}
}
