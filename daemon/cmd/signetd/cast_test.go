package main_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/testsoftHSM/stage"
)

// A role is a user of the machine, with his groups.
type role struct {
	uid    uint32
	groups []uint32
}

// cast is who plays. other may use sign.sock but is in no policy; stranger is
// in no group.
var cast = map[string]role{
	"root":     {0, nil},
	"daemon":   {stage.DaemonUID, []uint32{stage.ClientsGID, stage.AdminGID, stage.AuditGID}},
	"outsider": {stage.DaemonUID, nil}, // the daemon's user without its groups
	"caller":   {stage.CallerUID, []uint32{stage.ClientsGID}},
	"other":    {stage.OtherUID, []uint32{stage.ClientsGID}},
	"admin":    {stage.AdminUID, []uint32{stage.AdminGID}},
	"audit":    {stage.AuditUID, []uint32{stage.AuditGID}},
	"stranger": {20099, nil},
}

// as WHO STATUS PROGRAM ARGS... runs a program as somebody and holds it to its
// exit status. Commands stdout and stderr look at what it wrote.
func as(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: as WHO STATUS PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	said := run(ts, args[0], args[2], args[3:])
	ts.Stdout().Write(said.out)
	ts.Stderr().Write(said.err)
	if said.status != want {
		ts.Fatalf("%s ended with status %d, want %d", args[2], said.status, want)
	}
}

// until PATTERN WHO PROGRAM ARGS... runs a program again and again until its
// output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: until PATTERN WHO PROGRAM ARGS...")
	}
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	deadline := time.After(patience)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		said := run(ts, args[1], args[2], args[3:])
		if pattern.Match(said.out) {
			ts.Stdout().Write(said.out)
			return
		}
		select {
		case <-poll.C:
		case <-deadline:
			ts.Fatalf("waited %v for %q; the last was\n%s%s", patience, args[0], said.out, said.err)
		}
	}
}

// A saying is what one run of a program has come to.
type saying struct {
	out, err []byte
	status   int
}

func run(ts *testscript.TestScript, who, program string, args []string) saying {
	p := playOf(ts)
	r, ok := roleOf(who)
	if !ok {
		ts.Fatalf("%q is not in the cast", who)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := p.Command(ctx, r.uid, r.groups, program, args...)
	cmd.Env = slices.Concat(cmd.Env, scriptEnv(ts))
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	p.said.Write(out.Bytes())
	p.said.Write(diagnostics.Bytes())
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		ts.Fatalf("running %s: %v", program, err)
	}
	if err := ctx.Err(); err != nil {
		ts.Fatalf("%s did not end within %v: %v\n%s%s", program, patience, err, out.Bytes(), diagnostics.Bytes())
	}
	return saying{out.Bytes(), diagnostics.Bytes(), cmd.ProcessState.ExitCode()}
}

// signetctl runs one command line that must succeed.
func signetctl(ts *testscript.TestScript, who string, args ...string) []byte {
	said := run(ts, who, "signetctl", args)
	if said.status != 0 {
		ts.Fatalf("signetctl %v ended with status %d\n%s%s", args, said.status, said.out, said.err)
	}
	return said.out
}

// scriptEnv is what of a script's environment its programs see.
func scriptEnv(ts *testscript.TestScript) []string {
	env := []string{"TZ=UTC"}
	for _, name := range []string{"LANG", "LC_ALL", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "TOKEN_FLAGS"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
