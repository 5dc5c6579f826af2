package pkcs11_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol/algo"
)

// quickProfile is what a signature may take where one is to hang. Those that
// follow have no more, so it is long for a signature of SoftHSM2.
const quickProfile = "300ms"

func (r *rig) quick() {
	r.Helper()
	r.config.Profile = r.profile(strings.Replace(shimProfile, `sign = "60s"`, `sign = "`+quickProfile+`"`, 1))
}

// signing makes a signature in the background and hands out its error.
func signing(d *pkcs11.Driver, ref hsm.KeyRef, limit time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		done <- signOnce(ctx, d, ref, algo.SM2SM3)
	}()
	return done
}

func TestHungCallEndsWithItsCallerWhileOthersGoOn(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	other := r.key(d, algo.KeyP256)
	r.token.Control(t, "C_Sign=hang*1")
	err := r.abandon(func(ctx context.Context) error { return signOnce(ctx, d, ref, algo.SM2SM3) })
	if hsm.ClassOf(err) != hsm.ClassDeadline {
		t.Errorf("hung call: %v of class %v, want deadline", err, hsm.ClassOf(err))
	}
	for range 20 {
		r.signs(d, other, algo.ECDSAP256SHA256)
	}
}

func TestHungCallIsCountedAndComesBack(t *testing.T) {
	r := newRig(t, 2)
	r.quick()
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_Sign=hang")
	<-signing(d, ref, patience)
	r.awaitStatus(d, "with one hung call", func(s hsm.TokenStatus) bool { return s.Hung == 1 && s.State == hsm.StateUp })
	r.token.Control(t)
	r.awaitStatus(d, "without hung calls", func(s hsm.TokenStatus) bool { return s.Hung == 0 })
	for range 8 {
		r.signs(d, ref, algo.SM2SM3)
	}
}

func TestTokenIsDownWhenAllCallsHang(t *testing.T) {
	r := newRig(t, 2)
	r.quick()
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_Sign=hang")
	first, second := signing(d, ref, patience), signing(d, ref, patience)
	for _, done := range []<-chan error{first, second} {
		if err := <-done; hsm.ClassOf(err) != hsm.ClassDeadline {
			t.Errorf("hung call: %v, want class deadline", err)
		}
	}
	s := r.await(d, hsm.StateDown)
	if !strings.Contains(s.LastError, "2 calls hang") {
		t.Errorf("status %+v: want the number of hung calls", s)
	}
	r.token.Control(t)
	r.await(d, hsm.StateUp)
	r.signs(d, ref, algo.SM2SM3)
}

// Callers choose their deadlines, and must not be able to harm others with
// short ones.
func TestShortDeadlinesDoNotTakeTheTokenDown(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	before := d.Status()[0]
	r.token.Control(t, "C_Sign=delay:30ms")
	for range 10 {
		<-signing(d, ref, time.Millisecond)
	}
	r.token.Control(t)
	r.signs(d, ref, algo.SM2SM3)
	if s := d.Status()[0]; s.Since != before.Since || s.Hung != 0 {
		t.Errorf("short deadlines took the token down: %+v", s)
	}
}

// A caller whose time runs out before a session is free learns that nothing
// was started.
func TestWaitingForASessionIsBusy(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_Sign=hang")
	// The only worker is held then.
	r.abandon(func(ctx context.Context) error { return signOnce(ctx, d, ref, algo.SM2SM3) })
	if err := <-signing(d, ref, 20*time.Millisecond); hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("no free session: %v of class %v, want busy", err, hsm.ClassOf(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := signOnce(ctx, d, ref, algo.SM2SM3); hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("context that is over: %v of class %v, want busy", err, hsm.ClassOf(err))
	}
}

// While a login hangs there is never a second one.
func TestHungLoginIsSaidAndNotRepeated(t *testing.T) {
	r := newRig(t, 1)
	r.config.Profile.Deadlines.Login = 100 * time.Millisecond
	r.token.Control(t, "C_Login=hang")
	d := r.open()
	s := r.await(d, hsm.StateDown)
	if !strings.Contains(s.LastError, "has not answered") {
		t.Errorf("status while a login hangs: %+v", s)
	}
	if err := d.ClearPIN(r.context(), "seals"); hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("ClearPIN while a login hangs: %v, want class busy", err)
	}
	r.eventually("a call of C_Login", func() bool { return len(r.token.Logins(t)) == 1 })
	r.token.Control(t)
	r.await(d, hsm.StateUp)
	r.wantLogins(1)
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	r := newRig(t, 1)
	r.quick()
	d, err := pkcs11.Open(r.config)
	if err != nil {
		t.Fatal(err)
	}
	r.await(d, hsm.StateUp)
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_Sign=hang")
	<-signing(d, ref, patience)
	if err := d.Close(); err == nil {
		t.Error("Close finalised a module with a call inside it")
	}
	r.token.Control(t)
	// Let the call come back, and finalise for the tests that follow.
	ctx, _ := r.beside()
	r.settle()
	if err := ctx.Finalize(); err != nil {
		t.Error(err)
	}
}
