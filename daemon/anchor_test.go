package daemon

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// Whether an appliance was lost is for its token to say: until it answers,
// nobody may begin another one.
func TestEmptyDirectoryWaitsForTheToken(t *testing.T) {
	r := newOfficers(t)
	r.token.Control(t, "C_OpenSession=0x30") // CKR_DEVICE_ERROR
	r.start()
	r.expectMode(InRecovery, protocol.Recovery, "has not said yet whether it has an anchor")
	if code := r.try(authority.Init, "", r.genesis(), r.everybody()...); code != protocol.Recovery {
		t.Errorf("init: %v, want recovery", code)
	}
	r.token.Control(t)
	r.waitMode(Uninitialised)
	r.expectMode(Uninitialised, protocol.Uninitialised, "no store")
}

// emptied is the directory of an appliance that lost its files.
func (r *officers) emptied() {
	r.Helper()
	mustDo(r, os.RemoveAll(r.path("state")))
	mustDo(r, os.Mkdir(r.path("state"), 0o700))
}

func TestLostApplianceIsNamedByItsToken(t *testing.T) {
	r := startedOfficers(t)
	id := r.server.appliance().id
	r.stop()
	r.emptied()
	r.start()
	r.waitFor(func() bool { return strings.Contains(r.server.condition().reason, id[:16]) }, "recovery that names the appliance")
	r.expectMode(InRecovery, protocol.Recovery, "has the anchor of an appliance: token seals, appliance "+id[:16])
	if code := r.try(authority.Init, "", r.genesis(), r.everybody()...); code != protocol.Recovery {
		t.Errorf("init with the token of a lost appliance: %v, want recovery", code)
	}
}

func TestStoreIsHeldToTheAnchor(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*anchor)
		reason string
	}{
		{"of another appliance", func(a *anchor) { a.Appliance = strings.Repeat("ab", 32) }, "another appliance: abababababababab"},
		{"of a longer log", func(a *anchor) { a.Size = 1000 }, "older than the token's anchor"},
		{"of a later epoch", func(a *anchor) { a.Epoch = 2 }, "older than the token's anchor"},
		{"of another log of this length", func(a *anchor) { a.Root = strings.Repeat("ab", 32) }, "another one than the token's anchor knows: its first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := startedOfficers(t)
			r.activeEntry("sm2", "SM2")
			a := r.server.appliance().anchor()
			c.change(&a)
			mustDo(t, r.server.tokens.writeAnchor(t.Context(), "seals", a))
			r.stop()
			r.start()
			r.neverSigns("sm2", algo.SM2SM3)
			r.expectMode(InRecovery, protocol.Recovery, c.reason)
		})
	}
}

// neverSigns asks for signatures from the start on until the mode is recovery.
func (r *rig) neverSigns(entry string, alg algo.Algorithm) {
	r.Helper()
	c := r.caller(callerUID)
	r.waitFor(func() bool {
		reply, err := c.Sign(context.Background(), signRequest(entry, alg, 1))
		if err == nil && reply.Results[0].GetSigned() != nil {
			r.Fatal("a signature left under a store that its token does not know")
		}
		return r.server.condition().mode == InRecovery
	}, "mode recovery")
}

// slowToSay is a driver whose token is up and takes its time to say what anchor
// it has.
type slowToSay struct {
	hsm.Driver
	asked, say chan struct{}
	once       sync.Once
}

func (d *slowToSay) Data(ctx context.Context, token, label string) ([][]byte, error) {
	d.once.Do(func() { close(d.asked) })
	select {
	case <-d.say:
	case <-ctx.Done():
	}
	return d.Driver.Data(ctx, token, label)
}

func TestNothingIsSignedBeforeTheAnchorIsRead(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("sm2", "SM2")
	r.stop()
	slow := &slowToSay{asked: make(chan struct{}), say: make(chan struct{})}
	r.wrap = func(d hsm.Driver) hsm.Driver {
		slow.Driver = d
		return slow
	}
	r.start()
	c := r.caller(callerUID)
	<-slow.asked
	r.waitMode(Serving)
	hurried := signRequest("sm2", algo.SM2SM3, 1)
	hurried.DeadlineMs = 50
	reply, err := c.Sign(t.Context(), hurried)
	if err == nil && reply.Results[0].GetSigned() != nil {
		t.Error("a signature left before the token said what log it knows")
	}
	close(slow.say)
	if reply, err := c.Sign(t.Context(), signRequest("sm2", algo.SM2SM3, 1)); err != nil || reply.Results[0].GetSigned() == nil {
		t.Errorf("signing once it has: %v, %v", reply, err)
	}
}

// A token that was replaced vouches for nothing, and is no forged proof.
func TestMissingAnchorIsAWarning(t *testing.T) {
	r := startedOfficers(t)
	r.stop()
	other := newOfficers(t)
	other.people = r.people
	mustDo(t, os.CopyFS(other.path("state"), os.DirFS(r.path("state"))))
	other.start()
	other.waitMode(Serving)
	other.waitFor(func() bool { return strings.Contains(strings.Join(other.status().Warnings, "\n"), "has no anchor") }, "the warning")
}

func TestConfigurationMustNameTheTokenOfTheLog(t *testing.T) {
	r := startedOfficers(t)
	r.stop()
	for _, name := range []string{"", "attic"} {
		r.logToken = name
		r.start()
		r.expectMode(InRecovery, protocol.Recovery, "names another token for the log")
		r.stop()
	}
	r.logToken = "seals"
	r.start()
	r.waitMode(Serving)
}

// Root may make a whole store of his own, with officers of his own and an entry
// that has the key of the real one.
func TestStoreOfRootsOwnMakingSignsNothing(t *testing.T) {
	for name, authorityOf := range map[string]func(*officers) authority.Genesis{
		"with other officers": func(r *officers) authority.Genesis { return r.genesis() },
		"without officers": func(*officers) authority.Genesis {
			return authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "mixed", Deployment: "owner"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := startedOfficers(t)
			r.activeEntry("sm2", "SM2")
			key := *r.server.appliance().book.find("sm2").entry.Key
			r.stop()
			r.emptied()
			gang := &officers{r.rig, map[string]*signatory{}}
			for id, p := range r.people {
				gang.people[id] = newSignatory(t, id, p.Role, 1)
				gang.people[id].Entries = p.Entries
			}
			forge(t, gang, authorityOf(gang), register.Facts{Key: &key})
			r.start()
			r.neverSigns("sm2", algo.SM2SM3)
			r.expectMode(InRecovery, protocol.Recovery, "the token's anchor is of another appliance")
		})
	}
}

// forge makes a store, its marker, and the active entry sm2 with a key that
// exists.
func forge(t testing.TB, r *officers, g authority.Genesis, facts register.Facts) {
	t.Helper()
	r.edited = true
	everybody, two, three := r.everybody(), []string{"sara", "sven"}, []string{"adam", "sara", "sven"}
	if g.Authority == authority.Development {
		everybody, two, three = nil, nil, nil
	}
	content, err := canonical.Marshal(g)
	mustDo(t, err)
	act := authority.Act{
		V: authority.ActVersion, Kind: authority.Init, ContentSHA: authority.ContentHash(content), Nonce: authority.NewNonce(),
		NotAfter: time.Now().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339),
	}
	raw, err := act.Bytes()
	mustDo(t, err)
	proof := register.Proof{Act: string(raw)}
	for _, id := range everybody {
		s := r.people[id].sign(t, string(raw), 0)
		proof.Signatures = append(proof.Signatures, authority.Signature{Form: authority.Form(s.Form), Value: s.Value})
	}
	expiry, err := act.Expiry()
	mustDo(t, err)
	at := audit.At(time.Now())
	_, err = store.Create(r.path("state", storeName), store.Genesis{
		Event: &audit.Event{
			Decided: &at, Op: string(authority.Init), Act: string(raw), ActSigs: authority.SignatureTexts(proof.Signatures), Result: audit.Allowed,
		},
		Content: content, Nonce: act.Nonce, Expiry: expiry, Staff: register.NewStaff(g, proof),
	}, time.Now())
	mustDo(t, err)
	s, err := store.Open(r.path("state", storeName), store.Options{Now: time.Now})
	mustDo(t, err)
	c := &clerk{r, s}
	e := c.record(register.Entry{}, authority.KeyCreate, "sm2", authority.CreateKey{Type: "SM2", Token: "seals"}, facts, three...)
	e = c.record(e, authority.PolicySet, "sm2", authority.SetPolicy{Text: policyFor(callerUID)}, register.Facts{}, two...)
	c.record(e, authority.EntryActivate, "sm2", authority.Nothing{}, register.Facts{}, two...)
	m := markerOf(s)
	mustDo(t, s.Close())
	mustDo(t, m.write(r.path("state")))
}

// The store that root made would sign, were it not for the anchor: with that of
// root's own appliance on the token it does. So what refuses it above is the
// anchor and no fault of the forgery.
func TestForgedStoreIsGoodButForTheAnchor(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("sm2", "SM2")
	key := *r.server.appliance().book.find("sm2").entry.Key
	r.stop()
	r.emptied()
	forge(t, r, r.genesis(), register.Facts{Key: &key})
	m, err := readMarker(r.path("state"))
	mustDo(t, err)
	r.wrap = func(d hsm.Driver) hsm.Driver { return &anchoredFor{d, *m} }
	r.start()
	r.waitMode(Serving)
	if reply, err := r.caller(callerUID).Sign(t.Context(), signRequest("sm2", algo.SM2SM3, 1)); err != nil || reply.Results[0].GetSigned() == nil {
		t.Errorf("signing: %v, %v", reply, err)
	}
}

// anchoredFor is a driver whose token has the anchor of an appliance.
type anchoredFor struct {
	hsm.Driver
	marker
}

func (d *anchoredFor) Data(context.Context, string, string) ([][]byte, error) {
	value, err := canonical.Marshal(anchor(d.marker))
	return [][]byte{value}, err
}
