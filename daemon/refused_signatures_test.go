package daemon

import (
	"slices"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// The log keeps for ever what is written to it: what can be no signature is
// refused before an event is made.
func TestJunkInPlaceOfSignaturesIsNotRecorded(t *testing.T) {
	r := startedOfficers(t)
	before := len(r.events())
	req := r.signed(authority.EntrySuspend, "x", authority.Suspend{Basis: "x"})
	for name, signatures := range map[string][]admin.Signature{
		"very long":               {{Form: "x", Value: strings.Repeat("A", 600<<10)}},
		"longer than an SSHSIG":   {{Form: "ssh", Value: strings.Repeat("A", 11<<10)}},
		"more than officers are":  slices.Repeat([]admin.Signature{{Form: "ssh", Value: "AAAA"}}, 257),
		"long, behind a good one": {r.people["sara"].sign(t, req.Act, 0), {Form: "gmt35275", Value: strings.Repeat("A", 22<<10)}},
	} {
		req.Signatures = signatures
		status, body := r.administrator().call("POST", admin.PathActs, mustJSON(t, req))
		fault := fromJSON[admin.Fault](t, body).Error
		if status != 400 || fault.Code != uint32(protocol.Malformed) || fault.Field != "signatures" {
			t.Errorf("%s: %d %.200s, want malformed signatures", name, status, body)
		}
	}
	if now := len(r.events()); now != before {
		t.Errorf("%d events were recorded", now-before)
	}
}

// The event of a refused act says of its signatures what was found out: who
// signed, or that nobody looked.
func TestRefusedActKeepsOnlyVerifiedSignatures(t *testing.T) {
	r := startedOfficers(t)
	replayed := r.signed(authority.KeyCreate, "p256", authority.CreateKey{Type: "EC-P256", Token: "seals"}, "adam", "sara", "sven")
	if _, code := r.administrator().submit(replayed); code != 0 {
		t.Fatalf("key.create: %v", code)
	}
	bad := r.signed(authority.EntryActivate, "one", authority.Nothing{}, "sara")
	bad.Signatures = append(bad.Signatures, r.people["sven"].sign(t, bad.Act+" ", 0))
	for _, c := range []struct {
		name string
		req  admin.ActRequest
		want protocol.Code
		role string
		sigs int
	}{
		{"replayed", replayed, protocol.ActReplayed, "unverified", 0},
		{"one of two is bad", bad, protocol.BadActSignature, "unverified", 0},
		{"too few", r.signed(authority.EntryActivate, "two", authority.Nothing{}, "sara"), protocol.TooFew, "security-officer:sara", 1},
		{"nobody signed", r.signed(authority.EntryActivate, "three", authority.Nothing{}), protocol.TooFew, "unsigned", 0},
	} {
		if _, code := r.administrator().submit(c.req); code != c.want {
			t.Errorf("%s: %v, want %v", c.name, code, c.want)
		}
		if e := r.lastEvent(); e.Role != c.role || len(e.ActSigs) != c.sigs {
			t.Errorf("%s: role %q with %d signatures, want %q with %d", c.name, e.Role, len(e.ActSigs), c.role, c.sigs)
		}
	}
}
