// Command demo runs signet's main job on real parts and leaves what a stranger
// needs to check it in build/demo: a token, officers who begin the life of an
// appliance, keys, a file, signatures, openssl as the judge, callers that are
// refused, a quota, an approval, and the log, in which every decision is made
// again.
//
// It needs root, because it plays several users: the daemon, a caller that the
// policy names, one that it does not, and the officers.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"signet/testsoftHSM/stage"
)

func main() {
	bin := flag.String("bin", "build/bin", "where signetd and signetctl are")
	out := flag.String("out", "build/demo", "where the results go; what was there is replaced")
	document := flag.String("document", "README.md", "the file to sign")
	flag.Parse()
	if err := run(*bin, *out, *document); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// A demo is one run.
type demo struct {
	*stage.Stage
	out            string
	document       string // as its base name in out
	signed, denied int
	acts           int // that officers signed and the daemon carried out
	approvals      int // that the custodian granted
}

// A key is an entry of the demo, and how openssl judges its signatures.
type key struct {
	entry, typ, algorithm string
	judge                 []string
}

var keys = []key{
	{"contract-sm2", "SM2", "SM2-SM3", []string{"-sm3", "-sigopt", "distid:1234567812345678"}},
	{"contract-p256", "EC-P256", "ECDSA-P256-SHA256", []string{"-sha256"}},
	{"contract-rsa", "RSA-2048", "RSA-PKCS1-SHA256", []string{"-sha256"}},
}

func run(bin, out, document string) (err error) {
	s, err := stage.New(bin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	d := &demo{Stage: s, out: out, document: filepath.Base(document)}
	if err := d.prepare(document); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{d.start, d.begin, d.makeKeys, d.sign, d.stop, d.refuse, d.limit, d.tryHours, d.widen, d.approve, d.list} {
		if err := step(context.Background()); err != nil {
			return errors.Join(err, d.keepLog())
		}
	}
	return errors.Join(d.keepLog(), d.giveBack())
}

// prepare makes the folder of results with a copy of the document.
func (d *demo) prepare(document string) error {
	if err := os.RemoveAll(d.out); err != nil {
		return err
	}
	if err := os.MkdirAll(d.out, 0o755); err != nil {
		return err
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.Dir, d.document), text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.out, d.document), text, 0o644)
}

func (d *demo) start(ctx context.Context) error {
	say("A SoftHSM2 token with the SM2 shim, and signetd as uid %d", stage.DaemonUID)
	var entries []string
	for _, k := range keys {
		entries = append(entries, k.entry)
	}
	if err := d.Appoint(ctx, "mixed", entries...); err != nil {
		return err
	}
	if err := d.Start(ctx); err != nil {
		return err
	}
	_, err := d.WaitMode(ctx, "uninitialised")
	return err
}

// sign has the caller sign the document with each key, and openssl judge.
func (d *demo) sign(ctx context.Context) error {
	say("The caller signs %s; openssl judges over the file itself", d.document)
	for _, k := range keys {
		sig, err := d.caller(stage.CallerUID, "sign", k.entry, "--file", d.document, "--purpose", "contract", "--format", "der")
		if err != nil {
			return err
		}
		pem, err := d.quietly(stage.AdminUID, stage.AdminGID, "key", "show", k.entry, "--public-key", "-")
		if err != nil {
			return err
		}
		if err := errors.Join(d.save(k.entry+".sig", sig), d.save(k.entry+".pem", pem)); err != nil {
			return err
		}
		if err := d.judge(ctx, k); err != nil {
			return err
		}
		d.signed++
	}
	return d.save("verify.sh", []byte(verifyScript(d.document)))
}

func (d *demo) save(name string, data []byte) error {
	return os.WriteFile(filepath.Join(d.out, name), data, 0o644)
}

func (k key) verifyArgs(document string) []string {
	args := append([]string{"dgst"}, k.judge...)
	return append(args, "-verify", k.entry+".pem", "-signature", k.entry+".sig", document)
}

func (d *demo) judge(ctx context.Context, k key) error {
	cmd := exec.CommandContext(ctx, "openssl", k.verifyArgs(d.document)...)
	cmd.Dir = d.out
	fmt.Printf("$ openssl %s\n", strings.Join(k.verifyArgs(d.document), " "))
	text, err := cmd.CombinedOutput()
	os.Stdout.Write(text)
	if err != nil {
		return fmt.Errorf("openssl does not accept the signature of %s: %w", k.entry, err)
	}
	return nil
}

// verifyScript is what a stranger runs in the folder of results.
func verifyScript(document string) string {
	var b strings.Builder
	b.WriteString(`#!/bin/sh
# Verifies every signature of this folder over the file, with openssl alone.
cd "$(dirname "$0")" || exit 1
failed=0
judge() {
    printf '%s: ' "$1"
    shift
    openssl "$@" || failed=1
}
`)
	for _, k := range keys {
		fmt.Fprintf(&b, "judge %s %s\n", k.entry, strings.Join(k.verifyArgs(document), " "))
	}
	b.WriteString("exit $failed\n")
	return b.String()
}

// refuse has a caller try that no policy names, and the right one for a
// purpose that is not listed.
func (d *demo) refuse(context.Context) error {
	say("uid %d is in the group of callers, but in no policy; and the right caller has a purpose that is not listed", stage.OtherUID)
	return errors.Join(d.isRefused(stage.OtherUID, exitRefused, keys[0].entry, "contract"), d.isRefused(stage.CallerUID, exitRefused, keys[0].entry, "gift"))
}

// Exit statuses of signetctl.
const (
	exitRefused = 3 // for good
	exitLater   = 4 // refused now, not for ever
	exitMore    = 5 // an act wants more signatures
)

// isRefused has somebody try to sign, and holds the answer to a refusal with
// that exit status.
func (d *demo) isRefused(uid uint32, status int, entry, purpose string, flags ...string) error {
	args := append([]string{"sign", entry, "--file", d.document, "--purpose", purpose}, flags...)
	fmt.Printf("$ signetctl %s   # uid %d\n", typed(args), uid)
	if _, err := d.ending(status, uid, stage.ClientsGID, args...); err != nil {
		return err
	}
	d.denied++
	return nil
}

// list shows the log, has it judged, and says how the run ended.
func (d *demo) list(context.Context) error {
	say("The log, as an auditor reads it")
	if _, err := d.auditor("log", "list", "--limit", "100"); err != nil {
		return err
	}
	replayed, err := d.replay()
	if err != nil {
		return err
	}
	lines, err := d.quietly(stage.AuditUID, stage.AuditGID, "log", "list", "--json")
	if err != nil {
		return err
	}
	if bytes.Contains(lines, []byte("outside_hours")) {
		return errors.New("the dry run of office hours stands in the log")
	}
	if err := d.save("log.jsonl", lines); err != nil {
		return err
	}
	if err := d.save("RESULTS.md", []byte(results(d.document))); err != nil {
		return err
	}
	say("Check it yourself: sh %s/verify.sh; what lies there: %s/RESULTS.md", d.out, d.out)
	fmt.Printf("demo: ok entries=%d acts=%d signed=%d refused=%d approvals=%d replayed=%d differences=0 events=%d\n",
		len(keys), d.acts, d.signed, d.denied, d.approvals, replayed, bytes.Count(lines, []byte("\n")))
	return nil
}

func say(format string, args ...any) { fmt.Printf("\n== "+format+"\n", args...) }

func (d *demo) auditor(args ...string) ([]byte, error) {
	return d.aloud(stage.AuditUID, stage.AuditGID, args...)
}

// caller runs signetctl as a document system; signatures are not shown.
func (d *demo) caller(uid uint32, args ...string) ([]byte, error) {
	fmt.Printf("$ signetctl %s   # uid %d\n", typed(args), uid)
	return d.quietly(uid, stage.ClientsGID, args...)
}

func (d *demo) aloud(uid, gid uint32, args ...string) ([]byte, error) {
	fmt.Printf("$ signetctl %s\n", typed(args))
	out, err := d.quietly(uid, gid, args...)
	os.Stdout.Write(out)
	return out, err
}

func (d *demo) quietly(uid, gid uint32, args ...string) ([]byte, error) {
	return d.ending(0, uid, gid, args...)
}

// ending runs signetctl and holds it to its exit status.
func (d *demo) ending(status int, uid, gid uint32, args ...string) ([]byte, error) {
	cmd := d.Command(context.Background(), uid, []uint32{gid}, "signetctl", args...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	os.Stdout.Write(diagnostics.Bytes())
	if cmd.ProcessState == nil {
		return nil, fmt.Errorf("signetctl %s: %w", typed(args), err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		return nil, fmt.Errorf("signetctl %s by uid %d ended with status %d, want %d", typed(args), uid, got, status)
	}
	return out.Bytes(), nil
}

// keepLog keeps what the daemon said.
func (d *demo) keepLog() error {
	text, err := os.ReadFile(filepath.Join(d.Dir, "signetd.log"))
	if err != nil {
		return err
	}
	return d.save("signetd.log", text)
}

// giveBack gives the results to the person who ran this through sudo.
func (d *demo) giveBack() error {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil {
		return nil // not through sudo
	}
	return filepath.WalkDir(d.out, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, -1))
	})
}
