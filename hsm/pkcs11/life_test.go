package pkcs11_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol/algo"
)

// settle waits until no goroutine of the driver is left.
func (r *rig) settle() {
	r.Helper()
	r.eventually("end of the driver's goroutines", func() bool {
		return !strings.Contains(goroutines(), "signet/hsm/pkcs11.(*")
	})
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	r := newRig(t, 8)
	// Somebody else initialises first, so that Close cannot hide sessions by
	// finalising.
	ctx := p11.New(r.config.Path)
	if err := ctx.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer ctx.Finalize()
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	for _, fault := range []string{"", "C_SignInit=0xb3*1", "C_SignInit=0x60*1", "C_Sign=0x21*1", "C_Sign=0x30*1"} {
		before := d.Status()[0]
		r.token.Control(t, fault)
		signOnce(r.context(), d, ref, algo.SM2SM3)
		if fault == "C_Sign=0x30*1" {
			r.awaitNew(d, before)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	r.settle()
	for handle := p11.SessionHandle(1); handle < 200; handle++ {
		if info, err := ctx.GetSessionInfo(handle); err == nil {
			t.Errorf("session %d is left open, state %d", handle, info.State)
		}
	}
	if _, err := signWith(r.context(), d, ref, algo.SM2SM3, make([]byte, 32)); hsm.ClassOf(err) != hsm.ClassUnavailable {
		t.Errorf("Sign after Close: %v, want class unavailable", err)
	}
	if err := d.ClearPIN(r.context(), "seals"); hsm.ClassOf(err) != hsm.ClassUnavailable {
		t.Errorf("ClearPIN after Close: %v, want class unavailable", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// A request that comes with the start of the process is early, not wrong.
func TestRequestWaitsForTheFirstConnect(t *testing.T) {
	r := newRig(t, 1)
	r.token.Control(t, "C_Login=delay:100ms")
	if _, err := r.open().Random(r.context(), "seals", 1); err != nil {
		t.Errorf("Random while the token connects: %v", err)
	}
}

// A module that another user of the process initialised is not ours to
// finalise.
func TestAdoptedModuleIsNotFinalised(t *testing.T) {
	r := newRig(t, 1)
	ctx := p11.New(r.config.Path)
	if err := ctx.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer ctx.Finalize()
	d := r.up()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ctx.GetSlotList(true); err != nil {
		t.Errorf("after Close of an adopted module: %v", err)
	}
}

func TestModuleFinalisedByAnotherComesBack(t *testing.T) {
	r := newRig(t, 2)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	before := d.Status()[0]
	ctx, _ := r.beside()
	if err := ctx.Finalize(); err != nil {
		t.Fatal(err)
	}
	r.loses(d, ref, hsm.ClassDevice)
	r.awaitNew(d, before)
	r.signs(d, ref, algo.SM2SM3)
}

func TestTokensOfOneModuleAreIndependent(t *testing.T) {
	r := newRig(t, 2)
	second, err := r.token.Add("second")
	if err != nil {
		t.Fatal(err)
	}
	bad := r.tokenOf("bad", second, 2)
	bad.PIN = pinOf("wrong")
	r.config.Tokens = append(r.config.Tokens, bad)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	for range 4 {
		r.signs(d, ref, algo.SM2SM3)
	}
	r.awaitStatus(d, "joined by a latched one", func(hsm.TokenStatus) bool { return d.Status()[1].State == hsm.StateLatched })
	r.signs(d, ref, algo.SM2SM3)
	elsewhere := ref
	elsewhere.Token = "nowhere"
	if err := signOnce(r.context(), d, elsewhere, algo.SM2SM3); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("unknown token: %v, want class absent", err)
	}
}

func TestURIThatNamesTwoTokensIsRefused(t *testing.T) {
	r := newRig(t, 1)
	if _, err := r.token.Add("second"); err != nil {
		t.Fatal(err)
	}
	r.config.Tokens[0].URI = hsm.URI{Manufacturer: "SoftHSM project"}
	s := r.await(r.open(), hsm.StateDown)
	if !strings.Contains(s.LastError, "names 2 tokens") {
		t.Errorf("status %+v: want both tokens named", s)
	}
	r.wantLogins(0)
}

func TestEightWorkersSignInParallel(t *testing.T) {
	r := newRig(t, 8)
	d := r.up()
	refs := []hsm.KeyRef{r.key(d, algo.KeySM2), r.key(d, algo.KeyP256), r.key(d, algo.KeySM2)}
	algorithms := []algo.Algorithm{algo.SM2SM3, algo.ECDSAP256SHA256, algo.SM2SM3}
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := range 125 {
				k := (c + i) % len(refs)
				r.signs(d, refs[k], algorithms[k])
			}
		})
	}
	callers.Wait()
}

func TestStatusDescribesTheToken(t *testing.T) {
	r := newRig(t, 3)
	r.config.Profile.MaxSessions = 2
	r.config.Profile.Manufacturer = "acme"
	r.config.Profile.Unverified = []string{"sm2.keygen"}
	s := r.up().Status()[0]
	if s.Name != "seals" || s.Module != "m" || s.Open != 2 || s.Configured != 3 || s.Production || s.Pinned ||
		s.Manufacturer != "SoftHSM project" || s.Model != "SoftHSM v2" || s.Serial == "" || s.Firmware != "2.6" ||
		s.LastError != "" || s.Mend != "" || s.Since.IsZero() {
		t.Errorf("status %+v", s)
	}
	if len(s.Notices) != 4 { // not for production, unverified, another maker, fewer sessions
		t.Errorf("notices %q: want four", s.Notices)
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	good := newRig(t, 1).config
	for name, spoil := range map[string]func(*pkcs11.Config){
		"no path":       func(c *pkcs11.Config) { c.Path = "" },
		"no profile":    func(c *pkcs11.Config) { c.Profile = hsm.Profile{} },
		"no tokens":     func(c *pkcs11.Config) { c.Tokens = nil },
		"token twice":   func(c *pkcs11.Config) { c.Tokens = append(c.Tokens, c.Tokens[0]) },
		"bad name":      func(c *pkcs11.Config) { c.Tokens[0].Name = "../x" },
		"no URI":        func(c *pkcs11.Config) { c.Tokens[0].URI = hsm.URI{} },
		"no PIN":        func(c *pkcs11.Config) { c.Tokens[0].PIN = nil },
		"no sessions":   func(c *pkcs11.Config) { c.Tokens[0].Sessions = 0 },
		"many sessions": func(c *pkcs11.Config) { c.Tokens[0].Sessions = 65 },
		"bad hash":      func(c *pkcs11.Config) { c.SHA256 = "abc" },
		"no latch dir":  func(c *pkcs11.Config) { c.LatchDir = "/nonexistent" },
		"open latches":  func(c *pkcs11.Config) { c.LatchDir = "/tmp" },
	} {
		c := good
		c.Tokens = slices.Clone(good.Tokens)
		spoil(&c)
		if d, err := pkcs11.Open(c); err == nil {
			d.Close()
			t.Errorf("%s: Open accepted it", name)
		}
	}
}

// Changed may ask for the status: it is called without a lock.
func TestChangedIsCalledWithoutLocks(t *testing.T) {
	r := newRig(t, 1)
	var d *pkcs11.Driver
	ready := make(chan struct{})
	plain := r.config.Changed
	r.config.Changed = func() {
		<-ready
		d.Status()
		plain()
	}
	d = r.open()
	close(ready)
	r.await(d, hsm.StateUp)
}
