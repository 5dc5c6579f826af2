package main

import (
	"strings"
	"testing"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// trialOf is what a token of many faults shows.
func trialOf() admin.Trial {
	done := func(mechanism string) admin.Attempt {
		return admin.Attempt{Mechanism: mechanism, Claim: "listed", Finding: "does", TookUS: 460}
	}
	found := admin.Trial{Token: "seals", Event: 41, Signatures: 19, TookMS: 3210}
	for _, typ := range algo.KeyTypes() {
		k := admin.KeyTrial{Type: typ.String(), Generation: done("CKM_EC_EDWARDS_KEY_PAIR_GEN (0x1055)")}
		k.Generation.TookUS = 2_345_678
		for _, a := range algo.For(typ) {
			k.Algorithms = append(k.Algorithms, admin.AlgorithmTrial{Algorithm: a.String(), Signs: "digest", Signing: done("CKM_RSA_PKCS_PSS (0xD)"), Encoding: "raw"})
		}
		found.Keys = append(found.Keys, k)
	}
	found.Keys[0].Algorithms[0].Signs = "e"
	found.Keys[1].Algorithms[0].Signing = admin.Attempt{Mechanism: "CKM_ECDSA (0x1041)", Claim: "listed", Finding: "does not", Why: "C_SignInit: CKR_MECHANISM_INVALID (0x70)", Contradicts: true}
	ed := &found.Keys[len(found.Keys)-1].Algorithms[0]
	ed.Signs, ed.MaxMessage = "message", 32768
	ed.Signing.Claim, ed.Signing.ClaimWhy, ed.Signing.Contradicts = "not listed", "the token does not list mechanism CKM_EDDSA (0x1057)", true
	found.Keys[5].Generation = admin.Attempt{Claim: "listed", Finding: "not known", Why: "the token refuses a key that ends with its session"}
	for i := range found.Keys[5].Algorithms {
		found.Keys[5].Algorithms[i].Signing = admin.Attempt{Claim: "listed", Finding: "not known", Why: "no key to try it with"}
	}
	return found
}

func TestTrialIsATableWithItsReasons(t *testing.T) {
	a := newAppliance(t)
	a.answer[admin.PathTokens+"/seals/mechanisms"] = trialOf()
	for lang, want := range map[string][]string{
		"C": {
			"does not", "not known", "not listed", "2.346s", "460µs", "the key pair", "CKM_RSA_PKCS_PSS (0xD)",
			"EC-P256 ECDSA-P256-SHA256: C_SignInit: CKR_MECHANISM_INVALID (0x70)", "listed, and not done",
			"ED25519: done, and not listed", "under unlisted", "up to 32768 bytes", "19 signatures in 3.21s", "event 41",
		},
		"zh_CN.UTF-8": {"不支持", "未能确定", "令牌自述", "生成密钥对", "已列出，但不支持", "共签名 19 次"},
	} {
		got := a.ctl(lang, "token", "status", "seals", "--mechanisms")
		got.want(t, exitOK, want...)
		if n := strings.Count(got.out, "ends with its session"); n != 1 || strings.Contains(got.out, "no key to try") {
			t.Errorf("%s: that there is no key is told %d times and more", lang, n)
		}
		for _, line := range strings.Split(got.out, "\n") {
			if screen.Width(line) > screen.Columns {
				t.Errorf("%s: %d columns: %q", lang, screen.Width(line), line)
			}
		}
		if got.err != "" {
			t.Errorf("%s: %q on standard error", lang, got.err)
		}
	}
	a.ctl("", "token", "status", "seals", "--mechanisms", "--json").want(t, exitOK, `"signatures":19`, `"finding":"does not"`)
	a.ctl("", "token", "status", "nope", "--mechanisms").want(t, exitNotFound, "signetctl token list")
}

// A trial that did not run says why, and what it is.
func TestTrialThatDidNotRun(t *testing.T) {
	a := newAppliance(t)
	path := admin.PathTokens + "/seals/mechanisms"
	for _, c := range []struct {
		fault  *protocol.Error
		status int
	}{
		{protocol.NewError(protocol.Busy, "another key ceremony or a trial is under way").RetryIn(10 * time.Second), exitLater},
		{protocol.NewError(protocol.HSMUnavailable, "token seals: it is down"), exitHSM},
		{protocol.NewError(protocol.RoleRefused, "uid 0 is not in group signet-admin"), exitRefused},
	} {
		a.fault[path] = c.fault
		a.ctl("", "token", "status", "seals", "--mechanisms").want(t, c.status, c.fault.Message)
	}
}
