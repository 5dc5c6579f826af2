package certificate_test

import (
	"encoding/asn1"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// openssl runs openssl 3 with args and then, for SM2, the options that name
// the signer's identity; it returns both outputs and whether it left with 0.
func openssl(t *testing.T, dir string, sm2 bool, args ...string) (string, bool) {
	t.Helper()
	if sm2 {
		args = append(args[:1:1], append([]string{"-vfyopt", "distid:" + algo.SM2ID}, args[1:]...)...)
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), err == nil
}

func writePEM(t *testing.T, dir, name, typ string, ders ...[]byte) {
	t.Helper()
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})...)
	}
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSSLVerifiesTheRequest(t *testing.T) {
	for _, typ := range types {
		dir, k := t.TempDir(), newKey(t, typ)
		csr := request(t, k, subjectText)
		writePEM(t, dir, "a.csr", "CERTIFICATE REQUEST", csr)
		args := []string{"req", "-verify", "-in", "a.csr", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb"}
		out, ok := openssl(t, dir, typ == algo.KeySM2, args...)
		if !ok || !strings.Contains(out, "verify OK") || !strings.Contains(out, subjectText) {
			t.Errorf("%v: %s", typ, out)
		}
		csr[len(csr)-20] ^= 1
		writePEM(t, dir, "a.csr", "CERTIFICATE REQUEST", csr)
		if out, _ := openssl(t, dir, typ == algo.KeySM2, args...); strings.Contains(out, "verify OK") {
			t.Errorf("%v: openssl is no judge: a changed request verifies", typ)
		}
	}
}

// TestOpenSSLAgreesOnTheChain: each link by itself, since openssl 3.0 gives
// the signer's identity of SM2 to the last certificate of a chain only.
func TestOpenSSLAgreesOnTheChain(t *testing.T) {
	for _, typ := range types {
		r, dir := newRig(t, typ), t.TempDir()
		chain := r.accepted(r.answer(r.issue(ca.Order{}))).Chain
		for i, c := range chain[:len(chain)-1] {
			writePEM(t, dir, "ca.pem", "CERTIFICATE", chain[i+1].DER())
			writePEM(t, dir, "c.pem", "CERTIFICATE", c.DER())
			for at, want := range map[time.Time]bool{now: true, now.AddDate(20, 0, 0): false} {
				out, ok := openssl(t, dir, typ == algo.KeySM2, "verify", "-partial_chain", "-attime", strconv.FormatInt(at.Unix(), 10), "-CAfile", "ca.pem", "c.pem")
				if ok != want {
					t.Errorf("%v, %v at %v: %s", typ, c, at, out)
				}
			}
		}
	}
}

// TestOpenSSLAgreesOnTheList: a certificate that the list names is revoked for
// openssl too. For SM2 it judges the signature alone: openssl 3.0 has no way
// to give the signer's identity for a list.
func TestOpenSSLAgreesOnTheList(t *testing.T) {
	for _, typ := range types {
		r, dir := newRig(t, typ), t.TempDir()
		leaf := r.issue(ca.Order{})
		if typ == algo.KeySM2 {
			opensslVerifiesSM2List(t, dir, r, r.crl(ca.List{}).DER())
			continue
		}
		writePEM(t, dir, "root.pem", "CERTIFICATE", r.ca.Root.Certificate.Raw)
		writePEM(t, dir, "issuing.pem", "CERTIFICATE", r.ca.Issuing.Certificate.Raw)
		writePEM(t, dir, "leaf.pem", "CERTIFICATE", leaf)
		verify := []string{"verify", "-attime", strconv.FormatInt(now.Unix(), 10), "-CAfile", "root.pem", "-untrusted", "issuing.pem",
			"-crl_check", "-CRLfile", "a.crl", "leaf.pem"}
		writePEM(t, dir, "a.crl", "X509 CRL", r.crl(ca.List{}).DER())
		if out, ok := openssl(t, dir, false, verify...); !ok {
			t.Errorf("%v: %s", typ, out)
		}
		r.revoke(leaf, 1)
		writePEM(t, dir, "a.crl", "X509 CRL", r.crl(ca.List{}).DER())
		if out, ok := openssl(t, dir, false, verify...); ok || !strings.Contains(out, "certificate revoked") {
			t.Errorf("%v, revoked: %s", typ, out)
		}
	}
}

// opensslVerifiesSM2List judges the signature alone, over the octets that the
// list says were signed.
func opensslVerifiesSM2List(t *testing.T, dir string, r *rig, der []byte) {
	t.Helper()
	var list struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &list); err != nil {
		t.Fatal(err)
	}
	writePEM(t, dir, "ca.pub", "PUBLIC KEY", parse(t, r.ca.Issuing.Certificate.Raw).PublicKey().DER())
	for name, data := range map[string][]byte{"tbs": list.TBS.FullBytes, "sig": list.Signature.Bytes} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, ok := openssl(t, dir, false, "dgst", "-sm3", "-verify", "ca.pub", "-sigopt", "distid:"+algo.SM2ID, "-signature", "sig", "tbs")
	if !ok || !strings.Contains(out, "Verified OK") {
		t.Errorf("list of an SM2 CA: %s", out)
	}
}
