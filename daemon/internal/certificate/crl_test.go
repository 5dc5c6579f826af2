package certificate_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

func TestCRLSaysWhoIsRevoked(t *testing.T) {
	for _, typ := range types {
		r := newRig(t, typ)
		leaf, other := r.issue(ca.Order{}), r.issue(ca.Order{})
		if l := r.crl(ca.List{}); l.Len() != 0 || l.Number() != "1" {
			t.Errorf("%v: empty list %s has %d entries", typ, l.Number(), l.Len())
		}
		r.revoke(leaf, 4)
		l := r.crl(ca.List{})
		if l.Number() != "2" || l.Len() != 1 || !l.ThisUpdate().Equal(now.Add(-time.Hour)) || !l.NextUpdate().After(now) ||
			l.Issuer() != "CN=signet test issuing CA "+typ.String()+",O=signet tests,C=CN" {
			t.Errorf("%v: list %s by %q, %d entries", typ, l.Number(), l.Issuer(), l.Len())
		}
		serial := parse(t, leaf).Serial()
		entry, revoked := l.Revoked(serial)
		if want := (certificate.Entry{Serial: serial, At: now.Add(-time.Minute), Reason: 4}); !revoked || entry != want || entry.Reason.String() != "superseded" {
			t.Errorf("%v: Revoked = %+v, %v, want %+v", typ, entry, revoked, want)
		}
		if _, revoked := l.Revoked(parse(t, other).Serial()); revoked {
			t.Errorf("%v: the other certificate is revoked", typ)
		}
		issuing, root := parse(t, r.ca.Issuing.Certificate.Raw), parse(t, r.ca.Root.Certificate.Raw)
		if !l.Covers(parse(t, leaf), issuing) || l.Covers(issuing, root) {
			t.Errorf("%v: the list is taken to speak of the wrong certificates", typ)
		}
	}
}

func TestCRLIsReadInEveryForm(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	der := r.crl(ca.List{}).DER()
	for name, data := range map[string][]byte{
		"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), "base64": []byte(wrapped(der)),
		"base64 in one line": []byte(base64.StdEncoding.EncodeToString(der)),
	} {
		if l, err := certificate.ReadCRL(data); err != nil || !bytes.Equal(l.DER(), der) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// point is an issuingDistributionPoint, or the content of a
// cRLDistributionPoints, with a URI; flags are its BOOLEANs by tag.
func point(uri string, flags ...int) pkix.Extension {
	var content []byte
	add := func(v asn1.RawValue) {
		der, _ := asn1.Marshal(v)
		content = append(content, der...)
	}
	if uri != "" {
		name, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: 6, Bytes: []byte(uri)})
		full, _ := asn1.Marshal(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: name})
		add(asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: full})
	}
	for _, flag := range flags {
		add(asn1.RawValue{Class: 2, Tag: flag, Bytes: []byte{0xff}})
	}
	value, _ := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: value}
}

// TestCRLOfAScopeCoversOnlyThat: a CA that splits its list must not have
// certificates of one part pass for good by the list of another.
func TestCRLOfAScopeCoversOnlyThat(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	const one, two = "http://ca.example/crl1.crl", "http://ca.example/crl2.crl"
	plain, first := parse(t, r.issue(ca.Order{})), parse(t, r.issue(ca.Order{Points: []string{"ldap://ca.example/x", one}}))
	authority, issuing := parse(t, r.issue(ca.Order{CA: true})), parse(t, r.ca.Issuing.Certificate.Raw)
	for name, c := range map[string]struct {
		extension               []pkix.Extension
		plain, first, authority bool
	}{
		"all":             {nil, true, true, true},
		"its point":       {[]pkix.Extension{point(one)}, false, true, false},
		"another point":   {[]pkix.Extension{point(two)}, false, false, false},
		"owners":          {[]pkix.Extension{point("", 1)}, true, true, false},
		"CAs":             {[]pkix.Extension{point("", 2)}, false, false, true},
		"owners of point": {[]pkix.Extension{point(one, 1)}, false, true, false},
	} {
		l := r.crl(ca.List{Extra: c.extension})
		covers := func(c certificate.Certificate) bool { return l.Covers(c, issuing) }
		if covers(plain) != c.plain || covers(first) != c.first || covers(authority) != c.authority {
			t.Errorf("%s: Covers = %v %v %v", name, covers(plain), covers(first), covers(authority))
		}
	}
	whole, part, otherPart := r.crl(ca.List{}), r.crl(ca.List{Extra: []pkix.Extension{point(one)}}), r.crl(ca.List{Extra: []pkix.Extension{point(two)}})
	if whole.Series() == part.Series() || part.Series() == otherPart.Series() || whole.Series() != r.crl(ca.List{}).Series() {
		t.Error("series do not tell scopes apart")
	}
	if err := part.Newer(whole); !errors.Is(err, certificate.ErrCRL) || errors.Is(err, certificate.ErrOlderCRL) {
		t.Errorf("a list replaces one of another scope: %v", err)
	}
}

func TestCRLNeverGoesBack(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	at := func(number int64, hour int) certificate.CRL {
		return r.crl(ca.List{Number: number, ThisUpdate: now.Add(time.Duration(hour-24) * time.Hour)})
	}
	held := at(5, 5)
	for name, c := range map[string]struct {
		list certificate.CRL
		want error
	}{
		"the same again":           {held, nil},
		"newer":                    {at(6, 6), nil},
		"newer, same time":         {at(6, 5), nil},
		"older number":             {at(4, 6), certificate.ErrOlderCRL},
		"older time":               {at(6, 4), certificate.ErrOlderCRL},
		"same number, other time":  {at(5, 6), certificate.ErrCRL},
		"same number, signed anew": {at(5, 5), certificate.ErrCRL},
		"another CA":               {newRig(t, algo.KeySM2).crl(ca.List{Number: 9}), certificate.ErrCRL},
	} {
		err := c.list.Newer(held)
		if !errors.Is(err, c.want) || err != nil && !errors.Is(err, certificate.ErrCRL) {
			t.Errorf("%s: Newer = %v, want %v", name, err, c.want)
		}
		if errors.Is(err, certificate.ErrOlderCRL) != (c.want == certificate.ErrOlderCRL) {
			t.Errorf("%s: Newer = %v, want %v", name, err, c.want)
		}
	}
}

func TestCRLFromTheFutureIsRefused(t *testing.T) {
	l := newRig(t, algo.KeySM2).crl(ca.List{ThisUpdate: now})
	if err := l.CheckTime(now); err != nil {
		t.Errorf("made now: %v", err)
	}
	if err := l.CheckTime(now.Add(-time.Second)); !errors.Is(err, certificate.ErrCRL) || !says(err, "check the clock") {
		t.Errorf("made in a second: %v", err)
	}
}

func TestCRLSignatureIsOfItsCA(t *testing.T) {
	r, other := newRig(t, algo.KeySM2), newRig(t, algo.KeySM2)
	l := r.crl(ca.List{})
	issuing, root := parse(t, r.ca.Issuing.Certificate.Raw), parse(t, r.ca.Root.Certificate.Raw)
	noKeyID := other.ca.Issuing
	noKeyID.Certificate.SubjectKeyId = nil
	changed := bytes.Clone(l.DER())
	changed[len(changed)-1] ^= 1
	broken, err := certificate.ReadCRL(changed)
	if err != nil {
		t.Fatal(err)
	}
	mute, err := r.ca.Issue(reissue(t, r.ca.Issuing), ca.Order{CA: true, ByRoot: true, Usage: smx509.KeyUsageCertSign, NotBefore: now})
	if err != nil {
		t.Fatal(err)
	}
	owner, err := r.ca.Issue(reissue(t, r.ca.Issuing), ca.Order{ByRoot: true, Usage: smx509.KeyUsageCRLSign, NotBefore: now})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		list certificate.CRL
		ca   certificate.Certificate
		says string
	}{
		"another name":          {l, root, "want one by this CA"},
		"same name, other key":  {l, parse(t, other.ca.Issuing.Certificate.Raw), "and of its key"},
		"changed":               {broken, issuing, "does not verify"},
		"usage without cRLSign": {l, parse(t, mute.Raw), "may not sign lists"},
		"not a CA":              {l, parse(t, owner.Raw), "not the certificate of a CA"},
	} {
		if by, err := c.list.Verify(c.ca); !by.IsZero() || !errors.Is(err, certificate.ErrCRL) || !says(err, c.says) {
			t.Errorf("%s: Verify = %v, want %q", name, err, c.says)
		}
	}
	if by, err := l.VerifyAmong([]certificate.Certificate{root, parse(t, mute.Raw), issuing}); err != nil || by.CA().SM3() != issuing.SM3() || by.SM3() != l.SM3() {
		t.Errorf("VerifyAmong = %v, %v", by.CA(), err)
	}
	if by, err := broken.VerifyAmong([]certificate.Certificate{root, issuing}); !by.IsZero() || !errors.Is(err, certificate.ErrCRL) || !says(err, "does not verify") {
		t.Errorf("VerifyAmong = %v, %v", by.CA(), err)
	}
}

// TestCRLByWeakSignatureIsRefused: smx509 takes SHA-1 in lists.
func TestCRLByWeakSignatureIsRefused(t *testing.T) {
	r := newRig(t, algo.KeyRSA2048)
	der, err := smx509.CreateRevocationList(rand.Reader, &smx509.RevocationList{
		SignatureAlgorithm: smx509.SHA1WithRSA, Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 7),
	}, r.ca.Issuing.Certificate, r.ca.Issuing.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := certificate.ReadCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Verify(parse(t, r.ca.Issuing.Certificate.Raw)); !says(err, "SHA1-RSA is not accepted") {
		t.Errorf("Verify = %v", err)
	}
}

// rebuild gives a list other fields: those of its tbsCertList, in DER. The
// signature stays as it was.
func rebuild(t testing.TB, der []byte, edit func(fields []asn1.RawValue) []asn1.RawValue) []byte {
	t.Helper()
	var outer struct {
		TBS       []asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.RawValue
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	outer.TBS = edit(outer.TBS)
	again, err := asn1.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func TestReadCRLRefuses(t *testing.T) {
	extension := func(critical bool, value []byte, oid ...int) pkix.Extension {
		return pkix.Extension{Id: oid, Critical: critical, Value: value}
	}
	number := []byte{2, 1, 7}
	entry := func(e ...pkix.Extension) ca.Revoked {
		return ca.Revoked{Serial: big.NewInt(7), At: now, Extra: e}
	}
	for name, c := range map[string]struct {
		revoked []ca.Revoked
		extra   []pkix.Extension
		edit    func(fields []asn1.RawValue) []asn1.RawValue
		says    string
	}{
		"delta":                   {extra: []pkix.Extension{extension(true, number, 2, 5, 29, 27)}, says: "delta list"},
		"delta, not critical":     {extra: []pkix.Extension{extension(false, number, 2, 5, 29, 27)}, says: "delta list"},
		"indirect":                {extra: []pkix.Extension{point("", 4)}, says: "it is indirect"},
		"some reasons":            {extra: []pkix.Extension{point("", 3)}, says: "some reasons"},
		"attribute certificates":  {extra: []pkix.Extension{point("", 5)}, says: "attribute certificates"},
		"unknown scope":           {extra: []pkix.Extension{point("", 6)}, says: "it is indirect, or"},
		"scope damaged":           {extra: []pkix.Extension{extension(true, number, 2, 5, 29, 28)}, says: "issuingDistributionPoint is damaged"},
		"scope without full name": {extra: []pkix.Extension{extension(true, []byte{0x30, 4, 0xa0, 2, 0xa1, 0}, 2, 5, 29, 28)}, says: "no full name"},
		"unknown critical":        {extra: []pkix.Extension{extension(true, number, 1, 2, 3)}, says: "critical extension 1.2.3"},
		"number twice":            {extra: []pkix.Extension{extension(false, number, 2, 5, 29, 20)}, says: "2.5.29.20 stands twice"},
		"entry of another CA":     {revoked: []ca.Revoked{entry(extension(true, number, 2, 5, 29, 29))}, says: "entry 1: names another issuer"},
		"entry unknown critical":  {revoked: []ca.Revoked{entry(extension(true, number, 2, 5, 29, 33))}, says: "entry 1: has the critical extension 551d21"},
		"removeFromCRL":           {revoked: []ca.Revoked{{Serial: big.NewInt(6), At: now}, {Serial: big.NewInt(7), At: now, Reason: 8}}, says: "entry 2: says removeFromCRL"},
		"unknown reason":          {revoked: []ca.Revoked{{Serial: big.NewInt(7), At: now, Reason: 7}}, says: "unknown reason(7)"},
		"negative serial":         {revoked: []ca.Revoked{{Serial: big.NewInt(-7), At: now}}, says: "entry 1: is damaged"},
		"version 1":               {edit: func(f []asn1.RawValue) []asn1.RawValue { return f[1:] }, says: "not a list of version 2"},
		"no nextUpdate":           {edit: func(f []asn1.RawValue) []asn1.RawValue { return slices.Delete(f, 4, 5) }, says: "with nextUpdate"},
		"nextUpdate first":        {edit: func(f []asn1.RawValue) []asn1.RawValue { f[3], f[4] = f[4], f[3]; return f }, says: "nextUpdate is not after"},
		"no extensions":           {edit: func(f []asn1.RawValue) []asn1.RawValue { return f[:len(f)-1] }, says: "and extensions"},
		"no number": {edit: func(f []asn1.RawValue) []asn1.RawValue {
			f[5] = asn1.RawValue{FullBytes: []byte{0xa0, 2, 0x30, 0}}
			return f
		}, says: "no CRL number"},
		"negative number": {edit: func(f []asn1.RawValue) []asn1.RawValue {
			f[5].FullBytes = bytes.Replace(f[5].FullBytes, []byte{2, 1, 1}, []byte{2, 1, 0x81}, 1)
			return f
		}, says: "negative"},
		"surplus field": {edit: func(f []asn1.RawValue) []asn1.RawValue { return append(f, f[5]) }, says: "not a list of version 2"},
		"unknown field": {edit: func(f []asn1.RawValue) []asn1.RawValue { return append(f, asn1.RawValue{FullBytes: []byte{5, 0}}) }, says: "not a list of version 2"},
		"other algorithm": {edit: func(f []asn1.RawValue) []asn1.RawValue {
			f[1] = asn1.RawValue{FullBytes: []byte{0x30, 3, 6, 1, 0x2a}}
			return f
		}, says: "algorithm identifiers don't match"},
	} {
		r := newRig(t, algo.KeySM2)
		r.ca.Revoke(c.revoked...)
		der, err := r.ca.CRL(ca.List{ThisUpdate: now.Add(-time.Hour), Extra: c.extra})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.edit != nil {
			der = rebuild(t, der, c.edit)
		}
		if l, err := certificate.ReadCRL(der); !errors.Is(err, certificate.ErrCRL) || !says(err, c.says) || !l.IsZero() {
			t.Errorf("%s: ReadCRL = %v, want %q", name, err, c.says)
		}
	}
}

func TestReadCRLRefusesWhatIsNoList(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	der := r.crl(ca.List{}).DER()
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":             {nil, "not the DER"},
		"text":                {[]byte("hello, world"), "want a revocation list"},
		"certificate":         {r.issue(ca.Order{}), "not a list of version 2"},
		"cut":                 {der[:len(der)-1], "not the DER"},
		"octet behind":        {append(bytes.Clone(der), 0), "not the DER"},
		"PEM of another kind": {ca.PEM(der), "want one PEM block X509 CRL"},
		"two PEM blocks":      {bytes.Repeat(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), 2), "nothing behind"},
		"too long":            {make([]byte, certificate.MaxCRL+1), "want at most 67108864"},
	} {
		if _, err := certificate.ReadCRL(c.data); !errors.Is(err, certificate.ErrCRL) || !says(err, c.says) {
			t.Errorf("%s: ReadCRL = %v, want %q", name, err, c.says)
		}
	}
}

// TestCRLTakesTheEarliestOfTwoEntries, and serial numbers of any length.
func TestCRLTakesTheEarliestOfTwoEntries(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	long := new(big.Int).Lsh(big.NewInt(1), 158)
	for i, serial := range []*big.Int{big.NewInt(0x80), long, big.NewInt(0x80), big.NewInt(0), big.NewInt(1), big.NewInt(0x80)} {
		r.ca.Revoke(ca.Revoked{Serial: serial, At: now.Add(-time.Duration(i%5) * time.Hour), Reason: i % 5})
	}
	l := r.crl(ca.List{})
	for serial, hours := range map[string]int{"80": 2, "00": 3, "01": 4, fmt.Sprintf("%x", long): 1} {
		entry, revoked := l.Revoked(serial)
		if want := (certificate.Entry{Serial: serial, At: now.Add(-time.Duration(hours) * time.Hour), Reason: certificate.RevocationReason(hours)}); !revoked || entry != want {
			t.Errorf("Revoked(%s) = %+v, %v, want %+v", serial, entry, revoked, want)
		}
	}
	for _, serial := range []string{"81", "7f", "0180", "x", "8"} {
		if entry, revoked := l.Revoked(serial); revoked {
			t.Errorf("Revoked(%s) = %+v", serial, entry)
		}
	}
}

// large is a list with n entries in no order of their serial numbers, which
// are 16 octets; serial(i) is in it.
func large(t testing.TB, n int) (der []byte, serial func(i int) string) {
	octets := func(i int) []byte {
		b := make([]byte, 16)
		binary.BigEndian.PutUint64(b, (uint64(i)+1)*0x9e3779b97f4a7c15>>1|1<<62) // scattered, positive
		binary.BigEndian.PutUint64(b[8:], uint64(i))
		return b
	}
	entries := make([]byte, 0, n*49)
	for i := range n {
		entries = append(entries, 0x30, 47, 2, 16)
		entries = append(entries, octets(i)...)
		entries = append(entries, "\x17\x0d260101000000Z\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x0a\x01\x01"...)
	}
	empty := newRig(t, algo.KeySM2).crl(ca.List{}).DER()
	return rebuild(t, empty, func(f []asn1.RawValue) []asn1.RawValue {
		return slices.Insert(f, 5, asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: entries})
	}), func(i int) string { return fmt.Sprintf("%x", octets(i)) }
}

// TestAMillionEntriesTakeLittleMemory: the DER and four bytes each.
func TestAMillionEntriesTakeLittleMemory(t *testing.T) {
	const n = 1_000_000
	der, serial := large(t, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l, err := certificate.ReadCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 10*n {
		t.Errorf("a list of %d entries keeps %d bytes beside its DER", n, kept)
	}
	for i := 0; i < n; i += 997 {
		if entry, revoked := l.Revoked(serial(i)); !revoked || entry.Serial != serial(i) || entry.Reason != 1 {
			t.Fatalf("Revoked(%s) = %+v, %v", serial(i), entry, revoked)
		}
	}
	if _, revoked := l.Revoked(serial(n)); revoked || l.Len() != n {
		t.Errorf("%d entries, one that is not there is revoked: %v", l.Len(), revoked)
	}
}

func BenchmarkReadCRL(b *testing.B) {
	der, serial := large(b, 1_000_000)
	b.Run("read a million", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := certificate.ReadCRL(der); err != nil {
				b.Fatal(err)
			}
		}
	})
	l, err := certificate.ReadCRL(der)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("look up", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, revoked := l.Revoked(serial(i % 1_000_000)); !revoked {
				b.Fatal("not found")
			}
		}
	})
}
