package main

import (
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"signet/testsoftHSM/need"
	"signet/testsoftHSM/stage"
)

const guides = "daemon/cmd/signetctl/"

// Every fenced command of the officers' guide and then of the auditors' runs,
// in its order, on one appliance, as the person whom the block names, who sits
// at a terminal and answers what he is asked. Blocks of text are not run: they
// make accounts, or show what was said.
func TestEveryFencedCommandOfTheGuidesRuns(t *testing.T) {
	need.Root(t, "plays several users")
	g := newGuide(t)
	for _, name := range []string{"officers.md", "auditors.md"} {
		ran := 0
		for _, b := range readme(t, guides+name) {
			switch b.language {
			case "text":
				continue
			case "sh":
				g.run(t, b)
			case "toml":
				g.configure(t, b)
			case "python":
				g.lay(t, b)
			default:
				t.Errorf("%s: block %q: nobody runs it", name, b.head)
			}
			ran++
		}
		if ran < 8 {
			t.Errorf("%d blocks found in %s: the pattern no longer matches it", ran, name)
		}
	}
}

// configure adds a block to signetd.toml.
func (g *guide) configure(t *testing.T, b block) {
	t.Helper()
	if !strings.HasPrefix(b.head, "signetd.toml") {
		t.Fatalf("block %q: want a part of signetd.toml", b.head)
	}
	f, err := os.OpenFile(g.Config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, g.here(b.text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// lay puts a program on the desk.
func (g *guide) lay(t *testing.T, b block) {
	t.Helper()
	name, _, _ := strings.Cut(b.head, ":")
	if err := os.WriteFile(g.path("desk", name), []byte(b.text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// here is a text with the folders of an appliance as they are on this stage.
func (g *guide) here(text string) string {
	return strings.NewReplacer(
		"/run/signet/audit/audit.sock", g.Socket("audit"), "/etc/signet/trust", g.Dir, "/var/lib/signet", g.path("state"), `module = "hsm"`, `module = "soft"`,
	).Replace(text)
}

// A sitter is who types the commands of a block, and where.
type sitter struct {
	uid    uint32
	groups []uint32
	home   string
}

var officerBlock = regexp.MustCompile(`^as ([a-z]+), an? (.*)$`)

// sitter finds who a block is for. On a machine of his own somebody is root
// here: ssh-keygen refuses a uid that the machine does not know.
func (g *guide) sitter(t *testing.T, head string) sitter {
	t.Helper()
	if m := officerBlock.FindStringSubmatch(head); m != nil {
		for _, o := range stage.Officers() {
			if o.ID == m[1] && strings.ReplaceAll(o.Role, "-", " ") == m[2] {
				return sitter{o.UID, []uint32{o.GID}, g.path("home", o.ID)}
			}
		}
	}
	if name, ok := strings.CutSuffix(head, "'s own machine"); ok {
		return sitter{home: g.path("home", strings.TrimPrefix(name, "on "))}
	}
	switch head {
	case "as the caller":
		return sitter{stage.CallerUID, []uint32{stage.ClientsGID}, g.path("home")}
	case "as root", "at the CA":
		return sitter{home: g.path("home")}
	}
	t.Fatalf("block begins with %q: want one of the people of this test", head)
	return sitter{}
}

// run runs a block command by command: each must end as the block says.
func (g *guide) run(t *testing.T, b block) {
	t.Helper()
	who := g.sitter(t, b.head)
	for _, c := range commandsOf(b.text) {
		if args := strings.Fields(c.text); args[0] == "systemctl" {
			g.control(t, args[1], args[len(args)-1])
			continue
		}
		g.command(t, b.head, who, c)
	}
	if strings.HasSuffix(b.head, "own machine") {
		g.ownHomes(t)
	}
}

// What a command shows and a later one is given.
var (
	advisedAct      = regexp.MustCompile(`signetctl act sign ([0-9a-f]{8}) `)
	advisedRequest  = regexp.MustCompile(`--fetch ([0-9a-f]{64}) `)
	advisedApproval = regexp.MustCompile(`signetctl approval show ([0-9a-f]{16})`)
)

func (g *guide) command(t *testing.T, head string, who sitter, c command) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := g.Command(ctx, who.uid, who.groups, "/bin/sh", "-c", g.here(c.text))
	cmd.Dir = g.path("desk")
	cmd.Env = append(cmd.Env, "HOME="+who.home, "LANG=C.UTF-8", "ACT="+g.act, "REQUEST="+g.request, "APPROVAL="+g.approval, "NO_COLOR=1", "SSH_SK_PROVIDER="+g.path("token.so"))
	said, err := onTerminal(cmd)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != c.status {
		t.Fatalf("%s:\n%s\nended with %v, want status %d\n%s", head, c.text, err, c.status, said)
	}
	if testing.Verbose() {
		t.Logf("%s:\n$ %s\n%s", head, c.text, said)
	}
	if m := advisedAct.FindStringSubmatch(said); m != nil {
		g.act = m[1]
	}
	if m := advisedRequest.FindStringSubmatch(said); m != nil {
		g.request = m[1]
	}
	if m := advisedApproval.FindStringSubmatch(said); m != nil {
		g.approval = m[1]
	}
}

// control is systemctl. Behind start stands the mode that comes of it.
func (g *guide) control(t *testing.T, verb, mode string) {
	t.Helper()
	switch verb {
	case "start":
		if err := g.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, err := g.WaitMode(context.Background(), mode); err != nil {
			t.Fatal(err)
		}
	case "stop":
		if code, err := g.Stop(); err != nil || code != 0 {
			t.Fatalf("stopping signetd: status %d, %v", code, err)
		}
	default:
		t.Fatalf("systemctl %s: nobody does this here", verb)
	}
}

func (g *guide) strike(t *testing.T) {
	if t.Failed() {
		text, _ := os.ReadFile(g.path("signetd.log"))
		t.Logf("signetd:\n%s", text)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
