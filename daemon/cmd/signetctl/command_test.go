package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/admin"
)

// The verbs that are promised: those of this release, and those to come, which
// answer that they are not built.
const promised = `init status token{list,status,reload,maintenance,seal-pin,clear-pin}
key{create,adopt,list,show,activate,suspend,resume,cancel,destroy,history}
seal{make,import,list,show,activate,suspend,resume,cancel,supersede,invalidate,history} cert{request,import,list,crl}
policy{set,show,diff,test} approval{request,list,show,grant,deny,revoke} sign stamp verify
log{list,show,tail,proof,evidence,export,verify,replay,reanchor,rotate-key} act{list,show,sign,submit}
officer{list,change} order{import} filing{list,export,ack} backup restore mode{show,clear} metrics selftest completion`

func promisedVerbs() []string {
	var all []string
	for _, word := range strings.Fields(promised) {
		group, verbs, nested := strings.Cut(strings.TrimSuffix(word, "}"), "{")
		if !nested {
			all = append(all, group)
			continue
		}
		for _, verb := range strings.Split(verbs, ",") {
			all = append(all, group+" "+verb)
		}
	}
	return all
}

// built are all commands that do something, by their path.
func built(cmd *cobra.Command) map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	for _, c := range cmd.Commands() {
		switch path := strings.TrimPrefix(c.CommandPath(), "signetctl "); {
		case c.HasSubCommands():
			for p, verb := range built(c) {
				all[p] = verb
			}
		case !c.Hidden:
			all[path] = c
		}
	}
	return all
}

func TestPromisedVerbsExist(t *testing.T) {
	a := newAppliance(t)
	verbs := built(newProgram(nil, nil, nil, os.Getenv).root())
	for _, path := range promisedVerbs() {
		if verbs[path] != nil {
			delete(verbs, path)
			continue
		}
		if !slices.Contains(unbuilt, path) {
			t.Errorf("%q neither works nor says that it is not built", path)
		}
		for _, more := range []string{"", "--frobnicate", "some thing"} {
			args := append(strings.Fields(path), strings.Fields(more)...)
			a.ctl("", args...).want(t, exitRefused, path, "unsupported")
		}
	}
	for path := range verbs {
		t.Errorf("%q is promised nowhere", path)
	}
	for _, path := range unbuilt {
		if !slices.Contains(promisedVerbs(), path) {
			t.Errorf("%q, not built, is promised nowhere", path)
		}
	}
}

func TestHelpTeachesInBothLanguages(t *testing.T) {
	a := newAppliance(t)
	for path := range built(newProgram(nil, nil, nil, os.Getenv).root()) {
		for lang, headings := range map[string][2]string{"C": {"Usage:", "Example:"}, "zh_CN.UTF-8": {"用法：", "示例："}} {
			help := a.ctl(lang, append(strings.Fields(path), "--help")...)
			help.want(t, exitOK, headings[0], headings[1], "--json")
			text, example, _ := strings.Cut(help.out, headings[1])
			if !strings.Contains(example, "signetctl "+path) {
				t.Errorf("the example of %q is %q", path, example)
			}
			for _, line := range strings.Split(text, "\n") {
				if screen.Width(line) > screen.Columns {
					t.Errorf("help of %q in %s is too wide: %q", path, lang, line)
				}
			}
			// Names of flags and values stay; English words do not.
			if lang != "C" && strings.Contains(text, " the ") {
				t.Errorf("Chinese help of %q has English:\n%s", path, text)
			}
		}
	}
}

var aHash = strings.Repeat("ab", 32)

func TestWrongCommandLinesSayWhatIsRight(t *testing.T) {
	a := newAppliance(t)
	for line, want := range map[string]string{
		"":                                        "wants a verb",
		"frob":                                    `no verb "frob"`,
		"key":                                     "wants a verb",
		"key creat x":                             "did you mean signetctl key create?",
		"status now":                              "no arguments",
		"key show":                                "want 1 argument(s), ENTRY; got 0",
		"key show a b":                            "got 2",
		"key show a/b":                            "want 1 to 64 of A-Z a-z 0-9",
		"key show --frob x":                       "no flag --frob",
		"key show -z x":                           "no flag -z",
		"key show x --public-key":                 "--public-key wants a value",
		"key show x --public-key - --transcript":  "do not go together",
		"key show x --timeout soon":               `"soon" is no value of --timeout`,
		"log list --from x":                       `"x" is no value of --from: invalid syntax`,
		"log list --limit -1":                     "want 0 (all) or more",
		"log list --result maybe":                 "want one of allowed, refused, failed",
		"log show x":                              `"x" is no event`,
		"init":                                    "--crypto is missing",
		"init --crypto rsa":                       "want one of gm, mixed",
		"init --crypto gm --deployment x":         "want one of owner, hosting, maker",
		"init --crypto gm --authority x":          "want one of development",
		"key create k":                            "--token is missing",
		"key create k --token t":                  "--type is missing",
		"key create k --token t --type RSA":       "want one of [SM2",
		"key suspend k":                           "--why is missing",
		"key cancel k":                            "--why is missing",
		"key destroy k --why \x1b":                "this is no reason",
		"key adopt k":                             "--token is missing",
		"key adopt k --token t":                   "want the CKA_ID",
		"key adopt k --token t --id 0A":           "want the CKA_ID in lower-case",
		"key activate k --sign f --agent":         "three ways to sign: choose one",
		"key activate k --valid 169h":             "--valid is 169h0m0s: want more than 0, up to 168h0m0s",
		"key activate k --valid=-1s":              "--valid is -1s",
		"cert request k":                          "--subject is missing",
		"cert request k --subject X=1":            "is not a known part",
		"cert request k --subject CN=1 --fetch x": "do not go together",
		"cert import k":                           "want 2 argument(s), ENTRY FILE [FILE...]; got 1",
		"cert import k /nowhere/a":                "there is no file",
		"cert crl /nowhere/a":                     "there is no file",
		"officer change /nowhere/c.toml":          "there is no file",
		"init /nowhere/c.toml":                    "there is no file",
		"init /nowhere/c.toml --crypto gm":        "says all: leave --crypto",
		"mode clear --accept-older":               "--why is missing",
		"mode clear --why x":                      "--why goes with --accept-older",
		"mode clear --accept-older --accept-clock --why x": "do not go together",
		"backup":               "-o is missing",
		"backup -o /nowhere/b": "/nowhere/b: no such file",
		"restore b":            "--why is missing",
		"restore b --why x":    "--identity is missing",
		"restore b --why x --identity /nowhere/i": "there is no file",
		"act show":                                                     "want 1 argument(s), ACT; got 0",
		"act sign 3f9a02c1":                                            "say how to sign",
		"act sign /nowhere/a --sign k":                                 "there is no file",
		"act submit /nowhere/a":                                        "there is no file",
		"policy set k /nowhere/p.toml":                                 "there is no file",
		"policy diff k":                                                "want 2 argument(s), ENTRY|FILE FILE; got 1",
		"policy diff k /nowhere/p.toml":                                "there is no file",
		"policy test k /nowhere/p.toml":                                "there is no file",
		"policy test k --operation x":                                  "operation is \"x\": want one of stamp, seal.read",
		"policy test k --algorithm x":                                  "want one of SM2-SM3",
		"policy test k --seal-version v1":                              "want one of v4, v5",
		"policy test k --container doc":                                "want one of ofd, pdf",
		"policy test k --carries doc_id,name":                          "want one of doc_id",
		"policy test k --batch 0":                                      "--batch is 0: want 1 or more",
		"policy test k --caller 99999999999":                           "want the name of an account or a uid",
		"policy test k --at noon":                                      "want RFC 3339",
		"approval request k":                                           "--purpose is missing",
		"approval request k --purpose p":                               "--justification is missing",
		"approval request k --purpose p --justification j":             "--user-id is missing",
		"approval request k --purpose p --justification j --user-id u": "say what it is bound to",
		"approval request k --purpose p --justification j --user-id u --file a --ofd b":             "choose one",
		"approval request k --purpose p --justification j --user-id u --digest-of a --count 2":      "do not go together",
		"approval request k --purpose p --justification j --user-id u --count 1 --algorithm x":      "--algorithm goes with --digest-of",
		"approval request k --purpose p --justification j --user-id u --count 1 --for 1ms":          "--for is 1ms",
		"approval request k --purpose p --justification j --user-id u --count 1 --from x":           "--from is \"x\": want RFC 3339",
		"approval request k --purpose p --justification j --user-id u --count 1 --until x":          "--until is \"x\"",
		"approval request k --purpose p --justification j --user-id u --count 1 --until x --for 1h": "do not go together",
		"approval request k --purpose p --justification j --user-id u --file /nowhere/f":            "there is no file",
		"approval request k --purpose p --justification j --user-id u --ofd /nowhere/f":             "reading /nowhere/f",
		"approval list --state x":                "want one of pending, granted, denied, revoked, expired",
		"approval show x":                        "want its 16 digits",
		"approval show 0123456789ABCDEF":         "want its 16 digits",
		"approval grant x":                       "want its 16 digits",
		"approval deny 0123456789abcdef":         "--why is missing",
		"approval revoke 0123456789abcdef":       "--why is missing",
		"sign k f --approval x":                  "want its 16 digits",
		"sign k":                                 "name a FILE",
		"sign k --file f --digest 00":            "--file and --digest do not go together",
		"sign k --file f --algorithm x":          "want one of SM2-SM3",
		"sign k --sm2-e 00 --algorithm ED25519":  "--sm2-e is for SM2-SM3",
		"sign k --file f --format pem":           "want one of der, base64, hex",
		"sign k --file f --format der --json":    "der is binary",
		"sign k --file f -o /nowhere/x":          "/nowhere/x: no such file",
		"sign k f g -o x":                        "like -o {}.sig",
		"sign k f ./f":                           "./f is named twice",
		"sign k f -":                             "cannot stand among several",
		"sign k f --sm2-e 00":                    "--file and --sm2-e do not go together",
		"sign k --file f --message g":            "--file and --message do not go together",
		"sign k --message g --digest 00":         "--message and --digest do not go together",
		"sign k --digest 00 --sm2-e 00":          "--digest and --sm2-e do not go together",
		"sign k --file=":                         "--file has an empty value",
		"sign k --digest 0":                      "two for each byte",
		"sign k --sm2-e 00":                      "--sm2-e has 1 bytes: want 32 for SM2-SM3",
		"sign k --digest 00 --algorithm SM2-SM3": "--sm2-e with SM3(ZA || file)",
		"sign k --digest 00 --algorithm ED25519": "ED25519 signs the document itself",
		"sign k f --deadline -1s":                "--deadline is -1s",
		"sign k f --deadline 1200h":              "up to 49 days",
		"sign k f --doc-sm3 00":                  "want the 64 hexadecimal digits",
		"sign k f g --doc-sm3 " + aHash:          "--doc-sm3 is of one document, and this run has 2",
		"verify":                                 "name the ENTRY whose key signed",
		"verify k":                               "name a FILE",
		"verify a/b f":                           "want 1 to 64 of A-Z",
		"verify k f --digest 00":                 "do not go together",
		"verify k --digest 00":                   "--signature is missing",
		"verify k -":                             "--signature is missing",
		"verify k - --signature -":               "read for one thing only",
		"verify k f g --signature s":             "use {}, like {}.sig",
		"verify k f --format pem":                "want one of auto, der, base64, hex",
		"verify k f --algorithm x":               "want one of SM2-SM3",
		"verify --public-key /nowhere/k.pem f":   "there is no file",
		"status --watch=1ms":                     "want 100ms or more",
		"status --watch=soon":                    "is no value of --watch",
		"sign k --file f -o /dev/null --force":   "no regular file",
		"completion tcsh":                        "want one of bash, zsh, fish",
	} {
		t.Run(line, func(t *testing.T) {
			got := a.ctl("", strings.Fields(line)...)
			got.want(t, exitUsage, want, "next", "signetctl ")
			a.ctl("zh_CN.UTF-8", strings.Fields(line)...).want(t, exitUsage)
		})
	}
	if len(a.acts)+len(a.asked)+a.pages != 0 {
		t.Error("a wrong command line asked the daemon for something")
	}
}

func TestUnreachableSocketsSayWhatToDo(t *testing.T) {
	none := &appliance{dir: t.TempDir(), t: t}
	none.ctl("", "status").want(t, exitUnreachable, "no socket", "systemctl status")
	none.ctl("", "init", "--crypto", "gm").want(t, exitUnreachable, "no socket")
	none.ctl("", "sign", "k", "--digest", "00").want(t, exitUnreachable, "no socket", none.socket("sign"))
	none.ctl("zh_CN.UTF-8", "status").want(t, exitUnreachable, "套接字", "下一步")

	stale := newAppliance(t)
	stale.dir = stale.dir + "x"
	if err := os.Mkdir(stale.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(stale.dir) })
	for _, name := range []string{"admin", "audit", "sign"} {
		l := stale.listen(name)
		l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
		l.Close()
	}
	stale.ctl("", "status").want(t, exitUnreachable, "nobody listens", "systemctl status")
	stale.ctl("", "sign", "k", "--digest", "00").want(t, exitUnreachable, "nobody listens")
}

func TestForbiddenSocketNamesItsGroup(t *testing.T) {
	p := newProgram(nil, nil, nil, func(string) string { return "" })
	refused := fmt.Errorf("%w: %w", admin.ErrUnreachable, os.ErrPermission)
	r := p.report(p.admin.unreachable(refused))
	if r.status != exitUnreachable || !strings.Contains(r.sentence, "signet-admin") || !strings.Contains(r.next, "usermod -aG signet-admin") {
		t.Errorf("a forbidden admin.sock gives %+v", r)
	}
	if r := p.report(p.neitherPermitted()); !strings.Contains(r.next, "signet-admin") || !strings.Contains(r.next, "signet-audit") {
		t.Errorf("two forbidden sockets give %+v", r)
	}
}

// Of two sockets that do not answer, the one that this account may use says
// what has to be mended.
func TestReasonOfTheUsableSocketIsTold(t *testing.T) {
	a := newAppliance(t)
	for _, name := range []string{"admin", "audit"} {
		if err := os.Remove(a.socket(name)); err != nil {
			t.Fatal(err)
		}
	}
	l := a.listen("admin")
	l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	l.Close()
	a.ctl("", "status").want(t, exitUnreachable, "nobody listens on "+a.socket("admin"))
}

func TestBrokenConnectionIsNoRefusal(t *testing.T) {
	a := newAppliance(t)
	for _, name := range []string{"admin", "sign"} {
		if err := os.Remove(a.socket(name)); err != nil {
			t.Fatal(err)
		}
		l := a.listen(name)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 1))
				conn.Close()
			}
		}()
	}
	a.ctl("", "key", "activate", "k").want(t, exitUnreachable, a.socket("admin"))
	a.ctl("", "sign", "k", "--sm2-e", strings.Repeat("ab", 32)).want(t, exitUnreachable, "is not known", "--request-id")
}

func TestReadingFallsBackToTheAuditSocket(t *testing.T) {
	a := newAppliance(t)
	if err := os.Remove(a.socket("admin")); err != nil {
		t.Fatal(err)
	}
	a.ctl("", "status").want(t, exitOK, "serving")
	a.ctl("", "key", "list").want(t, exitOK, "contract")
	a.ctl("", "key", "activate", "contract").want(t, exitUnreachable, "admin")
	if len(a.acts) != 0 {
		t.Error("an act was handed in elsewhere")
	}
}

// An account that may connect but is in the other group: root, for one.
func TestReadingFallsBackWhenTheRoleIsRefused(t *testing.T) {
	a := newAppliance(t)
	a.refusing = "admin"
	a.ctl("", "status").want(t, exitOK, "serving")
	a.refusing = "both"
	a.ctl("", "status").want(t, exitRefused, "600 role")
}

func TestListsHoldTheirClassOnly(t *testing.T) {
	a := newAppliance(t)
	for line, want := range map[string][2]string{ // what is shown, what is not
		"key list":         {"contract", "official"},
		"key list --json":  {`{"entries":[{"id":"contract","class":"key"`, "official"},
		"seal list":        {"official", "contract"},
		"seal list --json": {`{"entries":[{"id":"official","class":"seal"`, "contract"},
	} {
		got := a.ctl("", strings.Fields(line)...)
		got.want(t, exitOK, want[0])
		if strings.Contains(got.out, want[1]) {
			t.Errorf("%s shows %s:\n%s", line, want[1], got.out)
		}
	}
	a.answer[admin.PathEntries] = admin.Entries{}
	a.ctl("", "key", "list").want(t, exitOK, "no keys yet")
	if got := a.ctl("", "seal", "list", "--json"); got.out != "{\"entries\":[]}\n" {
		t.Errorf("no seals as JSON are %q", got.out)
	}
}

func TestOneTokenIsShownOrNotFound(t *testing.T) {
	a := newAppliance(t)
	a.ctl("", "token", "status", "seals").want(t, exitOK, "8 open of 8")
	a.ctl("", "token", "status", "nope").want(t, exitNotFound, "signetctl token list")
	a.ctl("", "token", "status", "seals", "--json").want(t, exitOK, `"sessions_open":8`)
}

func TestRefusalSaysCodeRuleTimeAndNextCommand(t *testing.T) {
	a := newAppliance(t)
	event := uint64(12)
	refusal := protocol.NewError(protocol.OutsideHours, "evil\x1b[2J\ntext").WithRule("hours").RetryAt(applianceTime)
	refusal.Event = &event
	a.fault[admin.PathEntries+"/contract"] = refusal
	got := a.ctl("", "key", "show", "contract")
	got.want(t, exitLater, "code 208 outside_hours", "rule hours", "event 12", "try again after 2026-11-22", "next: signetctl policy show contract")
	if strings.ContainsFunc(strings.ReplaceAll(got.err, "\n", ""), unicode.IsControl) || strings.Contains(got.err, "\ntext") {
		t.Errorf("the daemon's words reached the terminal raw: %q", got.err)
	}
	a.ctl("zh_CN.UTF-8", "key", "show", "contract").want(t, exitLater, "代码 208 outside_hours", "不在允许用印的时段内", "下一步：")
	json := a.ctl("", "key", "show", "contract", "--json")
	json.want(t, exitLater, `"code":208`, `"exit":4`, `"next":"signetctl policy show contract"`, `"retry":"after"`)
	if json.out != "" {
		t.Errorf("a refusal wrote to standard output: %q", json.out)
	}

	a.fault[admin.PathEntries] = protocol.NewError(protocol.Uninitialised, "no store yet")
	a.ctl("", "key", "list").want(t, exitRefused, "next: signetctl init CEREMONY.toml --plan")
	a.fault[admin.PathEntries] = protocol.NewError(protocol.Poisoned, "")
	a.ctl("", "key", "list").want(t, exitRefused, "next: signetctl mode show")
	a.ctl("", "key", "show", "absent").want(t, exitNotFound, "signetctl key list")
}

// A title is what somebody typed years ago, or what a broken daemon says.
func TestNothingOfTheDaemonDrivesTheTerminal(t *testing.T) {
	a := newAppliance(t)
	evil := "a\x1b]0;pwned\a\u009b2J\u202e\nforged line\rover"
	entry := admin.Entry{ID: "contract", Class: "key", Status: evil, Title: evil, KeyType: evil, Token: evil, Algorithms: []string{evil}, PublicKey: "-----BEGIN\n" + evil,
		Holds: []admin.Hold{{ID: 1, Basis: evil, Authority: evil}}, Origin: evil, Created: evil, Transcript: evil}
	token := admin.Token{Name: "seals", State: evil, LastError: evil, Mend: evil, Module: evil, URI: evil, Model: evil, Notices: []string{evil}, Profile: evil}
	entry.Owner, entry.Ended, entry.Proof, entry.Unproven, entry.Custodians = evil, evil, "unproven", evil, []string{evil}
	entry.Certificates = []admin.Certificate{{Subject: evil, Issuer: evil, Serial: evil, NotAfter: evil, CA: evil, Licence: evil, Revoked: evil}}
	a.answer[admin.PathEntries] = admin.Entries{Entries: []admin.Entry{entry}}
	a.answer[admin.PathEntries+"/contract"] = entry
	a.answer[admin.PathOfficers] = admin.Officers{Officers: []admin.Officer{{ID: evil, Name: evil, Role: evil, Keys: []string{evil}, Entries: []string{evil}, Owner: evil}}}
	a.answer[admin.PathCRLs] = admin.CRLs{CRLs: []admin.CRL{{Issuer: evil, Number: evil, ThisUpdate: evil}}}
	a.waiting["x"] = admin.Proposal{Nonce: evil, Kind: evil, Target: evil, NotAfter: evil, Signers: []string{evil}, Missing: evil}
	a.answer[admin.PathTokens] = admin.Tokens{Tokens: []admin.Token{token}}
	a.answer[admin.PathStatus] = admin.Status{Mode: evil, Reason: evil, Mend: evil, Name: evil, Appliance: evil, Root: evil, Clock: evil, Version: evil,
		Warnings: []string{evil}, Tokens: []admin.Token{token}, Entries: []admin.Count{{Status: evil, Count: 1}}}
	a.answer[admin.PathApprovals] = admin.Approvals{Approvals: []admin.Approval{{ID: evil, State: evil, Entry: evil, Purpose: evil, Person: evil, Form: evil}}}
	a.lines = []string{`{"clock":"` + "\u009b2J\u202e" + `","entry":"` + "\u009b2J" + `","` + "k\u009b" + `":"x","reason":"` + "\u202e" + `","seq":0}`}
	for _, line := range []string{"status", "key list", "key show contract", "token list", "token status seals", "mode show", "log list", "log show 0",
		"act list", "officer list", "cert list contract", "cert crl", "approval list"} {
		for _, lang := range []string{"C", "zh_CN.UTF-8"} {
			got := a.ctl(lang, strings.Fields(line)...)
			got.want(t, exitOK)
			for _, shown := range strings.Split(got.out+got.err, "\n") {
				if screen.Clean(shown) != shown {
					t.Errorf("%s wrote %q", line, shown)
				}
				if strings.HasPrefix(strings.TrimSpace(shown), "forged") {
					t.Errorf("%s let a line be forged: %q", line, shown)
				}
				if screen.Width(shown) > screen.Columns && line != "log show 0" {
					t.Errorf("%s wrote %d columns: %q", line, screen.Width(shown), shown)
				}
			}
		}
	}
}
