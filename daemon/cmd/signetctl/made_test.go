package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/protocol"
	"signet/protocol/admin"
)

const request = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"

func TestCertificateRequestIsWritten(t *testing.T) {
	a := newAppliance(t)
	a.result.Request = a.keep(request)
	path := filepath.Join(t.TempDir(), "k.csr")
	a.ctl("", "cert", "request", "k", "--subject", "CN=k,C=CN", "-o", path).want(t, exitOK, "cert.request k: done", path, "signetctl cert import k FILE")
	if data, err := os.ReadFile(path); err != nil || string(data) != request {
		t.Errorf("the file is %q, %v", data, err)
	}
	// One that came of an act signed elsewhere is fetched by its hash.
	a.ctl("", "cert", "request", "k", "--subject", "CN=k,C=CN").want(t, exitOK, "signetctl cert request k --fetch "+a.result.Request)
	if got := a.ctl("", "cert", "request", "k", "--fetch", a.result.Request); got.out != request || len(a.acts) != 2 {
		t.Errorf("--fetch gives %q, %d acts", got.out, len(a.acts))
	}
	a.answer[contentPath(a.result.Request)] = admin.Content{Hash: a.result.Request, Content: "other"}
	a.ctl("", "cert", "request", "k", "--fetch", a.result.Request).want(t, exitVerification)
}

func TestCertificatesAreListedAndWritten(t *testing.T) {
	a := newAppliance(t)
	a.answer[admin.PathEntries+"/k"] = admin.Entry{ID: "k", Certificates: []admin.Certificate{
		{Serial: "01", Subject: "CN=old", PEM: "PEM1\n", Chain: []string{"CA\n"}, CA: "licensed", Licence: "ECP1"},
		{Serial: "02", Subject: "CN=new", PEM: "PEM2\n", Attachments: []string{base64.StdEncoding.EncodeToString([]byte{0x30, 0})}, Revoked: "2026-11-01"},
	}}
	a.ctl("", "cert", "list", "k").want(t, exitOK, "CN=old", "licensed CA ECP1", "CN=new", "2026-11-01")
	a.ctl("", "cert", "list", "k", "--json").want(t, exitOK, `{"certificates":[{"hash":`)
	dir := filepath.Join(t.TempDir(), "certs")
	a.ctl("", "cert", "list", "k", "--out", dir).want(t, exitOK, "k-1.pem", "k-2.pem", "k-2-1.der")
	for name, want := range map[string]string{"k-1.pem": "PEM1\nCA\n", "k-2.pem": "PEM2\n", "k-2-1.der": "0\x00"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s is %q, %v", name, data, err)
		}
	}
	a.ctl("", "cert", "list", "k", "--out", dir).want(t, exitUsage, "exists")
	a.answer[admin.PathEntries+"/k"] = admin.Entry{ID: "k"}
	a.ctl("", "cert", "list", "k").want(t, exitOK, "no certificate yet")
	a.answer[admin.PathCRLs] = admin.CRLs{}
	a.ctl("", "cert", "crl").want(t, exitOK, "no lists")
	a.answer[admin.PathCRLs] = admin.CRLs{CRLs: []admin.CRL{{Issuer: "CN=CA", Number: "12", ThisUpdate: "2026-11-22T00:00:00Z"}}}
	a.ctl("", "cert", "crl").want(t, exitOK, "CN=CA", "12")
}

func TestHeldEntriesAreNamed(t *testing.T) {
	a := newAppliance(t)
	_, crl := caFiles(t)
	a.result.Held = []string{"contract"}
	a.ctl("", "cert", "crl", crl).want(t, exitOK, "contract is suspended from now on")
}

func TestSelfTestShowsItsReport(t *testing.T) {
	a := newAppliance(t)
	report := `{"checks":[{"name":"sm3","ok":true,"took_us":12},{"name":"key of entry k","ok":false,"detail":"CKR_DEVICE_ERROR","took_us":1500}],"signatures":3}`
	a.result.Made = a.keep(report)
	got := a.ctl("", "selftest")
	got.want(t, exitVerification, "sm3", "passed", "key of entry k", "FAILED", "CKR_DEVICE_ERROR", "1 of 2 checks failed")
	if got := a.ctl("", "selftest", "--json"); got.status != exitVerification || got.out != report+"\n" {
		t.Errorf("as JSON it is %d %q", got.status, got.out)
	}
	a.result.Made = a.keep(`{"checks":[{"name":"sm3","ok":true}],"signatures":0}`)
	a.ctl("zh_CN.UTF-8", "selftest").want(t, exitOK, "通过", "共检查 1 项")
	a.result.Made = a.keep(`{"checks":[],"signatures":0}`)
	a.ctl("", "selftest").want(t, exitVerification) // nothing was tested: no success
	a.result.Made = a.keep("no JSON")
	a.ctl("", "selftest").want(t, exitUnexpected, "none that this program reads")
}

// aBackup is one of a log of 3 events, and the identity that opens it.
func aBackup(t *testing.T) (data []byte, h backup.Header, identity string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r, err := backup.ParseRecipient(id.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	h = backup.Header{Appliance: applianceID, Created: "2026-11-22T10:00:00Z", Name: "box", Root: strings.Repeat("ab", 32), Schema: 1, Size: 3}
	var b bytes.Buffer
	w, err := backup.NewWriter(&b, h, []backup.Recipient{r})
	if err != nil {
		t.Fatal(err)
	}
	e, err := backup.NewEncoder(w, h)
	for i := byte(0); i < 5 && err == nil; i++ {
		err = e.Put(backup.Record{Bucket: "ev", Key: []byte{i}, Value: bytes.Repeat([]byte{i}, 100_000)})
	}
	if err := errors.Join(err, e.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), h, writeFile(t, "key.txt", "# mine\n"+id.String()+"\n")
}

func TestBackupIsFetchedWhole(t *testing.T) {
	a := newAppliance(t)
	a.backup, _, _ = aBackup(t)
	path := filepath.Join(t.TempDir(), "b")
	a.ctl("", "backup", "-o", path).want(t, exitOK, "backup: done, event 7", "a log of 3 events")
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(data, a.backup) {
		t.Errorf("%d bytes were written, %v, want %d", len(data), err, len(a.backup))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the backup: %v, %v", info, err)
	}
	a.ctl("", "backup", "-o", path).want(t, exitUsage, "exists")
	if len(a.acts) != 1 {
		t.Error("an act was spent on a file that cannot be written")
	}
	a.ctl("", "backup", "-o", path, "--force", "--json").want(t, exitOK, `"file":"`+path, `"size":3`)
	a.ctl("", "backup", "--fetch", strings.Repeat("0", 32), "-o", path+"2").want(t, exitOK, "a log of 3 events")
	if len(a.acts) != 2 {
		t.Errorf("--fetch handed in an act")
	}
	a.backup = a.backup[:10]
	a.ctl("", "backup", "-o", path+"3").want(t, exitUnreachable, "broke off")
	if _, err := os.Stat(path + "3"); err == nil {
		t.Error("a backup that broke off was left")
	}
	a.backup = nil
	a.ctl("", "backup", "-o", path+"4").want(t, exitNotFound)
}

func TestRestoreHandsInTheRecordsInClear(t *testing.T) {
	a := newAppliance(t)
	data, h, identity := aBackup(t)
	file := writeFile(t, "b", string(data))
	a.staged = admin.Staged{Appliance: applianceID, Size: 3, Root: h.Root, Recorded: applianceTime, Entries: 2}
	names := a.answer[admin.PathActContext].(admin.ActContext)
	names.Staged, names.Epoch = true, 4
	a.answer[admin.PathActContext] = names
	args := []string{"restore", file, "--identity", identity, "--why", "disk lost"}
	a.ctl("", append(args, "--plan")...).want(t, exitOK, "plan: nothing is changed", "5 records", "will be lost")
	a.ctl("", append(args, "--plan", "--json")...).want(t, exitOK, `"records":5`)
	if a.restored != nil || len(a.acts) != 0 {
		t.Fatal("a plan sent something")
	}
	a.ctl("", args...).want(t, exitOK, "2 entries", "restore: done")
	in := bytes.NewReader(a.restored)
	header, err := backup.ReadHeader(in)
	if err != nil || header.Root != h.Root {
		t.Fatalf("header is %+v, %v", header, err)
	}
	d := backup.NewDecoder(in, header)
	for i := range 5 {
		if r, err := d.Next(); err != nil || r.Key[0] != byte(i) {
			t.Errorf("record %d is %v, %v", i, r.Key, err)
		}
	}
	if _, err := d.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last record: %v", err)
	}
	var content authority.RestoreStore
	if err := authority.ParseContent([]byte(a.acts[0].Content), &content); err != nil || content != (authority.RestoreStore{Size: 3, Root: h.Root, Epoch: 4, Basis: "disk lost"}) {
		t.Errorf("content is %+v, %v", content, err)
	}
}

func TestDamagedBackupsAreNotRestored(t *testing.T) {
	data, h, identity := aBackup(t)
	_, _, other := aBackup(t)
	altered := bytes.Clone(data)
	altered[len(altered)-100] ^= 1
	for name, c := range map[string]struct {
		data     []byte
		identity string
		status   int
	}{
		"cut off":        {data[:len(data)-1], identity, exitVerification},
		"altered":        {altered, identity, exitVerification},
		"extended":       {append(bytes.Clone(data), 0), identity, exitVerification},
		"for another":    {data, other, exitUsage},
		"no backup":      {[]byte("x"), identity, exitUsage},
		"not a key":      {data, writeFile(t, "k", "x"), exitUsage},
		"a cut header":   {data[:30], identity, exitVerification},
		"a changed name": {bytes.Replace(data, []byte(`"box"`), []byte(`"bex"`), 1), identity, exitVerification},
	} {
		a := newAppliance(t)
		a.staged = admin.Staged{Appliance: applianceID, Size: 3, Root: h.Root}
		args := []string{"restore", writeFile(t, "b", string(c.data)), "--identity", c.identity, "--why", "x"}
		for _, more := range [][]string{{"--plan"}, nil} {
			got := a.ctl("", append(args, more...)...)
			got.want(t, c.status)
			if len(a.acts) != 0 {
				t.Errorf("%s: an act was handed in", name)
			}
		}
	}
	a := newAppliance(t)
	a.staged = admin.Staged{Appliance: applianceID, Size: 4, Root: h.Root}
	file := writeFile(t, "b", string(data))
	a.ctl("", "restore", file, "--identity", identity, "--why", "x").want(t, exitVerification, "something else")
	a.fault[admin.PathRestore] = protocol.NewError(protocol.Conflict, "the store is in use")
	a.ctl("", "restore", file, "--identity", identity, "--why", "x").want(t, exitConflict, "the store is in use")
}
