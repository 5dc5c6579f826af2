package testsofthsm_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	testsofthsm "signet/testsoftHSM"
)

// The shim is C that many tests run inside their own process: a wild write of
// its would be looked for everywhere else. Two sanitizers watch it; SoftHSM2
// and OpenSSL are not instrumented.
func TestShimIsCleanUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the shim twice")
	}
	for name, c := range map[string]struct {
		flags string
		env   []string
	}{
		"address,undefined": {"-fsanitize=address,undefined -fno-sanitize-recover=all", nil},
		"thread":            {"-fsanitize=thread", []string{"TSAN_OPTIONS=halt_on_error=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := testsofthsm.New(t)
			out := t.TempDir()
			run(t, exec.Command("make", "-C", "shim", "OUT="+out, "CFLAGS=-O1 -g", "SANITIZE="+c.flags, "all", "exercise"))
			run(t, exec.Command(filepath.Join(out, "signet-shim-parsefuzz"), "100000"))
			cmd := exec.Command(filepath.Join(out, "signet-shim-exercise"), filepath.Join(out, "libsignet-sm2shim.so"), k.Label, k.Env["SIGNET_SHIM_CONTROL"])
			cmd.Env = append(k.Environ(), c.env...)
			cmd.Stdin = strings.NewReader(k.PIN + "\n")
			run(t, cmd)
		})
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}
