package daemon

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// A signatory is an officer of a test with his keys.
type signatory struct {
	authority.Officer
	signers []func(t testing.TB, raw string) admin.Signature // by index of Keys
}

// newSignatory makes an officer with that many SSH keys.
func newSignatory(t testing.TB, id string, role authority.Role, keys int) *signatory {
	t.Helper()
	p := &signatory{Officer: authority.Officer{ID: id, Name: strings.ToUpper(id[:1]) + id[1:], Role: role}}
	for range keys {
		p.addSSHKey(t)
	}
	return p
}

func (p *signatory) addSSHKey(t testing.TB) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	mustDo(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	mustDo(t, err)
	key, err := authority.ParseKey(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	mustDo(t, err)
	p.Keys = append(p.Keys, key)
	p.signers = append(p.signers, func(t testing.TB, raw string) admin.Signature {
		t.Helper()
		s, err := sshsig.Sign(strings.NewReader(raw), signer, sshsig.HashSHA512, authority.Namespace)
		mustDo(t, err)
		return admin.Signature{Form: string(authority.SSH), Value: base64.StdEncoding.EncodeToString(s.Marshal())}
	})
}

// addUKey adds an SM2 certificate that is valid until then.
func (p *signatory) addUKey(t testing.TB, until time.Time) {
	t.Helper()
	u := newUKey(t, p.Name, until)
	p.Keys, p.signers = append(p.Keys, u.key(t)), append(p.signers, u.sign)
}

// sign makes a signature with the person's key of that index.
func (p *signatory) sign(t testing.TB, raw string, key int) admin.Signature {
	t.Helper()
	return p.signers[key](t, raw)
}

// A bench of officers, in every role with one to spare.
type officers struct {
	*rig
	people map[string]*signatory
}

// uids by which officers read the log.
const (
	auditorUID   = 20021
	custodianUID = 20022
	securityUID  = 20023
)

// newOfficers is a rig whose appliance is made by officers: two administrators,
// three security officers, two auditors, and a custodian of entry "kept". It
// is not started.
func newOfficers(t testing.TB) *officers {
	t.Helper()
	r := &officers{newRig(t), map[string]*signatory{}}
	r.logToken = "seals"
	for id, role := range map[string]authority.Role{
		"adam": authority.Administrator, "anna": authority.Administrator,
		"sara": authority.SecurityOfficer, "sven": authority.SecurityOfficer, "sun": authority.SecurityOfficer,
		"udo": authority.Auditor, "uma": authority.Auditor, "carl": authority.Custodian,
	} {
		r.people[id] = newSignatory(t, id, role, 2)
	}
	r.people["carl"].Entries = []string{"kept"}
	for id, uid := range map[string]uint32{"udo": auditorUID, "carl": custodianUID, "sara": securityUID} {
		r.people[id].UID = &uid
	}
	return r
}

// startedOfficers is the same in mode serving.
func startedOfficers(t testing.TB) *officers {
	t.Helper()
	r := newOfficers(t)
	r.start()
	r.waitMode(Uninitialised)
	r.initialise()
	r.waitMode(Serving)
	return r
}

// genesis is the content of the init act.
func (r *officers) genesis() authority.Genesis {
	g := authority.Genesis{
		Appliance: "seal-a.example.org", Authority: authority.Officers, Crypto: "mixed", Deployment: "owner",
		Thresholds: &authority.Thresholds{Administrator: 1, Security: 2, Many: 2, Auditor: 1},
		LogKey:     &authority.LogKey{Token: "seals", Type: "SM2", Label: "signet-log"},
		Tokens:     []authority.Product{{Name: "seals", Product: "SoftHSM2, for tests"}},
	}
	for _, p := range r.people {
		g.Officers = append(g.Officers, p.Officer)
	}
	slices.SortFunc(g.Officers, func(x, y authority.Officer) int { return strings.Compare(x.ID, y.ID) })
	return g
}

// initialise makes the appliance, with the signatures of all.
func (r *officers) initialise() admin.ActResult {
	r.Helper()
	var all []string
	for id := range r.people {
		all = append(all, id)
	}
	slices.Sort(all)
	return r.must(authority.Init, "", r.genesis(), all...)
}

// signed is an act with the signatures of those officers, by their first keys.
func (r *officers) signed(kind authority.Kind, target string, content any, by ...string) admin.ActRequest {
	r.Helper()
	req := r.administrator().act(kind, target, content)
	for _, id := range by {
		req.Signatures = append(req.Signatures, r.people[id].sign(r, req.Act, 0))
	}
	return req
}

// try hands an act in and returns its code, 0 for success.
func (r *officers) try(kind authority.Kind, target string, content any, by ...string) protocol.Code {
	r.Helper()
	_, code := r.administrator().submit(r.signed(kind, target, content, by...))
	return code
}

// must is an act that is applied.
func (r *officers) must(kind authority.Kind, target string, content any, by ...string) admin.ActResult {
	r.Helper()
	result, code := r.administrator().submit(r.signed(kind, target, content, by...))
	if code != 0 {
		r.Fatalf("%s %s by %v: refused with %v", kind, target, by, code)
	}
	return result
}

// activeEntry makes an entry that callerUID may use.
func (r *officers) activeEntry(id, keyType string) {
	r.Helper()
	r.must(authority.KeyCreate, id, authority.CreateKey{Type: keyType, Token: "seals"}, "adam", "sara", "sven")
	r.must(authority.PolicySet, id, authority.SetPolicy{Text: string(bytes.ReplaceAll([]byte(policyText), []byte("%d"), []byte(uidText(callerUID))))}, "sara", "sven")
	r.must(authority.EntryActivate, id, authority.Nothing{}, "sara", "sven")
}
