package backup

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/pkcs7"
)

var contentKey = []byte("0123456789abcdef")

func sealed(t testing.TB, to ...holder) []byte {
	t.Helper()
	var all []Recipient
	for _, h := range to {
		all = append(all, h.Recipient)
	}
	envelope, err := sealKey(contentKey, all)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func TestEnvelopeOpensByGmsmItself(t *testing.T) {
	h := gmHolder(t, "backup", 0)
	p7, err := pkcs7.Parse(sealed(t, gmHolder(t, "other", 0), h))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := p7.Decrypt(h.cert, h.private); err != nil || !bytes.Equal(key, contentKey) {
		t.Errorf("Decrypt = %q, %v", key, err)
	}
}

// openssl 3.0 does not know the content types of GB/T 35275, so that `cms
// -decrypt` refuses the envelope; its SM2 and SM4 open what is in it.
func TestOpensslOpensWhatIsInTheEnvelope(t *testing.T) {
	h, dir := gmHolder(t, "backup", 0), t.TempDir()
	var info contentInfo
	if _, err := asn1.Unmarshal(sealed(t, h), &info); err != nil {
		t.Fatal(err)
	}
	keyFile, encrypted := filepath.Join(dir, "key.pem"), filepath.Join(dir, "encrypted")
	for path, data := range map[string][]byte{keyFile: []byte(h.key), encrypted: info.Content.Recipients[0].Key} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sm4Key := openssl(t, nil, "pkeyutl", "-decrypt", "-inkey", keyFile, "-in", encrypted)
	content := info.Content.Encrypted
	got := openssl(t, content.Content, "enc", "-d", "-sm4-cbc", "-K", hex.EncodeToString(sm4Key), "-iv", hex.EncodeToString(content.Algorithm.IV))
	if !bytes.Equal(got, contentKey) {
		t.Errorf("openssl reads %q", got)
	}
}

func openssl(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("openssl %v: %v\n%s", args, err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Forms on which gmsm's parser or ciphers panic, and others than sealKey's.
func TestOtherEnvelopesAreMalformed(t *testing.T) {
	h := gmHolder(t, "backup", 0)
	good := sealed(t, h)
	change := func(do func(*contentInfo)) []byte {
		var info contentInfo
		if _, err := asn1.Unmarshal(good, &info); err != nil {
			t.Fatal(err)
		}
		do(&info)
		der, err := asn1.Marshal(info)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	encrypted := func(do func(*encryptedContent)) []byte {
		return change(func(i *contentInfo) { do(&i.Content.Encrypted) })
	}
	for name, envelope := range map[string][]byte{
		"nothing":          nil,
		"a long tag":       {0x1f, 0x80},
		"a byte behind":    append(bytes.Clone(good), 0),
		"cut off":          good[:len(good)-1],
		"PKCS #7 type":     change(func(i *contentInfo) { i.Type = pkcs7.OIDEnvelopedData }),
		"signed data":      change(func(i *contentInfo) { i.Type = pkcs7.SM2OIDSignedData }),
		"content type":     encrypted(func(e *encryptedContent) { e.Type = pkcs7.OIDData }),
		"other cipher":     encrypted(func(e *encryptedContent) { e.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 104, 1} }),
		"short iv":         encrypted(func(e *encryptedContent) { e.Algorithm.IV = e.Algorithm.IV[1:] }),
		"odd content":      encrypted(func(e *encryptedContent) { e.Content = e.Content[1:] }),
		"long content":     encrypted(func(e *encryptedContent) { e.Content = make([]byte, 48) }),
		"no recipient key": change(func(i *contentInfo) { i.Content.Recipients[0].Key = nil }),
		"key is no SM2Cipher": change(func(i *contentInfo) {
			i.Content.Recipients[0].Key = bytes.Repeat([]byte{0x30}, len(i.Content.Recipients[0].Key))
		}),
		"no recipients": change(func(i *contentInfo) { i.Content.Recipients = nil }),
	} {
		key, err := openKey(envelope, h.secret)
		if key != nil || (!errors.Is(err, ErrMalformed) && !errors.Is(err, ErrIdentity)) {
			t.Errorf("%s: %x, %v, want ErrMalformed or ErrIdentity", name, key, err)
		}
	}
	if key, err := openKey(good, h.secret); err != nil || !bytes.Equal(key, contentKey) {
		t.Errorf("unharmed: %x, %v", key, err)
	}
}
