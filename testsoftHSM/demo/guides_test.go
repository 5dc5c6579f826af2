package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
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

// A guide is the appliance of the guides, before anybody has begun it.
type guide struct {
	*stage.Stage
	act, request string // what commands have shown: $ACT and $REQUEST
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	bin := t.TempDir()
	build(t, bin, "signetd", "1")
	build(t, bin, "signetctl", "0")
	s, err := stage.New(bin)
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{Stage: s}
	t.Cleanup(func() { g.strike(t) })
	g.furnish(t)
	return g
}

func (g *guide) path(names ...string) string {
	return filepath.Join(append([]string{g.Dir}, names...)...)
}

// furnish makes what the guides begin with: tools, a home for each officer, a
// desk in which all may write, and a CA.
func (g *guide) furnish(t *testing.T) {
	t.Helper()
	for program, from := range map[string]string{
		"testca": "signet/testsoftHSM/testca", "ukey": "signet/testsoftHSM/ukey", "age-keygen": "filippo.io/age/cmd/age-keygen",
	} {
		g.make(t, "go", "build", "-o", g.path("bin", program), from)
	}
	g.make(t, "gcc", "-shared", "-fPIC", "-o", g.path("token.so"), "../../daemon/cmd/signetctl/internal/signing/testdata/token.c", "-lcrypto")
	for _, id := range []string{"admin", "li", "wang", "zhao", "shen", "zhang", "sun"} {
		g.make(t, "mkdir", "-p", "-m", "700", g.path("home", id, ".ssh"))
	}
	g.make(t, "mkdir", "-m", "777", g.path("desk"))
	g.giveUKey(t, g.path("home", "wang"))
	g.ownHomes(t)
	g.foundCA(t)
}

// giveUKey makes a UKey: its certificate lies in the home, and the program
// ukey-sign is what its maker has for it.
func (g *guide) giveUKey(t *testing.T, home string) {
	t.Helper()
	g.make(t, "sh", "-ec", `mkdir -m 700 $0/ukey
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out $0/ukey/ukey.key
openssl req -new -x509 -sm3 -sigopt distid:1234567812345678 -key $0/ukey/ukey.key -subj /CN=wang -days 365 \
  -addext keyUsage=critical,digitalSignature -out $0/ukey/ukey.pem
cp $0/ukey/ukey.pem $0/ukey.pem
printf '#!/bin/sh\nexec ukey %s/ukey\n' $0 > $1
chmod 755 $1`, home, g.path("bin", "ukey-sign"))
}

// ownHomes gives each officer what lies in his home: some of it root made for
// him.
func (g *guide) ownHomes(t *testing.T) {
	t.Helper()
	for _, o := range stage.Officers() {
		g.make(t, "chown", "-R", fmt.Sprintf("%d:%d", o.UID, o.UID), g.path("home", o.ID))
	}
}

func (g *guide) foundCA(t *testing.T) {
	t.Helper()
	c, err := ca.New(algo.KeySM2, time.Now().Add(-time.Hour).Truncate(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	root := ca.PEM(c.Root.Certificate.Raw)
	if err := errors.Join(c.Save(g.path("ca")), os.WriteFile(g.path("ca-root.pem"), root, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (g *guide) make(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
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

// A command is one of a block, and the exit status that the block names.
type command struct {
	text   string
	status int
}

var (
	saidStatus = regexp.MustCompile(`\s# status (\d+)`)
	hereMark   = regexp.MustCompile(`<<'?([A-Z]+)'?`)
)

// commandsOf takes a shell block apart.
func commandsOf(text string) []command {
	var all []command
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:]
	for len(lines) > 0 {
		n := lengthOf(lines)
		c := command{text: strings.Join(lines[:n], "\n")}
		if m := saidStatus.FindStringSubmatch(c.text); m != nil {
			c.status, _ = strconv.Atoi(m[1])
		}
		if typed := strings.TrimSpace(lines[0]); typed != "" && typed[0] != '#' {
			all = append(all, c)
		}
		lines = lines[n:]
	}
	return all
}

// lengthOf is how many lines the first command takes.
func lengthOf(lines []string) int {
	n := 1
	for strings.HasSuffix(lines[n-1], `\`) {
		n++
	}
	if m := hereMark.FindStringSubmatch(lines[n-1]); m != nil {
		for n++; lines[n-1] != m[1]; n++ {
		}
	}
	return n
}

// What a command shows and a later one is given.
var (
	advisedAct     = regexp.MustCompile(`signetctl act sign ([0-9a-f]{8}) `)
	advisedRequest = regexp.MustCompile(`--fetch ([0-9a-f]{64}) `)
)

func (g *guide) command(t *testing.T, head string, who sitter, c command) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := g.Command(ctx, who.uid, who.groups, "/bin/sh", "-c", g.here(c.text))
	cmd.Dir = g.path("desk")
	cmd.Env = append(cmd.Env, "HOME="+who.home, "ACT="+g.act, "REQUEST="+g.request, "NO_COLOR=1", "SSH_SK_PROVIDER="+g.path("token.so"))
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

// What somebody at the terminal answers.
var answers = []struct {
	question *regexp.Regexp
	answer   string
}{
	{regexp.MustCompile(`\[y/N\] $`), "y\n"},
	{regexp.MustCompile(`(?i)passphrase[^\n]*: ?$`), "four words of nobody else\n"},
}

// onTerminal runs a command on a terminal of its own, answers what it asks, and
// returns all that was shown.
func onTerminal(cmd *exec.Cmd) (string, error) {
	master, slave, err := openTerminal()
	if err != nil {
		return "", err
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := errors.Join(cmd.Start(), slave.Close()); err != nil {
		return "", err
	}
	var said bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { converse(master, &said) })
	err = cmd.Wait()
	reading.Wait()
	return strings.ReplaceAll(said.String(), "\r\n", "\n"), err
}

// converse reads until nobody holds the other end.
func converse(master *os.File, said *bytes.Buffer) {
	b := make([]byte, 4096)
	answered := 0
	for {
		n, err := master.Read(b)
		said.Write(b[:n])
		for _, a := range answers {
			if a.question.Match(said.Bytes()[answered:]) {
				answered = said.Len()
				io.WriteString(master, a.answer)
			}
		}
		if err != nil { // EIO
			return
		}
	}
}

func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, slave, nil
}
