package store

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A syscall is one line of strace -f -y, in the order in which it was begun.
type syscall struct {
	name   string
	path   string // of its descriptor
	args   string
	result string
}

func (c syscall) injected() bool { return strings.HasSuffix(c.result, "(INJECTED)") }

// writes tells whether the call changes a file or makes it durable.
func (c syscall) writes() bool {
	switch c.name {
	case "pwrite64", "ftruncate", "fdatasync", "fsync":
		return true
	}
	return false
}

// at returns length and offset of a pwrite64.
func (c syscall) at(t *testing.T) (length, offset int) {
	t.Helper()
	m := regexp.MustCompile(`, (\d+), (\d+)$`).FindStringSubmatch(c.args)
	if m == nil {
		t.Fatalf("no length and offset in %s(%s)", c.name, c.args)
	}
	length, _ = strconv.Atoi(m[1])
	offset, _ = strconv.Atoi(m[2])
	return length, offset
}

const tracedCalls = "trace=pwrite64,write,fdatasync,fsync,ftruncate,rename,renameat,renameat2,unlink,unlinkat"

// traced runs a child under strace, with a fault where inject names one, and
// returns what it said and did.
func traced(t *testing.T, inject, verb, path string) (said []string, did []syscall) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is not installed: apt-get install strace")
	}
	record := filepath.Join(t.TempDir(), "trace")
	args := []string{strace, "-f", "-y", "-s", "128", "-o", record, "-e", tracedCalls}
	if inject != "" {
		args = append(args, "--inject="+inject)
	}
	cmd := childCommand(t, verb, path)
	cmd.Path, cmd.Args = strace, append(args, cmd.Args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("strace: %v", err)
	}
	if exit != nil && exit.ExitCode() != 1 {
		t.Fatalf("child %s: %v\n%s%s", verb, err, out, exit.Stderr)
	}
	trace, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	did = parseTrace(string(trace))
	if len(did) == 0 {
		t.Fatalf("strace saw nothing of %q", out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), did
}

var (
	traceBegun   = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	traceResumed = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	traceEnd     = regexp.MustCompile(`^(.*)\) += (.*)$`)
	tracePath    = regexp.MustCompile(`^\d+<([^>]*)>`)
)

// parseTrace joins what strace splits when threads take turns.
func parseTrace(trace string) (calls []syscall) {
	running := map[string]int{} // thread -> index of its unfinished call
	for line := range strings.Lines(trace) {
		line = strings.TrimSuffix(line, "\n")
		if m := traceResumed.FindStringSubmatch(line); m != nil {
			if i, ok := running[m[1]]; ok {
				calls[i].finish(calls[i].args + m[2])
			}
			continue
		}
		m := traceBegun.FindStringSubmatch(line)
		if m == nil {
			continue // exits and signals
		}
		c := syscall{name: m[2]}
		if begun, ok := strings.CutSuffix(m[3], " <unfinished ...>"); ok {
			c.args, running[m[1]] = begun, len(calls)
		} else {
			c.finish(m[3])
		}
		if p := tracePath.FindStringSubmatch(m[3]); p != nil {
			c.path = p[1]
		}
		calls = append(calls, c)
	}
	return calls
}

func (c *syscall) finish(rest string) {
	if m := traceEnd.FindStringSubmatch(rest); m != nil {
		c.args, c.result = m[1], m[2]
	}
}

// last returns the index of the last call that fits, -1 for none.
func last(calls []syscall, fits func(syscall) bool) int {
	for i := len(calls) - 1; i >= 0; i-- {
		if fits(calls[i]) {
			return i
		}
	}
	return -1
}

func TestTraceIsParsed(t *testing.T) {
	got := parseTrace(`7 fdatasync(3</tmp/a.db> <unfinished ...>
8 pwrite64(4</tmp/b.db>, "\1) = 2"..., 4096, 8192) = 4096
7 <... fdatasync resumed>)          = -1 EIO (Input/output error) (INJECTED)
8 --- SIGURG {si_signo=SIGURG} ---
8 renameat2(AT_FDCWD</>, "/tmp/a", AT_FDCWD</>, "/tmp/b", RENAME_NOREPLACE) = 0
8 +++ exited with 0 +++
`)
	if len(got) != 3 || !got[0].injected() || got[0].path != "/tmp/a.db" || got[1].injected() || got[2].result != "0" {
		t.Fatalf("parseTrace = %+v", got)
	}
	if length, offset := got[1].at(t); length != 4096 || offset != 8192 {
		t.Errorf("pwrite64 of %d at %d, want 4096 at 8192", length, offset)
	}
}
