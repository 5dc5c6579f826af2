package register_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"signet/daemon/internal/register"
)

// certificate is one of that serial, as an import's facts have it.
func certificate(serial string) register.Certificate {
	return register.Certificate{
		Hash: strings.Repeat(serial, 32), Chain: []string{strings.Repeat("c1", 32)}, Attachments: []string{strings.Repeat("a1", 32)},
		Subject: "CN=合同专用章", Issuer: "CN=测试 CA", Serial: serial,
		NotBefore: "2026-01-01T00:00:00Z", NotAfter: "2028-12-31T23:59:59Z", CA: "licensed", Licence: "ECP11010120001", Anchor: strings.Repeat("c1", 32),
	}
}

// certified is an active entry with certificates of those serials.
func certified(t testing.TB, serials ...string) register.Entry {
	t.Helper()
	e := in(t, register.Active, 0)
	for _, serial := range serials {
		var err error
		if e, err = e.AddCertificate(certificate(serial), at); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// TestRenewalKeepsOldCertificates: what they signed must stay verifiable
// (GB/T 38629 5.4.3).
func TestRenewalKeepsOldCertificates(t *testing.T) {
	if c, ok := in(t, register.Active, 0).Certificate(); ok || !reflect.DeepEqual(c, register.Certificate{}) {
		t.Errorf("an entry without one has the certificate %+v", c)
	}
	e := certified(t, "01", "02", "03")
	if c, ok := e.Certificate(); !ok || c.Serial != "03" || c.Imported != "2026-11-22T10:51:00Z" {
		t.Errorf("in use is %+v", c)
	}
	var serials []string
	for _, c := range e.Certificates {
		serials = append(serials, c.Serial)
	}
	if got := strings.Join(serials, " "); got != "01 02 03" {
		t.Errorf("certificates are %s", got)
	}
	for _, serial := range serials {
		if _, err := e.AddCertificate(certificate(serial), at); !errors.Is(err, register.ErrTransition) {
			t.Errorf("%s again: %v, want ErrTransition", serial, err)
		}
	}
}

// TestRevocationHoldsUntilAnotherCertificate: a list stops the entry by
// itself, and no officer lifts that hold while the certificate in use is on
// the list.
func TestRevocationHoldsUntilAnotherCertificate(t *testing.T) {
	revoked := register.Revocation{Entry: "contracts", Since: "2026-11-20T00:00:00Z", Basis: "on list 7 of CN=测试 CA"}
	e, err := certified(t, "01").Revoke(revoked, at)
	if err != nil || e.MaySign() || len(e.Holds) != 1 {
		t.Fatalf("Revoke: %+v, %v", e.Holds, err)
	}
	want := register.Hold{ID: 1, Authority: register.HoldCA, Basis: revoked.Basis, From: "2026-11-22T10:51:00Z", Recorded: "2026-11-22T10:51:00Z", LiftBy: register.HoldOwner}
	if e.Holds[0] != want || e.Certificates[0].Revoked != revoked.Since {
		t.Errorf("held by %+v, revoked %s", e.Holds[0], e.Certificates[0].Revoked)
	}
	for _, hold := range []uint32{0, 1} {
		if _, err := e.Resume(hold); !errors.Is(err, register.ErrTransition) || !strings.Contains(err.Error(), "import a new one first") {
			t.Errorf("lifting hold %d while it is revoked: %v", hold, err)
		}
	}
	renewed, err := e.AddCertificate(certificate("02"), at)
	if err != nil || renewed.MaySign() {
		t.Fatalf("a new certificate: may sign %v, %v: the hold waits for an officer", renewed.MaySign(), err)
	}
	lifted, err := renewed.Resume(1)
	if err != nil || !lifted.MaySign() || lifted.Certificates[0].Revoked != revoked.Since || lifted.Certificates[1].Revoked != "" {
		t.Errorf("lifted: %+v, %v", lifted.Certificates, err)
	}
	if again, err := lifted.Revoke(revoked, at); err != nil || len(again.Holds) != 1 || again.Holds[0].ID != 2 || again.Certificates[1].Revoked == "" {
		t.Errorf("the new one revoked too: %+v, %v", again.Holds, err)
	}
}

// TestRevocationTakenBackWaitsForAnOfficer: a certificate on hold that is no
// longer listed may be lifted, and is not by itself.
func TestRevocationTakenBackWaitsForAnOfficer(t *testing.T) {
	on := register.Revocation{Entry: "contracts", Since: "2026-11-20T00:00:00Z", Basis: "certificateHold"}
	e, err := certified(t, "01").Revoke(on, at)
	if err != nil {
		t.Fatal(err)
	}
	back, err := e.Revoke(register.Revocation{Entry: "contracts"}, at)
	if err != nil || back.MaySign() || len(back.Holds) != 1 || back.Certificates[0].Revoked != "" || back.Rev != e.Rev+1 {
		t.Fatalf("taken back: %+v, %v", back, err)
	}
	if lifted, err := back.Resume(0); err != nil || !lifted.MaySign() {
		t.Errorf("lifting it: %v", err)
	}
}

func TestOneListOneHold(t *testing.T) {
	on := register.Revocation{Entry: "contracts", Since: "2026-11-20T00:00:00Z", Basis: "on list 7"}
	e, err := certified(t, "01").Revoke(on, at)
	if err != nil {
		t.Fatal(err)
	}
	on.Since = "2026-11-19T00:00:00Z"
	if e, err = e.Revoke(on, at); err != nil || len(e.Holds) != 1 || e.Certificates[0].Revoked != on.Since {
		t.Errorf("listed again: %+v, %v", e.Holds, err)
	}
	// The owner's hold beside it stays his.
	if e, err = e.Suspend(register.HoldOwner, "lost", at); err != nil {
		t.Fatal(err)
	}
	if lifted, err := e.Resume(2); err != nil || lifted.MaySign() {
		t.Errorf("lifting the owner's hold: may sign %v, %v", lifted.MaySign(), err)
	}
}

// TestAnEndedEntryIsMarkedOnly: nothing of it can sign, and whoever verifies
// wants to know.
func TestAnEndedEntryIsMarkedOnly(t *testing.T) {
	e, err := certified(t, "01").Cancel("单位撤销", at)
	if err != nil {
		t.Fatal(err)
	}
	marked, err := e.Revoke(register.Revocation{Entry: "contracts", Since: "2026-11-20T00:00:00Z"}, at)
	if err != nil || len(marked.Holds) != 0 || marked.Certificates[0].Revoked == "" || marked.Status() != "cancelled" {
		t.Errorf("Revoke = %+v, %v", marked, err)
	}
	if e.Certificates[0].Revoked != "" {
		t.Error("the entry before was changed")
	}
	if _, err := in(t, register.Active, 0).Revoke(register.Revocation{Since: "x"}, at); !errors.Is(err, register.ErrTransition) {
		t.Errorf("without a certificate: %v, want ErrTransition", err)
	}
}

func TestCancelSaysWhyAndWhen(t *testing.T) {
	e, err := in(t, register.Active, 1).Cancel("单位撤销", at)
	want := register.End{Basis: "单位撤销", From: "2026-11-22T10:51:00Z", Recorded: "2026-11-22T10:51:00Z"}
	if err != nil || e.Status() != "cancelled" || e.End == nil || *e.End != want || e.MaySign() || len(e.Holds) != 1 {
		t.Errorf("Cancel = %+v, %v", e, err)
	}
}

// TestDestroyedKeyStaysVerifiable: the record keeps the public key.
func TestDestroyedKeyStaysVerifiable(t *testing.T) {
	before := in(t, register.Cancelled, 0)
	e, err := before.DestroyKey(at)
	if err != nil || e.Key.Destroyed != "2026-11-22T10:51:00Z" {
		t.Fatalf("DestroyKey = %+v, %v", e.Key, err)
	}
	if _, public, err := e.Key.Parse(); err != nil || !public.Equal(generator(t)) {
		t.Errorf("its public key: %v", err)
	}
	if before.Key.Destroyed != "" {
		t.Error("the record before was changed")
	}
	if _, err := e.DestroyKey(at); !errors.Is(err, register.ErrTransition) || !strings.Contains(err.Error(), e.Key.Destroyed) {
		t.Errorf("again: %v", err)
	}
	seal := before
	seal.Key = nil
	if _, err := seal.DestroyKey(at); !errors.Is(err, register.ErrTransition) {
		t.Errorf("an entry without a key of its own: %v", err)
	}
}
