package authority_test

import (
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"

	"signet/daemon/internal/authority"
)

func armor(typ string, data []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: data}))
}

func TestReadSignatureTakesWhatToolsWrite(t *testing.T) {
	signer, u := signerOf(t, ed25519Key(1)), newUKey(t, 1)
	blob, der := signAct(t, signer), newMessage(u.certificate).sign(t, u.private, theAct)
	line := base64.StdEncoding.EncodeToString(der)
	for name, c := range map[string]struct {
		data string
		want authority.Signature
	}{
		"ssh-keygen":           {armor("SSH SIGNATURE", blob), sshSignature(blob)},
		"ssh-keygen, CRLF":     {strings.ReplaceAll(armor("SSH SIGNATURE", blob), "\n", "\r\n"), sshSignature(blob)},
		"blanks around":        {"\n" + armor("SSH SIGNATURE", blob) + "\n\n", sshSignature(blob)},
		"DER":                  {string(der), gmSignature(der)},
		"PEM":                  {armor("PKCS7", der), gmSignature(der)},
		"PEM of CMS":           {armor("CMS", der), gmSignature(der)},
		"base64":               {line, gmSignature(der)},
		"base64, line end":     {line + "\r\n", gmSignature(der)},
		"base64, broken lines": {line[:64] + "\n" + line[64:128] + "\r\n" + line[128:], gmSignature(der)},
	} {
		if got, err := authority.ReadSignature([]byte(c.data)); err != nil || got != c.want {
			t.Errorf("%s: ReadSignature = %+v, %v", name, got, err)
		}
	}
}

func TestReadSignatureSaysWhatIsWrong(t *testing.T) {
	signer, u := signerOf(t, ed25519Key(1)), newUKey(t, 1)
	good := armor("SSH SIGNATURE", signAct(t, signer))
	der := newMessage(u.certificate).sign(t, u.private, theAct)
	for name, c := range map[string]struct{ data, says string }{
		"empty":             {" \n", "empty"},
		"too long":          {good + strings.Repeat("\n", 33<<10), "at most"},
		"rubbish":           {"no signature at all", "want the file of ssh-keygen"},
		"the act":           {goldenAct, "want the file of ssh-keygen"},
		"two":               {good + good, "one armored block"},
		"text after it":     {good + "x", "one armored block"},
		"cut":               {good[:len(good)-30], "one armored block"},
		"headers":           {strings.Replace(good, "-----\n", "-----\nA: b\n\n", 1), "one armored block"},
		"a public key":      {armor("PUBLIC KEY", der), "PUBLIC KEY"},
		"a private key":     {armor("OPENSSH PRIVATE KEY", der), "OPENSSH PRIVATE KEY"},
		"namespace of file": {armor("SSH SIGNATURE", sshSign(t, signer, theAct, sshsig.HashSHA512, "file")), "-n signet-act"},
		"PEM of nothing":    {armor("PKCS7", nil), "SignedData"},
		"SSHSIG as PKCS7":   {armor("PKCS7", signAct(t, signer)), "SignedData"},
		"DER, and a byte":   {string(der) + "\n", "SignedData"},
		"DER too long":      {string(der[:1]) + strings.Repeat("x", 17<<10), "at most"},
		"base64 of text":    {"aGVsbG8=", "SignedData"},
	} {
		got, err := authority.ReadSignature([]byte(c.data))
		if err == nil || got != (authority.Signature{}) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: ReadSignature = %+v, %v, want an error with %q", name, got, err, c.says)
		}
	}
}

// TestMadeNamesOneKey: a roll finds the officer by asking each key.
func TestMadeNamesOneKey(t *testing.T) {
	var keys []authority.Key
	var signatures []authority.Signature
	for number := range byte(3) {
		signer, u := signerOf(t, ed25519Key(number+1)), newUKey(t, number+1)
		keys = append(keys, parseKey(t, authorizedKey(t, signer.PublicKey())), u.key)
		signatures = append(signatures, sshSignature(signAct(t, signer)), gmSignature(newMessage(u.certificate).sign(t, u.private, theAct)))
	}
	for i, k := range keys {
		for j, s := range signatures {
			if got := k.Made(s); got != (i == j) {
				t.Errorf("key %d Made signature %d = %v", i, j, got)
			}
		}
	}
}
