package authority_test

import (
	"bytes"
	"crypto/dsa" //lint:ignore SA1019 to be refused
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
)

func parseKey(t testing.TB, text string) authority.Key {
	t.Helper()
	k, err := authority.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func certificatePEM(raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// authorizedKey is the line of a .pub file, without its comment.
func authorizedKey(t testing.TB, public any) string {
	t.Helper()
	key, ok := public.(ssh.PublicKey)
	if !ok {
		var err error
		if key, err = ssh.NewPublicKey(public); err != nil {
			t.Fatal(err)
		}
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func ed25519Key(number byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{number}, ed25519.SeedSize))
}

func ecdsaKey(t testing.TB, curve elliptic.Curve, number byte) *ecdsa.PrivateKey {
	t.Helper()
	scalar := make([]byte, (curve.Params().BitSize+7)/8)
	scalar[len(scalar)-1] = number
	key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestParseKeyTakesWhatPeopleHave(t *testing.T) {
	line := authorizedKey(t, ed25519Key(1).Public())
	rsa2048 := authorizedKey(t, &rsaKey(t, 2048).PublicKey)
	rsa3072 := authorizedKey(t, &rsaKey(t, 3072).PublicKey)
	u := newUKey(t, 1)
	for name, c := range map[string]struct {
		text, value string
		gm          bool
		describes   []string
	}{
		"ed25519":           {line, line, false, []string{"ssh-ed25519 SHA256:"}},
		"with a comment":    {line + " li si@office 2", line, false, []string{"ssh-ed25519"}},
		"with blanks":       {"\n  " + strings.Replace(line, " ", " \t ", 1) + "\r\n", line, false, nil},
		"ecdsa P-256":       {text: authorizedKey(t, ecdsaKey(t, elliptic.P256(), 1).Public()), describes: []string{"ecdsa-sha2-nistp256"}},
		"ecdsa P-384":       {text: authorizedKey(t, ecdsaKey(t, elliptic.P384(), 1).Public()), describes: []string{"nistp384"}},
		"ecdsa P-521":       {text: authorizedKey(t, ecdsaKey(t, elliptic.P521(), 1).Public()), describes: []string{"nistp521"}},
		"RSA 3072":          {text: rsa3072, describes: []string{"ssh-rsa", "3072 bits)"}},
		"RSA 2048":          {text: rsa2048, describes: []string{"2048 bits; 3072 recommended"}},
		"sk ed25519":        {text: authorizedKey(t, newToken(t, ssh.KeyAlgoSKED25519).PublicKey()), describes: []string{"sk-ssh-ed25519@openssh.com"}},
		"sk ecdsa":          {text: authorizedKey(t, newToken(t, ssh.KeyAlgoSKECDSA256).PublicKey()), describes: []string{"sk-ecdsa"}},
		"certificate":       {certificatePEM(u.certificate.Raw), base64.StdEncoding.EncodeToString(u.certificate.Raw), true, []string{"SM2 SM3:", "李四", "1001", "2028-12-31"}},
		"certificate, CRLF": {strings.ReplaceAll(certificatePEM(u.certificate.Raw), "\n", "\r\n"), base64.StdEncoding.EncodeToString(u.certificate.Raw), true, nil},
	} {
		k, err := authority.ParseKey(c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.value == "" {
			c.value = c.text
		}
		if k.Value != c.value || k.GM() != c.gm || k.Check() != nil {
			t.Errorf("%s: %+v, Check %v, want the value %q", name, k, k.Check(), c.value)
		}
		for _, part := range c.describes {
			if d := k.Describe(); !strings.Contains(d, part) || !strings.Contains(d, k.Fingerprint()) {
				t.Errorf("%s: Describe = %q: want %q and %q in it", name, d, part, k.Fingerprint())
			}
		}
	}
}

func TestParseKeySaysWhatIsWrong(t *testing.T) {
	line := authorizedKey(t, ed25519Key(1).Public())
	pemKey, err := ssh.MarshalPrivateKey(ed25519Key(1), "")
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(pemKey))
	u := newUKey(t, 1)
	certificate := certificatePEM(u.certificate.Raw)
	for name, c := range map[string]struct{ text, says string }{
		"empty":                  {" \n", "empty"},
		"too long":               {line + strings.Repeat(" x", 8<<10), "at most"},
		"rubbish":                {"my key is good", "want a line of a .pub file"},
		"one word":               {"ssh-ed25519", "want a line"},
		"no type":                {strings.Fields(line)[1], "want a line"},
		"two keys":               {line + "\n" + line, "several lines"},
		"options":                {`restrict,command="x" ` + line, "options"},
		"another option":         {"no-touch-required " + line, "options"},
		"base64 cut":             {line[:len(line)-5], "ssh-ed25519"},
		"type of another":        {strings.Replace(line, "ssh-ed25519", "ssh-rsa", 1), "canonical"},
		"bytes after the key":    {"ssh-ed25519 " + base64.StdEncoding.EncodeToString(append(wireOf(t, line), 0)), "trailing"},
		"a private key":          {private, "private key"},
		"a public key":           {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: u.certificate.RawSubjectPublicKeyInfo})), "PUBLIC KEY"},
		"two certificates":       {certificate + certificate, "one PEM certificate"},
		"key, then certificate":  {line + "\n" + certificate, "one PEM certificate"},
		"certificate, then text": {certificate + "x", "one PEM certificate"},
		"certificate cut":        {certificate[:200], "one PEM certificate"},
		"PEM headers":            {strings.Replace(certificate, "-----\n", "-----\nA: b\n\n", 1), "PEM block"},
		"not a certificate":      {certificatePEM([]byte("x")), "certificate"},
		"ssh certificate":        {sshCertificate(t), "certificate"},
		"DSA":                    {dsaLine(t), "ssh-dss is broken"},
		"RSA 1024":               {rsaLine(1024, 65537), "1024 bits: want 2048"},
		"RSA with exponent 3":    {rsaLine(2048, 3), "exponent 3"},
		"signature algorithm":    {strings.Replace(rsaLine(2048, 65537), "ssh-rsa", "rsa-sha2-512", 1), "want ssh-ed25519"},
	} {
		k, err := authority.ParseKey(c.text)
		if err == nil || k != (authority.Key{}) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: ParseKey = %+v, %v, want an error with %q", name, k, err, c.says)
		} else if secret := strings.Split(private, "\n")[2]; strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats the private key", name)
		}
	}
}

func wireOf(t *testing.T, line string) []byte {
	t.Helper()
	wire, err := base64.StdEncoding.DecodeString(strings.Fields(line)[1])
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func sshCertificate(t *testing.T) string {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(ed25519Key(1))
	if err != nil {
		t.Fatal(err)
	}
	certificate := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return authorizedKey(t, certificate)
}

func dsaLine(t *testing.T) string {
	t.Helper()
	var key dsa.PrivateKey
	if err := dsa.GenerateParameters(&key.Parameters, rand.Reader, dsa.L1024N160); err != nil {
		t.Fatal(err)
	}
	if err := dsa.GenerateKey(&key, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return authorizedKey(t, &key.PublicKey)
}

// rsaLine is a key that nobody has the private half of.
func rsaLine(bits uint, exponent int64) string {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	wire := ssh.Marshal(struct {
		Name string
		E, N *big.Int
	}{"ssh-rsa", big.NewInt(exponent), n.SetBit(n, 0, 1)})
	return "ssh-rsa " + base64.StdEncoding.EncodeToString(wire)
}

// TestEncryptionCertificateIsRefused: the key of the second certificate of a
// UKey is known to the CA.
func TestEncryptionCertificateIsRefused(t *testing.T) {
	u := newUKey(t, 1)
	for name, c := range map[string]struct {
		usage smx509.KeyUsage
		ok    bool
	}{
		"digitalSignature":              {smx509.KeyUsageDigitalSignature, true},
		"nonRepudiation":                {smx509.KeyUsageContentCommitment, true},
		"both and keyEncipherment":      {smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment | smx509.KeyUsageKeyEncipherment, true},
		"no extension":                  {0, true},
		"keyEncipherment":               {smx509.KeyUsageKeyEncipherment, false},
		"dataEncipherment, agreement":   {smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement, false},
		"certificate and CRL signing":   {smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign, false},
		"decipherOnly, two bytes of it": {smx509.KeyUsageKeyAgreement | smx509.KeyUsageDecipherOnly, false},
	} {
		template := officerCertificate(1)
		template.KeyUsage = c.usage
		_, err := authority.ParseKey(certificatePEM(certify(t, u.private, template).Raw))
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "encryption") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificateOfAnotherKeyTypeIsRefused(t *testing.T) {
	key := ecdsaKey(t, elliptic.P256(), 1)
	template := officerCertificate(1)
	raw, err := smx509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority.ParseKey(certificatePEM(raw)); err == nil || !strings.Contains(err.Error(), "not an SM2 key") {
		t.Errorf("P-256: %v", err)
	}
	u := newUKey(t, 1)
	template = officerCertificate(1)
	template.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 160)
	if _, err := authority.ParseKey(certificatePEM(certify(t, u.private, template).Raw)); err == nil || !strings.Contains(err.Error(), "serial") {
		t.Errorf("serial number of 21 octets: %v", err)
	}
}

// TestCertificateCannotMoveATerminal: a subject is shown to whoever signs.
func TestCertificateCannotMoveATerminal(t *testing.T) {
	u := newUKey(t, 1)
	template := officerCertificate(1)
	template.Subject.CommonName = "\x1b[2J\u202e" + strings.Repeat("长", 300)
	d := parseKey(t, certificatePEM(certify(t, u.private, template).Raw)).Describe()
	if strings.ContainsAny(d, "\x1b\u202e") || len(d) > 1000 {
		t.Errorf("Describe = %q, %d bytes", d, len(d))
	}
}

// TestRecordsHoldKeysInOneForm: Check accepts only what ParseKey writes.
func TestRecordsHoldKeysInOneForm(t *testing.T) {
	line := authorizedKey(t, ed25519Key(1).Public())
	good := parseKey(t, line)
	gm := newUKey(t, 1).key
	for name, k := range map[string]authority.Key{
		"zero":                 {},
		"no form":              {Value: line},
		"unknown form":         {Form: "pgp", Value: line},
		"form in caps":         {Form: "SSH", Value: line},
		"comment":              {Form: authority.SSH, Value: line + " x"},
		"line end":             {Form: authority.SSH, Value: line + "\n"},
		"line end within":      {Form: authority.SSH, Value: line[:40] + "\n" + line[40:]},
		"two blanks":           {Form: authority.SSH, Value: strings.Replace(line, " ", "  ", 1)},
		"no base64":            {Form: authority.SSH, Value: "ssh-ed25519 "},
		"certificate as ssh":   {Form: authority.SSH, Value: gm.Value},
		"ssh as certificate":   {Form: authority.GMT35275, Value: good.Value},
		"PEM":                  {Form: authority.GMT35275, Value: certificatePEM(newUKey(t, 1).certificate.Raw)},
		"bytes after it":       {Form: authority.GMT35275, Value: longer(t, gm.Value)},
		"RSA, padded modulus":  {Form: authority.SSH, Value: "ssh-rsa " + base64.StdEncoding.EncodeToString(paddedRSA())},
		"base64 without pad":   {Form: authority.SSH, Value: strings.TrimRight(authorizedKey(t, ecdsaKey(t, elliptic.P256(), 1).Public()), "=")},
		"certificate too long": {Form: authority.GMT35275, Value: strings.Repeat("AAAA", 4<<10)},
	} {
		if k.Check() == nil || k.Fingerprint() != "" || k.ValidAt(time.Now()) == nil || k.Describe() != "unreadable key" {
			t.Errorf("%s: %+v is taken for a key", name, k)
		}
		wantRefused(t, name, k, theAct, authority.Signature{Form: k.Form, Value: "AAAA"})
		if k.Made(authority.Signature{Form: k.Form, Value: "AAAA"}) {
			t.Errorf("%s: made a signature", name)
		}
	}
}

func longer(t *testing.T, value string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(append(data, 0))
}

// paddedRSA is the key of rsaLine with a zero more before its modulus.
func paddedRSA() []byte {
	modulus := make([]byte, 2+2048/8)
	modulus[2], modulus[len(modulus)-1] = 0x80, 1
	return ssh.Marshal(struct {
		Name string
		E    *big.Int
		N    []byte
	}{"ssh-rsa", big.NewInt(65537), modulus})
}

func TestSSHKeysDoNotExpire(t *testing.T) {
	k := parseKey(t, authorizedKey(t, ed25519Key(1).Public()))
	for _, at := range []time.Time{{}, validFrom, validUntil.AddDate(100, 0, 0)} {
		if err := k.ValidAt(at); err != nil {
			t.Errorf("ValidAt(%v) = %v", at, err)
		}
	}
}
