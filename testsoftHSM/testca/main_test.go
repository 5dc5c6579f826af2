package main

import (
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

func do(t *testing.T, args ...string) {
	t.Helper()
	if err := run(args); err != nil {
		t.Fatalf("testca %s: %v", strings.Join(args, " "), err)
	}
}

func blocks(t *testing.T, path string) (types []string, ders [][]byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		types, ders = append(types, block.Type), append(ders, block.Bytes)
	}
	return types, ders
}

func TestTheThreeVerbs(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{Subject: pkix.Name{CommonName: "a"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("a.csr"), csr, 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, "init", at("ca"), "--type", "SM2")
	do(t, "sign", at("ca"), "--csr", at("a.csr"), "--out", at("a.pem"), "--days", "30")
	do(t, "sign", at("ca"), "--csr", at("a.csr"), "--out", at("e.pem"), "--encryption")
	do(t, "sign", at("ca"), "--csr", at("a.csr"), "--out", at("d.pem"), "--dual")
	for name, want := range map[string]string{
		"a.pem": "CERTIFICATE CERTIFICATE", "e.pem": "CERTIFICATE CERTIFICATE", "d.pem": "CERTIFICATE CERTIFICATE CERTIFICATE SM2 ENVELOPED KEY",
	} {
		if types, _ := blocks(t, at(name)); strings.Join(types, " ") != want {
			t.Errorf("%s has %q, want %q", name, types, want)
		}
	}
	_, ders := blocks(t, at("a.pem"))
	leaf, err := smx509.ParseCertificate(ders[0])
	if err != nil {
		t.Fatal(err)
	}
	do(t, "crl", at("ca"), "--revoke", leaf.SerialNumber.Text(16), "--reason", "1", "--out", at("1.crl"))
	do(t, "crl", at("ca"), "--out", at("2.crl"))
	_, ders = blocks(t, at("2.crl"))
	list, err := smx509.ParseRevocationList(ders[0])
	if err != nil || list.Number.Int64() != 2 || len(list.RevokedCertificateEntries) != 1 || list.RevokedCertificateEntries[0].SerialNumber.Cmp(leaf.SerialNumber) != 0 {
		t.Errorf("second list: %v, %v", list, err)
	}
	if err := run([]string{"init", at("ca")}); err == nil {
		t.Error("init wrote over a CA")
	}
}

func TestSlipsAreRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"init"}, {"make", "d"}, {"sign", "d", "e"}} {
		if err := run(args); !errors.Is(err, errUsage) {
			t.Errorf("testca %q: %v", args, err)
		}
	}
}
