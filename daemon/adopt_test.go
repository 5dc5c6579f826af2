package daemon

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// vendorEnv makes this test binary another client of the token instead: the
// tool of a vendor that makes keys. It has the keys to make, "sm2=ID p256=ID".
const vendorEnv = "SIGNET_TEST_VENDOR"

func TestMain(m *testing.M) {
	if keys := os.Getenv(vendorEnv); keys != "" {
		if err := vendor(strings.Fields(keys)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// vendorMakes has the other client make keys: "sm2=0102" is one with that CKA_ID.
func (r *rig) vendorMakes(keys ...string) {
	r.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(r.token.Environ(), vendorEnv+"="+strings.Join(keys, " "), "VENDOR_MODULE="+r.token.Shim, "VENDOR_TOKEN="+r.token.Label, "VENDOR_PIN="+r.token.PIN)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.Fatalf("making %v: %v: %s", keys, err, out)
	}
}

func vendor(keys []string) error {
	ctx := pkcs11.New(os.Getenv("VENDOR_MODULE"))
	if ctx == nil {
		return errors.New("the module does not load")
	}
	defer ctx.Destroy()
	if err := ctx.Initialize(); err != nil {
		return err
	}
	defer ctx.Finalize()
	session, err := vendorSession(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		kind, id, _ := strings.Cut(key, "=")
		if err := vendorKey(ctx, session, kind, id); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func vendorSession(ctx *pkcs11.Ctx) (pkcs11.SessionHandle, error) {
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		info, err := ctx.GetTokenInfo(slot)
		if err != nil || strings.TrimRight(info.Label, " ") != os.Getenv("VENDOR_TOKEN") {
			continue
		}
		session, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			return 0, err
		}
		return session, ctx.Login(session, pkcs11.CKU_USER, os.Getenv("VENDOR_PIN"))
	}
	return 0, errors.New("no such token")
}

// The numbers of the shim and the curves by their OIDs.
var vendorKinds = map[string]struct {
	mechanism, keyType uint
	curve              []byte
}{
	"sm2":  {0x80008001, 0x80000004, []byte{0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D}},
	"p256": {pkcs11.CKM_EC_KEY_PAIR_GEN, pkcs11.CKK_EC, []byte{0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}},
}

func vendorKey(ctx *pkcs11.Ctx, session pkcs11.SessionHandle, kind, id string) error {
	raw, err := hex.DecodeString(id)
	if err != nil {
		return err
	}
	k := vendorKinds[kind]
	both := func(more ...*pkcs11.Attribute) []*pkcs11.Attribute {
		return append(more, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, k.keyType), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_ID, raw), pkcs11.NewAttribute(pkcs11.CKA_LABEL, "vendor's"))
	}
	_, _, err = ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(k.mechanism, nil)},
		both(pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, k.curve), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true)),
		both(pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true), pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)))
	return err
}

func (r *certRig) adopt(entry, id string) protocol.Code {
	r.Helper()
	return r.try(authority.KeyAdopt, entry, authority.AdoptKey{Token: "seals", ID: id, Title: "旧章"})
}

func TestAdoptedKeySignsAndSaysForEverThatItsMakingWasNotWitnessed(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.vendorMakes("sm2=a1", "p256=a2ff")
	for entry, id := range map[string]string{"sm2": "a1", "p256": "a2ff"} {
		if code := r.adopt(entry, id); code != 0 {
			t.Fatalf("%s: %v", entry, code)
		}
		event := r.eventOf(authority.KeyAdopt)
		if event.Count != 1 || event.Signer != r.server.appliance().book.find(entry).signer || event.Token != "seals" {
			t.Errorf("%s: event %+v, want one signature, and the key named", entry, event)
		}
		e := r.entryNow(entry)
		if e.Origin != register.Adopted || e.KeyID != id || e.Title != "旧章" || e.Status != "pending" {
			t.Errorf("%s: %+v", entry, e)
		}
		r.checkAdoption(e)
		r.administrator().must(authority.PolicySet, entry, authority.SetPolicy{Text: fmt.Sprintf(policyText, myUID(callerUID))})
		r.administrator().must(authority.EntryActivate, entry, authority.Nothing{})
		r.mustUse(entry)
	}
	r.certify("sm2", ca.Order{}) // an adopted key is certified as any other
	r.restart()
	r.mustUse("sm2", "p256")
}

// checkAdoption holds the transcript of an adopted key to what Inspect reads.
func (r *certRig) checkAdoption(e admin.Entry) {
	r.Helper()
	text, err := r.server.appliance().store.Blob(e.Transcript)
	mustDo(r, err)
	var transcript hsm.Transcript
	mustDo(r, json.Unmarshal(text, &transcript))
	for _, want := range []string{"not witnessed", "CKA_SENSITIVE", "CKA_EXTRACTABLE", "CKA_LOCAL", "C_WrapKey", "sign and verify a random value"} {
		if !strings.Contains(string(text), want) {
			r.Errorf("%s: the transcript does not say %q", e.ID, want)
		}
	}
	if transcript.ID != e.KeyID || transcript.Label != "vendor's" {
		r.Errorf("%s: transcript of %s, %q", e.ID, transcript.ID, transcript.Label)
	}
}

func TestAdoptRefusesBeforeTheKeySigns(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("mine", "SM2")
	r.vendorMakes("sm2=b1", "p256=b2", "p256=b2")
	mine := r.entryNow("mine").KeyID
	before := r.signs.count()
	for name, c := range map[string]struct {
		entry, token, id string
		want             protocol.Code
	}{
		"no such key":          {"new", "seals", "ffff", protocol.HSMUnavailable},
		"two pairs":            {"new", "seals", "b2", protocol.KeyMismatch},
		"key of another entry": {"new", "seals", mine, protocol.Conflict},
		"entry that exists":    {"mine", "seals", "b1", protocol.Conflict},
		"no such token":        {"new", "attic", "b1", protocol.Malformed},
		"no id":                {"new", "seals", "", protocol.Malformed},
		"upper case":           {"new", "seals", "B1", protocol.Malformed},
		"no name":              {"../new", "seals", "b1", protocol.Malformed},
	} {
		if code := r.try(authority.KeyAdopt, c.entry, authority.AdoptKey{Token: c.token, ID: c.id}); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	if n := r.signs.count(); n != before {
		t.Errorf("the HSM signed %d times for adoptions that were refused", n-before)
	}
	if r.server.appliance().book.find("new") != nil {
		t.Error("a refused adoption left an entry")
	}
}

// The key of the log is nobody's to adopt, and a module that lies about a key
// is found out.
func TestAdoptRefusesTheLogsKeyAndLies(t *testing.T) {
	o := startedOfficers(t)
	logKey := o.server.appliance().roster.logKey
	if code := o.try(authority.KeyAdopt, "new", authority.AdoptKey{Token: "seals", ID: logKey.ID}, "sara", "sven"); code != protocol.Conflict {
		t.Errorf("the log's key: %v, want conflict", code)
	}
	o.vendorMakes("sm2=c1")
	o.token.Control(t, "lie=value")
	if code := o.try(authority.KeyAdopt, "new", authority.AdoptKey{Token: "seals", ID: "c1"}, "sara", "sven"); code == 0 {
		t.Error("a key whose secret the token gives out was adopted")
	}
	o.token.Control(t, "sign=wrong")
	if code := o.try(authority.KeyAdopt, "new", authority.AdoptKey{Token: "seals", ID: "c1"}, "sara", "sven"); code != protocol.BadSignature {
		t.Errorf("a key that signs wrongly: %v, want bad_signature", code)
	}
	o.token.Control(t)
	if code := o.try(authority.KeyAdopt, "new", authority.AdoptKey{Token: "seals", ID: "c1"}, "sara"); code != protocol.TooFew {
		t.Errorf("by one: %v, want too_few", code)
	}
	o.must(authority.KeyAdopt, "new", authority.AdoptKey{Token: "seals", ID: "c1"}, "sara", "sven")
}

func TestCryptoGMAdoptsSM2KeysOnly(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	o.must(authority.Init, "", authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "gm", Deployment: "owner"})
	r.waitMode(Serving)
	r.vendorMakes("p256=d1", "sm2=d2")
	for id, want := range map[string]protocol.Code{"d1": protocol.Malformed, "d2": 0} {
		if _, code := o.submit(o.act(authority.KeyAdopt, "k-"+id, authority.AdoptKey{Token: "seals", ID: id})); code != want {
			t.Errorf("%s: %v, want %v", id, code, want)
		}
	}
}

// keysLeft is how many pairs lie on the token.
func (r *rig) keysLeft() int {
	r.Helper()
	keys, err := r.server.tokens.byName["seals"].driver.Keys(r.Context(), "seals")
	mustDo(r, err)
	return len(keys)
}

func TestDestroyedKeyIsGoneAndItsRecordStays(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("old", "SM2")
	r.entry("other", "SM2")
	destroy := authority.DestroyKey{Basis: "撤销"}
	if code := r.try(authority.KeyDestroy, "old", destroy); code != protocol.IllegalTransition {
		t.Errorf("destroying the key of an active entry: %v, want illegal_transition", code)
	}
	r.administrator().must(authority.EntryCancel, "old", authority.Cancel{Basis: "撤销"})
	r.mustRefuse("old", protocol.NotActive, "entry.status")
	for kind, content := range map[authority.Kind]any{
		authority.EntryActivate: authority.Nothing{}, authority.EntryResume: authority.Resume{},
		authority.EntrySuspend: authority.Suspend{Basis: "x"}, authority.EntryCancel: authority.Cancel{Basis: "x"},
		authority.PolicySet: authority.SetPolicy{Text: fmt.Sprintf(policyText, 1)},
	} {
		if code := r.try(kind, "old", content); code != protocol.IllegalTransition {
			t.Errorf("%s of a cancelled entry: %v, want illegal_transition", kind, code)
		}
	}
	public := r.entryNow("old").PublicKey
	if n := r.keysLeft(); n != 2 {
		t.Fatalf("%d keys on the token, want 2", n)
	}
	if code := r.try(authority.KeyDestroy, "old", authority.DestroyKey{}); code != protocol.Malformed {
		t.Errorf("without a reason: %v, want malformed", code)
	}
	r.administrator().must(authority.KeyDestroy, "old", destroy)
	if n := r.keysLeft(); n != 1 {
		t.Errorf("%d keys on the token, want 1", n)
	}
	e := r.entryNow("old")
	if e.Destroyed == "" || e.PublicKey != public || e.Status != "cancelled" || e.Ended != "撤销" {
		t.Errorf("the record is %+v", e)
	}
	r.mustUse("other")
	r.restart()
	if e := r.entryNow("old"); e.Destroyed == "" || e.PublicKey != public {
		t.Errorf("after a restart the record is %+v", e)
	}
}

// The act stands although the token fails; the same act once more finishes it.
func TestDestroyIsFinishedByTheSameActOnceMore(t *testing.T) {
	r := startedCertRig(t, algo.KeySM2)
	r.entry("old", "SM2")
	o := r.administrator()
	o.must(authority.EntryCancel, "old", authority.Cancel{Basis: "撤销"})
	destroy := func() (admin.Error, int) {
		t.Helper()
		status, body := o.call("POST", admin.PathActs, mustJSON(t, o.act(authority.KeyDestroy, "old", authority.DestroyKey{Basis: "撤销"})))
		if status == 200 {
			return admin.Error{}, status
		}
		return fromJSON[admin.Fault](t, body).Error, status
	}
	r.token.Control(t, "C_DestroyObject=0x30")
	fault, status := destroy()
	if status == 200 || fault.Event == nil || !strings.Contains(fault.Message, "CKR_DEVICE_ERROR") {
		t.Fatalf("with a token that fails: %d %+v, want its fault, and the event of the act", status, fault)
	}
	if e := r.events()[*fault.Event]; e.Op != string(authority.KeyDestroy) || e.Result != "allowed" {
		t.Errorf("event %d: %+v", e.Seq, e)
	}
	first := r.entryNow("old")
	if first.Destroyed == "" {
		t.Error("the record has no mark")
	}
	r.token.Control(t)
	r.restart()
	o = r.administrator()
	if n := r.keysLeft(); n != 1 {
		t.Errorf("%d keys on the token, want the one that could not be destroyed", n)
	}
	if fault, status := destroy(); status != 200 {
		t.Fatalf("once more: %d %+v", status, fault)
	}
	if n := r.keysLeft(); n != 0 {
		t.Errorf("%d keys on the token, want none", n)
	}
	if e := r.entryNow("old"); e.Rev != first.Rev || e.Destroyed != first.Destroyed || e.Proof != "proven" {
		t.Errorf("the record is %+v, want it as the first act left it", e)
	}
	// Once too often says what is so: there is no such key.
	if fault, _ := destroy(); protocol.Code(fault.Code) != protocol.HSMUnavailable || fault.Event == nil {
		t.Errorf("a third time: %+v, want hsm_unavailable", fault)
	}
	r.restart()
	if e := r.entryNow("old"); e.Destroyed != first.Destroyed {
		t.Errorf("after a restart: %+v", e)
	}
}
