package audit_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
)

// promisedFields are the fields of an event in the order of the table that
// was promised. A field is added at the end of its group, never renamed.
const promisedFields = "v epoch seq kind decided recorded clock " +
	"uid gid gids pid unit " +
	"request_id call batch purpose container doc_id doc_no doc_sm3 refs_sm3 pages approval_ref user_id dept user_name doc_title client_ip " +
	"entry rev generation signer token " +
	"op alg input value doc_hash property sign_time version stamps " +
	"policy_rev engine local use approval crl crl_made given but " +
	"result reason rule sig zones " +
	"act act_sigs role opcode prev_act " +
	"count first last"

// always are the fields that every line has.
const always = "v epoch seq kind recorded"

func TestEventHasThePromisedFields(t *testing.T) {
	var names []string
	typ := reflect.TypeFor[audit.Event]()
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
		if optional := options == "omitempty"; optional == contains(always, name) {
			t.Errorf("field %s: omitempty is %v", name, optional)
		}
	}
	if got := strings.Join(names, " "); got != promisedFields {
		t.Errorf("fields of an event:\n%s\nwant\n%s", got, promisedFields)
	}
}

func contains(list, word string) bool {
	return strings.Contains(" "+list+" ", " "+word+" ")
}

func TestKindsAndResultsAreThePromisedWords(t *testing.T) {
	got := []string{
		string(audit.KindGenesis), string(audit.KindSign), string(audit.KindStamp), string(audit.KindRead), string(audit.KindRefuse),
		string(audit.KindRefusedMany), string(audit.KindAct), string(audit.KindStatus), string(audit.KindStart), string(audit.KindStop),
		string(audit.KindLogKey), string(audit.KindSelfTest), string(audit.KindReanchor), string(audit.KindApproval),
		string(audit.Allowed), string(audit.Refused), string(audit.Failed),
	}
	want := "genesis sign stamp read refuse refused-many act status start stop log-key selftest reanchor approval allowed refused failed"
	if strings.Join(got, " ") != want {
		t.Errorf("words = %v, want %s", got, want)
	}
}

func ptr[T any](v T) *T { return &v }

func at(t *testing.T, text string) audit.Time {
	t.Helper()
	var when audit.Time
	if err := when.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return when
}

// fullEvent has every field set, which no real event has.
func fullEvent(t *testing.T) *audit.Event {
	hash := strings.Repeat("0123456789abcdef", 4)
	return &audit.Event{
		V: audit.EventVersion, Epoch: 2, Seq: 1<<53 - 1, Kind: audit.KindStamp,
		Decided: ptr(at(t, "2026-11-22T10:51:00.000000Z")), Recorded: at(t, "2026-11-22T10:51:00.123456Z"), Clock: "synced",
		UID: ptr(uint32(0)), GID: ptr(uint32(4294967295)), GIDs: []uint32{20001, 0}, PID: 4242, Unit: "oa.service",
		RequestID: "A-1._z", Call: "18446744073709551615", Batch: []uint32{0, 256}, Purpose: "contract", Container: "ofd",
		DocID: "文件/1 <&>", DocNo: "沪〔2026〕1号", DocSM3: hash, RefsSM3: hash, Pages: 12, ApprovalRef: "ap-1", UserID: "u\"\\1",
		Dept: "办公室", UserName: hash, DocTitle: hash, ClientIP: hash,
		Entry: "contracts", Rev: 7, Generation: 1, Signer: hash, Token: "seals",
		Op: "stamp", Alg: "SM2-SM3", Input: "sm2_e", Value: hash, DocHash: hash, Property: "/Doc_0/Signs/Sign_0/Signature.xml",
		SignTime: "20261122105100Z", Version: "v4", Stamps: 1,
		PolicyRev: 3, Engine: 1, Local: -28800, Use: []string{"day:2026-11-22=[3,1,10]"}, Approval: "ap-1", CRL: "12", CRLMade: "2026-11-20T00:00:00Z",
		Zones: "2025c", Given: `{"id":"ap-1","state":"granted"}`, But: []string{"inactive", "stale:user:oa"},
		Result: audit.Refused, Reason: "quota", Rule: "quota.day", Sig: "MAYCAQECAQE=",
		Act: `{"v":1}`, ActSigs: []string{"c2ln"}, Role: "security officer", Opcode: "6", PrevAct: ptr(uint64(0)),
		Count: 17, First: ptr(at(t, "2026-11-22T10:50:00.000000Z")), Last: ptr(at(t, "2026-11-22T10:50:59.999999Z")),
	}
}

// goldens are lines of the log, each with the leaf hash that
// `(printf '\0'; head -c -1 testdata/event.json) | openssl dgst -sm3` gave, not
// this program. A field that is added gets a file of its own: what is in the
// log already is never written another way.
var goldens = []struct {
	file, leaf string
	event      func(*testing.T) *audit.Event
}{
	{"event.json", "4d948c163039e5971fa9c1ab6b56e1df99423d85053e3e2bb7206c05efa8c876", func(t *testing.T) *audit.Event {
		e := fullEvent(t)
		e.CRLMade, e.Given, e.But, e.Zones = "", "", nil, ""
		return e
	}},
	{"event-judged.json", "d7e9d06f4eb59484db2d3b091aff925f489762b29778e479a5fb8bdf5032f0ea", fullEvent},
}

func TestFullEventHasEveryField(t *testing.T) {
	for i, v := 0, reflect.ValueOf(*fullEvent(t)); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("field %s of the full event is not set", v.Type().Field(i).Name)
		}
	}
}

// TestLinesAreTheGoldenOnes: the bytes of a line are what the tree hashes and
// what an auditor reads years later. If this fails, mend the code, never the
// files.
func TestLinesAreTheGoldenOnes(t *testing.T) {
	for _, g := range goldens {
		golden, err := os.ReadFile("testdata/" + g.file)
		if err != nil {
			t.Fatal(err)
		}
		golden = bytes.TrimSuffix(golden, []byte("\n"))
		event := g.event(t)
		line, err := event.AppendLine([]byte("before"))
		if err != nil || string(line) != "before"+string(golden) {
			t.Errorf("%s: AppendLine = %s, %v\nwant   before%s", g.file, line, err, golden)
		}
		read, err := audit.ParseEvent(golden)
		if err != nil || !reflect.DeepEqual(read, event) {
			t.Errorf("%s: ParseEvent = %+v, %v", g.file, read, err)
		}
		if leaf := audit.LeafHash(golden); hex.EncodeToString(leaf[:]) != g.leaf {
			t.Errorf("%s: LeafHash = %x, want %s", g.file, leaf, g.leaf)
		}
	}
}

func TestAbsentFieldsAreNotWritten(t *testing.T) {
	event := audit.Event{V: audit.EventVersion, Kind: audit.KindStart, Recorded: at(t, "2026-11-22T10:51:00.000000Z")}
	line, err := event.AppendLine(nil)
	want := `{"epoch":0,"kind":"start","recorded":"2026-11-22T10:51:00.000000Z","seq":0,"v":1}`
	if err != nil || string(line) != want {
		t.Errorf("AppendLine = %s, %v, want %s", line, err, want)
	}
}

// TestRootIsWritten: uid 0 and event 0 are values, not absence.
func TestRootIsWritten(t *testing.T) {
	event := audit.Event{V: audit.EventVersion, Kind: audit.KindSign, UID: ptr(uint32(0)), GID: ptr(uint32(0)), PrevAct: ptr(uint64(0))}
	line, err := event.AppendLine(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"uid":0`, `"gid":0`, `"prev_act":0`} {
		if !strings.Contains(string(line), want) {
			t.Errorf("%s is missing in %s", want, line)
		}
	}
}

func TestParseEventRefusesOtherForms(t *testing.T) {
	good := `{"epoch":0,"kind":"start","recorded":"2026-11-22T10:51:00.000000Z","seq":0,"v":1}`
	if _, err := audit.ParseEvent([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"empty":            "",
		"line end":         good + "\n",
		"white space":      strings.Replace(good, ":0", ": 0", 1),
		"other order":      `{"kind":"start","epoch":0,"recorded":"2026-11-22T10:51:00.000000Z","seq":0,"v":1}`,
		"unknown field":    strings.Replace(good, `"v":1`, `"v":1,"x":1`, 1),
		"missing field":    strings.Replace(good, `"seq":0,`, "", 1),
		"empty field":      strings.Replace(good, `"v":1`, `"unit":"","v":1`, 1),
		"null":             strings.Replace(good, `"v":1`, `"uid":null,"v":1`, 1),
		"version 0":        strings.Replace(good, `"v":1`, `"v":0`, 1),
		"version 2":        strings.Replace(good, `"v":1`, `"v":2`, 1),
		"float":            strings.Replace(good, `"seq":0`, `"seq":0.0`, 1),
		"exponent":         strings.Replace(good, `"seq":0`, `"seq":1e2`, 1),
		"above 2^53":       strings.Replace(good, `"seq":0`, `"seq":9007199254740993`, 1),
		"negative":         strings.Replace(good, `"seq":0`, `"seq":-1`, 1),
		"other case":       strings.Replace(good, `"seq"`, `"Seq"`, 1),
		"twice":            strings.Replace(good, `"seq":0`, `"seq":0,"seq":0`, 1),
		"needless escape":  strings.Replace(good, `start`, `\u0073tart`, 1),
		"not UTF-8":        strings.Replace(good, `start`, "\xff", 1),
		"time in +08:00":   strings.Replace(good, `10:51:00.000000Z`, `18:51:00.000000+08:00`, 1),
		"time in seconds":  strings.Replace(good, `.000000Z`, `Z`, 1),
		"two values":       good + good,
		"array":            "[" + good + "]",
		"deeply nested":    strings.Repeat("[", 100_000),
		"number for a uid": strings.Replace(good, `"v":1`, `"uid":4294967296,"v":1`, 1),
	} {
		if e, err := audit.ParseEvent([]byte(line)); err == nil {
			t.Errorf("%s: accepted as %+v", name, e)
		}
	}
}

func TestTimeHasOneForm(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*3600)
	when := audit.At(time.Date(2026, 11, 22, 18, 51, 0, 123456789, zone))
	text, err := when.MarshalText()
	if err != nil || string(text) != "2026-11-22T10:51:00.123456Z" {
		t.Errorf("MarshalText = %s, %v", text, err)
	}
	if again := at(t, string(text)); again != when || !again.Time().Equal(when.Time()) || again.Time().Location() != time.UTC {
		t.Errorf("read back as %v, want %v", again.Time(), when.Time())
	}
	for _, bad := range []string{
		"", "2026-11-22T10:51:00Z", "2026-11-22T10:51:00.123Z", "2026-11-22T10:51:00.1234567Z", "2026-11-22T10:51:00.123456+00:00",
		"2026-11-22 10:51:00.123456Z", "2026-11-22T10:51:00,123456Z", "2026-02-30T10:51:00.123456Z", "2026-11-22T24:00:00.000000Z",
		"2026-11-22T10:51:60.000000Z", "2026-11-22t10:51:00.123456z", " 2026-11-22T10:51:00.123456Z", "12026-11-22T10:51:00.123456Z",
	} {
		if err := new(audit.Time).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

// TestTimeThatCannotBeReadIsNotWritten: a line that ParseEvent refuses must
// not be committed.
func TestTimeThatCannotBeReadIsNotWritten(t *testing.T) {
	for _, year := range []int{-1, 10000} {
		event := audit.Event{V: 1, Kind: audit.KindStart, Recorded: audit.At(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))}
		if line, err := event.AppendLine(nil); err == nil {
			t.Errorf("year %d: written as %s", year, line)
		}
	}
}

// TestTextOfATimeSortsAsTheTime is why the decimals are fixed.
func TestTextOfATimeSortsAsTheTime(t *testing.T) {
	last := ""
	for _, d := range []time.Duration{0, time.Microsecond, 10 * time.Microsecond, time.Millisecond, 999999 * time.Microsecond, time.Second, time.Hour} {
		text, err := audit.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(d)).MarshalText()
		if err != nil || string(text) <= last {
			t.Errorf("%s does not sort after %s (%v)", text, last, err)
		}
		last = string(text)
	}
}

func TestRefuseLeavesNothingOfTheSignature(t *testing.T) {
	event := fullEvent(t)
	event.Result, event.Sig = audit.Allowed, "MAYCAQECAQE="
	event.Refuse("changed", "entry.rev")
	if event.Result != audit.Refused || event.Reason != "changed" || event.Rule != "entry.rev" || event.Sig != "" {
		t.Errorf("after Refuse: %v %v %v sig %q", event.Result, event.Reason, event.Rule, event.Sig)
	}
}
