package hsm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func newLatch(t *testing.T) (Latch, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "latch")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := NewLatch(dir, "seals")
	if err != nil {
		t.Fatal(err)
	}
	return l, filepath.Join(dir, "seals.latch")
}

func secret(pin string) Secret { return NewSecret([]byte(pin)) }

func wantVerdict(t *testing.T, l Latch, pin string, want Verdict) {
	t.Helper()
	if got, err := l.Judge(secret(pin)); got != want || err != nil {
		t.Errorf("Judge(%s) = %d, %v: want %d", pin, got, err, want)
	}
}

func TestLatchForbidsTheSamePINOnly(t *testing.T) {
	l, path := newLatch(t)
	wantVerdict(t, l, "1234", Free)
	if err := l.Set(secret("1234")); err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, l, "1234", Latched)
	wantVerdict(t, l, "12345", Changed)
	wantVerdict(t, l, "", Changed)
	if err := l.Set(secret("5678")); err != nil { // replaces the mark
		t.Fatal(err)
	}
	wantVerdict(t, l, "5678", Latched)
	wantVerdict(t, l, "1234", Changed)
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "5678") {
		t.Errorf("latch file %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("latch file: %v, %v: want mode 0600", info.Mode(), err)
	}
	for range 2 {
		if err := l.Clear(); err != nil {
			t.Fatal(err)
		}
	}
	wantVerdict(t, l, "5678", Free)
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("files after Clear: %v, %v", left, err)
	}
}

func TestLatchSaltsItsMark(t *testing.T) {
	l, path := newLatch(t)
	var texts [2]string
	for i := range texts {
		if err := l.Set(secret("1234")); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] == texts[1] {
		t.Errorf("the same mark twice: %q", texts[0])
	}
}

func TestUnreadableLatchForbids(t *testing.T) {
	l, path := newLatch(t)
	if err := l.Set(secret("1234")); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "\n", string(good[:len(good)-1]), string(good) + "\n", strings.ToUpper(string(good)),
		strings.Replace(string(good), " 14 ", " 15 ", 1), strings.Replace(string(good), "latch 1", "latch 2", 1), "x" + string(good)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if v, err := l.Judge(secret("other")); v != Latched || err == nil {
			t.Errorf("latch file %q: verdict %d, %v: want latched and why", text, v, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if v, err := l.Judge(secret("other")); v != Latched || err == nil {
		t.Errorf("latch that is a directory: verdict %d, %v", v, err)
	}
	if err := l.Set(secret("other")); err == nil {
		t.Error("Set over a directory succeeded")
	}
}

func TestLatchWantsAPrivateDirectory(t *testing.T) {
	l, path := newLatch(t)
	dir := filepath.Dir(path)
	for _, name := range []string{"", "..", "../seals", "a/b", "Seals", strings.Repeat("x", 33)} {
		if _, err := NewLatch(dir, name); err == nil {
			t.Errorf("NewLatch took the token name %q", name)
		}
	}
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLatch(dir, "seals"); err == nil || !strings.Contains(err.Error(), "0700") {
		t.Errorf("NewLatch in a directory that the group can read: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLatch(link, "seals"); err == nil {
		t.Error("NewLatch followed a link")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(secret("1234")); err == nil {
		t.Error("Set without a directory succeeded")
	}
}

// A login must not follow where the mark could not be written.
func TestLatchThatCannotBeWrittenIsAnError(t *testing.T) {
	l, path := newLatch(t)
	if err := os.Mkdir(path+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Set(secret("1234")); err == nil {
		t.Error("Set succeeded without writing")
	}
}

func FuzzMark(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMark(text)
		if err == nil && m.String() != string(text) {
			t.Errorf("%q prints as %q", text, m.String())
		}
	})
}
