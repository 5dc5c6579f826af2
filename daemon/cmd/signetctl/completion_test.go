package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"signet/protocol"
	"signet/protocol/admin"
)

func TestCompletionOffersWhatThereIs(t *testing.T) {
	a := newAppliance(t)
	a.answer[admin.PathApprovals] = admin.Approvals{Approvals: []admin.Approval{{ID: "0123456789abcdef"}}}
	for line, want := range map[string][]string{
		"key show ":                           {"contract", "official"},
		"key resume ":                         {"contract"},
		"sign ":                               {"contract"},
		"verify ":                             {"contract"},
		"token status ":                       {"seals"},
		"key create k --token ":               {"seals"},
		"key create k --type ":                {"SM2", "RSA-4096"},
		"sign contract f --algorithm ":        {"SM2-SM3", "ED25519"},
		"sign contract f --format ":           {"der", "hex"},
		"verify contract f --format ":         {"auto"},
		"init --crypto ":                      {"gm", "mixed"},
		"init --crypto gm --deployment ":      {"hosting"},
		"log list --result ":                  {"refused"},
		"log list --entry ":                   {"contract"},
		"completion ":                         {"bash", "zsh", "fish"},
		"policy ":                             {"set", "show", "test", "diff"},
		"policy diff ":                        {"contract"},
		"policy test contract --operation ":   {"digest", "stamp"},
		"policy test contract --carries ":     {"user_id"},
		"approval ":                           {"request", "list", "show", "grant", "deny", "revoke"},
		"approval list --state ":              {"pending", "expired"},
		"approval grant ":                     {"0123456789abcdef"},
		"sign contract f --approval ":         {"0123456789abcdef"},
		"init --crypto gm --authority ":       {"development"},
		"key show contract --public-key k.p ": nil,
	} {
		args := strings.Split(line, " ")
		got := a.ctl("", append([]string{"__complete"}, args...)...)
		got.want(t, exitOK)
		var offered []string
		for _, l := range strings.Split(got.out, "\n") {
			word, _, _ := strings.Cut(l, "\t")
			offered = append(offered, word)
		}
		for _, word := range want {
			if !slices.Contains(offered, word) {
				t.Errorf("after %q completion offers %q, not %s", line, offered, word)
			}
		}
	}
}

func TestFlagThatIsOfferedButNotDefinedIsToldByItsVerb(t *testing.T) {
	cmd := &cobra.Command{Use: "verb", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return nil }}
	offer(cmd, "absent", nil)
	cmd.SetArgs([]string{})
	if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("the verb ran: %v, want an error that names the flag", err)
	}
}

// A caller, who may not read the register, is offered his own entries.
func TestCompletionOffersACallerHisEntries(t *testing.T) {
	a := newAppliance(t)
	a.refusing = "both"
	a.entries = []*protocol.EntryInfo{{Id: "mine"}}
	a.ctl("", "__complete", "sign", "").want(t, exitOK, "mine")
}

func TestCompletionScriptsAreForTheirShells(t *testing.T) {
	a := newAppliance(t)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		a.ctl("", "completion", shell).want(t, exitOK, "signetctl")
	}
}

// bashAsk completes a line as a person at a terminal has it: bash splits it,
// calls what the script registered for the command, and COMPREPLY is the
// answer. Package bash-completion is not asked for.
const bashAsk = `
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<<"${2//=/ = }"
[[ $2 == *[[:space:]] ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
spec=$(complete -p signetctl) && function=${spec#*-F } && function=${function%% *}
"$function" signetctl "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\n' "${COMPREPLY[@]}"
`

func TestCompletionInBash(t *testing.T) {
	if testing.Short() {
		t.Skip("builds signetctl")
	}
	a := newAppliance(t)
	a.answer[admin.PathEntries] = admin.Entries{Entries: []admin.Entry{{ID: "contract"}, {ID: "invoice"}, {ID: "contract-2"}}}
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	script := filepath.Join(bin, "signetctl.bash")
	if err := os.WriteFile(script, []byte(a.ctl("", "completion", "bash").out), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"signetctl key show c":               "contract contract-2",
		"signetctl key show contract-":       "contract-2 ",
		"signetctl key sh":                   "show",
		"signetctl verif":                    "verify",
		"signetctl sign contract --form":     "--format",
		"signetctl sign contract --format=b": "base64",
		"signetctl token status ":            "seals",
	} {
		cmd := exec.Command("bash", "--norc", "-c", bashAsk, "bash", script, line)
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "SIGNET_ADMIN_SOCKET=" + a.socket("admin"), "SIGNET_SIGN_SOCKET=" + a.socket("sign")}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v\n%s", line, err, out)
			continue
		}
		var offered []string
		for _, l := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			word, _, _ := strings.Cut(strings.TrimSpace(l), " ")
			offered = append(offered, word)
		}
		slices.Sort(offered)
		if strings.Join(offered, " ") != strings.TrimSpace(want) {
			t.Errorf("after %q bash offers %q, want %q", line, offered, want)
		}
	}
}
