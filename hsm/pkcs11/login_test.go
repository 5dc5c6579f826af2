package pkcs11_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol/algo"
)

// reopen closes one driver and opens another, as a restart does.
func (r *rig) reopen(d *pkcs11.Driver) *pkcs11.Driver {
	r.Helper()
	if err := d.Close(); err != nil {
		r.Fatal(err)
	}
	return r.open()
}

func (r *rig) wantLogins(n int) {
	r.Helper()
	if got := len(r.token.Logins(r)); got != n {
		r.Errorf("%d calls of C_Login: want %d", got, n)
	}
}

func (r *rig) latched() bool {
	_, err := os.Stat(filepath.Join(r.config.LatchDir, "seals.latch"))
	return err == nil
}

func TestWrongPINIsTriedOnce(t *testing.T) {
	r := newRig(t, 4)
	r.config.Tokens[0].PIN = pinOf("wrong")
	d := r.open()
	s := r.await(d, hsm.StateLatched)
	if !strings.Contains(s.LastError, "CKR_PIN_INCORRECT") || !strings.Contains(s.Mend, "clear-pin seals") {
		t.Errorf("status of a refused PIN: %+v", s)
	}
	if strings.Contains(s.LastError, "wrong") {
		t.Errorf("the PIN is in the status: %s", s.LastError)
	}
	r.wantLogins(1)

	d = r.reopen(d)
	r.await(d, hsm.StateLatched)
	r.wantLogins(1)

	r.config.Tokens[0].PIN = pinOf("wrong too")
	d = r.reopen(d)
	r.await(d, hsm.StateLatched)
	r.wantLogins(2)

	r.config.Tokens[0].PIN = pinOf(r.token.PIN)
	d = r.reopen(d)
	r.await(d, hsm.StateUp)
	r.wantLogins(3)
	if r.latched() {
		t.Error("the latch is there after a login")
	}
}

func TestLatchedTokenSaysSo(t *testing.T) {
	r := newRig(t, 1)
	r.config.Tokens[0].PIN = pinOf("wrong")
	r.config.Backoff = func(int) time.Duration {
		t.Error("a latched token waits for a time, not for an officer")
		return time.Hour
	}
	d := r.open()
	r.await(d, hsm.StateLatched)
	_, err := d.Random(r.context(), "seals", 8)
	if hsm.ClassOf(err) != hsm.ClassPIN {
		t.Errorf("Random on a latched token: class %v (%v), want pin", hsm.ClassOf(err), err)
	}
}

func TestOfficerClearsTheLatch(t *testing.T) {
	r := newRig(t, 1)
	pin := "wrong"
	r.config.Tokens[0].PIN = func() (hsm.Secret, error) { return pinOf(pin)() }
	d := r.open()
	r.await(d, hsm.StateLatched)
	if err := d.ClearPIN(r.context(), "seals"); hsm.ClassOf(err) != hsm.ClassPIN {
		t.Errorf("ClearPIN with the same wrong PIN: class %v (%v), want pin", hsm.ClassOf(err), err)
	}
	r.wantLogins(2)
	pin = r.token.PIN
	if err := d.ClearPIN(r.context(), "seals"); err != nil {
		t.Errorf("ClearPIN with the right PIN: %v", err)
	}
	if s := d.Status()[0]; s.State != hsm.StateUp {
		t.Errorf("after ClearPIN: %+v", s)
	}
	if err := d.ClearPIN(r.context(), "seals"); err != nil {
		t.Errorf("ClearPIN on a token that is up: %v", err)
	}
	r.wantLogins(3)
}

// What C_Login answers decides whether the PIN may be tried again.
func TestAnswersOfLogin(t *testing.T) {
	for _, c := range []struct {
		name  string
		code  string
		latch bool
	}{
		{"PIN incorrect", "0xa0", true},
		{"PIN locked", "0xa4", true},
		{"PIN expired", "0xa3", true},
		{"vague, may be the PIN", "0x6", true},
		{"general, may be the PIN", "0x5", true},
		{"vendor's own", "0x80000123", true},
		{"unheard of", "0x7777", true},
		{"device, before the PIN", "0x30", false},
		{"token removed", "0x32", false},
		{"token not there", "0xe0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1)
			r.token.Control(t, "C_Login="+c.code)
			d := r.open()
			if !c.latch {
				r.await(d, hsm.StateDown)
				r.token.Control(t)
				r.await(d, hsm.StateUp)
				return
			}
			r.await(d, hsm.StateLatched)
			r.wantLogins(1)
			if !r.latched() {
				t.Error("no latch on disk")
			}
			r.token.Control(t)
			if err := d.ClearPIN(r.context(), "seals"); err != nil {
				t.Errorf("ClearPIN: %v", err)
			}
		})
	}
}

// A process that ends while the token judges the PIN leaves the latch behind.
func TestLatchOutlivesTheProcess(t *testing.T) {
	r := newRig(t, 1)
	r.token.Control(t, "C_Login=crash")
	r.crash("login")
	r.wantLogins(1)
	r.token.Control(t)
	d := r.open()
	r.await(d, hsm.StateLatched)
	r.wantLogins(1)
}

// A login is per token: all workers live on one.
func TestOneLoginForAllWorkers(t *testing.T) {
	r := newRig(t, 8)
	d := r.up()
	ref := r.key(d, algo.KeyP256)
	for range 32 {
		r.signs(d, ref, algo.ECDSAP256SHA256)
	}
	r.wantLogins(1)
}

func TestUnreadablePINIsTriedAgain(t *testing.T) {
	r := newRig(t, 1)
	reads := 0
	r.config.Tokens[0].PIN = func() (hsm.Secret, error) {
		if reads++; reads < 3 {
			return hsm.Secret{}, errors.New("no such credential")
		}
		return pinOf(r.token.PIN)()
	}
	r.await(r.open(), hsm.StateUp)
	r.wantLogins(1)
}

func TestDamagedLatchForbidsLogin(t *testing.T) {
	r := newRig(t, 1)
	if err := os.WriteFile(filepath.Join(r.config.LatchDir, "seals.latch"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := r.open()
	r.await(d, hsm.StateLatched)
	r.wantLogins(0)
	if err := d.ClearPIN(r.context(), "seals"); err != nil {
		t.Errorf("ClearPIN: %v", err)
	}
}

// The library's own error stays in the chain, under a class and a name.
func TestErrorsKeepTheirCode(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_Sign=0x30*1")
	_, err := signWith(r.context(), d, ref, algo.SM2SM3, make([]byte, 32))
	code, ok := errors.AsType[p11.Error](err)
	if !ok || code != p11.CKR_DEVICE_ERROR {
		t.Errorf("code in the chain of %v: %v, want CKR_DEVICE_ERROR", err, code)
	}
	e, ok := errors.AsType[*hsm.Error](err)
	if !ok || e.Class != hsm.ClassDevice || e.Token != "seals" || !strings.Contains(err.Error(), "C_Sign: CKR_DEVICE_ERROR") {
		t.Errorf("error %v of class %v, token %q", err, hsm.ClassOf(err), e.Token)
	}
}
