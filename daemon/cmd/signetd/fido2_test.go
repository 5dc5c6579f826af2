package main_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// authenticator builds the FIDO2 token in software of signetctl's tests and
// has OpenSSH use it for all that follows. TOKEN_FLAGS=0 is a signature that
// nobody touched it for.
func authenticator(ts *testscript.TestScript, _ []string) error {
	library := playOf(ts).path("token.so")
	cmd := exec.Command("gcc", "-shared", "-fPIC", "-o", library, tokenSource, "-lcrypto")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the token: %w\n%s", err, out)
	}
	ts.Setenv("SSH_SK_PROVIDER", library)
	ts.Setenv("TOKEN_FLAGS", "1")
	return nil
}

const tokenSource = "../signetctl/internal/signing/testdata/token.c"

// agent OFFICER FILE... starts the officer's ssh-agent, which holds the keys in
// the files, for all that follows.
func agent(ts *testscript.TestScript, args []string) error {
	p, who := playOf(ts), args[0]
	r, ok := roleOf(who)
	if !ok {
		return fmt.Errorf("%q is not in the cast", who)
	}
	socket := p.path(filepath.Join("keys", who, "agent"))
	// -P: the token's library lies outside of /usr/lib.
	cmd := p.Command(context.Background(), r.uid, r.groups, "ssh-agent", "-D", "-a", socket, "-P", "/*")
	cmd.Env = append(cmd.Env, scriptEnv(ts)...)
	if err := cmd.Start(); err != nil {
		return err
	}
	ts.Defer(func() {
		cmd.Process.Signal(unix.SIGTERM)
		cmd.Wait()
	})
	ts.Setenv("SSH_AUTH_SOCK", socket)
	until(ts, false, []string{"no identities", who, "ssh-add", "-l"})
	as(ts, false, append([]string{who, "0", "ssh-add", "-q"}, args[1:]...))
	return nil
}
