package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// opensslDigests are the names that openssl has for the hash of each
// algorithm; ED25519 has none.
var opensslDigests = map[algo.Algorithm]string{
	algo.SM2SM3: "-sm3", algo.ECDSAP256SHA256: "-sha256", algo.ECDSAP384SHA384: "-sha384",
	algo.RSAPKCS1SHA256: "-sha256", algo.RSAPKCS1SHA384: "-sha384", algo.RSAPKCS1SHA512: "-sha512",
	algo.RSAPSSSHA256: "-sha256", algo.RSAPSSSHA384: "-sha384", algo.RSAPSSSHA512: "-sha512",
}

// opensslVerifies has openssl judge a signature over a file, as anybody would
// who has only file, signature and public key.
func opensslVerifies(t testing.TB, dir string, a algo.Algorithm, pub algo.PublicKey, file, sig []byte) bool {
	t.Helper()
	name := map[string]string{}
	for part, data := range map[string][]byte{"pub": pub.PEM(), "file": file, "sig": sig} {
		name[part] = filepath.Join(dir, part)
		if err := os.WriteFile(name[part], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", name["pub"], "-sigfile", name["sig"], "-in", name["file"]}
	if digest := opensslDigests[a]; digest != "" {
		args = []string{"dgst", digest, "-verify", name["pub"], "-signature", name["sig"]}
		switch {
		case a == algo.SM2SM3:
			args = append(args, "-sigopt", "distid:"+algo.SM2ID)
		case strings.HasPrefix(a.String(), "RSA-PSS"):
			args = append(args, "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
		}
		args = append(args, name["file"])
	}
	out, err := exec.Command("openssl", args...).CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Fatalf("openssl: %v", err)
	}
	return err == nil && strings.Contains(string(out), "Verified")
}

// everyAlgorithm is a policy that stands in no algorithm's way.
func everyAlgorithm() string {
	var names []string
	for _, a := range algo.All() {
		names = append(names, fmt.Sprintf("%q", a.String()))
	}
	return fmt.Sprintf("callers = { users = [%d] }\noperations = [\"digest\", \"message\"]\nalgorithms = [%s]\npurposes = [\"contract\"]\n",
		myUID(callerUID), strings.Join(names, ", "))
}

// ceremony makes an active entry of that name whose key may sign with every
// algorithm that it can.
func (r *rig) ceremony(id string, typ algo.KeyType) algo.PublicKey {
	r.Helper()
	o := r.administrator()
	o.must(authority.KeyCreate, id, authority.CreateKey{Type: typ.String(), Token: "seals"})
	o.must(authority.PolicySet, id, authority.SetPolicy{Text: everyAlgorithm()})
	o.must(authority.EntryActivate, id, authority.Nothing{})
	return r.server.appliance().book.find(id).key.Public
}

// signs has the daemon sign one input and returns the signature.
func (r *rig) signs(c *client.Conn, entry string, a algo.Algorithm, in *protocol.Input) []byte {
	r.Helper()
	reply, err := c.Sign(context.Background(), signInput(entry, a, in))
	if err != nil {
		r.Errorf("%s with %v: %v", entry, a, err)
		return nil
	}
	if fault := reply.Results[0].GetError(); fault != nil {
		r.Errorf("%s with %v: %v", entry, a, fault)
	}
	return reply.Results[0].GetSigned().GetSignature()
}

func signInput(entry string, a algo.Algorithm, in *protocol.Input) *protocol.SignRequest {
	return &protocol.SignRequest{
		Entry: entry, Algorithm: protocol.Algorithm(a), Form: protocol.SignForm_RAW, Inputs: []*protocol.Input{in},
		Context: &protocol.Context{Purpose: "contract"},
	}
}

// From the ceremony to the judge outside: every type of key makes every
// signature that fits it, from the message and, where there is one, from the
// value that a caller computes; openssl verifies them over the file.
func TestEveryKeyAndAlgorithmFromCeremonyToOpenSSL(t *testing.T) {
	r := startedRig(t)
	c := r.caller(callerUID)
	dir := t.TempDir()
	file := make([]byte, 4000)
	rand.Read(file)
	other := append([]byte{file[0] ^ 1}, file[1:]...)
	pairs := 0
	for _, typ := range algo.KeyTypes() {
		id := strings.ToLower(typ.String())
		pub := r.ceremony(id, typ)
		if pub.Type() != typ {
			t.Fatalf("%s has a key of type %v", id, pub.Type())
		}
		for _, a := range algo.For(typ) {
			pairs++
			inputs := []*protocol.Input{{Value: &protocol.Input_Message{Message: file}}}
			if a.DigestSize() != 0 {
				computed, err := client.InputFrom(a, pub, strings.NewReader(string(file)))
				if err != nil {
					t.Fatal(err)
				}
				inputs = append(inputs, computed)
			}
			for _, in := range inputs {
				sig := r.signs(c, id, a, in)
				if !opensslVerifies(t, dir, a, pub, file, sig) {
					t.Errorf("%v with %v from %T: openssl does not verify %x", typ, a, in.Value, sig)
				}
				if opensslVerifies(t, dir, a, pub, other, sig) {
					t.Errorf("%v with %v from %T: openssl verifies it over another file", typ, a, in.Value)
				}
			}
		}
		r.refusesWhatDoesNotFit(c, id, typ)
	}
	if pairs != 22 {
		t.Errorf("%d pairs of key and algorithm, want 22", pairs)
	}
}

// refusesWhatDoesNotFit asks for what the wire's table of algorithms rules
// out.
func (r *rig) refusesWhatDoesNotFit(c *client.Conn, id string, typ algo.KeyType) {
	r.Helper()
	digest := func(n int) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Digest{Digest: make([]byte, n)}}
	}
	e := &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: make([]byte, 32)}}
	for _, a := range algo.All() {
		for _, row := range []struct {
			in   *protocol.Input
			want protocol.Code
			when bool
		}{
			{digest(max(a.DigestSize(), 32)), protocol.AlgorithmMismatch, !a.Fits(typ) && a != algo.SM2SM3 && a != algo.Ed25519},
			{&protocol.Input{Value: &protocol.Input_Message{Message: []byte("x")}}, protocol.AlgorithmMismatch, !a.Fits(typ)},
			{digest(32), protocol.InputKindRequired, a == algo.Ed25519 || a == algo.SM2SM3},
			{e, protocol.InputKindRequired, a != algo.SM2SM3},
			{digest(a.DigestSize() + 1), protocol.DigestLength, a != algo.SM2SM3 && a != algo.Ed25519},
			{&protocol.Input{Value: &protocol.Input_Message{}}, protocol.Malformed, true},
			{&protocol.Input{Value: &protocol.Input_Message{Message: make([]byte, protocol.MaxMessage+1)}}, protocol.TooLarge, true},
		} {
			if !row.when {
				continue
			}
			if _, err := c.Sign(context.Background(), signInput(id, a, row.in)); !errors.Is(err, row.want) {
				r.Errorf("%v with %v from %T: %v, want %v", typ, a, row.in.Value, err, row.want)
			}
		}
	}
}

// A token that lacks an algorithm's mechanism refuses it for good, by name;
// the event says so, and the key's other algorithms go on.
func TestAlgorithmThatTheTokenLacksIsUnsupported(t *testing.T) {
	r := startedRig(t)
	r.ceremony("rsa", algo.KeyRSA2048)
	r.stop()
	r.token.Control(t, "unlisted=0xD", "unlisted=0x1055")
	r.start()
	r.waitMode(Serving)
	c := r.caller(callerUID)
	for _, a := range []algo.Algorithm{algo.RSAPSSSHA256, algo.RSAPSSSHA512} {
		reply, err := c.Sign(context.Background(), signInput("rsa", a, digestInput(a)))
		if err != nil {
			t.Fatal(err)
		}
		fault := reply.Results[0].GetError()
		if !errors.Is(fault, protocol.Unsupported) || fault.Retry != protocol.Retry_NEVER || fault.Event == nil ||
			!strings.Contains(fault.Message, "token seals") || !strings.Contains(fault.Message, "CKM_RSA_PKCS_PSS (0xD)") ||
			!strings.Contains(fault.Message, "signetctl token status seals --mechanisms") {
			t.Fatalf("%v: %v, want unsupported, never again, with token, mechanism and event", a, fault)
		}
		if e := r.events()[*fault.Event]; e.Result != audit.Failed || e.Reason != "unsupported" || e.Rule != ruleHSM || e.Sig != "" {
			t.Errorf("event %+v", e)
		}
	}
	if sig := r.signs(c, "rsa", algo.RSAPKCS1SHA384, digestInput(algo.RSAPKCS1SHA384)); sig == nil {
		t.Error("PKCS#1 does not go on")
	}

	// A key that could not be made is refused with its reason, and is neither
	// in the register nor on the token.
	o := r.administrator()
	request := o.act(authority.KeyCreate, "ed", authority.CreateKey{Type: "ED25519", Token: "seals"})
	status, body := o.call("POST", "/v1/acts", mustJSON(t, request))
	if status != 400 || !strings.Contains(body, `"code":103`) || !strings.Contains(body, "CKM_EC_EDWARDS_KEY_PAIR_GEN (0x1055)") || !strings.Contains(body, "token seals") {
		t.Errorf("key create: %d %s", status, body)
	}
	if e := r.lastEvent(); e.Result != audit.Refused || e.Reason != "unsupported" || e.Count != 0 {
		t.Errorf("event of the act: %+v", e)
	}
	if r.server.appliance().book.find("ed") != nil {
		t.Error("the register has the key that was not made")
	}
	if keys, err := r.server.tokens.byName["seals"].driver.Keys(context.Background(), "seals"); err != nil || len(keys) != 1 {
		t.Errorf("%d keys on the token, %v: want the one of rsa", len(keys), err)
	}
}

// A key whose first algorithm the token lacks proves itself by another.
func TestCeremonyProvesTheKeyByWhatTheTokenDoes(t *testing.T) {
	r := newRig(t)
	r.token.Control(t, "unlisted=0x1")
	r.start()
	r.init()
	r.waitMode(Serving)
	pub := r.ceremony("rsa", algo.KeyRSA2048)
	if e := r.eventOf("rsa", authority.KeyCreate); e.Count != 1 {
		t.Errorf("%d signatures in the event of the ceremony, want 1", e.Count)
	}
	in := digestInput(algo.RSAPSSSHA256)
	if err := pub.Verify(algo.RSAPSSSHA256, in.GetDigest(), r.signs(r.caller(callerUID), "rsa", algo.RSAPSSSHA256, in)); err != nil {
		t.Error(err)
	}
}

// eventOf returns the event of an act on an entry.
func (r *rig) eventOf(entry string, kind authority.Kind) *audit.Event {
	r.Helper()
	for _, e := range r.events() {
		if e.Entry == entry && e.Op == string(kind) {
			return e
		}
	}
	r.Fatalf("no act %s on %s in the log", kind, entry)
	return nil
}
