package replay_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/replay"
	"signet/policy"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

// A recorder writes the log of an appliance that keeps its rules: acts under
// authority development, decisions by package policy, counts by going through
// all events before.
type recorder struct {
	testing.TB
	events   []*audit.Event
	contents contents
	now      time.Time
	epoch    uint64
	made     map[string]*made
	asked    map[string]register.Approval
	lostAt   time.Time // of the last restore
	lostBy   uint64
	flying   []*decided // decided and not recorded
	careless bool       // uses that are being signed do not count
	role     string     // of acts
}

// contents is a source.
type contents map[string][]byte

func (c contents) Content(hash string) ([]byte, error) { return c[hash], nil }

func (c contents) keep(content []byte) string {
	hash := authority.ContentHash(content)
	c[hash] = content
	return hash
}

// made is an entry as the recorder has it.
type made struct {
	step      register.Step
	policy    policy.Bound
	policySet uint64
}

const (
	applianceID = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	listHash    = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
	document    = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
	digest      = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

var began = time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC) // 23:00 in Shanghai

func newRecorder(t testing.TB) *recorder { return recorderAt(t, began) }

func recorderAt(t testing.TB, began time.Time) *recorder {
	r := &recorder{
		TB: t, contents: contents{}, now: began, epoch: 1, made: map[string]*made{}, asked: map[string]register.Approval{},
	}
	r.role = "unsigned"
	r.append(r.genesis(authority.Genesis{Authority: authority.Development}))
	r.start()
	return r
}

func (r *recorder) genesis(g authority.Genesis) *audit.Event {
	r.Helper()
	g.Appliance, g.Crypto, g.Deployment = "seal-a", authority.Mixed, "owner"
	content, err := canonical.Marshal(g)
	r.must(err)
	raw, err := canonical.Marshal(r.draft(authority.Init, "", content))
	r.must(err)
	return &audit.Event{Kind: audit.KindGenesis, Op: string(authority.Init), Act: string(raw), Role: r.role, Result: audit.Allowed}
}

// underOfficers makes the log that of an appliance whose acts officers sign.
func (r *recorder) underOfficers() {
	r.Helper()
	r.role = "security-officer:li security-officer:wu"
	thresholds := authority.Thresholds{Administrator: 1, Security: 2, Many: 2, Auditor: 1}
	g := authority.Genesis{
		Authority: authority.Officers, Thresholds: &thresholds,
		LogKey: &authority.LogKey{Token: "seals", Type: "SM2", Label: "signet-log"}, Tokens: []authority.Product{{Name: "seals", Product: "SoftHSM2, for tests"}},
	}
	for i, id := range []string{"admin", "audit", "li", "wu", "xu"} {
		role := []authority.Role{authority.Administrator, authority.Auditor, authority.SecurityOfficer, authority.SecurityOfficer, authority.SecurityOfficer}[i]
		public, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)).Public())
		r.must(err)
		key, err := authority.ParseKey(string(ssh.MarshalAuthorizedKey(public)))
		r.must(err)
		g.Officers = append(g.Officers, authority.Officer{ID: id, Name: "officer " + id, Role: role, Keys: []authority.Key{key}})
	}
	e := r.genesis(g)
	e.V, e.Epoch, e.Recorded = r.events[0].V, r.epoch, r.events[0].Recorded
	r.events[0] = e
}

// draft is an act of that content, which it keeps.
func (r *recorder) draft(kind authority.Kind, target string, content []byte) authority.Act {
	a := authority.Act{
		V: authority.ActVersion, Appliance: applianceID, Kind: kind, Target: target, ContentSHA: r.contents.keep(content),
		Nonce: fmt.Sprintf("%032x", len(r.events)), NotAfter: r.now.Add(time.Hour).Truncate(time.Second).Format(time.RFC3339), LogSize: 1, LogRoot: applianceID,
	}
	if kind == authority.Init {
		a.Appliance, a.LogSize, a.LogRoot = "", 0, ""
	}
	return a
}

func (r *recorder) append(e *audit.Event) *audit.Event {
	e.V, e.Epoch, e.Seq, e.Recorded = audit.EventVersion, r.epoch, uint64(len(r.events)), audit.At(r.now)
	if n := len(r.events); n > 0 && r.events[n-1].Recorded.Time().After(r.now) {
		e.Recorded = r.events[n-1].Recorded
	}
	r.events = append(r.events, e)
	return e
}

func (r *recorder) start() *audit.Event {
	return r.append(&audit.Event{Kind: audit.KindStart, Op: "clean"})
}

func (r *recorder) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// act records an act that was carried out and applies it.
func (r *recorder) act(kind authority.Kind, target string, content any, facts register.Facts) *audit.Event {
	r.Helper()
	data, err := canonical.Marshal(content)
	r.must(err)
	act := r.draft(kind, target, data)
	raw, err := canonical.Marshal(act)
	r.must(err)
	decided, uid := audit.At(r.now), uint32(1000)
	e := &audit.Event{Kind: audit.KindAct, Op: string(kind), Act: string(raw), Decided: &decided, UID: &uid, GID: &uid, Role: r.role, Result: audit.Allowed}
	if authority.AboutEntry(kind) {
		e.Entry = target
	}
	if text, err := facts.Marshal(); err != nil {
		r.Fatal(err)
	} else if string(text) != "{}" {
		e.Input, e.Value = "facts", r.contents.keep(text)
	}
	if kind == authority.Restore || kind == authority.StoreAccept {
		r.epoch++
		r.lostAt, r.lostBy = r.now, uint64(len(r.events))
	}
	r.append(e)
	for _, id := range touched(target, facts) {
		r.apply(id, register.Applied{Act: act, Content: data, Facts: facts, At: decided.Time(), Proof: register.Proof{Event: e.Seq}})
	}
	return e
}

func touched(target string, f register.Facts) []string {
	if target != "" {
		return []string{target}
	}
	var ids []string
	for _, r := range f.Revoked {
		ids = append(ids, r.Entry)
	}
	return ids
}

func (r *recorder) apply(id string, a register.Applied) {
	r.Helper()
	of := r.made[id]
	if of == nil {
		of = new(made)
		r.made[id] = of
	}
	a.Policy = of.step.Policy
	step, err := register.Apply(of.step.Entry, a)
	r.must(err)
	if step.Policy == nil {
		step.Policy = of.step.Policy
	} else {
		p, err := policy.Parse([]byte(step.Policy.Text))
		r.must(err)
		of.policySet = a.Proof.Event
		of.policy, _ = policy.Bind(p, policy.Resolved{Users: step.Policy.Users, Groups: step.Policy.Groups}, policy.Lookup{
			User:  func(name string) (uint32, error) { return known[name], nil },
			Group: func(name string) (uint32, error) { return known[name], nil },
		})
	}
	of.step = step
}

// known are the accounts that policies name.
var known = map[string]uint32{"oa": 20001, "docs": 30001}

// generator is a P-256 key that every library knows: the curve's base point.
func generator(t testing.TB) algo.PublicKey {
	p := elliptic.P256().Params()
	point := func(x, y *big.Int) []byte {
		b := append([]byte{4}, x.FillBytes(make([]byte, 32))...)
		return append(b, y.FillBytes(make([]byte, 32))...)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point(p.Gx, p.Gy))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := algo.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// entry makes an active entry with that policy.
func (r *recorder) entry(id, text string) {
	r.Helper()
	r.act(authority.KeyCreate, id, authority.CreateKey{Type: "EC-P256", Token: "seals", Title: "合同专用"},
		register.Facts{Key: register.NewKey("seals", []byte{1}, generator(r), register.Ceremony, "")})
	r.setPolicy(id, text)
	r.act(authority.EntryActivate, id, authority.Nothing{}, register.Facts{})
}

func (r *recorder) setPolicy(id, text string) *audit.Event {
	r.Helper()
	facts := register.Facts{Users: []policy.Principal{{ID: 20002}}}
	if strings.Contains(text, `"oa"`) {
		facts.Users = append(facts.Users, policy.Principal{Name: "oa", ID: known["oa"]})
	}
	return r.act(authority.PolicySet, id, authority.SetPolicy{Text: text}, facts)
}

// certify gives the entry a certificate.
func (r *recorder) certify(id string) {
	r.Helper()
	r.act(authority.CertImport, id, authority.ImportCert{Answer: "MAA="}, register.Facts{Certificate: &register.Certificate{
		Hash: listHash, Subject: "CN=a", Issuer: "CN=ca", Serial: "01", NotBefore: "2026-01-01T00:00:00Z", NotAfter: "2027-01-01T00:00:00Z", CA: "internal", Anchor: listHash,
	}})
}

func (r *recorder) importList(revoked ...register.Revocation) *audit.Event {
	r.Helper()
	return r.act(authority.CRLImport, "", authority.ImportCRL{CRL: "MAA="}, register.Facts{
		CRL: &register.CRL{Issuer: "CN=ca", Series: "ca", Hash: listHash, Number: "1", ThisUpdate: "2026-11-20T00:00:00Z"}, Revoked: revoked,
	})
}

// A use is what a caller asks for, with what happens to it.
type use struct {
	uid      uint32 // 0: 20001
	entry    string // "": contract
	purpose  string
	userID   string
	batch    int
	approval string
	document string
	unproven bool
	list     bool // a list of revoked certificates is relied on
	failed   bool
	stale    string // a user's name that means another id now
	clock    policy.Clock
}

// A decided use is on its way to the log.
type decided struct {
	use
	event  *audit.Event
	answer policy.Decision
}

// sign decides and records at once.
func (r *recorder) sign(u use) *audit.Event {
	r.Helper()
	return r.commit(r.decide(u))
}

// signs records n uses, a second after each other.
func (r *recorder) signs(n int, u use) {
	r.Helper()
	for range n {
		r.now = r.now.Add(time.Second)
		if e := r.sign(u); e.Result != audit.Allowed {
			r.Fatalf("event %d was refused: %s by %s", e.Seq, e.Reason, e.Rule)
		}
	}
}

func (r *recorder) decide(u use) *decided {
	r.Helper()
	u.uid, u.entry, u.purpose, u.batch = orElse(u.uid, 20001), orElse(u.entry, "contract"), orElse(u.purpose, "contract"), max(u.batch, 1)
	now := r.clock(&u)
	of := r.made[u.entry]
	bound, p := of.policy, of.policy.Policy()
	if u.stale != "" {
		bound, _ = policy.Bind(p, policy.Resolved{Users: of.step.Policy.Users}, policy.Lookup{User: func(name string) (uint32, error) {
			if name == u.stale {
				return 999, nil
			}
			return known[name], nil
		}})
	}
	at := p.At(now, u.clock)
	usage := policy.Usage{Counts: r.counts(of, u, p.Windows(at.Time)), Approval: r.argument(u)}
	gid := uint32(30000)
	req := policy.Request{
		UID: u.uid, GIDs: []uint32{gid, 30001}, Operation: policy.Digest, Algorithm: algo.ECDSAP256SHA256, Purpose: u.purpose, BatchSize: u.batch,
		Entry: policy.Entry{
			Class: policy.ClassKey, Proven: !u.unproven, Active: of.step.Entry.MaySign(), KeyMatches: true, Validity: policy.Validity{Unbounded: true},
		},
	}
	e := &audit.Event{
		UID: &u.uid, GID: &gid, GIDs: []uint32{30001}, Purpose: u.purpose, DocSM3: u.document, UserID: u.userID, Entry: u.entry, Rev: of.step.Entry.Rev,
		Op: "digest", Alg: "ECDSA-P256-SHA256", Input: "digest", PolicyRev: of.step.Entry.PolicyRev,
	}
	if c, ok := of.step.Entry.Certificate(); ok {
		req.Entry.Validity = policy.Validity{From: parse(c.NotBefore), Until: parse(c.NotAfter)}
		req.Entry.Certificate = &policy.Certificate{Revoked: c.Revoked != ""}
		if u.list {
			e.CRL, req.Entry.Certificate.ListMade = listHash, parse("2026-11-20T00:00:00Z")
		}
	}
	if u.batch > 1 {
		e.Batch = []uint32{0, uint32(u.batch)}
	}
	if u.document != "" {
		req.Carries |= policy.FieldsOf(policy.DocSM3)
	}
	if u.userID != "" {
		req.Carries |= policy.FieldsOf(policy.UserID)
	}
	decidedAt := audit.At(at.Time)
	e.Decided = &decidedAt
	r.must(e.Judge(policy.Record(bound, usage, req, at)))
	d := &decided{u, e, policy.Decide(bound, usage, req, at)}
	if d.answer.Allowed() {
		r.flying = append(r.flying, d)
	}
	return d
}

// clock is the time of a decision, and what is wrong with it.
func (r *recorder) clock(u *use) time.Time {
	last, now := r.events[len(r.events)-1].Recorded.Time(), r.now
	if u.clock == policy.BehindClock && !now.Before(last.Add(-5*time.Second)) {
		now = last.Add(-6 * time.Second)
	}
	if u.clock = orElse(u.clock, policy.SaneClock); u.clock == policy.SaneClock && now.Before(last.Add(-5*time.Second)) {
		u.clock = policy.BehindClock
	}
	return now
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

func parse(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}

// counts goes through all events before.
func (r *recorder) counts(of *made, u use, windows []policy.Count) []policy.Count {
	for i := range windows {
		c := &windows[i]
		for _, d := range r.flying {
			if !r.careless && d.entry == u.entry && (c.Scope == policy.OfEntry || d.uid == u.uid) && inside(*c, d.event.Decided.Time()) {
				c.Reserved++
			}
		}
		for _, e := range r.events {
			if e.Uses() && e.Entry == u.entry && (c.Scope == policy.OfEntry || *e.UID == u.uid) && inside(*c, e.Decided.Time()) {
				c.Spent++
			}
		}
		if c.Period == policy.Lifetime {
			c.Unknown = of.policySet < r.lostBy
		} else if !r.lostAt.IsZero() {
			c.Unknown = inside(*c, r.lostAt)
		}
	}
	return windows
}

func inside(c policy.Count, at time.Time) bool {
	return c.Period == policy.Lifetime || !at.Before(c.Start) && at.Before(c.End)
}

func (r *recorder) argument(u use) *policy.Approval {
	if u.approval == "" {
		return nil
	}
	a, ok := r.asked[u.approval]
	if !ok {
		return &policy.Approval{ID: u.approval}
	}
	asked := a.Asked
	fits := asked.UID == u.uid && asked.Entry == u.entry && asked.Purpose == u.purpose
	switch asked.Form {
	case policy.ByDocument:
		fits = fits && asked.DocSM3 == u.document
	case policy.ByDigests:
		fits = fits && slices.Contains(asked.Digests, digest)
	}
	reserved := uint32(0)
	for _, d := range r.flying {
		if d.approval == a.ID && !r.careless {
			reserved++
		}
	}
	arg := a.Argument(reserved, fits)
	arg.Unknown = a.Event < r.lostBy
	return &arg
}

// commit records what became of a use: it may fail, and entry or approval may
// have moved on.
func (r *recorder) commit(d *decided) *audit.Event {
	r.Helper()
	e := d.event
	r.flying = slices.DeleteFunc(r.flying, func(other *decided) bool { return other == d })
	if !d.answer.Allowed() {
		e.Kind = audit.KindRefuse
		e.Refuse(d.answer.Reason.String(), d.answer.Rule)
		return r.append(e)
	}
	e.Kind, e.Value, e.Result, e.Sig = audit.KindSign, digest, audit.Allowed, "MAYCAQECAQE="
	switch next, err := r.asked[e.Approval].Spent(e.Value); {
	case d.failed:
		e.Result, e.Reason, e.Rule, e.Sig, e.Value = audit.Failed, "hsm_failed", "hsm", "", ""
	case e.Rev != r.made[e.Entry].step.Entry.Rev:
		e.Refuse("changed", "entry.revision")
	case e.Approval != "" && err != nil:
		e.Refuse("changed", "approvals")
	case e.Approval != "":
		r.asked[e.Approval] = next
	}
	return r.append(e)
}

// ask records a request for an approval and returns its id.
func (r *recorder) ask(form policy.Form, count uint32) string {
	r.Helper()
	a := register.Asking{
		V: 1, Entry: "contract", UID: 20001, Made: r.now.Format(time.RFC3339), Nonce: fmt.Sprintf("%032x", len(r.events)),
		Purpose: "contract", Justification: "signing of 2026-17", Person: "li", Form: form, Count: count,
		From: r.now.Format(time.RFC3339), Until: r.now.Add(2 * time.Hour).Format(time.RFC3339), Persons: 1,
	}
	switch form {
	case policy.ByDocument:
		a.DocSM3 = document
	case policy.ByDigests:
		a.Digests = []string{digest}
	}
	content, err := a.Marshal()
	r.must(err)
	uid, at := a.UID, audit.At(r.now)
	e := r.append(&audit.Event{
		Kind: audit.KindApproval, UID: &uid, GID: &uid, Decided: &at, Entry: a.Entry, Purpose: a.Purpose, Result: audit.Allowed,
		Rev: r.made[a.Entry].step.Entry.Rev, PolicyRev: r.made[a.Entry].step.Entry.PolicyRev,
		Approval: register.ApprovalID(content), Value: r.contents.keep(content),
	})
	made, err := register.NewApproval(content, e.Seq)
	r.must(err)
	r.asked[made.ID] = made
	return made.ID
}

func (r *recorder) grant(id string) *audit.Event {
	r.Helper()
	return r.rule(authority.ApprovalGrant, id, authority.GrantApproval{Approval: id, Request: r.asked[id].Request})
}

func (r *recorder) end(kind authority.Kind, id string) *audit.Event {
	r.Helper()
	return r.rule(kind, id, authority.EndApproval{Approval: id, Request: r.asked[id].Request, Basis: "not ours"})
}

func (r *recorder) rule(kind authority.Kind, id string, content any) *audit.Event {
	r.Helper()
	e := r.act(kind, r.asked[id].Asked.Entry, content, register.Facts{})
	e.Approval = id
	act, err := authority.ParseAct([]byte(e.Act))
	r.must(err)
	next, err := r.asked[id].Decided(act, r.contents[act.ContentSHA], register.Deciders(e.Role, *e.UID), e.Seq)
	r.must(err)
	r.asked[id] = next
	return e
}

// lines are the events as the log has them.
func (r *recorder) lines() [][]byte {
	r.Helper()
	lines := make([][]byte, len(r.events))
	for i, e := range r.events {
		var err error
		lines[i], err = e.AppendLine(nil)
		r.must(err)
	}
	return lines
}

// replayed reads lines from the beginning.
func replayed(t testing.TB, source replay.Source, lines [][]byte) *replay.Replay {
	t.Helper()
	r := replay.New(source)
	for _, line := range lines {
		if err := r.Line(line); err != nil {
			t.Fatal(err)
		}
	}
	return r
}
