package certificate_test

import (
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

func TestStatusIsValidWithinTheWholeChain(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	// The certificate is to outlive its CA, whose ten years began a year ago.
	chain := r.accepted(r.answer(r.issue(ca.Order{NotAfter: now.AddDate(20, 0, 0)}))).Chain
	s := certificate.StatusOf(chain)
	if !s.NotBefore.Equal(chain[0].NotBefore()) || !s.NotAfter.Equal(chain[1].NotAfter()) || s.CRLNumber != "" || !s.ThisUpdate.IsZero() || s.Revoked {
		t.Errorf("StatusOf = %+v", s)
	}
	for at, want := range map[time.Time]bool{
		s.NotBefore: true, s.NotBefore.Add(-time.Second): false, s.NotAfter: true, s.NotAfter.Add(time.Second): false,
	} {
		if s.Valid(at) != want {
			t.Errorf("Valid(%v) = %v", at, !want)
		}
	}
	if (certificate.Status{}).Valid(now) || certificate.StatusOf(nil).Valid(now) {
		t.Error("no certificate is valid")
	}
}

func TestStatusNamesTheListReliedOn(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	leaf := r.issue(ca.Order{})
	chain := r.accepted(r.answer(leaf)).Chain
	list, stranger := r.crl(ca.List{Number: 12}), newRig(t, algo.KeySM2).crl(ca.List{Number: 99, ThisUpdate: now})
	s := certificate.StatusOf(chain, stranger, r.crl(ca.List{Number: 7, ByRoot: true, ThisUpdate: now}), list)
	if s.CRLNumber != "12" || !s.ThisUpdate.Equal(list.ThisUpdate()) || !s.NextUpdate.Equal(list.NextUpdate()) || s.Revoked || !s.Valid(now) {
		t.Errorf("StatusOf = %+v", s)
	}
}

func TestStatusOfARevokedChain(t *testing.T) {
	for name, revoke := range map[string]func(r *rig, leaf []byte) certificate.CRL{
		"leaf": func(r *rig, leaf []byte) certificate.CRL { r.revoke(leaf, 6); return r.crl(ca.List{}) },
		"issuing CA": func(r *rig, _ []byte) certificate.CRL {
			r.revoke(r.ca.Issuing.Certificate.Raw, 2)
			return r.crl(ca.List{ByRoot: true})
		},
	} {
		r := newRig(t, algo.KeySM2)
		leaf := r.issue(ca.Order{})
		chain := r.accepted(r.answer(leaf)).Chain
		s := certificate.StatusOf(chain, revoke(r, leaf))
		if !s.Revoked || s.Valid(now) || !s.By.At.Equal(now.Add(-time.Minute)) || s.By.Reason == 0 {
			t.Errorf("%s: StatusOf = %+v", name, s)
		}
	}
}

// TestStatusHeedsOnlyTheKeyThatIssued: another CA of the trust store can have
// the name and the key identifier of the one that issued.
func TestStatusHeedsOnlyTheKeyThatIssued(t *testing.T) {
	for _, typ := range types {
		r, twin := newRig(t, typ), newRig(t, typ)
		if err := twin.ca.Impersonate(r.ca); err != nil {
			t.Fatal(err)
		}
		leaf := r.issue(ca.Order{})
		chain := r.accepted(r.answer(leaf)).Chain
		clean := r.crl(ca.List{Number: 7})
		r.revoke(leaf, 1)
		twin.revoke(leaf, 1)
		theirs := twin.crl(ca.List{Number: 99, ThisUpdate: now})
		if theirs.Covers(chain[0], chain[1]) || !theirs.Covers(chain[0], parse(t, twin.ca.Issuing.Certificate.Raw)) {
			t.Errorf("%v: whom the list covers goes by a name", typ)
		}
		if s := certificate.StatusOf(chain, theirs, clean); s.Revoked || s.CRL != clean.SM3() || s.CRLNumber != "7" {
			t.Errorf("%v: StatusOf = %+v", typ, s)
		}
		if s := certificate.StatusOf(chain, r.crlRaw(ca.List{Number: 8})); s.Revoked || s.CRL != "" {
			t.Errorf("%v: a list that nobody verified counts: %+v", typ, s)
		}
		if theirs.Series() == clean.Series() {
			t.Errorf("%v: the lists of two keys are one series", typ)
		}
		if err := theirs.Newer(clean); !errors.Is(err, certificate.ErrCRL) || errors.Is(err, certificate.ErrOlderCRL) {
			t.Errorf("%v: a list replaces one of another key: %v", typ, err)
		}
	}
}

func TestOrderOfListsDoesNotMatter(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	leaf := r.issue(ca.Order{})
	chain := r.accepted(r.answer(leaf)).Chain
	r.revoke(leaf, 1)
	late := r.crl(ca.List{})
	r.ca.Revoke(ca.Revoked{Serial: serialOf(t, leaf), At: now.Add(-time.Hour), Reason: 4})
	early := r.crl(ca.List{Extra: []pkix.Extension{point("", 1)}})
	one, other := certificate.StatusOf(chain, late, early), certificate.StatusOf(chain, early, late)
	if one.By != other.By || !one.By.At.Equal(now.Add(-time.Hour)) {
		t.Errorf("revoked by %+v, in another order by %+v", one.By, other.By)
	}
}
