package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/testsoftHSM/need"
)

// TestScripts runs testdata/script: signetd and signetctl as people and
// systems use them, each script on an appliance of its own with a real token.
func TestScripts(t *testing.T) {
	needRoot(t)
	bin := buildPrograms(t)
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		Setup:              func(env *testscript.Env) error { return setUp(env, bin) },
		Cmds:               commands,
		RequireUniqueNames: true,
	})
}

func needRoot(t *testing.T) {
	t.Helper()
	need.Root(t, "plays several users")
}

// programs are the builds of one test process.
type programs struct {
	dir string
	// unverified is a signetd that lets the module's word go unverified: the
	// control for what signetctl finds by itself. Built when asked for.
	unverified func() (string, error)
	// tool is a program of testsoftHSM by its name. Built when asked for.
	tool func(name string) (string, error)
}

func buildPrograms(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	if err := build(filepath.Join(dir, "signetd"), "signet/daemon/cmd/signetd"); err != nil {
		t.Fatal(err)
	}
	if err := build(filepath.Join(dir, "signetctl"), "signet/daemon/cmd/signetctl", "CGO_ENABLED=0"); err != nil {
		t.Fatal(err)
	}
	unverified := filepath.Join(dir, "unverified")
	return programs{dir, sync.OnceValues(func() (string, error) {
		return unverified, build(unverified, "signet/daemon/cmd/signetd", "GOFLAGS="+os.Getenv("GOFLAGS")+" -tags=broken_verify")
	}), tools(dir)}
}

// tools builds each program of testsoftHSM once.
func tools(dir string) func(string) (string, error) {
	var building sync.Mutex
	built := map[string]error{}
	return func(name string) (string, error) {
		building.Lock()
		defer building.Unlock()
		program := filepath.Join(dir, name)
		err, done := built[name]
		if !done {
			err = build(program, "signet/testsoftHSM/"+name)
			built[name] = err
		}
		return program, err
	}
}

func build(out, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, text)
	}
	return nil
}
