package testsofthsm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Control replaces the control file of the shim by lines, as "C_Sign=0x30"
// (shim/README.md has the grammar). No lines: nothing is broken. Calls that
// begin afterwards obey it, in every process that has Env, and calls that hang
// look at it again.
func (k *Token) Control(t testing.TB, lines ...string) {
	t.Helper()
	if err := k.SetControl(lines...); err != nil {
		t.Fatal(err)
	}
}

// SetControl is Control outside of tests.
func (k *Token) SetControl(lines ...string) error {
	for _, line := range lines {
		if strings.ContainsAny(line, "\n\x00") {
			return fmt.Errorf("writing control file: line %q: give each line as an argument of its own", line)
		}
	}
	text := strings.Join(append(lines, ""), "\n")
	if err := replaceFile(k.Env["SIGNET_SHIM_CONTROL"], text); err != nil {
		return fmt.Errorf("writing control file: %w", err)
	}
	return nil
}

// replaceFile renames the new version into place, so that the shim never reads
// half a file. The shim tells versions apart by inode, size and time; inodes are
// used again and the kernel's clock may tick only every few milliseconds, so
// each version gets a time of its own.
func replaceFile(path, text string) error {
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(next, now, now); err != nil {
		return err
	}
	return os.Rename(next, path)
}
