package authority_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"signet/daemon/internal/authority"
)

// onCertificates is the roll with these officers' ssh keys taken away: each has
// one certificate, valid from validFrom to validUntil.
func onCertificates(c *cast, numbers map[string]byte) authority.Roll {
	r := clone(c.roll)
	for id, number := range numbers {
		at(&r, id).Keys = []authority.Key{newUKey(c, number).key}
	}
	return r
}

func TestOfficersWhoCannotSignCountForNoThreshold(t *testing.T) {
	c := newCast(t)
	later := validUntil.Add(time.Second)
	for name, x := range map[string]struct {
		on   map[string]byte
		when time.Time
		says []string // nothing: the roll is good
	}{
		"all can sign":                   {map[string]byte{"s1": 11, "s2": 12, "u1": 13, "u2": 14}, validUntil, nil},
		"one security officer to spare":  {map[string]byte{"s1": 11}, later, nil},
		"two who can, of four":           {map[string]byte{"s1": 11, "s2": 12}, later, []string{"there are 2 security officers", "s1, s2", "2029-01-01T00:00:00Z"}},
		"before the certificates' begin": {map[string]byte{"s1": 11, "s2": 12}, validFrom.Add(-time.Second), []string{"s1, s2"}},
		"no auditor":                     {map[string]byte{"u1": 13, "u2": 14}, later, []string{"auditor is 1", "u1, u2"}},
		"no administrator":               {map[string]byte{"a1": 15, "a2": 16}, later, []string{"administrator is 1", "a1, a2"}},
		"a custodian":                    {map[string]byte{"c1": 17}, later, nil},
	} {
		r := onCertificates(c, x.on)
		if err := r.Check(authority.Mixed); err != nil {
			t.Fatalf("%s: Check: %v: what was accepted stays accepted", name, err)
		}
		err := r.CheckAt(x.when)
		if (err == nil) != (x.says == nil) {
			t.Errorf("%s: CheckAt(%v) = %v", name, x.when, err)
			continue
		}
		for _, want := range x.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
}

func TestAnOfficerSignsUntilHisLastKeyEnds(t *testing.T) {
	c := newCast(t)
	key := newUKey(t, 11).key
	longer := officerCertificate(12)
	longer.NotAfter = validUntil.AddDate(1, 0, 0)
	private, err := sm2.NewPrivateKey(bytes.Repeat([]byte{12}, 32))
	if err != nil {
		t.Fatal(err)
	}
	second := parseKey(t, certificatePEM(certify(t, private, longer).Raw))
	ssh := c.sshKey("other", 70)
	for name, x := range map[string]struct {
		keys []authority.Key
		want time.Time
	}{
		"one certificate":          {[]authority.Key{key}, validUntil},
		"two, the later one first": {[]authority.Key{second, key}, longer.NotAfter},
		"and an ssh key":           {[]authority.Key{key, ssh}, time.Time{}},
	} {
		if got := (authority.Officer{Keys: x.keys}).Until(); !got.Equal(x.want) {
			t.Errorf("%s: Until() = %v, want %v", name, got, x.want)
		}
	}
}

// Two certificates may have the same issuer and serial number: each holder
// signs as himself.
func TestNamesakeCertificatesAreBothTried(t *testing.T) {
	c := newCast(t)
	r := clone(c.roll)
	for i, id := range []string{"s1", "s2"} {
		private, err := sm2.NewPrivateKey(bytes.Repeat([]byte{byte(40 + i)}, 32))
		if err != nil {
			t.Fatal(err)
		}
		u := ukey{private: private, certificate: certify(t, private, officerCertificate(40))}
		at(&r, id).Keys = []authority.Key{parseKey(t, certificatePEM(u.certificate.Raw))}
		c.signers[id] = func(raw string) authority.Signature {
			return gmSignature(newMessage(u.certificate).sign(c, u.private, []byte(raw)))
		}
	}
	c.roll = r
	for _, names := range []string{"s1 s2", "s2 s3", "s1 s3"} {
		signers, err := c.try(c.actOn(authority.EntryResume, ledgers), names)
		if err != nil {
			t.Errorf("%s: %v", names, err)
		}
		for _, s := range signers {
			if !slices.Contains(strings.Fields(names), s.ID) {
				t.Errorf("%s: signed by %v", names, signers)
			}
		}
	}
	on := c.actOn(authority.EntryResume, ledgers)
	on.Signatures = c.sign(on.Raw+" ", "s2 s3")
	if _, err := c.underOfficers().Authorise(c.roll, on); !errors.Is(err, authority.ErrSignature) {
		t.Errorf("over other bytes: %v, want a bad signature", err)
	}
}

func TestWhatCanBeNoSignatureIsRefusedUnread(t *testing.T) {
	value := func(n int) authority.Signature {
		return authority.Signature{Form: authority.GMT35275, Value: strings.Repeat("A", n)}
	}
	ssh := func(n int) authority.Signature {
		return authority.Signature{Form: authority.SSH, Value: strings.Repeat("A", n)}
	}
	for name, x := range map[string]struct {
		all  []authority.Signature
		good bool
	}{
		"none":                       {nil, true},
		"the longest of UKeys":       {[]authority.Signature{value(21848)}, true},
		"one longer":                 {[]authority.Signature{value(21849)}, false},
		"the longest of ssh":         {[]authority.Signature{ssh(10924)}, true},
		"one longer of ssh":          {[]authority.Signature{ssh(10925)}, false},
		"of no form":                 {[]authority.Signature{{Form: "pgp", Value: "AAAA"}}, true}, // Verify says so
		"of no form, and long":       {[]authority.Signature{{Form: "pgp", Value: strings.Repeat("A", 21849)}}, false},
		"as many as officers can be": {make([]authority.Signature, 256), true},
		"one more":                   {make([]authority.Signature, 257), false},
		"behind a good one":          {[]authority.Signature{ssh(8), value(1 << 20)}, false},
	} {
		if err := authority.CheckSignatures(x.all); (err == nil) != x.good || err != nil && !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("%s: CheckSignatures = %v, want good %v", name, err, x.good)
		}
	}
}
