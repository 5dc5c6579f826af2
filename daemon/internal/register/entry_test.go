package register_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/protocol/algo"
)

var at = time.Date(2026, 11, 22, 18, 51, 0, 999, time.FixedZone("UTC+8", 8*3600))

// generator is a P-256 public key that every library knows: the curve's base
// point.
func generator(t testing.TB) algo.PublicKey {
	t.Helper()
	p := elliptic.P256().Params()
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point(p.Gx, p.Gy))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := algo.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// point is the uncompressed form of a point of P-256.
func point(x, y *big.Int) []byte {
	b := append([]byte{4}, x.FillBytes(make([]byte, 32))...)
	return append(b, y.FillBytes(make([]byte, 32))...)
}

// pending is a new entry of class key.
func pending(t testing.TB) register.Entry {
	t.Helper()
	return register.Entry{
		ID: "contracts", Class: register.ClassKey, Rev: 1, Title: "合同章", Stage: register.Pending,
		Key: register.NewKey("seals", []byte{1, 2, 3}, generator(t), "ceremony", ""), Created: "2026-11-22T10:51:00Z",
		Proof: register.Proof{Act: `{"v":1}`, Event: 3},
	}
}

// in is an entry of that stage with that number of holds and a policy.
func in(t testing.TB, stage register.Stage, holds int) register.Entry {
	t.Helper()
	e := pending(t)
	e.PolicyRev = 1
	for range holds {
		var err error
		if e, err = e.Suspend(register.HoldOwner, "lost", at); err != nil {
			t.Fatal(err)
		}
	}
	e.Stage = stage
	if stage == register.Superseded || stage == register.Cancelled || stage == register.Invalid {
		e.End = &register.End{Basis: "replaced", From: "2026-11-22T10:51:00Z", Recorded: "2026-11-22T10:51:00Z"}
	}
	return e
}

var moves = map[string]func(register.Entry) (register.Entry, error){
	"activate":   register.Entry.Activate,
	"suspend":    func(e register.Entry) (register.Entry, error) { return e.Suspend(register.HoldOwner, "lost", at) },
	"resume":     func(e register.Entry) (register.Entry, error) { return e.Resume(0) },
	"resume 1":   func(e register.Entry) (register.Entry, error) { return e.Resume(1) },
	"resume 9":   func(e register.Entry) (register.Entry, error) { return e.Resume(9) },
	"set policy": func(e register.Entry) (register.Entry, error) { return e.SetPolicy(e.PolicyRev + 1) },
	"certify":    func(e register.Entry) (register.Entry, error) { return e.AddCertificate(certificate("02"), at) },
	"cancel":     func(e register.Entry) (register.Entry, error) { return e.Cancel("单位撤销", at) },
	"destroy":    func(e register.Entry) (register.Entry, error) { return e.DestroyKey(at) },
}

// TestMovesAreThePromisedTable holds every move from every state. What is not
// in a row's list is refused: the final stages have no way back (art. 19).
func TestMovesAreThePromisedTable(t *testing.T) {
	for _, row := range []struct {
		stage register.Stage
		holds int
		legal string // move=status, the status that it leads to
	}{
		{register.Pending, 0, "activate=active, suspend=suspended, set policy=pending, certify=pending, cancel=cancelled"},
		{register.Pending, 1, "activate=suspended, suspend=suspended, resume=pending, resume 1=pending, set policy=suspended, certify=suspended, cancel=cancelled"},
		{register.Pending, 2, "activate=suspended, suspend=suspended, resume 1=suspended, set policy=suspended, certify=suspended, cancel=cancelled"},
		{register.Active, 0, "suspend=suspended, set policy=active, certify=active, cancel=cancelled"},
		{register.Active, 1, "suspend=suspended, resume=active, resume 1=active, set policy=suspended, certify=suspended, cancel=cancelled"},
		{register.Active, 2, "suspend=suspended, resume 1=suspended, set policy=suspended, certify=suspended, cancel=cancelled"},
		{register.Superseded, 0, "destroy=superseded"},
		{register.Superseded, 1, "destroy=superseded"},
		{register.Cancelled, 0, "destroy=cancelled"},
		{register.Cancelled, 1, "destroy=cancelled"},
		{register.Invalid, 0, "destroy=invalid"},
		{register.Invalid, 1, "destroy=invalid"},
		{"", 0, ""},
		{"unheard-of", 1, ""},
	} {
		legal := map[string]string{}
		for _, pair := range strings.Split(row.legal, ", ") {
			move, status, _ := strings.Cut(pair, "=")
			legal[move] = status
		}
		for name, move := range moves {
			before := in(t, row.stage, row.holds)
			after, err := move(before)
			want, ok := legal[name]
			switch {
			case !ok && (!errors.Is(err, register.ErrTransition) || !reflect.DeepEqual(after, register.Entry{})):
				t.Errorf("%s with %d holds, %s: %v, %v, want ErrTransition", row.stage, row.holds, name, after.Status(), err)
			case ok && (err != nil || after.Status() != want):
				t.Errorf("%s with %d holds, %s: %q, %v, want %q", row.stage, row.holds, name, after.Status(), err, want)
			case ok && after.Rev != before.Rev+1:
				t.Errorf("%s with %d holds, %s: revision %d after %d: what was decided before it would be recorded after it",
					row.stage, row.holds, name, after.Rev, before.Rev)
			}
			if again := in(t, row.stage, row.holds); !reflect.DeepEqual(before, again) {
				t.Errorf("%s with %d holds, %s: the entry before the move was changed", row.stage, row.holds, name)
			}
		}
	}
}

func TestOnlyActiveWithoutHoldsMaySign(t *testing.T) {
	if (register.Entry{}).MaySign() {
		t.Error("the zero entry may sign")
	}
	for _, stage := range []register.Stage{"", register.Pending, register.Active, register.Superseded, register.Cancelled, register.Invalid, "ACTIVE", register.Suspended} {
		for holds := range 3 {
			if got, want := in(t, stage, holds).MaySign(), stage == register.Active && holds == 0; got != want {
				t.Errorf("%s with %d holds: MaySign = %v, want %v", stage, holds, got, want)
			}
		}
	}
}

func TestStatusGoesByPrecedence(t *testing.T) {
	for _, c := range []struct {
		stage register.Stage
		holds int
		want  string
	}{
		{register.Pending, 0, "pending"}, {register.Pending, 1, "suspended"}, {register.Active, 0, "active"}, {register.Active, 2, "suspended"},
		{register.Superseded, 1, "superseded"}, {register.Cancelled, 1, "cancelled"}, {register.Invalid, 1, "invalid"},
	} {
		if got := in(t, c.stage, c.holds).Status(); got != c.want {
			t.Errorf("%s with %d holds is %q, want %q", c.stage, c.holds, got, c.want)
		}
	}
}

func TestAnEntryWithoutPolicyIsNotActivated(t *testing.T) {
	if _, err := pending(t).Activate(); !errors.Is(err, register.ErrTransition) || !strings.Contains(err.Error(), "policy") {
		t.Errorf("Activate without a policy: %v", err)
	}
}

func TestPolicyRevisionsGoUpByOne(t *testing.T) {
	e := in(t, register.Active, 0)
	for _, rev := range []uint32{0, 1, 3, 1<<32 - 1} {
		if _, err := e.SetPolicy(rev); !errors.Is(err, register.ErrTransition) {
			t.Errorf("policy revision %d after %d: %v, want ErrTransition", rev, e.PolicyRev, err)
		}
	}
	if after, err := e.SetPolicy(2); err != nil || after.PolicyRev != 2 {
		t.Errorf("policy revision 2 after 1: %d, %v", after.PolicyRev, err)
	}
}

func TestHoldSaysWhoWhyAndWhen(t *testing.T) {
	e, err := in(t, register.Active, 0).Suspend(register.HoldCA, "遗失", at)
	want := register.Hold{ID: 1, Authority: register.HoldCA, Basis: "遗失", From: "2026-11-22T10:51:00Z", Recorded: "2026-11-22T10:51:00Z", LiftBy: register.HoldOwner}
	if err != nil || len(e.Holds) != 1 || e.Holds[0] != want {
		t.Errorf("Suspend = %+v, %v, want %+v", e.Holds, err, want)
	}
}

// TestHoldNumbersAreNotUsedAgain: an act that lifts hold 1 must never lift
// another one that got its number.
func TestHoldNumbersAreNotUsedAgain(t *testing.T) {
	e := in(t, register.Active, 2)
	e, err := e.Resume(2)
	if err != nil {
		t.Fatal(err)
	}
	if e, err = e.Suspend(register.HoldOwner, "again", at); err != nil {
		t.Fatal(err)
	}
	if len(e.Holds) != 2 || e.Holds[0].ID != 1 || e.Holds[1].ID != 3 || e.LastHold != 3 {
		t.Errorf("holds = %+v, last %d, want 1 and 3", e.Holds, e.LastHold)
	}
	if _, err := e.Resume(2); !errors.Is(err, register.ErrTransition) {
		t.Errorf("lifting hold 2 again: %v, want ErrTransition", err)
	}
}

// goldenRecord is a record as it lies in the store: a promise to the next
// version. entry.json is one of the first version, entry-ended.json one with
// every field of class key.
func goldenRecord(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(data), "\n")
}

func TestRecordIsTheGoldenOne(t *testing.T) {
	e := in(t, register.Cancelled, 1)
	e.Owner, e.Certificates = "finance", []register.Certificate{certificate("01")}
	e.Certificates[0].Revoked, e.Certificates[0].Imported = "2026-11-20T00:00:00Z", "2026-11-22T10:51:00Z"
	e.Key.Transcript, e.Key.Destroyed = strings.Repeat("ab", 32), "2026-11-22T10:51:00Z"
	e.Proof.Signatures = []authority.Signature{{Form: "ssh", Value: "c2ln"}}
	data, err := e.Marshal()
	if want := goldenRecord(t, "entry-ended.json"); err != nil || string(data) != want {
		t.Errorf("Marshal = %s, %v\nwant      %s", data, err, want)
	}
	again, err := register.Parse(data)
	if err != nil || !reflect.DeepEqual(again, e) {
		t.Errorf("Parse = %+v, %v, want %+v", again, err, e)
	}
}

func TestRecordOfTheFirstVersionIsReadAsItWas(t *testing.T) {
	was := goldenRecord(t, "entry.json")
	e, err := register.Parse([]byte(was))
	if err != nil || e.ID != "contracts" || e.Status() != register.Suspended || e.Certificates != nil || e.End != nil {
		t.Fatalf("Parse = %+v, %v", e, err)
	}
	if data, err := e.Marshal(); err != nil || string(data) != was {
		t.Errorf("Marshal = %s, %v", data, err)
	}
}

func TestSealRecordRoundTrips(t *testing.T) {
	e := pending(t)
	signer := register.Signer{Certificate: strings.Repeat("0", 64), Key: *e.Key}
	e.Class, e.Key, e.Stage = register.ClassSeal, nil, register.Superseded
	e.End = &register.End{Basis: "重新制作", From: "2026-12-01T00:00:00Z", Recorded: "2026-12-01T00:00:00Z"}
	e.Seal = &register.Seal{ESID: "31000000000001", Generation: 1, SESeal: strings.Repeat("1", 64), Version: "v4",
		NotBefore: "2026-01-01T00:00:00Z", NotAfter: "2027-01-01T00:00:00Z", Signers: []register.Signer{signer}}
	data, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := register.Parse(data); err != nil || !reflect.DeepEqual(again, e) {
		t.Errorf("Parse = %+v, %v, want %+v", again, err, e)
	}
}

func TestRecordThatSaysTwoThingsIsRefused(t *testing.T) {
	other := base64.StdEncoding.EncodeToString([]byte("no key"))
	for name, edit := range map[string]func(*register.Entry){
		"the zero record":    func(e *register.Entry) { *e = register.Entry{} },
		"no id":              func(e *register.Entry) { e.ID = "" },
		"no revision":        func(e *register.Entry) { e.Rev = 0 },
		"no stage":           func(e *register.Entry) { e.Stage = "" },
		"unknown stage":      func(e *register.Entry) { e.Stage = "Active" },
		"status as stage":    func(e *register.Entry) { e.Stage = register.Suspended },
		"no class":           func(e *register.Entry) { e.Class = "" },
		"unknown class":      func(e *register.Entry) { e.Class = "stamp" },
		"key without key":    func(e *register.Entry) { e.Key = nil },
		"key with seal":      func(e *register.Entry) { e.Seal = &register.Seal{} },
		"seal without seal":  func(e *register.Entry) { e.Class, e.Key = register.ClassSeal, nil },
		"seal with key":      func(e *register.Entry) { e.Class, e.Seal = register.ClassSeal, &register.Seal{} },
		"no CKA_ID":          func(e *register.Entry) { e.Key.ID = "" },
		"CKA_ID not hex":     func(e *register.Entry) { e.Key.ID = "0g" },
		"no public key":      func(e *register.Entry) { e.Key.Public = "" },
		"not base64":         func(e *register.Entry) { e.Key.Public = "%" },
		"not a public key":   func(e *register.Entry) { e.Key.Public = other },
		"other type of key":  func(e *register.Entry) { e.Key.Type = "SM2" },
		"no type of key":     func(e *register.Entry) { e.Key.Type = "" },
		"final without end":  func(e *register.Entry) { e.Stage = register.Cancelled },
		"end of what is not": func(e *register.Entry) { e.End = &register.End{Basis: "x"} },
		"hold twice":         func(e *register.Entry) { e.Holds, e.LastHold = []register.Hold{{ID: 1}, {ID: 1}}, 1 },
		"hold 0":             func(e *register.Entry) { e.Holds, e.LastHold = []register.Hold{{}}, 1 },
		"hold above last":    func(e *register.Entry) { e.Holds, e.LastHold = []register.Hold{{ID: 2}}, 1 },
		"holds out of order": func(e *register.Entry) { e.Holds, e.LastHold = []register.Hold{{ID: 2}, {ID: 1}}, 2 },
	} {
		e := pending(t)
		edit(&e)
		if data, err := e.Marshal(); err == nil {
			t.Errorf("%s: Marshal = %s", name, data)
		}
	}
	if _, err := pending(t).Marshal(); err != nil {
		t.Errorf("the unchanged record: %v", err)
	}
}

func TestParseRefusesOtherForms(t *testing.T) {
	good := goldenRecord(t, "entry.json")
	for name, text := range map[string]string{
		"empty":         "",
		"line end":      good + "\n",
		"unknown field": strings.Replace(good, `"rev":`, `"retired":true,"rev":`, 1),
		"no revision":   strings.Replace(good, `"rev":2`, `"rev":0`, 1),
		"other order":   `{"id":"contracts",` + strings.Replace(good, `"id":"contracts",`, "", 1)[1:],
		"not canonical": strings.Replace(good, `"rev":2`, `"rev":2.0`, 1),
		"other key":     strings.Replace(good, `"EC-P256"`, `"EC-P384"`, 1),
	} {
		if text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if e, err := register.Parse([]byte(text)); err == nil || !reflect.DeepEqual(e, register.Entry{}) {
			t.Errorf("%s: Parse = %+v, %v", name, e, err)
		}
	}
}

func TestKeyComesBack(t *testing.T) {
	pub := generator(t)
	k := register.NewKey("seals", []byte{0, 0xff}, pub, "adopted", "")
	id, again, err := k.Parse()
	if err != nil || !bytes.Equal(id, []byte{0, 0xff}) || !again.Equal(pub) || k.Type != "EC-P256" || k.Token != "seals" || k.Origin != "adopted" {
		t.Errorf("Parse = %x, %v, %v from %+v", id, again.Type(), err, k)
	}
	if _, _, err := (register.Key{}).Parse(); err == nil {
		t.Error("the zero key is a key")
	}
}
