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

// noRSA keeps a trial short: SoftHSM2 needs seconds for large RSA keys.
const noRSA = "undone=0"

// tried makes a trial that must end by itself, and checks that nothing of it
// is left on the token.
func (r *rig) tried(d *pkcs11.Driver) hsm.Trial {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found, err := d.TryMechanisms(ctx, "seals")
	if err != nil {
		r.Fatalf("TryMechanisms: %v", err)
	}
	if n := r.keysLeft(); n != 0 {
		r.Errorf("%d key objects are left of the trial", n)
	}
	if s := d.Status()[0]; s.State != hsm.StateUp {
		r.Errorf("the token is %v after the trial: %s", s.State, s.LastError)
	}
	return found
}

// of returns what was found of one algorithm with one type of key.
func of(t testing.TB, found hsm.Trial, typ algo.KeyType, a algo.Algorithm) (hsm.KeyTrial, hsm.AlgorithmTrial) {
	t.Helper()
	for _, k := range found.Keys {
		for _, tried := range k.Algorithms {
			if k.Type == typ && tried.Algorithm == a {
				return k, tried
			}
		}
	}
	t.Fatalf("%v with %v was not tried: %+v", a, typ, found)
	return hsm.KeyTrial{}, hsm.AlgorithmTrial{}
}

func TestTrialShowsAllThatSoftHSMDoes(t *testing.T) {
	r := newRig(t, 1)
	found := r.tried(r.up())
	pairs := 0
	for _, typ := range algo.KeyTypes() {
		for _, a := range algo.For(typ) {
			pairs++
			k, tried := of(t, found, typ, a)
			for what, attempt := range map[string]hsm.Attempt{"making": k.Generation, a.String(): tried.Attempt} {
				if attempt.Finding != hsm.Does || attempt.Claim != hsm.Claimed || attempt.Contradicts() || attempt.Why+attempt.ClaimWhy != "" ||
					attempt.Mechanism == "" || attempt.Took <= 0 {
					t.Errorf("%v: %s: %+v", typ, what, attempt)
				}
			}
			want := 0
			if a == algo.Ed25519 {
				want = 48 << 10
			}
			if tried.Encoding != hsm.EncodingRaw || tried.MaxMessage != want {
				t.Errorf("%v with %v: %+v, want raw and at most %d bytes of message", a, typ, tried, want)
			}
		}
	}
	if found.Signatures != uint64(pairs)+1 { // ED25519 signs a long message too
		t.Errorf("%d signatures for %d algorithms of keys", found.Signatures, pairs)
	}
}

// No signature of a trial can be one over a DER SEQUENCE.
func TestSelfTestTextIsNoSequence(t *testing.T) {
	if hsm.SelfTestText[0] == 0x30 {
		t.Error("the text begins as a SEQUENCE does")
	}
}

func TestTrialTellsDeedsFromTheList(t *testing.T) {
	r := newRig(t, 1).with(noRSA, "undone=0x1041", "unlisted=0x1057", "unlisted=0x80008105", "undone=0x80008105")
	found := r.tried(r.up())
	for _, c := range []struct {
		typ         algo.KeyType
		claim       hsm.Claim
		finding     hsm.Finding
		contradicts bool
		why         string
	}{
		{algo.KeyP256, hsm.Claimed, hsm.DoesNot, true, "CKR_MECHANISM_INVALID"},
		{algo.KeyEd25519, hsm.Disclaimed, hsm.Does, true, ""},
		{algo.KeySM2, hsm.Disclaimed, hsm.DoesNot, false, "CKR_MECHANISM_INVALID"},
		{algo.KeyRSA2048, hsm.Claimed, hsm.NotKnown, false, "no key to try it with"},
	} {
		k, tried := of(t, found, c.typ, algo.For(c.typ)[0])
		if tried.Claim != c.claim || tried.Finding != c.finding || tried.Contradicts() != c.contradicts || !strings.Contains(tried.Why, c.why) {
			t.Errorf("%v: %+v, want %+v", c.typ, tried, c)
		}
		if (tried.ClaimWhy == "") != (c.claim == hsm.Claimed) {
			t.Errorf("%v: claims %s because of %q", c.typ, c.claim, tried.ClaimWhy)
		}
		if c.typ == algo.KeyRSA2048 && (k.Generation.Finding != hsm.DoesNot || !k.Generation.Contradicts()) {
			t.Errorf("making %v: %+v", c.typ, k.Generation)
		}
	}
}

func TestTrialWithoutListOrSM2(t *testing.T) {
	r := newRig(t, 1).with(noRSA, "C_GetMechanismList=0x54")
	r.config.Profile.SM2 = hsm.SM2Profile{}
	found := r.tried(r.up())
	if _, tried := of(t, found, algo.KeyP384, algo.ECDSAP384SHA384); tried.Claim != hsm.Untold || tried.Finding != hsm.Does || tried.Contradicts() {
		t.Errorf("P-384: %+v", tried)
	}
	k, tried := of(t, found, algo.KeySM2, algo.SM2SM3)
	if k.Generation.Finding != hsm.DoesNot || tried.Finding != hsm.DoesNot || !strings.Contains(tried.Why, "no [sm2]") || tried.Mechanism != "" {
		t.Errorf("SM2 without a profile for it: %+v, %+v", k.Generation, tried)
	}
}

// What is found is a signature that verifies, in the form that the profile
// names; everything else is not done, and says why.
func TestTrialJudgesTheAnswer(t *testing.T) {
	for _, c := range []struct {
		name     string
		lines    []string
		profile  func(*hsm.Profile)
		typ      algo.KeyType
		finding  hsm.Finding
		encoding hsm.Encoding
		why      string
	}{
		{"wrong", []string{"sign=wrong"}, nil, algo.KeyP256, hsm.DoesNot, hsm.EncodingRaw, "does not verify"},
		{"ECDSA for SM2", []string{"sign=ecdsa"}, nil, algo.KeySM2, hsm.DoesNot, hsm.EncodingRaw, "does not verify"},
		{"truncated", []string{"sign=truncated"}, nil, algo.KeyEd25519, hsm.DoesNot, hsm.EncodingOther, "does not read"},
		{"other form", nil, func(p *hsm.Profile) { p.ECDSA = algo.FormatDER }, algo.KeyP384, hsm.DoesNot, hsm.EncodingRaw, "profile shim does not read"},
		{"DER", nil, func(p *hsm.Profile) { p.SM2.SignRawE = 0x80008104 }, algo.KeySM2, hsm.Does, hsm.EncodingDER, ""},
		{"loose DER", []string{"sign=malformed-der"}, func(p *hsm.Profile) { p.SM2.SignRawE = 0x80008104 }, algo.KeySM2, hsm.Does, hsm.EncodingNotDER, ""},
		{"fault of C_Sign", []string{"C_Sign=0x6*1"}, nil, algo.KeySM2, hsm.DoesNot, "", "CKR_FUNCTION_FAILED"},
		{"lost session", []string{"C_Sign=0xB3*1"}, nil, algo.KeySM2, hsm.NotKnown, "", "CKR_SESSION_HANDLE_INVALID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1).with(append(c.lines, noRSA)...)
			if c.profile != nil {
				c.profile(&r.config.Profile)
			}
			found := r.tried(r.up())
			_, tried := of(t, found, c.typ, algo.For(c.typ)[0])
			if tried.Finding != c.finding || tried.Encoding != c.encoding || !strings.Contains(tried.Why, c.why) || (tried.Why == "") != (c.why == "") {
				t.Errorf("%+v, want %+v", tried, c)
			}
			if strings.HasPrefix(c.name, "fault") || strings.HasPrefix(c.name, "lost") {
				if _, next := of(t, found, algo.KeyP256, algo.ECDSAP256SHA256); next.Finding != hsm.Does {
					t.Errorf("after the fault: %+v", next)
				}
			}
		})
	}
}

// Where the module takes the message, the longest that it takes is found.
func TestTrialMeasuresTheLongestMessage(t *testing.T) {
	// Only ED25519 signs: the text, 48 KiB, which is refused, and 32 KiB.
	r := newRig(t, 1).with(noRSA, "undone=0x1040", "undone=0x80008001", "C_Sign=0x21:1/2")
	found := r.tried(r.up())
	if _, tried := of(t, found, algo.KeyEd25519, algo.Ed25519); tried.MaxMessage != 32<<10 || tried.Finding != hsm.Does {
		t.Errorf("%+v, want messages of 32768 bytes", tried)
	}
	if found.Signatures != 3 {
		t.Errorf("%d signatures, want 3", found.Signatures)
	}
}

// A token that makes no session keys is not asked for others.
func TestTrialMakesNoKeyThatStays(t *testing.T) {
	for fault, why := range map[string]string{
		"C_GenerateKeyPair=0xD1": "CKR_TEMPLATE_INCONSISTENT", "C_GenerateKeyPair=0xB5": "CKR_SESSION_READ_ONLY", "lie=token_keys": "makes a key that stays",
	} {
		r := newRig(t, 1).with(noRSA, fault)
		d := r.up()
		found := r.tried(d)
		k, tried := of(t, found, algo.KeySM2, algo.SM2SM3)
		if k.Generation.Finding != hsm.NotKnown || !strings.Contains(k.Generation.Why, why) || !strings.Contains(k.Generation.Why, "that stays") ||
			tried.Finding != hsm.NotKnown || found.Signatures != 0 {
			t.Errorf("%s: %+v, %+v, %d signatures", fault, k.Generation, tried, found.Signatures)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrialSaysThatAKeyIsStillThere(t *testing.T) {
	r := newRig(t, 1).with("lie=token_keys", "C_DestroyObject=0x6")
	found, err := r.up().TryMechanisms(r.context(), "seals")
	if err == nil || !strings.Contains(err.Error(), "STILL ON THE TOKEN") || !strings.Contains(err.Error(), "7369676e65742d73656c662d74657374") {
		t.Errorf("TryMechanisms: %v", err)
	}
	if n := r.keysLeft(); n != 2 || len(found.Keys) != 1 {
		t.Errorf("%d key objects left, %d types of key tried: want one of each and no more made", n, len(found.Keys))
	}
}

func TestTrialEndsWithTheDevice(t *testing.T) {
	r := newRig(t, 1).with(noRSA, "C_Sign=0x30")
	found, err := r.up().TryMechanisms(r.context(), "seals")
	if hsm.ClassOf(err) != hsm.ClassDevice || found.Signatures != 1 || len(found.Keys) != 1 {
		t.Errorf("TryMechanisms: %+v, %v of class %v", found, err, hsm.ClassOf(err))
	}
	if n := r.keysLeft(); n != 0 {
		t.Errorf("%d key objects are left", n)
	}
}

// The only worker signs while the trial is inside the module; whoever waits
// for the trial may leave, and the next one runs when the module is through.
func TestTrialTakesNoSessionFromThoseWhoSign(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	ref := r.key(d, algo.KeySM2)
	r.token.Control(t, "C_GenerateKeyPair=hang")
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	ended := make(chan error, 2) // of two trials, one of which is in the other's way
	for range 2 {
		go func() {
			_, err := d.TryMechanisms(ctx, "seals")
			ended <- err
		}()
	}
	if err := <-ended; hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("second trial: %v, want class busy", err)
	}
	if _, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeySM2, Label: "k"}); hsm.ClassOf(err) != hsm.ClassBusy {
		t.Errorf("ceremony beside a trial: %v, want class busy", err)
	}
	for range 20 {
		r.signs(d, ref, algo.SM2SM3)
	}
	leave()
	if err := <-ended; hsm.ClassOf(err) != hsm.ClassDeadline {
		t.Errorf("trial whose caller left: %v, want class deadline", err)
	}
	if s := d.Status()[0]; s.State != hsm.StateUp || s.Open != 1 || s.Hung != 0 {
		t.Errorf("token beside a trial that hangs: %+v", s)
	}
	r.token.Control(t, noRSA)
	r.eventually("end of the trial", func() bool {
		_, err := d.TryMechanisms(r.context(), "seals")
		return err == nil
	})
	if n := r.keysLeft(); n != 2 {
		t.Errorf("%d key objects: want the pair that signed", n)
	}
}

func TestTrialOfATokenThatIsNotThere(t *testing.T) {
	r := newRig(t, 1)
	r.token.Control(t, "C_OpenSession=0x30")
	d := r.open()
	r.await(d, hsm.StateDown)
	if found, err := d.TryMechanisms(r.context(), "seals"); hsm.ClassOf(err) != hsm.ClassUnavailable || found.Keys != nil {
		t.Errorf("token that is down: %+v, %v", found, err)
	}
	if _, err := d.TryMechanisms(r.context(), "nope"); hsm.ClassOf(err) != hsm.ClassAbsent {
		t.Errorf("unknown token: %v", err)
	}
}
