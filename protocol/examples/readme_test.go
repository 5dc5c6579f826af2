package examples_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"signet/protocol"
	"signet/testsoftHSM/stage"
)

var (
	readmes = []string{"README.md", "README.zh-CN.md"}
	fence   = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	retries = map[string]protocol.Retry{
		"now": protocol.Retry_NOW, "after": protocol.Retry_AFTER, "never": protocol.Retry_NEVER,
		"立即": protocol.Retry_NOW, "稍后": protocol.Retry_AFTER, "不要": protocol.Retry_NEVER,
	}
	codes = regexp.MustCompile(`([0-9]{3})(?:-([0-9]{3}))?`)
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the fenced commands of a README.
func blocks(t *testing.T, file string) []string {
	t.Helper()
	var all []string
	for _, m := range fence.FindAllStringSubmatch(read(t, file), -1) {
		all = append(all, m[1])
	}
	return all
}

// runReadme runs the fenced commands of both READMEs as the caller, in a
// folder with this folder's files. The block of a language that is missing
// here is left out.
func runReadme(t *testing.T, s *stage.Stage) {
	commands := blocks(t, readmes[0])
	if len(commands) != 3 || !slices.Equal(commands, blocks(t, readmes[1])) {
		t.Fatalf("%d blocks, want 3, the same in both languages", len(commands))
	}
	d := newDesk(t, s, nil)
	for _, dir := range []string{"python", "java"} {
		if err := os.CopyFS(filepath.Join(d.dir, dir), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"contract.ofd": "a document", "contract.pem": read(t, filepath.Join(s.Dir, "contract.pem"))} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := languages[1].find(); err != nil {
		commands = slices.DeleteFunc(commands, func(c string) bool { return strings.HasPrefix(c, "javac") })
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, command := range commands {
		cmd := s.Command(ctx, stage.CallerUID, []uint32{stage.ClientsGID}, "/bin/sh", "-exc", command)
		cmd.Dir = d.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// TestReadmesSayWhatTheCodesAskFor holds the table of both READMEs against the
// codes: each that occurs on sign.sock stands in the row of its retry.
func TestReadmesSayWhatTheCodesAskFor(t *testing.T) {
	for _, file := range readmes {
		told := tellRetries(t, file)
		for c := protocol.Code(100); c < 1000; c++ {
			if !c.Valid() || (c >= 600 && c < 700) { // 600 to 608 are of acts
				continue
			}
			want := protocol.NewError(c, "").GetRetry()
			if c == protocol.OutsideValidity || c == protocol.QuotaSpent {
				want = protocol.Retry_AFTER // "if they name a time"
			}
			if told[c] != want {
				t.Errorf("%s: code %d %v is %v, want %v", file, uint32(c), c, told[c], want)
			}
			delete(told, c)
		}
		if len(told) != 0 {
			t.Errorf("%s: %v are no codes of sign.sock", file, told)
		}
	}
}

func tellRetries(t *testing.T, file string) map[protocol.Code]protocol.Retry {
	t.Helper()
	told := map[protocol.Code]protocol.Retry{}
	for line := range strings.Lines(read(t, file)) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || retries[strings.TrimSpace(cells[1])] == 0 {
			continue
		}
		for _, m := range codes.FindAllStringSubmatch(cells[2], -1) {
			first, _ := strconv.Atoi(m[1])
			last := first
			if m[2] != "" {
				last, _ = strconv.Atoi(m[2])
			}
			for c := first; c <= last; c++ {
				told[protocol.Code(c)] = retries[strings.TrimSpace(cells[1])]
			}
		}
	}
	return told
}
