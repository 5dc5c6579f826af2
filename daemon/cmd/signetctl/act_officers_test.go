package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// A person is an officer with his key in a file.
type person struct {
	file string
	key  authority.Key
	ssh.Signer
}

func newPerson(t *testing.T, number byte, passphrase string) person {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{number}, ed25519.SeedSize))
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := authority.ParseKey(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	if err != nil {
		t.Fatal(err)
	}
	return person{writeFile(t, "id", string(pem.EncodeToMemory(block))), key, signer}
}

// armored is what ssh-keygen -Y sign would write.
func (o person) armored(t *testing.T, message, namespace string) string {
	t.Helper()
	s, err := sshsig.Sign(strings.NewReader(message), o.Signer, sshsig.HashSHA512, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return string(sshsig.Armor(s))
}

// withOfficers gives the appliance officers, of whom so many have to sign.
func (a *appliance) withOfficers(needs int) {
	names := a.answer[admin.PathActContext].(admin.ActContext)
	names.Authority = "officers"
	a.answer[admin.PathActContext] = names
	a.needs = needs
	uid := uint32(20001)
	a.answer[admin.PathOfficers] = admin.Officers{Authority: "officers", Thresholds: map[string]int{"administrator": 1, "security": 2, "many": 3, "auditor": 1}, Officers: []admin.Officer{
		{ID: "li", Name: "李一", Role: "security-officer", Keys: []string{"ssh-ed25519 SHA256:a", "ssh-ed25519 SHA256:b"}, UID: &uid},
		{ID: "zhang", Name: "张四", Role: "custodian", Keys: []string{"ssh-ed25519 SHA256:c"}, Entries: []string{"contract"}, Owner: "91"},
	}}
}

// made checks that each signature of an act was made by one of the persons,
// over the exact bytes.
func made(t *testing.T, r admin.ActRequest, by ...person) {
	t.Helper()
	if len(r.Signatures) != len(by) {
		t.Fatalf("%d signatures, want %d", len(r.Signatures), len(by))
	}
	for i, s := range r.Signatures {
		if err := by[i].key.Verify([]byte(r.Act), authority.Signature{Form: authority.Form(s.Form), Value: s.Value}); err != nil {
			t.Errorf("signatures[%d]: %v", i, err)
		}
	}
}

func actOf(t *testing.T, r admin.ActRequest) authority.Act {
	t.Helper()
	act, err := authority.ParseAct([]byte(r.Act))
	if err != nil {
		t.Fatal(err)
	}
	return act
}

func TestAnActIsSignedByAKeyFileAndHandedIn(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(1)
	a.result.Signers = []string{"security-officer:li"}
	got := a.ctl("", "key", "suspend", "k", "--why", "lost", "--sign", li.file, "--yes")
	got.want(t, exitOK, "entry.suspend k: done, event 7, signed by security-officer:li",
		"suspend an entry (entry.suspend)", "lost", applianceID, "2026-11-23T10:00:00Z", strings.Repeat("ab", 32), authority.ContentHash([]byte(a.acts[0].Act)))
	if strings.Contains(got.out, "lost") {
		t.Errorf("what is signed is shown on standard output:\n%s", got.out)
	}
	made(t, a.acts[0], li)
	if act := actOf(t, a.acts[0]); act.CheckTime(applianceTime) != nil || act.NotAfter != "2026-11-23T10:00:00Z" {
		t.Errorf("not_after is %s, want a day", act.NotAfter)
	}
	a.ctl("", "key", "suspend", "k", "--why", "lost", "--sign", li.file, "--yes", "--valid", "72h").want(t, exitOK)
	if act := actOf(t, a.acts[1]); act.NotAfter != "2026-11-25T10:00:00Z" {
		t.Errorf("not_after is %s, want three days", act.NotAfter)
	}
	json := a.ctl("", "key", "suspend", "k", "--why", "lost", "--sign", li.file, "--yes", "--json")
	json.want(t, exitOK, `"signers":["security-officer:li"]`)
	if json.err != "" {
		t.Errorf("as JSON it says %q beside", json.err)
	}
}

// Two officers at their own terminals: the first makes the act, signetd keeps
// it, the second reads it and signs the same bytes.
func TestAnActThatNeedsTwoWaitsForTheSecond(t *testing.T) {
	a, li, wang := newAppliance(t), newPerson(t, 1, ""), newPerson(t, 2, "")
	a.withOfficers(2)
	a.ctl("", "key", "activate", "k", "--sign", li.file, "--yes").want(t, exitMore, "code 601 too_few", "1 of role security-officer")
	nonce := actOf(t, a.acts[0]).Nonce
	short := nonce[:8]
	again := a.ctl("", "key", "activate", "k", "--sign", li.file, "--yes")
	again.want(t, exitMore, "next: signetctl act sign "+actOf(t, a.acts[1]).Nonce[:8]+" --sign KEYFILE")
	delete(a.waiting, actOf(t, a.acts[1]).Nonce)

	a.ctl("", "act", "list").want(t, exitOK, short, "entry.activate", "security-officer:li", "1 of role", "next: signetctl act show "+short)
	a.ctl("zh_CN.UTF-8", "act", "list").want(t, exitOK, short, "尚缺")
	a.ctl("", "act", "show", short).want(t, exitOK, "activate an entry (entry.activate)", applianceID, nonce, "next: signetctl act sign "+short)
	if got := a.ctl("", "act", "show", short, "--bytes"); got.out != a.acts[0].Act || got.err != "" {
		t.Errorf("--bytes gives %q, %q, want %q", got.out, got.err, a.acts[0].Act)
	}
	a.ctl("", "act", "sign", short, "--sign", wang.file, "--yes").want(t, exitOK, "entry.activate k: done")
	last := a.acts[len(a.acts)-1]
	if last.Act != a.acts[0].Act || last.Content != a.acts[0].Content {
		t.Errorf("the second signed %q, the first %q", last.Act, a.acts[0].Act)
	}
	made(t, last, li, wang)
}

func TestWithoutAWayToSignTheActIsLeftToOthers(t *testing.T) {
	a := newAppliance(t)
	a.withOfficers(2)
	t.Chdir(t.TempDir())
	got := a.ctl("", "key", "destroy", "contract", "--why", "ended")
	got.want(t, exitMore, "key.destroy-contract-", "signetctl act sign key.destroy-contract-", "signetctl act submit")
	names, err := filepath.Glob("*.act")
	if err != nil || len(names) != 1 || !regexp.MustCompile(`^key\.destroy-contract-[0-9a-f]{8}\.act$`).MatchString(names[0]) {
		t.Fatalf("files %q, %v", names, err)
	}
	if len(a.acts) != 0 {
		t.Error("an act without signatures was handed in")
	}
	a.ctl("", "act", "show", names[0]).want(t, exitOK, "DESTROY a key for ever (key.destroy)", "contract", "ended")

	// The file goes round, and the last one hands it in.
	li, wang := newPerson(t, 1, ""), newPerson(t, 2, "")
	a.ctl("", "act", "sign", names[0], "--sign", li.file, "--yes").want(t, exitOK, "has 1 signatures", "signetctl act submit "+names[0])
	a.ctl("", "act", "sign", names[0], "--sign", wang.file, "--yes", "--json").want(t, exitOK, `"signatures":2`)
	a.ctl("", "act", "sign", names[0], "--sign", wang.file, "--yes").want(t, exitOK, "has 2 signatures")
	a.ctl("", "act", "submit", names[0]).want(t, exitOK, "key.destroy contract: done")
	made(t, a.acts[0], li, wang)
}

func TestAnActIsWrittenWhereItIsWanted(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(1)
	path := filepath.Join(t.TempDir(), "a.act")
	a.ctl("", "key", "activate", "k", "-o", path).want(t, exitOK, path, "2026-11-23T10:00:00Z", "signetctl act sign "+path)
	a.ctl("", "key", "activate", "k", "-o", path).want(t, exitUsage, "exists")
	a.ctl("", "key", "activate", "k", "-o", path, "--force", "--sign", li.file, "--yes", "--json").want(t, exitOK, `"file":"`+path, `"kind":"entry.activate"`, `"signatures":1`)
	a.ctl("", "cert", "request", "k", "--subject", "CN=k", "-o", "x.csr", "--act-file", path, "--force").want(t, exitOK, path)
	if len(a.acts) != 0 {
		t.Error("an act that was to be written was handed in")
	}
	a.ctl("", "act", "show", path).want(t, exitOK, "cert.request", "CN=k")
}

func TestSignaturesMadeElsewhereAreHandedIn(t *testing.T) {
	a, li, wang := newAppliance(t), newPerson(t, 1, ""), newPerson(t, 2, "")
	a.withOfficers(2)
	path := filepath.Join(t.TempDir(), "a.act")
	a.ctl("", "key", "activate", "k", "-o", path).want(t, exitOK)
	act := a.ctl("", "act", "show", path, "--bytes").out
	first := writeFile(t, "1.sig", li.armored(t, act, authority.Namespace))
	second := writeFile(t, "2.sig", wang.armored(t, act, authority.Namespace))
	a.ctl("", "act", "submit", path, "--ssh", first, "--ssh", second, "--ssh", first).want(t, exitOK)
	made(t, a.acts[0], li, wang)
	for name, file := range map[string]string{
		"namespace git": writeFile(t, "3.sig", li.armored(t, act, "git")), "no signature": writeFile(t, "4.sig", "x"), "nothing": writeFile(t, "5.sig", ""),
	} {
		a.ctl("", "act", "submit", path, "--ssh", file).want(t, exitUsage, "is no signature on an act")
		a.ctl("zh_CN.UTF-8", "act", "submit", path, "--p7", file).want(t, exitUsage, "不是管理指令的签名")
		if len(a.acts) != 1 {
			t.Fatalf("%s was handed in", name)
		}
	}
}

// A tool gets the exact bytes and nothing else.
func TestAToolSignsTheExactBytes(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(1)
	path := filepath.Join(t.TempDir(), "a.act")
	a.ctl("", "key", "activate", "k", "-o", path).want(t, exitOK)
	act := a.ctl("", "act", "show", path, "--bytes").out
	signature := writeFile(t, "s", li.armored(t, act, authority.Namespace))
	seen := filepath.Join(t.TempDir(), "seen")
	tool := writeFile(t, "tool", "#!/bin/sh\ncat > \"$1\"\ncat \"$2\"\n")
	if err := os.Chmod(tool, 0o700); err != nil {
		t.Fatal(err)
	}
	a.ctl("", "act", "sign", path, "--exec", tool+" "+seen+" "+signature, "--yes").want(t, exitOK, "has 1 signatures")
	if data, err := os.ReadFile(seen); err != nil || string(data) != act {
		t.Errorf("the tool got %q, %v, want %q", data, err, act)
	}
	a.ctl("", "act", "sign", path, "--exec", "false", "--yes").want(t, exitUnexpected, "ended with status 1")
	a.ctl("", "act", "sign", path, "--exec", "true", "--yes").want(t, exitUsage, "there is no signature")
	a.ctl("", "act", "sign", path, "--agent", "--yes").want(t, exitUsage, "SSH_AUTH_SOCK")
	a.ctl("", "act", "sign", path, "--sign", "/nowhere/id", "--yes").want(t, exitUsage, "there is no signature")
}

// onTTY runs a command line of somebody who sits at a terminal and types.
func (a *appliance) onTTY(t *testing.T, args []string, dialogue ...string) (status int, shown string) {
	t.Helper()
	term := newTerminal(t)
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- newProgram(term.tty, &out, term.tty, a.env()).run(context.Background(), args)
	}()
	for i := 0; i+1 < len(dialogue); i += 2 {
		term.await(t, dialogue[i])
		term.types(t, dialogue[i+1])
	}
	status = <-ended
	return status, term.close() + out.String()
}

func TestWhatIsSignedIsShownAndAskedFor(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(1)
	args := []string{"key", "suspend", "k", "--why", "laptop lost", "--sign", li.file}
	for answer, want := range map[string]int{"y\n": exitOK, "yes\n": exitOK, "YES \n": exitOK, "是\n": exitOK, "n\n": exitRefused, "\n": exitRefused, "yy\n": exitRefused, "\x04": exitRefused} {
		a.acts = nil
		status, shown := a.onTTY(t, args, "Sign this?", answer)
		if status != want || len(a.acts) != 1-min(want, 1) {
			t.Errorf("after %q: status %d, %d acts, want %d\n%s", answer, status, len(a.acts), want, shown)
		}
		question := strings.Index(shown, "Sign this?")
		for _, bound := range []string{"laptop lost", "entry.suspend", applianceID, "2026-11-23T10:00:00Z"} {
			if at := strings.Index(shown, bound); at < 0 || at > question {
				t.Errorf("%q is not shown before the question:\n%s", bound, shown)
			}
		}
	}
}

func TestNobodyIsAskedWhereNobodySits(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(1)
	a.ctl("", "key", "activate", "k", "--sign", li.file).want(t, exitUsage, "--yes")
	a.ctlWith(t.Context(), "zh_CN.UTF-8", "y\n", "key", "activate", "k", "--sign", li.file).want(t, exitUsage, "--yes")
	if len(a.acts) != 0 {
		t.Error("an act that nobody was asked about was handed in")
	}
}

func TestAPassphraseIsAskedForAndNotShown(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "open sesame")
	a.withOfficers(1)
	args := []string{"key", "activate", "k", "--sign", li.file, "--yes"}
	status, shown := a.onTTY(t, args, "Passphrase of "+li.file, "open sesame\n")
	if status != exitOK || strings.Contains(shown, "sesame") {
		t.Errorf("status %d:\n%s", status, shown)
	}
	made(t, a.acts[0], li)
	status, shown = a.onTTY(t, args, "Passphrase of", "open barley\n")
	if status != exitUsage || strings.Contains(shown, "barley") || !strings.Contains(shown, "passphrase is wrong") {
		t.Errorf("status %d:\n%s", status, shown)
	}
	a.ctl("", args...).want(t, exitUsage, "no terminal to ask")
	if len(a.acts) != 1 {
		t.Errorf("%d acts were handed in", len(a.acts))
	}
}

func TestUnderDevelopmentNobodySigns(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.ctl("", "key", "activate", "k", "--sign", li.file, "--yes").want(t, exitUsage, "is taken unsigned here")
	a.withOfficers(1)
	_, crl := caFiles(t)
	a.ctl("", "cert", "crl", crl, "--agent").want(t, exitUsage, "is taken unsigned here")
	if len(a.acts) != 0 {
		t.Fatal("an act with a signature that is refused was handed in")
	}
	a.needs = 0
	a.ctl("", "cert", "crl", crl).want(t, exitOK, "unsigned")
}

// Where it cannot be told who signs, what was asked for is done: the daemon
// decides.
func TestInModePoisonedItIsDoneAsAsked(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	names := a.answer[admin.PathActContext].(admin.ActContext)
	names.Authority, names.Mode = "", "poisoned"
	a.answer[admin.PathActContext] = names
	a.ctl("", "mode", "clear").want(t, exitOK)
	a.ctl("", "mode", "clear", "--sign", li.file, "--yes").want(t, exitOK)
	made(t, a.acts[0])
	made(t, a.acts[1], li)
}

// Whoever keeps acts that wait may be anybody: what does not hang together is
// neither shown nor signed.
func TestAnotherActThanThePromisedOneIsNotSigned(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(2)
	a.ctl("", "key", "suspend", "k", "--why", "lost", "--sign", li.file, "--yes").want(t, exitMore)
	good := a.waiting[actOf(t, a.acts[0]).Nonce]
	a.ctl("", "key", "suspend", "k", "--why", "holiday", "--sign", li.file, "--yes").want(t, exitMore)
	other := a.waiting[actOf(t, a.acts[1]).Nonce]
	for name, edit := range map[string]func(*admin.Proposal){
		"another content": func(w *admin.Proposal) { w.Content = other.Content },
		"another act":     func(w *admin.Proposal) { w.Act, w.Content = other.Act, other.Content },
		"no act":          func(w *admin.Proposal) { w.Act = "{}" },
		"a blank more":    func(w *admin.Proposal) { w.Act += " " },
	} {
		w := good
		edit(&w)
		a.waiting[good.Nonce] = w
		for _, verb := range [][]string{{"act", "show", good.Nonce}, {"act", "sign", good.Nonce, "--sign", li.file, "--yes"}} {
			got := a.ctl("", verb...)
			got.want(t, exitVerification, "is not shown and not signed")
			if strings.Contains(got.out+got.err, "holiday") {
				t.Errorf("%s is shown:\n%s%s", name, got.out, got.err)
			}
		}
	}
	if len(a.acts) != 2 {
		t.Errorf("%d acts were handed in", len(a.acts)-2)
	}
}

func TestActsThatWaitAreNamedByTheirBeginning(t *testing.T) {
	a, li := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(2)
	a.ctl("", "act", "list").want(t, exitOK, "no acts wait")
	a.ctl("", "key", "activate", "k", "--sign", li.file, "--yes").want(t, exitMore)
	only := actOf(t, a.acts[0]).Nonce
	a.ctl("", "act", "show", strings.ToUpper(only[:5])).want(t, exitOK, only)
	a.ctl("", "act", "show", "ffff").want(t, exitNotFound, "signetctl act list")
	a.ctl("", "act", "show", only[:3]).want(t, exitUsage, "there is no file")
	twin := a.waiting[only]
	twin.Nonce = only[:6] + strings.Repeat("0", 26)
	a.waiting[twin.Nonce] = twin
	a.ctl("", "act", "show", only[:6]).want(t, exitUsage, "2 acts that wait", only, twin.Nonce)
	a.ctl("", "act", "sign", "-", "--sign", li.file, "--yes").want(t, exitUsage)
}

func TestBadActFilesAreRefused(t *testing.T) {
	a := newAppliance(t)
	path := filepath.Join(t.TempDir(), "a.act")
	a.withOfficers(1)
	a.ctl("", "key", "suspend", "k", "--why", "lost", "-o", path).want(t, exitOK)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := string(data)
	for name, text := range map[string]string{
		"no JSON": "x", "empty": "", "more": good + "{}", "unknown field": strings.Replace(good, `"act"`, `"axt"`, 1),
		"another content": strings.Replace(good, "lost", "most", 1), "another kind": strings.Replace(good, "entry.suspend", "entry.resume", 1) + "x",
		"unknown kind": strings.Replace(good, "entry.suspend", "entry.explode", 1),
	} {
		file := writeFile(t, "x.act", text)
		for _, verb := range []string{"show", "submit"} {
			got := a.ctl("", "act", verb, file)
			got.want(t, exitUsage, "is no act")
			if strings.Contains(got.out, "most") {
				t.Errorf("%s is shown", name)
			}
		}
	}
	if len(a.acts) != 0 {
		t.Error("a bad file was handed in")
	}
}

// The answer of a CA may be several files of any form: they are handed in as
// one, with all that was in them.
func TestAnswersInSeveralFilesAreJoined(t *testing.T) {
	a := newAppliance(t)
	c, err := ca.New(algo.KeySM2, applianceTime)
	if err != nil {
		t.Fatal(err)
	}
	forms := []string{string(ca.PEM(c.Chain()[0])), string(c.Chain()[1]), base64.StdEncoding.EncodeToString(c.Chain()[0]) + "\n"}
	for _, order := range [][]int{{0, 1}, {1, 0}, {1, 2}, {2, 1}, {0, 1, 2}, {1, 1}} {
		args := []string{"cert", "import", "k"}
		for _, i := range order {
			args = append(args, writeFile(t, "answer", forms[i]))
		}
		a.acts = nil
		a.ctl("", args...).want(t, exitOK)
		var content authority.ImportCert
		if err := authority.ParseContent([]byte(a.acts[0].Content), &content); err != nil {
			t.Fatal(err)
		}
		data, err := base64.StdEncoding.DecodeString(content.Answer)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := certificate.Read(data)
		if want := map[bool]int{true: 2, false: 1}[slices.Contains(order, 1) && len(slices.Compact(order)) > 1]; err != nil || len(answer.Certificates) != want {
			t.Errorf("files %v: %d certificates, %v, want %d", order, len(answer.Certificates), err, want)
		}
	}
	damaged := writeFile(t, "damaged", strings.Replace(forms[0], "-----END", "----END", 1))
	a.ctl("", "cert", "import", "k", writeFile(t, "good", forms[0]), damaged).want(t, exitUsage, "damaged PEM block")
}

// textsWithin are all texts and numbers within v, as they would be shown.
func textsWithin(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Pointer:
		return textsWithin(v.Elem())
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, textsWithin(v.Index(i))...)
		}
		return all
	case reflect.Struct:
		var all []string
		for i := range v.NumField() {
			all = append(all, textsWithin(v.Field(i))...)
		}
		return all
	}
	return nil
}

// Nothing that an officer binds himself to stays in the dark: of each content
// every text is shown, keys by their fingerprints.
func TestEveryFieldOfAContentIsShown(t *testing.T) {
	li := newPerson(t, 1, "")
	uid := uint32(4711)
	officer := authority.Officer{ID: "li-x", Name: "李一", Role: authority.Custodian, UID: &uid, Entries: []string{"entry-a", "entry-b"}, Owner: "owner-x"}
	thresholds := authority.Thresholds{Administrator: 11, Security: 12, Many: 13, Auditor: 14}
	for kind, content := range map[authority.Kind]any{
		authority.Init: authority.Genesis{Appliance: "box-x", Authority: "officers", Crypto: "mixed", Deployment: "hosting", Officers: []authority.Officer{officer},
			Thresholds: &thresholds, LogKey: &authority.LogKey{Token: "log-t", Type: "SM2", Label: "log-l"},
			Tokens: []authority.Product{{Name: "token-n", Product: "product-p", Certificate: "cert-c", Serial: "serial-s"}},
			Backup: []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"}},
		authority.OfficerChange: authority.ChangeOfficers{Set: []authority.Officer{officer}, Remove: []string{"wang-x"}, Thresholds: &thresholds},
		authority.KeyCreate:     authority.CreateKey{Type: "EC-P256", Token: "token-n", Title: "title-t", Owner: "owner-x"},
		authority.KeyAdopt:      authority.AdoptKey{Token: "token-n", ID: "0a0b", Title: "title-t", Owner: "owner-x"},
		authority.KeyDestroy:    authority.DestroyKey{Basis: "why-x"},
		authority.EntryCancel:   authority.Cancel{Basis: "why-x"},
		authority.CertRequest:   authority.RequestCert{Subject: "CN=x"},
		authority.EntrySuspend:  authority.Suspend{Basis: "why-x"},
		authority.EntryResume:   authority.Resume{Hold: 77},
		authority.PolicySet:     authority.SetPolicy{Text: "text-x"},
		authority.PolicyNarrow:  authority.SetPolicy{Text: "text-x"},

		authority.ApprovalGrant:  authority.GrantApproval{Approval: "approval-a", Request: "request-r", Count: 66, Until: "until-u"},
		authority.ApprovalDeny:   authority.EndApproval{Approval: "approval-a", Request: "request-r", Basis: "why-x"},
		authority.ApprovalRevoke: authority.EndApproval{Approval: "approval-a", Request: "request-r", Basis: "why-x"},
		authority.Restore:        authority.RestoreStore{Size: 88, Root: "root-r", Epoch: 99, Basis: "why-x"},
		authority.StoreAccept:    authority.AcceptStore{Size: 88, Root: "root-r", Epoch: 99, Basis: "why-x"},
	} {
		if g, ok := content.(authority.Genesis); ok {
			g.Officers[0].Keys = nil
		}
		want := textsWithin(reflect.ValueOf(content))
		switch c := content.(type) {
		case authority.Genesis:
			c.Officers[0].Keys = []authority.Key{li.key}
			want = append(want, li.key.Fingerprint(), "4711", "11", "12", "13", "14")
		case authority.ChangeOfficers:
			c.Set[0].Keys = []authority.Key{li.key}
			want = append(want, li.key.Fingerprint(), "4711", "11", "12", "13", "14")
		case authority.Resume:
			want = append(want, "77")
		case authority.GrantApproval:
			want = append(want, "66")
		case authority.RestoreStore, authority.AcceptStore:
			want = append(want, "88", "99")
		}
		var out strings.Builder
		p := newProgram(nil, &out, &out, func(string) string { return "" })
		if err := p.showContent(kind, canonicalText(t, content)); err != nil {
			t.Fatal(err)
		}
		shown := strings.Join(strings.Fields(out.String()), "")
		for _, text := range slices.Compact(want) {
			if text == "officers" {
				continue // the word for it is
			}
			if !strings.Contains(shown, strings.ReplaceAll(text, " ", "")) {
				t.Errorf("%s does not show %q:\n%s", kind, text, out.String())
			}
		}
	}
}

func TestWhatACASentIsShownByWhatIsInIt(t *testing.T) {
	a := newAppliance(t)
	a.withOfficers(1)
	chain, crl := caFiles(t)
	path := filepath.Join(t.TempDir(), "a.act")
	a.ctl("", "cert", "import", "k", chain, "-o", path).want(t, exitOK)
	a.ctl("", "act", "show", path).want(t, exitOK, "signet test root", "signet test issuing CA", "SM3")
	a.ctl("", "cert", "crl", crl, "--plan").want(t, exitOK, "signet test issuing CA", "nobody", "suspended at once")
	a.ctl("", "cert", "import", "k", crl).want(t, exitUsage, "is no answer of a CA")
	a.ctl("", "cert", "crl", chain).want(t, exitUsage, "is no list of revoked certificates")
}

func TestPlansChangeNothing(t *testing.T) {
	a := newAppliance(t)
	a.withOfficers(1)
	policyFile, change := writeFile(t, "p.toml", goodPolicy), writeFile(t, "c.toml", "remove = [\"li\"]\n[thresholds]\nadministrator=1\nsecurity=2\nmany=9\nauditor=1\n")
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", Class: "key", Status: "active", Title: "the title", Proof: "proven", Custodians: []string{"cora"}}
	a.answer[admin.PathEntries+"/contract/policy"] = admin.Policy{Entry: "contract", Rev: 1, Text: "# the old one\n"}
	t.Chdir(t.TempDir())
	for line, want := range map[string][]string{
		"key destroy contract --why x":          {"the title", "gone for ever", "3 × security officer"},
		"key cancel contract --why x":           {"the title", "No act takes this back", "2 × security officer"},
		"key activate contract":                 {"2 × security officer"},
		"key suspend contract --why x":          {"1 × security officer, or 1 × custodian (cora)"},
		"policy set contract " + policyFile:     {"the old one", "purposes", "2 × security officer"},
		"officer change " + change:              {"as it is now", "as it would be", "removed", "3 × security officer + 1 × administrator", "many", "destruction 9"},
		"mode clear --accept-older --why x":     {"given up for ever", "2 × security officer + 1 × auditor"},
		"backup":                                {"make one backup", "1 × administrator"},
		"selftest":                              {"nobody"},
		"key create k --token seals --type SM2": {"1 × administrator + 2 × security officer"},
		"cert request contract --subject CN=x":  {"CN=x"},
		"key adopt k --token seals --id 0a":     {"Nobody here has seen"},
	} {
		got := a.ctl("", append(strings.Fields(line), "--plan")...)
		got.want(t, exitOK, "plan: nothing is changed")
		for _, text := range want {
			if text != "many" && !strings.Contains(got.out, text) {
				t.Errorf("%s --plan does not say %q:\n%s", line, text, got.out)
			}
		}
		for l := range strings.Lines(got.out) {
			if screen.Width(strings.TrimSuffix(l, "\n")) > screen.Columns {
				t.Errorf("%s: too wide: %q", line, l)
			}
		}
		a.ctl("zh_CN.UTF-8", append(strings.Fields(line), "--plan")...).want(t, exitOK, "计划：不作任何改变")
		a.ctl("", append(strings.Fields(line), "--plan", "--json")...).want(t, exitOK, `"signed_by":`)
	}
	if names, _ := filepath.Glob("*"); len(a.acts) != 0 || len(names) != 0 {
		t.Errorf("plans handed in %d acts and wrote %q", len(a.acts), names)
	}
}

// FuzzParseDeed: no file of an act panics. What is taken can be shown, is bound
// whole, and is written as it was read.
func FuzzParseDeed(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDeed(data)
		if err != nil {
			return
		}
		if raw, err := d.act.Bytes(); err != nil || string(raw) != d.request.Act {
			t.Errorf("the act %q is not the bytes %q (%v)", raw, d.request.Act, err)
		}
		if authority.ContentHash([]byte(d.request.Content)) != d.act.ContentSHA {
			t.Errorf("the act does not bind %q", d.request.Content)
		}
		var out strings.Builder
		if err := newProgram(nil, &out, &out, func(string) string { return "" }).showDeed(d); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if line = strings.TrimSuffix(line, "\n"); screen.Clean(line) != line {
				t.Errorf("shown as %q", line)
			}
		}
		text, err := d.format()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseDeed(text); err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("written and read it is %+v, %v", again, err)
		}
	})
}
