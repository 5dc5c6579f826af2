package daemon

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// everybody is the ids of all officers, in order.
func (r *officers) everybody() []string {
	var all []string
	for id := range r.people {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// proposal is an act that waits, as an officer reads it before he signs.
func (r *officers) proposal(nonce string) admin.Proposal {
	r.Helper()
	status, body := r.administrator().call("GET", admin.PathActs+"/"+nonce, "")
	if status != 200 {
		r.Fatalf("the act that waits: %d %s", status, body)
	}
	return fromJSON[admin.Proposal](r, body)
}

func (r *officers) waiting() []admin.Proposal {
	r.Helper()
	_, body := r.administrator().call("GET", admin.PathActs, "")
	return fromJSON[admin.Proposals](r, body).Proposals
}

func nonceOf(t testing.TB, req admin.ActRequest) string {
	t.Helper()
	act, err := authority.ParseAct([]byte(req.Act))
	mustDo(t, err)
	return act.Nonce
}

// Each officer reads the act from the appliance and adds his own signature; the
// last one makes the appliance.
func TestInitWaitsForEveryOfficer(t *testing.T) {
	r := newOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	all := r.everybody()
	first := r.signed(authority.Init, "", r.genesis(), all[0])
	nonce := nonceOf(t, first)
	if _, code := r.administrator().submit(first); code != protocol.TooFew {
		t.Fatalf("init by one: %v, want too_few", code)
	}
	for i, id := range all[1:] {
		waits := r.proposal(nonce)
		if len(waits.Signers) != i+1 || !strings.Contains(waits.Missing, ":"+id) {
			t.Errorf("before %s: signed by %v, missing %q", id, waits.Signers, waits.Missing)
		}
		if r.server.condition().mode != Uninitialised {
			t.Fatalf("mode is %v before %s signed", r.server.condition().mode, id)
		}
		req := admin.ActRequest{Act: waits.Act, Content: waits.Content, Signatures: []admin.Signature{r.people[id].sign(t, waits.Act, 0)}}
		_, code := r.administrator().submit(req)
		if last := i == len(all)-2; last && code != 0 || !last && code != protocol.TooFew {
			t.Fatalf("%s: %v", id, code)
		}
	}
	r.waitMode(Serving)
	if left := r.waiting(); len(left) != 0 {
		t.Errorf("acts that wait after init: %+v", left)
	}
	genesis := r.events()[0]
	for _, id := range all {
		if !strings.Contains(genesis.Role, ":"+id) {
			t.Errorf("the genesis event was signed by %q, without %s", genesis.Role, id)
		}
	}
}

// pending is an init of another content that everybody signed.
func (r *officers) pending(change func(*authority.Genesis)) admin.ActRequest {
	g := r.genesis()
	change(&g)
	return r.signed(authority.Init, "", g, r.everybody()...)
}

func TestInitByOfficersIsRefused(t *testing.T) {
	r := newOfficers(t)
	stranger := newSignatory(t, "stranger", authority.SecurityOfficer, 1)
	r.start()
	r.waitMode(Uninitialised)
	all := r.everybody()
	for name, c := range map[string]struct {
		req  admin.ActRequest
		want protocol.Code
	}{
		"nobody signed": {r.signed(authority.Init, "", r.genesis()), protocol.TooFew},
		"one missing":   {r.signed(authority.Init, "", r.genesis(), all[1:]...), protocol.TooFew},
		"a stranger's key": {func() admin.ActRequest {
			req := r.signed(authority.Init, "", r.genesis(), all[1:]...)
			req.Signatures = append(req.Signatures, stranger.sign(t, req.Act, 0))
			return req
		}(), protocol.BadActSignature},
		"one person twice": {func() admin.ActRequest {
			req := r.signed(authority.Init, "", r.genesis(), all...)
			req.Signatures = append(req.Signatures[1:], r.people[all[1]].sign(t, req.Act, 1))
			return req
		}(), protocol.DuplicateSigner},
		"signatures of another act": {func() admin.ActRequest {
			req := r.signed(authority.Init, "", r.genesis(), all...)
			req.Signatures = r.signed(authority.Init, "", r.genesis(), all...).Signatures
			return req
		}(), protocol.BadActSignature},
		"content altered": {func() admin.ActRequest {
			req := r.signed(authority.Init, "", r.genesis(), all...)
			req.Content = strings.Replace(req.Content, `"security":2`, `"security":1`, 1)
			return req
		}(), protocol.Malformed},
		"another name":        {r.pending(func(g *authority.Genesis) { g.Appliance = "seal-b.example.org" }), protocol.Malformed},
		"threshold above N-1": {r.pending(func(g *authority.Genesis) { g.Thresholds.Security = 3; g.Thresholds.Many = 3 }), protocol.Malformed},
		"token not in [log]": {r.pending(func(g *authority.Genesis) {
			g.Tokens = append(g.Tokens, authority.Product{Name: "vault", Product: "x"})
			g.LogKey.Token = "vault"
		}), protocol.Malformed},
		"token not configured": {r.pending(func(g *authority.Genesis) {
			g.Tokens = append(g.Tokens, authority.Product{Name: "vault", Product: "x"})
		}), protocol.Malformed},
		"token not described": {r.pending(func(g *authority.Genesis) { g.Tokens = nil }), protocol.Malformed},
		"wrong serial number": {r.pending(func(g *authority.Genesis) { g.Tokens[0].Serial = "0000" }), protocol.Malformed},
		"ssh keys under gm":   {r.pending(func(g *authority.Genesis) { g.Crypto = authority.GM }), protocol.Malformed},
	} {
		if _, code := r.administrator().submit(c.req); code != c.want {
			t.Errorf("%s: %v, want %v", name, code, c.want)
		}
	}
	r.checkNothingMade()
}

// checkNothingMade: no store, no key and no anchor came of what was refused.
func (r *officers) checkNothingMade() {
	r.Helper()
	if got := r.server.condition().mode; got != Uninitialised {
		r.Errorf("mode is %v", got)
	}
	keys, err := r.server.tokens.byName["seals"].driver.Keys(context.Background(), "seals")
	if err != nil || len(keys) != 0 {
		r.Errorf("keys on the token: %v, %v", keys, err)
	}
	if found, err := r.server.tokens.readAnchor(context.Background(), "seals"); err != nil || found != nil {
		r.Errorf("anchor on the token: %+v, %v", found, err)
	}
}

// The anchor came after the mode was known: another appliance was made with
// the same token meanwhile.
func TestInitRefusesATokenThatHasAnAnchor(t *testing.T) {
	r := newOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	mustDo(t, r.server.tokens.writeAnchor(t.Context(), "seals", anchor{Appliance: strings.Repeat("ab", 32), Epoch: 1, Size: 7, Root: strings.Repeat("0", 64)}))
	status, body := r.administrator().call("POST", admin.PathActs, mustJSON(t, r.signed(authority.Init, "", r.genesis(), r.everybody()...)))
	if fault := fromJSON[admin.Fault](t, body).Error; protocol.Code(fault.Code) != protocol.Conflict || !strings.Contains(fault.Message, "abababababababab") {
		t.Errorf("init: %d %s, want conflict, naming the appliance", status, body)
	}
}

func TestInitLeavesATranscriptAndAnAnchor(t *testing.T) {
	r := newOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	made := r.initialise()
	r.waitMode(Serving)
	a := r.server.appliance()
	genesis := r.events()[0]
	facts, err := readFacts(a.store, genesis.Value)
	if err != nil || genesis.Input != factsInput || facts.Key == nil || facts.Made != made.Made {
		t.Fatalf("facts of the genesis event: %+v, %v", facts, err)
	}
	if genesis.Signer == "" || genesis.Token != "seals" {
		t.Errorf("the genesis event names the key %q on %q", genesis.Signer, genesis.Token)
	}
	text, err := a.store.Blob(facts.Made)
	mustDo(t, err)
	var report initReport
	mustDo(t, json.Unmarshal(text, &report))
	if len(report.Products) != 1 || report.Products[0].Product.Product != "SoftHSM2, for tests" || report.Products[0].Anchor != "none" || report.Products[0].TokenSerial == "" {
		t.Errorf("products of the report: %+v", report.Products)
	}
	for _, want := range []string{"CKA_NEVER_EXTRACTABLE", "sign and verify"} {
		if !strings.Contains(string(report.LogKey), want) {
			t.Errorf("the transcript of the log key does not say %s: %s", want, report.LogKey)
		}
	}
	found, err := r.server.tokens.readAnchor(t.Context(), "seals")
	if err != nil || found == nil || found.Appliance != a.id || found.Size != 1 || found.Epoch != 1 {
		t.Errorf("anchor: %+v, %v", found, err)
	}
}

func TestLogKeyIsNobodysEntry(t *testing.T) {
	r := startedOfficers(t)
	key := r.server.appliance().roster.logKey
	c := r.caller(callerUID)
	for _, id := range []string{"signet-log", key.ID} {
		if _, err := c.Sign(t.Context(), signRequest(id, algo.SM2SM3, 1)); !errors.Is(err, protocol.UnknownEntry) {
			t.Errorf("signing with %q: %v, want unknown_entry", id, err)
		}
	}
	if list, err := c.ListEntries(t.Context()); err != nil || len(list.Entries) != 0 {
		t.Errorf("entries: %v, %v", list, err)
	}
	if code := r.try(authority.KeyAdopt, "log", authority.AdoptKey{Token: "seals", ID: key.ID}, "sara", "sven"); code != protocol.Conflict {
		t.Errorf("adopting the key of the log: %v, want conflict", code)
	}
}

// newGMOfficers is a rig whose officers all sign with SM2 certificates.
func newGMOfficers(t *testing.T) *officers {
	t.Helper()
	r := newOfficers(t)
	for _, p := range r.people {
		p.Keys, p.signers = nil, nil
		p.addUKey(t, time.Now().Add(48*time.Hour))
	}
	return r
}

func TestApplianceOfCryptoGMHasSM2Only(t *testing.T) {
	r := newGMOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	g := r.genesis()
	g.Crypto = authority.GM
	ec := g
	ec.LogKey = &authority.LogKey{Token: "seals", Type: "EC-P256", Label: "signet-log"}
	if code := r.try(authority.Init, "", ec, r.everybody()...); code != protocol.Malformed {
		t.Errorf("a log key of another type: %v, want malformed", code)
	}
	r.must(authority.Init, "", g, r.everybody()...)
	r.waitMode(Serving)
	r.must(authority.KeyCreate, "k-sm2", authority.CreateKey{Type: "SM2", Token: "seals"}, "adam", "sara", "sven")
	if code := r.try(authority.KeyCreate, "k-ec", authority.CreateKey{Type: "EC-P256", Token: "seals"}, "adam", "sara", "sven"); code != protocol.Malformed {
		t.Errorf("key.create of EC-P256: %v, want malformed", code)
	}
	made, _, err := r.server.tokens.byName["seals"].driver.Generate(t.Context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "elsewhere"})
	mustDo(t, err)
	if code := r.try(authority.KeyAdopt, "k-ec", authority.AdoptKey{Token: "seals", ID: hex.EncodeToString(made.ID)}, "sara", "sven"); code != protocol.Malformed {
		t.Errorf("key.adopt of EC-P256: %v, want malformed", code)
	}
	sara := r.people["sara"].Officer
	sara.Keys = newSignatory(t, "other", authority.SecurityOfficer, 1).Keys
	if code := r.try(authority.OfficerChange, "", authority.ChangeOfficers{Set: []authority.Officer{sara}}, "sara", "sven", "adam"); code != protocol.Malformed {
		t.Errorf("an officer with an ssh key: %v, want malformed", code)
	}
	r.stop()
	r.start()
	r.waitMode(Serving)
	if got := r.waitProven(); got != 1 {
		t.Errorf("%d records are proven after a restart, want 1", got)
	}
	if e := r.events()[0]; e.Kind != audit.KindGenesis {
		t.Errorf("first event: %+v", e)
	}
}

// What signetd.toml and the ceremony do not agree on is said to the first who
// signs: six persons do not come together again for it.
func TestFirstSignerOfInitIsToldOfTheTokens(t *testing.T) {
	r := newOfficers(t)
	r.logToken = ""
	r.start()
	r.waitMode(Uninitialised)
	if code := r.try(authority.Init, "", r.genesis(), "adam"); code != protocol.Malformed {
		t.Errorf("init without [log], one signature: %v, want malformed", code)
	}
}
