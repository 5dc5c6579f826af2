package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

func TestOfficersAreListedWithEveryKey(t *testing.T) {
	a := newAppliance(t)
	a.answer[admin.PathOfficers] = admin.Officers{Authority: "development", Officers: []admin.Officer{}}
	a.ctl("", "officer", "list").want(t, exitOK, "no officers", "development")
	a.withOfficers(1)
	a.ctl("", "officer", "list").want(t, exitOK, "李一", "security officer", "20001", "SHA256:a", "SHA256:b", "custodian", "contract, all of 91", "security officers 2", "destruction 3")
	a.ctl("zh_CN.UTF-8", "officer", "list").want(t, exitOK, "安全管理员", "印章保管人", "91 的全部条目")
	a.ctl("", "officer", "list", "--json").want(t, exitOK, `"thresholds":{"administrator":1`)
}

// ceremony is the shipped example, with a log key and tokens of the test's
// appliance.
func ceremony(t *testing.T, edits ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../../firmware-config/ceremony.toml")
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.NewReplacer(append([]string{"seal-a.example.gov.cn", "box"}, edits...)...).Replace(string(text))
	return writeFile(t, "ceremony.toml", edited)
}

// uninitialised is an appliance before its ceremony.
func uninitialised(t *testing.T) *appliance {
	a := newAppliance(t)
	a.answer[admin.PathActContext] = admin.ActContext{Name: "box", Mode: "uninitialised", Now: applianceTime}
	a.answer[admin.PathStatus] = admin.Status{
		Mode: "uninitialised", Name: "box", Now: applianceTime.AddDate(0, 0, 1), Tokens: []admin.Token{{Name: "seals", State: "up", Manufacturer: "SoftHSM", Serial: "77"}},
	}
	return a
}

func TestInitByCeremonyIsSignedByEveryOfficer(t *testing.T) {
	a, li := uninitialised(t), newPerson(t, 1, "")
	a.needs = 6
	a.ctl("", "init", ceremony(t), "--sign", li.file, "--yes").want(t, exitMore, "begin the life of an appliance (init)", "officer zhang", "signet-log", "act sign")
	act := actOf(t, a.acts[0])
	g, err := authority.ParseGenesis([]byte(a.acts[0].Content))
	if err != nil || act.Kind != authority.Init || act.Appliance != "" || len(g.Officers) != 6 {
		t.Errorf("act %+v, genesis %+v, %v", act, g, err)
	}
	made(t, a.acts[0], li)
	file := ceremony(t)
	t.Chdir(t.TempDir())
	a.ctl("", "init", file).want(t, exitMore, "init-", ".act")
	if names, _ := filepath.Glob("init-????????.act"); len(names) != 1 || len(a.acts) != 1 {
		t.Errorf("files %q, %d acts", names, len(a.acts))
	}
}

func TestPlanOfInitShowsWhatWouldBeMadeAndRefused(t *testing.T) {
	a := uninitialised(t)
	a.ctl("", "init", ceremony(t), "--plan").want(t, exitOK, "plan: nothing is changed", "officer zhao", "valid until 2036", "signet-log", "age1", "SoftHSM", "every officer")
	a.ctl("zh_CN.UTF-8", "init", ceremony(t), "--plan").want(t, exitOK, "与设备比较", "管理人员 zhao")
	a.ctl("", "init", ceremony(t), "--plan", "--json").want(t, exitOK, `"refused":false`, `"sm3":"`)
	a.ctl("", "init", ceremony(t, `"box"`, `"other"`, "#serial = \"1234567890\"", "serial = \"1\""), "--plan").want(t, exitConflict, "1 of the lines above")
	status := a.answer[admin.PathStatus].(admin.Status)
	status.Mode, status.Name, status.Now = "serving", "other", applianceTime.AddDate(20, 0, 0)
	status.Tokens[0].State = "down"
	a.answer[admin.PathStatus] = status
	a.ctl("", "init", ceremony(t), "--plan").want(t, exitConflict, "4 of the lines above", "serving", "not at 2046")
	status.Tokens = nil
	a.answer[admin.PathStatus] = status
	a.ctl("", "init", ceremony(t), "--plan", "--json").want(t, exitConflict, `names no token`)
	if len(a.acts) != 0 {
		t.Error("a plan handed in an act")
	}
}

func TestBadCeremoniesAreRefusedWithAllFaults(t *testing.T) {
	a := uninitialised(t)
	a.ctl("", "init", ceremony(t, `"security-officer"`, `"clerk"`, `label = `, `lable = `)).want(t, exitUsage, "is no ceremony; nothing was sent", "officer.li.role", "officer.wang.role", "log_key.lable")
	a.ctl("zh_CN.UTF-8", "init", ceremony(t, "age1", "age1q")).want(t, exitUsage, "不是合法的初始化文件", "backup[0]: recipient")
	a.ctl("", "officer", "change", writeFile(t, "c.toml", "remove = [\"li\", 7]\n")).want(t, exitUsage, "is no change of officers", "remove[1]: is an integer")
	if len(a.acts) != 0 {
		t.Error("a bad file was handed in")
	}
}

func TestEntryShowsOwnerProofAndCertificates(t *testing.T) {
	a := newAppliance(t)
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{
		ID: "contract", Class: "key", Status: "suspended", PolicyRev: 1, Owner: "91110000", Custodians: []string{"zhang", "zhao"}, Proof: "unproven", Unproven: "event 7 is gone",
		Ended: "", Destroyed: "2026-12-01T00:00:00Z", Certificates: []admin.Certificate{{Subject: "CN=contract", Serial: "01ab", NotAfter: "2027-01-01T00:00:00Z", Revoked: "2026-11-01T00:00:00Z"}},
	}
	a.ctl("", "key", "show", "contract").want(t, exitOK, "91110000", "zhang, zhao", "NOT PROVEN, not used: event 7 is gone", "CN=contract, serial 01ab", "REVOKED since", "key destroyed")
	a.ctl("zh_CN.UTF-8", "key", "show", "contract").want(t, exitOK, "所属单位", "印章保管人", "未能证明", "已撤销")
	status := a.answer[admin.PathStatus].(admin.Status)
	status.Authority, status.Crypto, status.Deployment = "officers", "gm", "owner"
	a.answer[admin.PathStatus] = status
	a.ctl("", "status").want(t, exitOK, "officers (acts signed)")
	a.ctl("zh_CN.UTF-8", "status").want(t, exitOK, "管理指令须签名")
}
