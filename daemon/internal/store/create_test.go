package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A name before the content is durable, or an answer before the name is,
// would leave a torn store or none where a person was told that there is one.
func TestCreateSyncsFileThenNamesItThenSyncsDirectory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "signet.db")
	said, did := traced(t, "", "create", path)
	if len(said) != 1 || !strings.HasPrefix(said[0], "created ") {
		t.Fatalf("child said %q", said)
	}
	temp := path + ".new"
	steps := []struct {
		what string
		fits func(syscall) bool
	}{
		{"last write to the temporary file", func(c syscall) bool { return c.name == "pwrite64" && c.path == temp }},
		{"its fsync", func(c syscall) bool { return c.name == "fsync" && c.path == temp }},
		{"its name", func(c syscall) bool {
			return c.name == "renameat2" && strings.Contains(c.args, temp+`"`) && strings.HasSuffix(c.args, "RENAME_NOREPLACE")
		}},
		{"fsync of the directory", func(c syscall) bool { return c.name == "fsync" && c.path == dir }},
		{"answer", func(c syscall) bool { return c.name == "write" && strings.Contains(c.args, "created") }},
	}
	before := -1
	for _, step := range steps {
		i := last(did, step.fits)
		if i <= before {
			t.Errorf("%s is call %d, after call %d was wanted\n%+v", step.what, i, before, did)
		} else if strings.HasPrefix(did[i].result, "-1") {
			t.Errorf("%s: %s", step.what, did[i].result)
		}
		before = max(before, i)
	}
}

func TestCreateNeverReplacesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	if err := os.WriteFile(path, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, genesis(t), time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a file = %v, want fs.ErrExist", err)
	}
	if got := contentOf(t, path); string(got) != "somebody's" {
		t.Errorf("the file is now %q", got)
	}
	wantOnly(t, path)
}

func TestCreateRemovesWhatACrashedInitLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	if err := os.WriteFile(path+".new", bytes.Repeat([]byte("torn"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	create(t, path)
	wantOnly(t, path)
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
		t.Error(err)
	}
}

func TestCreateThatFailsLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	for what, spoil := range map[string]func(*Genesis){
		"an event of no form":  func(g *Genesis) { g.Event.Op = "\xff" },
		"a nonce not in hex":   func(g *Genesis) { g.Nonce = "x" },
		"a nonce of odd digit": func(g *Genesis) { g.Nonce = "abc" },
	} {
		g := genesis(t)
		spoil(&g)
		if _, err := Create(path, g, time.Now()); err == nil {
			t.Errorf("Create with %s succeeded", what)
		}
		if names, _ := filepath.Glob(path + "*"); len(names) != 0 {
			t.Errorf("Create with %s left %q", what, names)
		}
	}
}

// wantOnly holds the directory of the first path to just these files.
func wantOnly(t *testing.T, paths ...string) {
	t.Helper()
	got, err := filepath.Glob(filepath.Join(filepath.Dir(paths[0]), "*"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, paths) {
		t.Errorf("files are %q, want %q", got, paths)
	}
}

func TestCreatedStoreIsThatOfItsGenesis(t *testing.T) {
	path := filepath.Join(t.TempDir(), "signet.db")
	g := genesis(t)
	id, err := Create(path, g, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file is %v, %v, want mode 0600", info.Mode(), err)
	}
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Appliance() != id || !bytes.Equal(s.Genesis(), g.Content) || s.Position().Size != 1 {
		t.Errorf("store is %s with %d events, want %s with 1", s.Appliance(), s.Position().Size, id)
	}
	if used, err := s.NonceUsed(g.Nonce, g.Expiry); err != nil || !used {
		t.Errorf("nonce of init used = %v, %v, want true", used, err)
	}
	s.view(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if tx.Bucket(name) == nil {
				t.Errorf("bucket %s is missing", name)
			}
		}
		return nil
	})
}
