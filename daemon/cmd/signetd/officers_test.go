package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/protocol/admin"
	"signet/testsoftHSM/stage"
)

// exitMore is signetctl's exit status for an act that wants more signatures.
const exitMore = 5

// roleOf finds somebody of the cast, or an officer of the stage.
func roleOf(who string) (role, bool) {
	for _, o := range stage.Officers() {
		if o.ID == who {
			return role{o.UID, []uint32{o.GID}}, true
		}
	}
	r, ok := cast[who]
	return r, ok
}

// appoint mixed|gm [ENTRY...] gives the stage officers, and the programs that
// they and their CA use. The custodian keeps the entries. The daemon is not up
// yet.
func appoint(ts *testscript.TestScript, args []string) error {
	p := playOf(ts)
	for _, name := range []string{"testca", "ukey"} {
		program, err := p.programs.tool(name)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		if err := os.WriteFile(p.path(filepath.Join("bin", name)), data, 0o755); err != nil {
			return err
		}
	}
	return p.Appoint(context.Background(), args[0], args[1:]...)
}

// signed OFFICER[+OFFICER...] STATUS VERB ARGS... has the first officer make
// and sign the act of a verb of signetctl, and each of the others sign it as
// he is advised to. The last one is held to STATUS; those before him must hear
// that more signatures are needed.
func signed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: signed OFFICER[+OFFICER...] STATUS VERB ARGS...")
	}
	last, err := strconv.Atoi(args[1])
	ts.Check(err)
	p, officers, command := playOf(ts), strings.Split(args[0], "+"), args[2:]
	for i, who := range officers {
		want := exitMore
		if i == len(officers)-1 {
			want = last
		}
		said := run(ts, who, "signetctl", slices.Concat(command, p.SigningFlags(who)))
		if said.status != want {
			ts.Fatalf("signetctl %v by %s ended with status %d, want %d\n%s%s", command, who, said.status, want, said.out, said.err)
		}
		if i == len(officers)-1 {
			ts.Stdout().Write(said.out)
			ts.Stderr().Write(said.err)
			return
		}
		waiting, err := advisedIn(string(said.err))
		ts.Check(err)
		command = []string{"act", "sign", waiting}
	}
}

// ordain starts the daemon and has everybody named in the ceremony sign it: the
// appliance begins.
func ordain(ts *testscript.TestScript, _ []string) error {
	p := playOf(ts)
	if err := p.up("uninitialised"); err != nil {
		return err
	}
	act := filepath.Join(stage.Desk, "init.act")
	for i, o := range stage.Officers() {
		command := []string{"act", "sign", act}
		if i == 0 {
			command = []string{"init", stage.Ceremony, "-o", act}
		}
		signetctl(ts, o.ID, slices.Concat(command, p.SigningFlags(o.ID))...)
	}
	signetctl(ts, "admin", "act", "submit", act)
	return waitMode(ts, []string{"serving"})
}

// advised is how signetctl names an act that wants more signatures to whoever
// has it signed next.
var advised = regexp.MustCompile(`signetctl act sign ([0-9a-f]{8}) `)

// nonce NAME sets a variable to the act that the last program advised to sign.
func nonce(ts *testscript.TestScript, args []string) error {
	waiting, err := advisedIn(ts.ReadFile("stderr"))
	ts.Setenv(args[0], waiting)
	return err
}

func advisedIn(text string) (string, error) {
	found := advised.FindStringSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("no act to sign is named in:\n%s", text)
	}
	return found[1], nil
}

// field NAME KEY sets a variable to a text of the JSON object that the last
// program wrote.
func field(ts *testscript.TestScript, args []string) error {
	var object map[string]any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &object); err != nil {
		return err
	}
	text, ok := object[args[1]].(string)
	if !ok {
		return fmt.Errorf("%q is no text of %v", args[1], object)
	}
	ts.Setenv(args[0], text)
	return nil
}

// content SM3 FILE has the auditor fetch what a hash stands for.
func content(ts *testscript.TestScript, args []string) error {
	c := stage.HTTPAs(stage.AuditUID, []uint32{stage.AuditGID}, playOf(ts).Socket("audit"))
	answer, err := c.Get("http://signet" + admin.PathContents + "/" + args[0])
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var got admin.Content
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Hash != args[0] {
		return fmt.Errorf("content %s: status %d, %w", args[0], answer.StatusCode, err)
	}
	return os.WriteFile(ts.MkAbs(args[1]), []byte(got.Content), 0o644)
}
