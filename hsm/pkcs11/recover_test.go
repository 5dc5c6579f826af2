package pkcs11_test

import (
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

// loses makes one signature fail and checks the class.
func (r *rig) loses(d *pkcs11.Driver, ref hsm.KeyRef, want hsm.Class) {
	r.Helper()
	err := signOnce(r.context(), d, ref, algo.SM2SM3)
	if got := hsm.ClassOf(err); got != want {
		r.Errorf("signing: %v of class %v, want %v", err, got, want)
	}
}

// awaitNew waits until the token has come up again after since.
func (r *rig) awaitNew(d *pkcs11.Driver, since hsm.TokenStatus) {
	r.Helper()
	r.awaitStatus(d, "up again", func(s hsm.TokenStatus) bool {
		return s.State == hsm.StateUp && s.Since.After(since.Since)
	})
}

func TestDeviceErrorTakesTheTokenDownAndItComesBack(t *testing.T) {
	r := newRig(t, 4)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	before := d.Status()[0]
	r.token.Control(t, "C_Sign=0x30", "C_OpenSession=0x30")
	r.loses(d, ref, hsm.ClassDevice)
	s := r.await(d, hsm.StateDown)
	if !strings.Contains(s.LastError, "CKR_DEVICE_ERROR") || s.Mend == "" {
		t.Errorf("status of a token that failed: %+v", s)
	}
	r.loses(d, ref, hsm.ClassUnavailable)
	r.token.Control(t)
	r.awaitNew(d, before)
	r.signs(d, ref, algo.SM2SM3)
}

// One vague error may be the request's fault; several in a row are not.
func TestVagueErrorsTakeTheTokenDownOnlyInARow(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	before := d.Status()[0]
	for range 3 {
		r.token.Control(t, "C_Sign=0x6*2")
		r.loses(d, ref, hsm.ClassDevice)
		r.loses(d, ref, hsm.ClassDevice)
		r.signs(d, ref, algo.SM2SM3)
	}
	if s := d.Status()[0]; s.Since != before.Since {
		t.Errorf("the token went down: %+v", s)
	}
	r.token.Control(t, "C_Sign=0x6*3")
	for range 3 {
		r.loses(d, ref, hsm.ClassDevice)
	}
	r.awaitNew(d, before)
}

func TestOneRetryForWhatANewSessionOrHandleMends(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	for _, c := range []struct {
		code  string
		class hsm.Class
	}{
		{"0xb3", hsm.ClassSession},
		{"0xb0", hsm.ClassSession},
		{"0x90", hsm.ClassSession},
		{"0x60", hsm.ClassHandle},
		{"0x82", hsm.ClassHandle},
		{"0x101", hsm.ClassLogin},
	} {
		r.token.Control(t, "C_SignInit="+c.code+"*1")
		r.signs(d, ref, algo.SM2SM3)
		before := d.Status()[0]
		r.token.Control(t, "C_SignInit="+c.code+"*2")
		r.loses(d, ref, c.class)
		r.token.Control(t) // the count starts anew with each C_Initialize
		if c.code == "0xb3" || c.code == "0xb0" {
			r.awaitNew(d, before) // no session works: all were lost
		}
		r.signs(d, ref, algo.SM2SM3)
	}
}

func TestRequestErrorsAreNotRetried(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	before := d.Status()[0]
	for fault, want := range map[string]hsm.Class{
		"C_SignInit=0x70*1": hsm.ClassUnsupported, "C_SignInit=0x63*1": hsm.ClassRequest, "C_Sign=0x21*1": hsm.ClassRequest,
	} {
		r.token.Control(t, fault)
		r.loses(d, ref, want)
		// The next signature has a session in which nothing is left active, and
		// needs no second try, which would ask for the session's state.
		r.token.Control(t, "C_GetSessionInfo=0x21")
		r.signs(d, ref, algo.SM2SM3)
	}
	if s := d.Status()[0]; s.Since != before.Since {
		t.Errorf("a request took the token down: %+v", s)
	}
}

// beside loads the driver's module a second time: the process has one state
// per module, so it reaches into the driver's.
func (r *rig) beside() (*p11.Ctx, uint) {
	r.Helper()
	ctx := p11.New(r.config.Path)
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		r.Fatal(err)
	}
	for _, slot := range slots {
		if info, err := ctx.GetTokenInfo(slot); err == nil && info.Label == r.token.Label {
			return ctx, slot
		}
	}
	r.Fatal("no slot has the token")
	return nil, 0
}

func TestLostSessionsAndLoginAreReplaced(t *testing.T) {
	r := newRig(t, 4)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	other := r.key(d, algo.KeyP256)
	before := d.Status()[0]
	ctx, slot := r.beside()
	for range 3 {
		if err := ctx.CloseAllSessions(slot); err != nil { // logs out, too
			t.Fatal(err)
		}
		for range 8 {
			r.signs(d, ref, algo.SM2SM3)
			r.signs(d, other, algo.ECDSAP256SHA256)
		}
	}
	if s := d.Status()[0]; s.Since != before.Since {
		t.Errorf("the token went down: %+v", s)
	}
	r.wantLogins(4)
}

func TestLogoutByAnotherUserIsMended(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	ctx, slot := r.beside()
	s, err := ctx.OpenSession(slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	defer ctx.CloseSession(s)
	n := 1
	for _, use := range []func(){
		func() { r.signs(d, ref, algo.SM2SM3) },
		func() {
			if keys, err := d.Keys(r.context(), "seals"); err != nil || len(keys) != 1 {
				t.Errorf("Keys = %v, %v: want one key", keys, err)
			}
		},
		func() { r.key(d, algo.KeyP256) },
		func() {
			if err := d.Destroy(r.context(), ref); err != nil {
				t.Error(err)
			}
		},
	} {
		if err := ctx.Logout(s); err != nil {
			t.Fatal(err)
		}
		use()
		n++
		r.wantLogins(n)
	}
}

func TestTokenThatAppearsLaterIsFound(t *testing.T) {
	r := newRig(t, 1)
	r.config.Tokens[0].URI = hsm.URI{Token: "later"}
	d := r.open()
	s := r.await(d, hsm.StateDown)
	if !strings.Contains(s.LastError, "pkcs11:token=later") || s.Mend == "" {
		t.Errorf("status of an absent token: %+v", s)
	}
	_, err := d.Random(r.context(), "seals", 1)
	if hsm.ClassOf(err) != hsm.ClassUnavailable {
		t.Errorf("Random on an absent token: %v", err)
	}
	late, err := r.token.Add("later")
	if err != nil {
		t.Fatal(err)
	}
	// The PIN of the first token is wrong for this one and would latch.
	r.await(d, hsm.StateLatched)
	r.config.Tokens[0].PIN = pinOf(late.PIN)
	r.await(r.reopen(d), hsm.StateUp)
}

func TestModuleThatCannotBeUsedIsAStateAndMended(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 1)
	shim := r.config.Path
	for _, c := range []struct {
		name, path, hash, want string
	}{
		{"missing", "/nonexistent/module.so", "", "no such file"},
		{"not a library", text, "", "loading module"},
		{"no module", "libm.so.6", "", "opening module"},
		{"a library without PKCS#11", libc(t), "", "C_GetFunctionList"},
		{"another file", "", strings.Repeat("ab", 32), "the configuration wants abab"},
	} {
		r.config.Path, r.config.SHA256 = shim, c.hash
		if c.path != "" {
			r.config.Path = c.path
		}
		d := r.open()
		s := r.await(d, hsm.StateDown)
		if !strings.Contains(s.LastError, c.want) || s.Mend == "" || s.Pinned != (c.hash != "") {
			t.Errorf("%s: status %+v: want an error with %q", c.name, s, c.want)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestModuleThatAppearsLaterIsLoaded(t *testing.T) {
	r := newRig(t, 1)
	library, err := os.ReadFile(r.config.Path)
	if err != nil {
		t.Fatal(err)
	}
	r.config.Path = filepath.Join(t.TempDir(), "module.so")
	d := r.open()
	r.await(d, hsm.StateDown)
	if err := os.WriteFile(r.config.Path+".new", library, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.config.Path+".new", r.config.Path); err != nil {
		t.Fatal(err)
	}
	r.await(d, hsm.StateUp)
}

// libc finds the C library that this process has loaded.
func libc(t *testing.T) string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.FieldsSeq(string(maps)) {
		if strings.HasPrefix(filepath.Base(field), "libc.so") || strings.HasPrefix(filepath.Base(field), "libc-") {
			return field
		}
	}
	t.Fatal("no C library among the mappings of this process")
	return ""
}

// A device that connects and fails at once is not connected to, with a login
// each time, as fast as requests come.
func TestFlappingTokenBacksOff(t *testing.T) {
	r := newRig(t, 1)
	waits := make(chan int, 64)
	r.config.Backoff = func(n int) time.Duration {
		select {
		case waits <- n:
		default:
		}
		return time.Millisecond
	}
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	for range 4 {
		before := d.Status()[0]
		r.token.Control(t, "C_Sign=0x30*1")
		r.loses(d, ref, hsm.ClassDevice)
		r.awaitNew(d, before)
	}
	for want := 1; want <= 3; want++ { // the first of four losses does not wait
		if got := <-waits; got != want {
			t.Errorf("wait number %d: want %d", got, want)
		}
	}
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	for n, most := range map[int]time.Duration{0: 500 * time.Millisecond, 1: 500 * time.Millisecond, 2: time.Second,
		6: 16 * time.Second, 7: 30 * time.Second, 1 << 40: 30 * time.Second} {
		for range 100 {
			if got := pkcs11.Backoff(n); got > most || got <= most*3/4-1 {
				t.Errorf("Backoff(%d) = %v: want between 3/4 of %v and that", n, got, most)
			}
		}
	}
}
