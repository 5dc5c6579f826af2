package examples_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"signet/protocol/algo"
	"signet/testsoftHSM/need"
	"signet/testsoftHSM/stage"
)

// An entry of the appliance, and how openssl judges its signatures.
type entry struct {
	id, keyType, algorithm string
	judge                  func(pub, sig, file string) []string
}

var (
	sm2    = entry{"contract", "SM2", "SM2-SM3", digest("-sm3", "-sigopt", "distid:1234567812345678")}
	p256   = entry{"contract-p256", "EC-P256", "ECDSA-P256-SHA256", digest("-sha256")}
	rsa    = entry{"contract-rsa", "RSA-2048", "RSA-PKCS1-SHA256", digest("-sha256")}
	pss    = entry{"contract-pss", "RSA-2048", "RSA-PSS-SHA512", digest("-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:64")}
	ed     = entry{"contract-ed", "ED25519", "ED25519", message}
	all    = []entry{sm2, p256, rsa, pss, ed}
	policy = "callers = { users = [%d] }\noperations = [\"digest\", \"message\"]\nalgorithms = [%q]\npurposes = [\"contract\"]\n"
)

func digest(options ...string) func(pub, sig, file string) []string {
	return func(pub, sig, file string) []string {
		return append(append([]string{"dgst"}, options...), "-verify", pub, "-signature", sig, file)
	}
}

func message(pub, sig, file string) []string {
	return []string{"pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", pub, "-sigfile", sig, "-in", file}
}

// newAppliance starts a real daemon with the entries in use.
func newAppliance(t *testing.T) *stage.Stage {
	t.Helper()
	s, err := stage.NewBuilt(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := s.Said()
			t.Logf("signetd:\n%s", said)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	administrator(t, s, "init", "--crypto", "mixed")
	if _, err := s.WaitMode(t.Context(), "serving"); err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		e.create(t, s)
	}
	return s
}

func administrator(t *testing.T, s *stage.Stage, args ...string) {
	t.Helper()
	cmd := s.Command(t.Context(), stage.AdminUID, []uint32{stage.AdminGID}, "signetctl", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("signetctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// create makes the key, and leaves its public half as ID.pem in the stage.
func (e entry) create(t *testing.T, s *stage.Stage) {
	t.Helper()
	text := fmt.Sprintf(policy, stage.CallerUID, e.algorithm)
	if err := os.WriteFile(filepath.Join(s.Dir, e.id+".toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	administrator(t, s, "key", "create", e.id, "--token", stage.TokenName, "--type", e.keyType)
	administrator(t, s, "policy", "set", e.id, e.id+".toml")
	administrator(t, s, "key", "activate", e.id)
	pem, err := s.Command(t.Context(), stage.AdminUID, []uint32{stage.AdminGID}, "signetctl", "key", "show", e.id, "--public-key", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, e.id+".pem"), pem, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A desk is a caller's folder on the stage, and the program he signs with.
type desk struct {
	*stage.Stage
	dir string
	run runner
}

func newDesk(t *testing.T, s *stage.Stage, run runner) *desk {
	t.Helper()
	dir, err := os.MkdirTemp(s.Dir, "desk-")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chown(dir, stage.CallerUID, stage.CallerUID), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return &desk{s, dir, run}
}

func (d *desk) documents(t *testing.T, n int) []string {
	t.Helper()
	var files []string
	for i := range n {
		file := filepath.Join(d.dir, fmt.Sprintf("%d.ofd", i))
		if err := os.WriteFile(file, fmt.Appendf(nil, "document %d", i), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// sign runs the program as a user of the group of callers.
func (d *desk) sign(t *testing.T, uid uint32, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := d.run("SignFile")
	cmd := d.Command(ctx, uid, []uint32{stage.ClientsGID}, command[0], append(command[1:], args...)...)
	cmd.Dir = d.dir
	return finish(t, cmd)
}

func (d *desk) mustSign(t *testing.T, e entry, files []string, options ...string) outcome {
	t.Helper()
	o := d.sign(t, stage.CallerUID, slices.Concat([]string{"--entry", e.id, "--purpose", "contract"}, options, files)...)
	if o.status != 0 || strings.Count(o.out, "event=") != len(files) {
		t.Fatalf("signing %d files with %s: status %d\n%s%s", len(files), e.id, o.status, o.out, o.faults)
	}
	return o
}

// verify has openssl judge the signature of every file, a few at a time.
func (d *desk) verify(t *testing.T, e entry, files []string) {
	t.Helper()
	var judges sync.WaitGroup
	slots := make(chan struct{}, 4)
	for _, file := range files {
		slots <- struct{}{}
		judges.Go(func() {
			defer func() { <-slots }()
			args := e.judge(filepath.Join(d.Dir, e.id+".pem"), file+".sig", file)
			if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
				t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
	judges.Wait()
}

// The examples as a document system runs them: an unprivileged account, a real
// daemon, and openssl as the judge.
func TestExamplesSignWhatOpensslVerifies(t *testing.T) {
	need.Root(t, "plays several users")
	s := newAppliance(t)
	forEach(t, func(t *testing.T, run runner) {
		for _, e := range all {
			t.Run(e.algorithm, func(t *testing.T) {
				d := newDesk(t, s, run)
				files := d.documents(t, 1)
				d.mustSign(t, e, files)
				d.verify(t, e, files)
			})
		}
		t.Run("batch", func(t *testing.T) { signBatches(t, newDesk(t, s, run)) })
		t.Run("refused", func(t *testing.T) { refuse(t, newDesk(t, s, run)) })
		t.Run("repeated", func(t *testing.T) { repeat(t, newDesk(t, s, run)) })
	})
	t.Run("readme", func(t *testing.T) { runReadme(t, s) })
	t.Run("stress", func(t *testing.T) { stress(t, s, languages[1].need(t)) })
}

// signBatches: 300 files are a request of 256 and one of 44. Of RSA the answer
// of the first is longer than a part.
func signBatches(t *testing.T, d *desk) {
	files := d.documents(t, 300)
	d.mustSign(t, rsa, files)
	d.verify(t, rsa, files)
	d.mustSign(t, sm2, files[:50])
	d.verify(t, sm2, files[:50])
	large := filepath.Join(d.dir, "large.ofd")
	if err := os.WriteFile(large, bytes.Repeat([]byte("0123456789"), 300_000), 0o644); err != nil {
		t.Fatal(err)
	}
	d.mustSign(t, sm2, []string{large})
	d.verify(t, sm2, []string{large})
}

func refuse(t *testing.T, d *desk) {
	files := d.documents(t, 1)
	tests := map[string]struct {
		uid    uint32
		args   []string
		status int
		says   []string
	}{
		"purpose that the policy does not list": {stage.CallerUID, []string{"--entry", sm2.id, "--purpose", "gift"}, exitRefused, []string{"purpose (205)", "[rule purposes]"}},
		"no such entry":                         {stage.CallerUID, []string{"--entry", "nothing", "--purpose", "contract"}, exitNotFound, []string{"nothing"}},
		"account that the policy does not name": {stage.OtherUID, []string{"--entry", sm2.id, "--purpose", "contract"}, exitNotFound, []string{sm2.id}},
		"algorithm of another key":              {stage.CallerUID, []string{"--entry", rsa.id, "--purpose", "contract", "--algorithm", "ECDSA-P256-SHA256"}, exitUsage, []string{"(105)"}},
		"SM2 of a key that is not SM2":          {stage.CallerUID, []string{"--entry", rsa.id, "--purpose", "contract", "--algorithm", "SM2-SM3"}, exitUsage, []string{"not an SM2 key"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := d.sign(t, test.uid, append(test.args, files...)...)
			if o.status != test.status {
				t.Errorf("status %d, want %d\n%s", o.status, test.status, o.faults)
			}
			for _, text := range test.says {
				if !strings.Contains(o.faults, text) {
					t.Errorf("it does not say %q:\n%s", text, o.faults)
				}
			}
			if exists(files[0] + ".sig") {
				t.Error("a signature was written")
			}
		})
	}
}

// repeat: the same request_id gives the same signature, although ECDSA has
// another for each time; with other content it is refused.
func repeat(t *testing.T, d *desk) {
	files := d.documents(t, 2)
	id := "repeat-" + filepath.Base(d.dir)
	d.mustSign(t, p256, files[:1], "--request-id", id)
	first, err := os.ReadFile(files[0] + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	o := d.mustSign(t, p256, files[:1], "--request-id", id)
	second, _ := os.ReadFile(files[0] + ".sig")
	if !bytes.Equal(first, second) || !strings.Contains(o.out, "repeated") {
		t.Errorf("signature %x, repeated %x\n%s", first, second, o.out)
	}
	o = d.sign(t, stage.CallerUID, "--entry", p256.id, "--purpose", "contract", "--request-id", id, files[1])
	if o.status != exitUsage || !strings.Contains(o.faults, "request_id_reused (106)") {
		t.Errorf("another file under the same id: status %d\n%s", o.status, o.faults)
	}
}

// stress: many threads of the Java client share one connection, and their
// calls are in flight at the same time.
func stress(t *testing.T, s *stage.Stage, run runner) {
	const threads, count = 16, 200
	w := startWiretap(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := append(run("SelfTest"), "stress", w.socket, p256.id, "contract", fmt.Sprint(threads), fmt.Sprint(count))
	o := finish(t, s.Command(ctx, stage.CallerUID, nil, command[0], command[1:]...))
	if o.status != 0 {
		t.Fatalf("status %d\n%s", o.status, o.faults)
	}
	if n := verifyLines(t, s, o.out); n != threads*count {
		t.Errorf("%d signatures, want %d", n, threads*count)
	}
	if connections, most := w.seen(); connections != 1 || most < 2 {
		t.Errorf("%d connections, at most %d calls in flight: want 1, and more than 1", connections, most)
	}
}

// verifyLines verifies lines "DIGEST SIGNATURE" in hex, no two the same.
func verifyLines(t *testing.T, s *stage.Stage, text string) int {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(s.Dir, p256.id+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := algo.ParsePublicKeyPEM(pem)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		var digest, signature string
		fmt.Sscan(line, &digest, &signature)
		d, _ := hex.DecodeString(digest)
		sig, _ := hex.DecodeString(signature)
		if seen[digest] || !ecdsa.VerifyASN1(pub.Key().(*ecdsa.PublicKey), d, sig) {
			t.Fatalf("%s is there twice, or does not verify", line)
		}
		seen[digest] = true
	}
	return len(seen)
}
