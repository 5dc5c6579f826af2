package main

import (
	"encoding/json"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/replay"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// withHistory gives the appliance a log in which an entry was made, a policy
// set, and a caller refused whom no entry is known to.
func withHistory(t *testing.T) *appliance {
	a := newAppliance(t)
	public := a.withSM2Key()
	a.begin()
	a.carryOut(authority.KeyCreate, authority.CreateKey{Type: "SM2", Token: "seals"}, register.Facts{Key: keyRecord(public)})
	a.carryOut(authority.PolicySet, authority.SetPolicy{Text: "callers = { users = [20001] }\n"}, register.Facts{})
	a.record(refusedAsUnknown("nobody"))
	return a
}

func keyRecord(public algo.PublicKey) *register.Key {
	return register.NewKey("seals", []byte{1}, public, register.Ceremony, "")
}

func refusedAsUnknown(entry string) audit.Event {
	uid, at := uint32(20001), audit.At(applianceTime)
	return audit.Event{Kind: audit.KindRefuse, UID: &uid, GID: &uid, Decided: &at, Entry: entry, Result: audit.Refused, Reason: "unknown_entry", Rule: "entry"}
}

// begin records the genesis of a log whose acts nobody signs.
func (a *appliance) begin() {
	raw := a.canonical(authority.Act{
		V: authority.ActVersion, Kind: authority.Init, Nonce: strings.Repeat("0", 32), NotAfter: "2026-11-23T10:00:00Z",
		ContentSHA: a.keep(a.canonical(authority.Genesis{Appliance: "box", Authority: authority.Development, Crypto: authority.Mixed, Deployment: "owner"})),
	})
	a.record(audit.Event{Kind: audit.KindGenesis, Op: string(authority.Init), Act: raw, Role: "unsigned", Result: audit.Allowed})
}

func (a *appliance) canonical(v any) string {
	a.t.Helper()
	text, err := canonical.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// carryOut records an act on the entry contract that was carried out.
func (a *appliance) carryOut(kind authority.Kind, content any, facts register.Facts) {
	a.t.Helper()
	raw := a.canonical(authority.Act{
		V: authority.ActVersion, Appliance: applianceID, Kind: kind, Target: "contract", ContentSHA: a.keep(a.canonical(content)),
		Nonce: strings.Repeat("0", 32), NotAfter: "2026-11-23T10:00:00Z", LogSize: 1, LogRoot: aHash,
	})
	uid, at := uint32(1000), audit.At(applianceTime)
	a.record(audit.Event{
		Kind: audit.KindAct, Op: string(kind), Entry: "contract", Act: raw, UID: &uid, GID: &uid, Decided: &at, Role: "unsigned",
		Input: "facts", Value: a.keep(a.canonical(facts)), Result: audit.Allowed,
	})
}

func TestReplayOfAnHonestLogFindsNothing(t *testing.T) {
	a := withHistory(t)
	a.ctl("", "log", "replay").want(t, exitOK, "events read", "acts applied", "refusals on grounds not provable", "decisions at odd times", "differences")
	a.ctl("zh_CN.UTF-8", "log", "replay").want(t, exitOK, "读取的审计记录", "依据无法核实的拒绝", "判定时间异常", "差异数")
	got := a.ctl("", "log", "replay", "--json")
	got.want(t, exitOK, `"differences":[]`)
	var answer replayJSON
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil || answer.Summary.Events != 4 || answer.Summary.Acts != 2 || answer.Summary.Refused != 1 {
		t.Errorf("summary %+v, %v", answer.Summary, err)
	}
}

func TestReplayNamesWhatCannotHaveHappened(t *testing.T) {
	a := withHistory(t)
	uid, at := uint32(20001), audit.At(applianceTime)
	a.record(audit.Event{Kind: audit.KindSign, UID: &uid, GID: &uid, Decided: &at, Entry: "contract", Rev: 2, PolicyRev: 1, Engine: 3, Op: "digest", Alg: "SM2-SM3", Purpose: "contract",
		Input: "sm2_e", Value: aHash, Sig: "MAYCAQECAQE=", Result: audit.Allowed})
	got := a.ctl("", "log", "replay")
	got.want(t, exitVerification, "decision", "contract", "the rules refuse", "signetctl log show 4")
	for _, line := range strings.Split(got.out, "\n") {
		if screen.Width(line) > screen.Columns {
			t.Errorf("%d columns: %q", screen.Width(line), line)
		}
	}
	a.ctl("zh_CN.UTF-8", "log", "replay").want(t, exitVerification, "判定", "差异：2 处")
	got = a.ctl("", "log", "replay", "--json")
	got.want(t, exitVerification, `"class":"decision"`, `"event":4`, `"exit":8`)
}

// A content is what its hash says, or it is none: whatever the daemon gives.
func TestReplayHashesContents(t *testing.T) {
	a := withHistory(t)
	var first audit.Event
	if err := json.Unmarshal([]byte(a.lines[2]), &first); err != nil {
		t.Fatal(err)
	}
	path := contentPath(first.Value)
	a.answer[path] = admin.Content{Hash: first.Value, Content: `{"users":[{"id":20003}]}`}
	a.ctl("", "log", "replay").want(t, exitVerification, "register", "reading facts")
	delete(a.answer, path)
	a.ctl("", "log", "replay").want(t, exitVerification, "register", "there is no content")
}

// Whoever is shown a part of the log lacks what the rest follows from.
func TestReplayWantsTheWholeLog(t *testing.T) {
	a := withHistory(t)
	a.partial = true
	a.ctl("", "log", "replay").want(t, exitRefused, "shown a part of the log", "signetctl officer list")
}

func TestEveryClassOfDifferencesHasAWord(t *testing.T) {
	for _, c := range replay.Classes() {
		if differenceTexts[c] == (text{}) {
			t.Errorf("the catalog has no word for %q", c)
		}
	}
}
