// Package examples_test runs the clients in other languages against a real
// appliance, and against daemons that break the protocol.
package examples_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/testsoftHSM/need"
)

// patience bounds one run of a program; the slowest takes a tenth of it.
const patience = 60 * time.Second

// programs is where the examples lie ready to be run by any user.
var programs string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("/tmp", "signet-examples-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// A language has one example program, SignFile, and one that tests the client.
type language struct {
	name     string
	required bool // missing, it fails the tests and does not skip them
	find     func() (runner, error)
}

// A runner is the command that runs a program of a language by its name.
type runner func(program string) []string

var languages = []language{
	{"python", true, sync.OnceValues(findPython)},
	{"java", false, sync.OnceValues(compileJava)},
}

// errMissing is wrapped when a machine does not have the language.
var errMissing = errors.New("is not installed: testsoftHSM/deps examples")

// forEach runs a test for each language.
func forEach(t *testing.T, test func(t *testing.T, run runner)) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) { test(t, l.need(t)) })
	}
}

func (l language) need(t *testing.T) runner {
	t.Helper()
	run, err := l.find()
	if errors.Is(err, errMissing) && !l.required {
		need.Skip(t, l.name, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// lookup prefers the system's program: other users of the machine have it too.
func lookup(name string) (string, error) {
	if path := filepath.Join("/usr/bin", name); exists(path) {
		return path, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s %w", name, errMissing)
	}
	return path, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func findPython() (runner, error) {
	python, err := lookup("python3")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(programs, "python")
	if err := errors.Join(os.Chmod(programs, 0o755), os.CopyFS(dir, os.DirFS("python"))); err != nil {
		return nil, err
	}
	return func(program string) []string {
		return []string{python, "-B", "-W", "error", filepath.Join(dir, map[string]string{"SignFile": "sign_file.py", "SelfTest": "selftest.py"}[program])}
	}, nil
}

// compileJava compiles the examples once in a run of the tests.
func compileJava() (runner, error) {
	java, err := lookup("java")
	if err != nil {
		return nil, err
	}
	javac, err := lookup("javac")
	if err != nil {
		return nil, err
	}
	sources, err := filepath.Glob("java/*.java")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(programs, "java")
	args := append([]string{"-encoding", "UTF-8", "--release", "17", "-Xlint:cast,deprecation,fallthrough,overrides,rawtypes,serial,static,try,unchecked", "-Werror", "-d", dir}, sources...)
	if out, err := exec.Command(javac, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac: %w\n%s", err, out)
	}
	return func(program string) []string {
		return []string{java, "-Xmx64m", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-cp", dir, program}
	}, os.Chmod(programs, 0o755)
}

// An outcome is how a program ended and what it wrote.
type outcome struct {
	status      int
	out, faults string
}

// finish runs a command to its end. A stack trace is no clear error.
func finish(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out.String(), faults.String())
	}
	if text := faults.String(); strings.Contains(text, "Traceback") || strings.Contains(text, "\tat ") {
		t.Errorf("a stack trace for the user:\n%s", text)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), faults.String()}
}

// own runs a program as the user of this process.
func own(t *testing.T, command []string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return finish(t, exec.CommandContext(ctx, command[0], append(command[1:], args...)...))
}
