package register_test

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/register"
	"signet/policy"
)

const policyText = "callers = { users = [\"oa\"] }\noperations = [\"digest\"]\nalgorithms = [\"SM2-SM3\"]\npurposes = [\"contract\"]\n"

func policyRecord() register.PolicyRecord {
	sum := sm3.Sum([]byte(policyText))
	return register.PolicyRecord{
		Entry: "contracts", Rev: 2, Text: policyText, Hash: hex.EncodeToString(sum[:]),
		Users: []policy.Principal{{Name: "oa", ID: 20001}}, Proof: register.Proof{Act: `{"v":1}`, Event: 4},
	}
}

func TestPolicyRecordRoundTrips(t *testing.T) {
	data, err := policyRecord().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	r, p, err := register.ParsePolicyRecord(data)
	if err != nil || !reflect.DeepEqual(r, policyRecord()) || p.Text() != policyText {
		t.Errorf("ParsePolicyRecord = %+v, %q, %v", r, p.Text(), err)
	}
}

// TestPolicyTextIsWhatItsHashSays: a text edited in the database is refused,
// and the policy of a refused record allows nobody.
func TestPolicyTextIsWhatItsHashSays(t *testing.T) {
	for name, edit := range map[string]func(*register.PolicyRecord){
		"other text":   func(r *register.PolicyRecord) { r.Text = strings.Replace(r.Text, "oa", "ob", 1) },
		"space added":  func(r *register.PolicyRecord) { r.Text += " " },
		"no hash":      func(r *register.PolicyRecord) { r.Hash = "" },
		"hash in caps": func(r *register.PolicyRecord) { r.Hash = strings.ToUpper(r.Hash) },
		"not a policy": func(r *register.PolicyRecord) { r.Text = "callers = everybody" },
	} {
		r := policyRecord()
		edit(&r)
		data, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, p, err := register.ParsePolicyRecord(data)
		if err == nil || !reflect.DeepEqual(got, register.PolicyRecord{}) || !reflect.DeepEqual(p, policy.Policy{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
