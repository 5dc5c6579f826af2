package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
	"signet/protocol/algo"
)

// trialName is CKA_LABEL and CKA_ID of the keys of a trial, so that one which
// a module kept against its orders can be told.
const trialName = "signet-self-test"

// A keyTrial tries one type of key. Its key lives in a session of its own and
// is made anew after a fault of C_Sign, which may leave an operation active.
type keyTrial struct {
	*trial
	session *session // that holds the key; nil: none
	pair    pair
	public  algo.PublicKey
	tried   bool  // to make a key, for the first time
	failed  error // why no key can be made
	found   hsm.KeyTrial
}

// perform tries every algorithm of the key. An error ends the whole trial.
func (k *keyTrial) perform(ctx context.Context) error {
	mechanism, _, _, err := k.pool.token.kind(k.found.Type)
	if err != nil {
		k.found.Generation = without(err)
	} else {
		k.found.Generation = k.claim(mechanism, p11.CKF_GENERATE_KEY_PAIR, k.found.Type)
	}
	for _, a := range algo.For(k.found.Type) {
		if err := k.goesOn(ctx); err != nil {
			return err
		}
		found, err := k.try(ctx, a)
		k.found.Algorithms = append(k.found.Algorithms, found)
		if err != nil {
			return err
		}
	}
	return nil
}

// without is the attempt of what has no mechanism in the profile.
func without(err error) hsm.Attempt {
	return hsm.Attempt{Claim: hsm.Untold, Finding: hsm.DoesNot, Why: err.Error()}
}

// try has the key sign with one algorithm.
func (k *keyTrial) try(ctx context.Context, a algo.Algorithm) (hsm.AlgorithmTrial, error) {
	mechanism, err := k.pool.token.signMechanism(a)
	if err != nil {
		return hsm.AlgorithmTrial{Algorithm: a, Attempt: without(err)}, nil
	}
	out := hsm.AlgorithmTrial{Algorithm: a, Attempt: k.claim(mechanism, p11.CKF_SIGN, k.found.Type)}
	err = k.sign(&out, []byte(hsm.SelfTestText))
	if err == nil && a.DigestSize() == 0 {
		out.MaxMessage = len(hsm.SelfTestText)
		err = k.measure(ctx, &out)
	}
	if endsTrial(err) {
		return out, err
	}
	return out, nil
}

// messageSizes are the lengths that a message is tried with where the module
// itself takes it. The first is the longest that a caller may send; the frames
// of some vendors hold less.
var messageSizes = []int{48 << 10, 32 << 10, 16 << 10, 8 << 10, 4 << 10, 2 << 10, 1 << 10}

func (k *keyTrial) measure(ctx context.Context, out *hsm.AlgorithmTrial) error {
	for _, size := range messageSizes {
		if err := k.goesOn(ctx); err != nil {
			return err
		}
		longer := *out
		message := strings.Repeat(hsm.SelfTestText, size/len(hsm.SelfTestText)+1)[:size]
		switch err := k.sign(&longer, []byte(message)); {
		case err == nil:
			out.MaxMessage = size
			return nil
		case endsTrial(err):
			return err
		}
	}
	return nil
}

// sign has the key sign message and judges the answer. The error is why the
// finding is not Does.
func (k *keyTrial) sign(out *hsm.AlgorithmTrial, message []byte) error {
	err := k.ready()
	if err != nil {
		out.Finding, out.Why = hsm.NotKnown, "no key to try it with"
		return err
	}
	ref := hsm.KeyRef{Token: k.pool.token.cfg.Name, ID: []byte(trialName), Public: k.public}
	tbs, err := algo.ToBeSigned(out.Algorithm, k.public, message)
	if err != nil {
		return err
	}
	m, err := k.pool.token.signing(ref, out.Algorithm, tbs)
	if err != nil {
		return err
	}
	answer, err := k.ask(out, m)
	if err != nil {
		out.Finding, out.Why = findingOf(err), err.Error()
		return err
	}
	out.Encoding = encodingOf(out.Algorithm, k.found.Type, answer)
	if err := k.judge(out, m, tbs, answer); err != nil {
		out.Finding, out.Why = hsm.DoesNot, err.Error()
		return err
	}
	out.Finding, out.Why = hsm.Does, ""
	return nil
}

// ask is C_SignInit and C_Sign, as for every signature, but for the token's
// list: that is what is on trial.
func (k *keyTrial) ask(out *hsm.AlgorithmTrial, m method) (answer []byte, err error) {
	s := k.session
	err = s.inside(func() error {
		defer func(begun time.Time) { out.Took = time.Since(begun) }(time.Now())
		if err := s.begin(k.pair.private, m); err != nil {
			return err
		}
		if !k.count() {
			return errEnded
		}
		var err error
		answer, err = s.lib.Sign(s.handle, m.input)
		return called("C_Sign", err)
	})
	if err != nil && !hasCode(err, p11.CKR_MECHANISM_INVALID, p11.CKR_MECHANISM_PARAM_INVALID) {
		return nil, errors.Join(err, k.drop())
	}
	return answer, err
}

// judge reads the answer as the profile says and verifies it.
func (k *keyTrial) judge(out *hsm.AlgorithmTrial, m method, tbs, answer []byte) error {
	sig, err := algo.Encode(out.Algorithm, k.found.Type, m.form, answer)
	if err != nil {
		return refuse(hsm.ClassAnswer, "profile %s does not read the answer: %w", k.pool.token.profile.Name, err)
	}
	if err := k.public.Verify(out.Algorithm, tbs, sig); err != nil {
		return refuse(hsm.ClassAnswer, "verifying the answer: %w", err)
	}
	return nil
}

// findingOf tells an answer about what was asked for from a trouble of the
// moment.
func findingOf(err error) hsm.Finding {
	switch class := classOf(err); {
	case class == hsm.ClassRequest, class == hsm.ClassUnsupported, class == hsm.ClassDevice && vague(codeOf(err)):
		return hsm.DoesNot
	}
	return hsm.NotKnown
}

// ready makes sure that there is a key. What a type of key was refused for is
// not asked for again.
func (k *keyTrial) ready() error {
	if k.session == nil && k.failed == nil {
		k.failed = k.make()
	}
	return k.failed
}

// make makes the key, and notes of the first one how that went.
func (k *keyTrial) make() error {
	var took time.Duration
	err := k.generate(&took)
	g := &k.found.Generation
	if k.tried {
		return err
	}
	k.tried, g.Took = true, took
	switch {
	case err == nil:
		g.Finding, g.Why = hsm.Does, ""
	case noSuchKeys(err):
		g.Finding, g.Why = hsm.DoesNot, err.Error()
	default:
		g.Finding, g.Why = hsm.NotKnown, err.Error()
	}
	return err
}

// noSuchKeys tells the answers that are about the type of key from those that
// may be about a key which is not to stay.
func noSuchKeys(err error) bool {
	return classOf(err) == hsm.ClassUnsupported ||
		hasCode(err, p11.CKR_CURVE_NOT_SUPPORTED, p11.CKR_DOMAIN_PARAMS_INVALID, p11.CKR_KEY_SIZE_RANGE, p11.CKR_FUNCTION_NOT_SUPPORTED)
}

func (k *keyTrial) generate(took *time.Duration) error {
	made, err := k.pool.token.making(hsm.Spec{Type: k.found.Type, Label: trialName, ID: []byte(trialName)})
	if err != nil {
		return err
	}
	s := &session{pool: k.pool, lib: k.pool.token.module.ctx}
	return s.inside(func() error {
		rw, err := s.readWrite()
		if err != nil {
			return err
		}
		begun := time.Now()
		pair, err := rw.generateForSession(made.forSession())
		*took = time.Since(begun)
		if err != nil {
			rw.close()
			return err
		}
		k.session, k.pair = rw, pair
		return k.read()
	})
}

// forSession is the same key pair, to end with its session.
func (m making) forSession() making {
	change := func(template []*p11.Attribute) []*p11.Attribute {
		out := slices.Clone(template)
		for i, a := range out {
			if a.Type == p11.CKA_TOKEN {
				out[i] = p11.NewAttribute(p11.CKA_TOKEN, false)
			}
		}
		return out
	}
	return making{m.mechanism, change(m.public), change(m.private)}
}

// generateForSession takes no offence where CKA_MODIFIABLE is refused, as in a
// ceremony. A token that makes no such keys is not asked for one that stays.
func (s *session) generateForSession(m making) (pair, error) {
	made, err := s.generatePair(m)
	if templateRefused(err) {
		made, err = s.generatePair(m.without(attributeName(p11.CKA_MODIFIABLE)))
	}
	if templateRefused(err) || hasCode(err, p11.CKR_SESSION_READ_ONLY, p11.CKR_TEMPLATE_INCOMPLETE) {
		return pair{}, fmt.Errorf("the token refuses a key that ends with its session, and none that stays was made: %w", err)
	}
	return made, err
}

// read looks at what was made. A module that keeps what was to end with the
// session is told on, and the key destroyed.
func (k *keyTrial) read() error {
	public, err := k.session.publicKey(k.pair.public)
	if err == nil && public.Type() != k.found.Type {
		err = refuse(hsm.ClassMismatch, "the token made a key of type %v: want %v", public.Type(), k.found.Type)
	}
	stays, kept := k.stays()
	switch {
	case kept != nil:
		err = kept
	case stays:
		err = refuse(hsm.ClassMismatch, "the token makes a key that stays where one that ends with its session was asked for; it was destroyed again")
	}
	if err != nil {
		return errors.Join(err, k.drop())
	}
	k.public = public
	return nil
}

// stays tells whether either half is an object of the token.
func (k *keyTrial) stays() (bool, error) {
	for _, half := range []p11.ObjectHandle{k.pair.private, k.pair.public} {
		stays, err := k.session.flag(half, p11.CKA_TOKEN)
		if err != nil && !notTold(err) || stays {
			return stays, err
		}
	}
	return false, nil
}

// drop destroys the key and closes its session, which alone ends a key that is
// not to stay. So only a key that stays and is not destroyed is an error.
func (k *keyTrial) drop() error {
	s := k.session
	if s == nil {
		return nil
	}
	k.session = nil
	var left error
	// errStale is no fault here: the module forgot all its sessions.
	s.inside(func() error {
		defer s.close()
		for _, half := range []p11.ObjectHandle{k.pair.private, k.pair.public} {
			stays, err := s.flag(half, p11.CKA_TOKEN)
			destroyed := called("C_DestroyObject", s.lib.DestroyObject(s.handle, half))
			if err == nil && stays && destroyed != nil {
				left = fmt.Errorf("%w, with CKA_ID %x: %w", errKeyLeft, trialName, destroyed)
			}
		}
		return nil
	})
	return left
}
