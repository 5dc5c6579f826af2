package authority_test

import (
	"bytes"
	"crypto/elliptic"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
	"signet/protocol/algo"
)

// OpenSSH and OpenSSL judge, and are judged by, this package.

// run runs a tool of Debian's openssh-client or openssl; one that is missing
// fails the test.
func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSSHKeygenSigns: an officer signs by hand, on another machine.
func TestSSHKeygenSigns(t *testing.T) {
	for _, args := range [][]string{
		{"-t", "ed25519"}, {"-t", "ecdsa", "-b", "256"}, {"-t", "ecdsa", "-b", "521"}, {"-t", "rsa", "-b", "3072"},
	} {
		dir := t.TempDir()
		act, private := writeFile(t, filepath.Join(dir, "act"), theAct), filepath.Join(dir, "key")
		run(t, nil, "ssh-keygen", append(args, "-q", "-N", "", "-C", "officer 3", "-f", private)...)
		run(t, nil, "ssh-keygen", "-Y", "sign", "-n", authority.Namespace, "-f", private, act)
		k := parseKey(t, string(readFile(t, private+".pub")))
		s, err := authority.ReadSignature(readFile(t, act+".sig"))
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		if err := k.Verify(theAct, s); err != nil || !k.Made(s) {
			t.Errorf("%v: Verify %v, Made %v", args, err, k.Made(s))
		}
		if print := string(run(t, nil, "ssh-keygen", "-l", "-f", private+".pub")); !bytes.Contains([]byte(print), []byte(k.Fingerprint())) {
			t.Errorf("Fingerprint = %s, ssh-keygen says %s", k.Fingerprint(), print)
		}
	}
}

// TestSSHKeygenAcceptsTheTokensOfTheTests: the FIDO2 authenticator in
// software makes what OpenSSH takes for a real one's signature.
func TestSSHKeygenAcceptsTheTokensOfTheTests(t *testing.T) {
	for _, signer := range []ssh.Signer{
		newToken(t, ssh.KeyAlgoSKED25519), newToken(t, ssh.KeyAlgoSKECDSA256), signerOf(t, ecdsaKey(t, elliptic.P384(), 1)),
	} {
		dir := t.TempDir()
		allowed := writeFile(t, filepath.Join(dir, "allowed"), []byte("officer "+authorizedKey(t, signer.PublicKey())+"\n"))
		sig := writeFile(t, filepath.Join(dir, "sig"), []byte(armor("SSH SIGNATURE", signAct(t, signer))))
		run(t, theAct, "ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "officer", "-n", authority.Namespace, "-s", sig)
	}
}

// TestOpenSSLSigns: OpenSSL's SM2 key, certificate and signature value, inside
// a SignedData of the tests (openssl cms of 3.0 signs with no SM2 key).
func TestOpenSSLSigns(t *testing.T) {
	dir := t.TempDir()
	private, distid := filepath.Join(dir, "key"), "distid:"+algo.SM2ID
	run(t, nil, "openssl", "ecparam", "-genkey", "-name", "SM2", "-noout", "-out", private)
	text := run(t, nil, "openssl", "req", "-x509", "-new", "-key", private, "-sm3", "-sigopt", distid, "-utf8",
		"-subj", "/C=CN/O=某市大数据局/CN=王五", "-days", "30", "-addext", "keyUsage=digitalSignature")
	k := parseKey(t, string(text))
	for name, attributes := range map[string][][]byte{"content": nil, "attributes": attributesOf(oidData, theAct)} {
		m := newMessage(certificateOf(t, string(text)))
		m.attributes = attributes
		signed := writeFile(t, filepath.Join(dir, name), m.toBeSigned(theAct))
		m.value = run(t, nil, "openssl", "dgst", "-sm3", "-sign", private, "-sigopt", distid, signed)
		s, err := authority.ReadSignature(m.bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Verify(theAct, s); err != nil {
			t.Errorf("over the %s: %v", name, err)
		}
		run(t, m.bytes(), "openssl", "asn1parse", "-inform", "DER")
	}
}

func certificateOf(t *testing.T, text string) *smx509.Certificate {
	t.Helper()
	certificate, err := smx509.ParseCertificatePEM([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
