package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/testsoftHSM/need"
	"signet/testsoftHSM/stage"
)

// A block is one fenced block of the README. Its first line says for whom a
// shell block is, or which file a TOML block is.
type block struct{ language, head, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

func readme(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		head, _, _ := strings.Cut(m[2], "\n")
		blocks = append(blocks, block{m[1], strings.TrimPrefix(head, "# "), m[2]})
	}
	return blocks
}

// Every fenced command of the README runs, in its order, on one appliance, as
// the person whom the block names; every fenced file is used as it stands.
// The two make targets are not run from within a test: they must exist here
// and are run in full beside it.
func TestEveryFencedCommandOfTheReadmeRuns(t *testing.T) {
	need.Root(t, "plays several users")
	s := newStage(t)
	if err := os.WriteFile(filepath.Join(s.Dir, "contract.ofd"), []byte("a document"), 0o644); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, b := range readme(t, "README.md") {
		switch {
		case b.language == "sh" && strings.HasPrefix(b.text, "make "):
			checkTarget(t, strings.Fields(b.text)[1])
		case b.language == "sh":
			runAs(t, s, b)
		case b.language == "toml":
			if err := os.WriteFile(filepath.Join(s.Dir, b.head), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		case b.language == "text":
			checkQuoted(t, b)
		case b.language == "go":
			runProgram(t, s, b.text)
		default:
			t.Errorf("block %q: nobody runs it", b.head)
		}
		ran++
	}
	if ran < 10 {
		t.Errorf("%d blocks found: the pattern no longer matches the README", ran)
	}
}

// comment is one in a shell block, a TOML block or the Go program.
var comment = regexp.MustCompile(`(?m)[ \t]*(?:^#|\s#|//).*$`)

// inBothLanguages are the texts whose commands run, without the end of their
// names, which says the language.
var inBothLanguages = []string{"README", guides + "officers", guides + "auditors"}

// What runs in one language is what is typed in the other: the same blocks,
// for the same people, but for what comments say.
func TestBothLanguagesHaveTheSameFencedBlocks(t *testing.T) {
	for _, name := range inBothLanguages {
		t.Run(filepath.Base(name), func(t *testing.T) { sameBlocks(t, readme(t, name+".md"), readme(t, name+".zh-CN.md")) })
	}
}

func sameBlocks(t *testing.T, english, chinese []block) {
	for i := range max(len(english), len(chinese)) {
		if i >= len(english) || i >= len(chinese) {
			t.Fatalf("there are %d blocks in English, %d in Chinese", len(english), len(chinese))
		}
		en, zh := english[i], chinese[i]
		if en.language != zh.language || en.language != "text" && en.head != zh.head {
			t.Errorf("block %d is %s %q in English, %s %q in Chinese", i, en.language, en.head, zh.language, zh.head)
		}
		if a, b := comment.ReplaceAllString(en.text, ""), comment.ReplaceAllString(zh.text, ""); a != b {
			t.Errorf("block %d (%s) differs:\n%s\nand in Chinese\n%s", i, en.head, a, b)
		}
	}
}

// Both have the same sections, so that a reader of one finds his way in the
// other.
func TestBothLanguagesHaveTheSameSections(t *testing.T) {
	for _, name := range inBothLanguages {
		if english, chinese := headings(t, name+".md"), headings(t, name+".zh-CN.md"); english != chinese {
			t.Errorf("%s: the levels of headings are %q in English, %q in Chinese", name, english, chinese)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ `)

func headings(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(heading.FindAllString(fence.ReplaceAllString(string(text), ""), -1), "")
}

// checkQuoted holds lines that are shown and not run to the officers' guide,
// whose commands all run.
func checkQuoted(t *testing.T, b block) {
	t.Helper()
	var runs []string
	for _, guide := range readme(t, guides+"officers.md") {
		if guide.language == "sh" {
			runs = append(runs, strings.Split(comment.ReplaceAllString(guide.text, ""), "\n")...)
		}
	}
	for line := range strings.Lines(b.text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(runs, line) {
			t.Errorf("%q does not run in the officers' guide", line)
		}
	}
}

func newStage(t *testing.T) *stage.Stage {
	t.Helper()
	bin := t.TempDir()
	build(t, bin, "signetd", "1")
	build(t, bin, "signetctl", "0")
	s, err := stage.New(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(s.Dir, "signetd.log"))
			t.Logf("signetd:\n%s", text)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func build(t *testing.T, bin, program, cgo string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", bin, "signet/daemon/cmd/"+program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", program, err, out)
	}
}

func checkTarget(t *testing.T, target string) {
	t.Helper()
	cmd := exec.Command("make", "-n", target)
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("make %s: %v\n%s", target, err, out)
	}
}

var people = map[string]struct{ uid, gid uint32 }{
	"as an administrator": {stage.AdminUID, stage.AdminGID},
	"as an auditor":       {stage.AuditUID, stage.AuditGID},
	"as the caller":       {stage.CallerUID, stage.ClientsGID},
	"as anybody":          {stage.OtherUID, 0},
}

// runAs runs a block line by line: each must succeed.
func runAs(t *testing.T, s *stage.Stage, b block) {
	t.Helper()
	who, ok := people[b.head]
	if !ok {
		t.Fatalf("block begins with %q: want one of the people of this test", b.head)
	}
	if err := os.Chmod(s.Dir, 0o1777); err != nil { // what is written with -o lands here
		t.Fatal(err)
	}
	groups := []uint32{who.gid}
	if who.gid == 0 {
		groups = nil
	}
	cmd := s.Command(context.Background(), who.uid, groups, "/bin/sh", "-exc", b.text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", b.head, err, out)
	}
	if strings.Contains(b.text, "init") {
		if _, err := s.WaitMode(context.Background(), "serving"); err != nil {
			t.Fatal(err)
		}
	}
}

// runProgram compiles the Go example as it stands and runs it as the caller.
func runProgram(t *testing.T, s *stage.Stage, text string) {
	t.Helper()
	dir := t.TempDir()
	source, program := filepath.Join(dir, "main.go"), filepath.Join(s.Dir, "bin", "example")
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("building the Go example: %v\n%s", err, out)
	}
	cmd := s.Command(context.Background(), stage.CallerUID, []uint32{stage.ClientsGID}, program)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "bytes, event") {
		t.Fatalf("the Go example: %v\n%s", err, out)
	}
}
