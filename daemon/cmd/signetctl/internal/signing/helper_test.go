package signing_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/pkcs7"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/cmd/signetctl/internal/signing"
	"signet/daemon/internal/authority"
)

// script writes an executable.
func script(t *testing.T, body string) string {
	t.Helper()
	return writeFile(t, filepath.Join(t.TempDir(), "helper"), []byte("#!/bin/sh\n"+body+"\n"), 0o700)
}

// signedData makes what a UKey's tool would answer, and the officer's key.
func signedData(t *testing.T) ([]byte, authority.Key) {
	t.Helper()
	private, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &smx509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), KeyUsage: smx509.KeyUsageDigitalSignature}
	raw, err := smx509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := smx509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	key, err := authority.ParseKey(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})))
	if err != nil {
		t.Fatal(err)
	}
	message, err := pkcs7.NewSMSignedData(act)
	if err != nil {
		t.Fatal(err)
	}
	if err := message.AddSigner(certificate, private, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	message.Detach()
	data, err := message.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return data, key
}

func TestHelperGetsTheBytesAndAnswersWithASignature(t *testing.T) {
	data, key := signedData(t)
	for name, answer := range map[string][]byte{
		"DER": data, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: data}), "base64": []byte(base64.StdEncoding.EncodeToString(data) + "\n"),
	} {
		dir := t.TempDir()
		file := writeFile(t, filepath.Join(dir, "answer"), answer, 0o600)
		helper := script(t, `cat > "$1"; cat "$2"`)
		s, err := signing.Terminal{}.Helper(t.Context(), helper, []string{filepath.Join(dir, "got"), file}, act)
		wantSigned(t, name, key, s, err)
		if got := readFile(t, filepath.Join(dir, "got")); !bytes.Equal(got, act) {
			t.Errorf("%s: the helper read %q", name, got)
		}
	}
}

func TestHelperMayBeSSHKeygen(t *testing.T) {
	path, key := newKey(t, "", "-t", "ed25519")
	s, err := signing.Terminal{}.Helper(t.Context(), "ssh-keygen", []string{"-Y", "sign", "-n", authority.Namespace, "-f", path}, act)
	wantSigned(t, "ssh-keygen", key, s, err)
	if _, err := (signing.Terminal{}).Helper(t.Context(), "ssh-keygen", []string{"-Y", "sign", "-n", "file", "-f", path}, act); err == nil || !strings.Contains(err.Error(), "namespace") {
		t.Errorf("namespace file: %v", err)
	}
}

func TestHelperThatFailsIsReported(t *testing.T) {
	var said bytes.Buffer
	desk := signing.Terminal{Stderr: &said}
	_, err := desk.Helper(t.Context(), script(t, `echo "insert your UKey" >&2; exit 7`), nil, act)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || !strings.Contains(err.Error(), "7") || said.String() != "insert your UKey\n" {
		t.Errorf("exit 7: %v, and to the officer %q", err, said.String())
	}
	for name, c := range map[string]struct{ helper, says string }{
		"nothing":      {script(t, "cat > /dev/null"), "empty"},
		"rubbish":      {script(t, "echo signed, thank you"), "want the file of ssh-keygen"},
		"too much":     {script(t, "exec head -c 70000 /dev/zero"), "more than 65536"},
		"without end":  {script(t, "exec cat /dev/zero"), "more than 65536"},
		"missing":      {filepath.Join(t.TempDir(), "none"), "no such file"},
		"not to run":   {writeFile(t, filepath.Join(t.TempDir(), "x"), []byte("#!/bin/sh\n"), 0o600), "permission denied"},
		"not in PATH":  {"no-such-helper", "not found"},
		"does not ask": {script(t, "exit 0"), "empty"},
	} {
		if s, err := desk.Helper(t.Context(), c.helper, nil, act); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v, want an error with %q", name, s, err, c.says)
		}
	}
}

// cancelling ends the officer's patience with the first word of a tool.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestHelperEndsWithTheOfficersPatience(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pid := filepath.Join(t.TempDir(), "pid")
	helper := script(t, `echo $$ > "$1"; echo waiting >&2; exec tail -f /dev/null`)
	_, err := signing.Terminal{Stderr: cancelling{cancel}}.Helper(ctx, helper, []string{pid}, act)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Helper = %v, want context.Canceled", err)
	}
	if _, err := os.Stat("/proc/" + strings.TrimSpace(string(readFile(t, pid)))); err == nil {
		t.Error("the helper still runs")
	}
}
