package systemd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a person types at 3 a.m. from the journal must be there. A verb that is
// not built yet answers even --help with its own exit status, and a word that
// is no verb gets the help of its group: so the help must be the command's own.
func TestCatalogsNameOnlyCommandsThatExist(t *testing.T) {
	signetctl := buildSignetctl(t)
	for path := range catalogs {
		for _, command := range commandsOf(t, path) {
			args := strings.Fields(command)[1:]
			cmd := exec.Command(signetctl, append(args, "--help")...)
			cmd.Env = append(os.Environ(), "LANG=C.UTF-8", "LC_ALL=", "LC_MESSAGES=")
			out, err := cmd.CombinedOutput()
			if own := "signetctl " + verbOf(args) + " - "; err != nil || !bytes.HasPrefix(out, []byte(own)) {
				t.Errorf("%s names %q: with --help: %v, %.80q, want its own help, %q...", path, command, err, out, own)
			}
		}
	}
}

func buildSignetctl(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signetctl")
	cmd := exec.Command("go", "build", "-o", path, "../daemon/cmd/signetctl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building signetctl: %v\n%s", err, out)
	}
	return path
}

// commandsOf returns the command lines of signetctl, with a value in place of
// each field of the entry.
func commandsOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^    signetctl .*$`).FindAllString(string(text), -1)
	if inText := strings.Count(string(text), "signetctl"); len(commands) != inText {
		t.Errorf("%s: signetctl stands %d times, in %d command lines: want all of them under Next command", path, inText, len(commands))
	}
	for i, command := range commands {
		commands[i] = regexp.MustCompile(`@[A-Z_]+@`).ReplaceAllString(strings.TrimSpace(command), "7")
	}
	return commands
}

// verbOf is the verb of a command line: its lower-case words before the first
// argument or flag.
func verbOf(args []string) string {
	end := 0
	for end < len(args) && regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(args[end]) {
		end++
	}
	return strings.Join(args[:end], " ")
}
