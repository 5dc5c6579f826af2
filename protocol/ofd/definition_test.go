package ofd

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"signet/testsoftHSM/need"
)

// block returns what stands in ofd.md between fence and the end of the block.
func block(t *testing.T, fence string) string {
	t.Helper()
	text, err := os.ReadFile("ofd.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n"+fence+"\n")
	body, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatalf("ofd.md has no block %s", fence)
	}
	return body
}

func TestTheExampleOfTheManualIsRight(t *testing.T) {
	refs := mustFile(t, zipped(t, zip.Deflate, []part{
		{"OFD.xml", "x"}, {"Doc_0/Document.xml", "abc"}, {"Doc_0/Pages/Page_0/Content.xml", ""}, {"Doc_0/Signs/Signatures.xml", "x"},
	}))
	if want := block(t, "```"); string(refs.Text()) != want {
		t.Errorf("Text() = %s, ofd.md has %s", refs.Text(), want)
	}
	text, err := os.ReadFile("ofd.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := "    refs_sm3 = " + hexOf(refs) + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("ofd.md lacks %q", want)
	}
}

// The program in ofd.md is another implementation, by another zip and XML
// reader and another SM3.
func TestTheProgramOfTheManualAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		need.Skip(t, "python", "no python3")
	}
	if err := exec.Command(python, "-c", `import hashlib; hashlib.new("sm3")`).Run(); err != nil {
		need.Skip(t, "python", "python3 has no SM3: its OpenSSL is older than 1.1.1 or built without it")
	}
	dir := t.TempDir()
	program := write(t, dir, "refs_sm3.py", []byte(block(t, "```python")))
	for name, tt := range map[string]struct {
		file []byte
		want Refs
	}{
		"unsigned.ofd":  {zipped(t, zip.Deflate, document()), mustFile(t, zipped(t, zip.Deflate, document()))},
		"stamped.ofd":   {zipped(t, zip.Store, stamped()), mustFile(t, zipped(t, zip.Deflate, document()))},
		"sorting.ofd":   {zipped(t, zip.Deflate, sorting()), mustFile(t, zipped(t, zip.Deflate, sorting()))},
		"Signature.xml": {styles["two slashes"].signatureOf(t, stamped()), mustFile(t, zipped(t, zip.Deflate, document()))},
		"sorting.xml":   {styles["byte order mark"].signatureOf(t, sorting()), mustFile(t, zipped(t, zip.Deflate, sorting()))},
	} {
		out, err := exec.Command(python, "-B", "-W", "error", program, write(t, dir, name, tt.file)).CombinedOutput()
		if got, want := strings.TrimSpace(string(out)), hexOf(tt.want); err != nil || got != want {
			t.Errorf("%s: Python says %s, %v; want %s", name, got, err, want)
		}
	}
}

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
