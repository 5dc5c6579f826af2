package testsofthsm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// controlFile tells the shim what to be and to break; shim/README.md has the
// grammar.
type controlFile struct {
	path string
	last time.Time // mtime of the last version written here
}

// Control replaces the shim's control file by lines, as "C_Sign=0x30". No
// lines: nothing is broken. Calls that begin afterwards obey it, in every
// process that has Env, and calls that hang look at it again.
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
	if err := k.control.write(strings.Join(append(lines, ""), "\n")); err != nil {
		return fmt.Errorf("writing control file: %w", err)
	}
	return nil
}

// write renames the new version into place, so that the shim never reads half
// a file. The shim tells versions apart by inode and times; inodes are used
// again and the kernel's clock ticks every few milliseconds, so the times are
// made to differ.
func (c *controlFile) write(text string) error {
	next := c.path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	c.last = mtimeAfter(c.last)
	if err := os.Chtimes(next, c.last, c.last); err != nil {
		return err
	}
	return os.Rename(next, c.path)
}

// mtimeAfter is now, or a nanosecond after last if the clock has not moved on.
func mtimeAfter(last time.Time) time.Time {
	now := time.Now()
	if now.After(last) {
		return now
	}
	return last.Add(time.Nanosecond)
}
