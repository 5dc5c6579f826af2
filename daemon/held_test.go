package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/testsoftHSM/need"
)

// twoNames is a driver whose configuration has a second token, "vault": the same
// token once more, under which nobody finds an anchor.
type twoNames struct {
	hsm.Driver
	serial string // of the second; empty: that of the first
}

func (d *twoNames) Status() []hsm.TokenStatus {
	all := d.Driver.Status()
	vault := all[0]
	vault.Name = "vault"
	if d.serial != "" {
		vault.Serial = d.serial
	}
	return append(all, vault)
}

func (d *twoNames) Data(ctx context.Context, token, label string) ([][]byte, error) {
	if token == "vault" {
		return nil, nil
	}
	return d.Driver.Data(ctx, token, label)
}

// Root who leaves the token of the log out of [log], or names another one there,
// is found out by the anchor on the token of the key that he wants to use.
func TestStoreIsHeldToTheAnchorOfEveryToken(t *testing.T) {
	for name, c := range map[string]struct {
		logToken string
		genesis  func(*officers) authority.Genesis
	}{
		"[log] names no token": {"", func(*officers) authority.Genesis {
			return authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "mixed", Deployment: "owner"}
		}},
		"[log] names another token": {"vault", func(r *officers) authority.Genesis {
			g := r.genesis()
			g.LogKey.Token = "vault"
			g.Tokens = append(g.Tokens, authority.Product{Name: "vault", Product: "root's own"})
			return g
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := startedOfficers(t)
			r.activeEntry("sm2", "SM2")
			key := *r.server.appliance().book.find("sm2").entry.Key
			r.stop()
			r.emptied()
			forge(t, r, c.genesis(r), register.Facts{Key: &key})
			r.logToken = c.logToken
			r.wrap = func(d hsm.Driver) hsm.Driver { return &twoNames{Driver: d} }
			r.start()
			r.neverSigns("sm2", algo.SM2SM3)
			r.expectMode(InRecovery, protocol.Recovery, "on token seals")
		})
	}
}

// lostAppliance is a token with the anchor of an appliance whose files are gone,
// under a signetd.toml whose [log] names no token.
func lostAppliance(t *testing.T) *officers {
	t.Helper()
	r := startedOfficers(t)
	r.stop()
	r.emptied()
	r.logToken = ""
	return r
}

func developmentInit(r *rig) protocol.Code {
	o := r.administrator()
	_, code := o.submit(o.act(authority.Init, "", authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "mixed", Deployment: "owner"}))
	return code
}

func TestInitWithoutOfficersRefusesATokenThatHasAnAnchor(t *testing.T) {
	r := lostAppliance(t)
	r.start()
	r.waitFor(func() bool { return r.server.tokens.isUp("seals") }, "the token")
	if code := developmentInit(r.rig); code != protocol.Conflict {
		t.Errorf("init: %v, want conflict", code)
	}
	if r.server.hasStore() || r.server.condition().mode != Uninitialised {
		t.Errorf("mode is %v after a refused init", r.server.condition().mode)
	}
}

// A token that comes up after init is asked then, before a key on it is used.
func TestTokenThatComesUpAfterInitIsAskedForItsAnchor(t *testing.T) {
	r := lostAppliance(t)
	r.token.Control(t, "C_OpenSession=0x30")
	r.start()
	if code := developmentInit(r.rig); code != 0 {
		t.Fatalf("init while the token is out: %v", code)
	}
	r.token.Control(t)
	r.waitMode(InRecovery)
	r.expectMode(InRecovery, protocol.Recovery, "another appliance")
}

func TestInitRefusesATokenWhoseAnchorCannotBeRead(t *testing.T) {
	for name, init := range map[string]func(*officers) protocol.Code{
		"by officers": func(r *officers) protocol.Code {
			return r.try(authority.Init, "", r.genesis(), r.everybody()...)
		},
		"without officers": func(r *officers) protocol.Code { return developmentInit(r.rig) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newOfficers(t)
			r.start()
			r.waitMode(Uninitialised)
			mustDo(t, r.server.tokens.byName["seals"].driver.PutData(t.Context(), "seals", anchorLabel, []byte("of a later version")))
			if code := init(r); code != protocol.Conflict {
				t.Errorf("init: %v, want conflict", code)
			}
			if r.server.hasStore() {
				t.Error("a refused init left a store")
			}
		})
	}
}

func TestInitWithoutRoomSaysSo(t *testing.T) {
	need.Root(t, "mounts a file system")
	r := newRig(t)
	state := r.path("state")
	mustDo(t, unix.Mount("signet-test", state, "tmpfs", 0, "size=16k,mode=0700"))
	t.Cleanup(func() { mustDo(t, unix.Unmount(state, unix.MNT_DETACH)) })
	r.start()
	if code := developmentInit(r); code != protocol.StoreFull {
		t.Errorf("init: %v, want store_full", code)
	}
	mustDo(t, unix.Mount("signet-test", state, "tmpfs", unix.MS_REMOUNT, "size=8m"))
	if code := developmentInit(r); code != 0 {
		t.Errorf("init once there is room: %v", code)
	}
}

// flaky is a driver whose token answers wrongly as often as it is told to.
type flaky struct {
	hsm.Driver
	put, data atomic.Pointer[flakyAnswer]
}

// A flakyAnswer is given instead of the token's, that many times.
type flakyAnswer struct {
	times atomic.Int32
	class hsm.Class
	after bool // the token did what it was asked before
}

func answersWith(times int32, class hsm.Class, after bool) *flakyAnswer {
	f := &flakyAnswer{class: class, after: after}
	f.times.Store(times)
	return f
}

func (f *flakyAnswer) fault(token string) error {
	if f == nil || f.times.Add(-1) < 0 {
		return nil
	}
	return &hsm.Error{Class: f.class, Token: token, Op: "in a test", Err: errors.New("told to")}
}

func (f *flaky) PutData(ctx context.Context, token, label string, value []byte) error {
	answer := f.put.Load()
	fault := answer.fault(token)
	if fault == nil || answer.after {
		fault = errors.Join(f.Driver.PutData(ctx, token, label, value), fault)
	}
	return fault
}

func (f *flaky) Data(ctx context.Context, token, label string) ([][]byte, error) {
	if fault := f.data.Load().fault(token); fault != nil {
		return nil, fault
	}
	return f.Driver.Data(ctx, token, label)
}

// flakyOfficers is a rig with such a driver.
func flakyOfficers(t *testing.T) (*officers, *flaky) {
	t.Helper()
	r, f := newOfficers(t), &flaky{}
	r.wrap = func(d hsm.Driver) hsm.Driver {
		f.Driver = d
		return f
	}
	return r, f
}

// dataFailsAfter has the token fail to say what it has once it was given an
// anchor.
type dataFailsAfter struct{ *flaky }

func (f *dataFailsAfter) PutData(ctx context.Context, token, label string, value []byte) error {
	err := f.flaky.PutData(ctx, token, label, value)
	f.data.Store(answersWith(1, hsm.ClassDevice, false))
	return err
}

// spoilsOpening has the store that init is about to make refuse to open: it
// stands for every fault between the naming of the store and its opening.
type spoilsOpening struct {
	hsm.Driver
	rig *rig
}

func (d *spoilsOpening) Generate(ctx context.Context, token string, spec hsm.Spec) (hsm.KeyRef, hsm.Transcript, error) {
	d.rig.server.logToken = "attic"
	return d.Driver.Generate(ctx, token, spec)
}

func TestInitIsAllOrNothingWhateverTheTokenAnswers(t *testing.T) {
	t.Run("it took the anchor and said so too late", func(t *testing.T) {
		r, f := flakyOfficers(t)
		r.start()
		r.waitMode(Uninitialised)
		f.put.Store(answersWith(1, hsm.ClassDeadline, true))
		r.initialise()
		r.waitMode(Serving)
	})
	t.Run("it refused the anchor", func(t *testing.T) {
		r, f := flakyOfficers(t)
		r.start()
		r.waitMode(Uninitialised)
		f.put.Store(answersWith(1, hsm.ClassDevice, false))
		if code := r.try(authority.Init, "", r.genesis(), r.everybody()...); code != protocol.HSMFailed {
			t.Errorf("init: %v, want hsm_failed", code)
		}
		r.checkNothingMade()
		r.initialise()
	})
	t.Run("it may still take the anchor", func(t *testing.T) {
		r, f := flakyOfficers(t)
		r.start()
		r.waitMode(Uninitialised)
		f.put.Store(answersWith(1, hsm.ClassDeadline, false))
		r.expectHalfMade()
	})
	t.Run("it does not say whether it took the anchor", func(t *testing.T) {
		r, f := flakyOfficers(t)
		r.wrap = func(d hsm.Driver) hsm.Driver {
			f.Driver = d
			return &dataFailsAfter{f}
		}
		r.start()
		r.waitMode(Uninitialised)
		f.put.Store(answersWith(1, hsm.ClassDeadline, true))
		r.expectHalfMade()
	})
	t.Run("the store has its name and does not open", func(t *testing.T) {
		r := newOfficers(t)
		r.wrap = func(d hsm.Driver) hsm.Driver { return &spoilsOpening{d, r.rig} }
		r.start()
		r.waitMode(Uninitialised)
		r.expectHalfMade()
	})
}

// expectHalfMade: what init made stays, and the next start opens it.
func (r *officers) expectHalfMade() {
	r.Helper()
	if code := r.try(authority.Init, "", r.genesis(), r.everybody()...); code != protocol.Recovery {
		r.Errorf("init: %v, want recovery", code)
	}
	r.expectMode(InRecovery, protocol.Recovery, "init made the store")
	if mend := r.status().Mend; !strings.Contains(mend, "systemctl restart signetd") {
		r.Errorf("mend is %q", mend)
	}
	r.stop()
	r.wrap = nil
	r.start()
	r.waitMode(Serving)
	keys, err := r.server.tokens.byName["seals"].driver.Keys(r.Context(), "seals")
	mustDo(r, err)
	if len(keys) != 1 || hex.EncodeToString(keys[0].ID) != r.server.appliance().roster.logKey.ID {
		r.Errorf("keys on the token: %+v, want the one of the log", keys)
	}
}

// One code that is in no table of PKCS#11 says nothing of the store.
func TestFaultOfNoClassWhileTheAnchorIsReadIsTheTokens(t *testing.T) {
	r, f := flakyOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.activeEntry("sm2", "SM2")
	r.stop()
	f.data.Store(answersWith(1, hsm.ClassUnknown, false))
	r.start()
	c := r.caller(callerUID)
	r.waitFor(func() bool {
		if cond := r.server.condition(); cond.mode == InRecovery {
			t.Fatalf("recovery: %s", cond.reason)
		}
		reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
		return err == nil && reply.Results[0].GetSigned() != nil
	}, "a signature")
	if f.data.Load().times.Load() >= 0 && r.server.appliance().isHeld("seals") {
		t.Error("the token was never asked")
	}
}

// The same where a store is put back: it is the token's fault, not the backup's.
func TestFaultOfNoClassWhileABackupIsJudgedIsTheTokens(t *testing.T) {
	r := newOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	if answer := r.server.stagedError(&hsm.Error{Class: hsm.ClassUnknown, Token: "seals", Op: "reading", Err: errors.New("CKR 0x201")}); !errors.Is(answer, protocol.HSMUnavailable) {
		t.Errorf("answer: %v, want hsm_unavailable", answer)
	}
}

func TestTokenIsAskedAgainForTheAnchor(t *testing.T) {
	r, f := flakyOfficers(t)
	f.data.Store(answersWith(1, hsm.ClassBusy, false))
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.stop()
	f.data.Store(answersWith(1, hsm.ClassBusy, false))
	r.start()
	r.waitMode(Serving)
	r.waitFor(func() bool { return r.server.appliance().isHeld("seals") }, "the store to be held to the anchor, though nobody uses it")
}

// Why a token cannot be asked is what its callers hear: here, that its PIN is
// latched, though no key of it was used in this process.
func TestTokenThatWasNeverAskedSaysThatItIsLatched(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.stop()
	r.token.PIN = "0000"
	r.start()
	r.waitFor(func() bool { return r.server.tokens.status()[0].State == hsm.StateLatched }, "the latch")
	reply, err := r.caller(callerUID).Sign(t.Context(), signRequest("sm2", algo.SM2SM3, 1))
	if err != nil || !errors.Is(reply.Results[0].GetError(), protocol.PINLatched) {
		t.Errorf("signing: %v, %v, want pin_latched", reply, err)
	}
}

// Who writes signetd.toml has no key made on a token of his own.
func TestKeysAreMadeOnTokensThatInitSaw(t *testing.T) {
	r := startedOfficers(t)
	id, _, err := r.server.tokens.byName["seals"].driver.Generate(t.Context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "elsewhere"})
	mustDo(t, err)
	adopt := authority.AdoptKey{ID: hex.EncodeToString(id.ID)}
	restart := func(wrap func(hsm.Driver) hsm.Driver) {
		r.stop()
		r.wrap = wrap
		r.start()
		r.waitMode(Serving)
	}
	refused := func(token, why string) {
		t.Helper()
		adopt.Token = token
		for _, req := range []admin.ActRequest{
			r.signed(authority.KeyCreate, "new", authority.CreateKey{Type: "SM2", Token: token}, "adam", "sara", "sven"),
			r.signed(authority.KeyAdopt, "new", adopt, "sara", "sven"),
		} {
			if code, text := refusalOf(r.administrator(), req); code != protocol.Conflict || !strings.Contains(text, why) || !strings.Contains(text, "token.add") {
				t.Errorf("on token %s: %v %q, want conflict, %q and token.add", token, code, text, why)
			}
		}
	}
	restart(func(d hsm.Driver) hsm.Driver { return &twoNames{Driver: d} })
	refused("vault", "none of those")
	restart(func(d hsm.Driver) hsm.Driver { return &otherSerial{d} })
	refused("seals", "serial number")
	restart(nil)
	adopt.Token = "seals"
	r.must(authority.KeyAdopt, "new", adopt, "sara", "sven")
}

// otherSerial is a driver whose token was replaced by another one.
type otherSerial struct{ hsm.Driver }

func (d *otherSerial) Status() []hsm.TokenStatus {
	all := d.Driver.Status()
	all[0].Serial = "0000"
	return all
}

// renamed is a driver whose token has another name in signetd.toml.
type renamed struct{ hsm.Driver }

func (d *renamed) Status() []hsm.TokenStatus {
	all := d.Driver.Status()
	all[0].Name = "attic"
	return all
}

func (d *renamed) Data(context.Context, string, string) ([][]byte, error) { return nil, nil }

func TestKeyOnATokenThatLeftIsMarkedAsDestroyed(t *testing.T) {
	r := startedRig(t)
	r.entry("old", "SM2")
	r.administrator().must(authority.EntryCancel, "old", authority.Cancel{Basis: "撤销"})
	r.stop()
	r.wrap = func(d hsm.Driver) hsm.Driver { return &renamed{d} }
	r.start()
	r.waitMode(Serving)
	o := r.administrator()
	_, body := o.call("POST", admin.PathActs, mustJSON(t, o.act(authority.KeyDestroy, "old", authority.DestroyKey{Basis: "撤销"})))
	fault := fromJSON[admin.Fault](t, body).Error
	if protocol.Code(fault.Code) != protocol.HSMUnavailable || fault.Event == nil {
		t.Fatalf("destroying: %s, want hsm_unavailable with the event", body)
	}
	if e := r.events()[*fault.Event]; e.Op != string(authority.KeyDestroy) || e.Result != "allowed" {
		t.Errorf("event %d: %+v", e.Seq, e)
	}
	if r.server.appliance().book.find("old").entry.Key.Destroyed == "" {
		t.Error("the record has no mark")
	}
}
