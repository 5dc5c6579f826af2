package testsofthsm

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// shimSource travels inside the binary, so that a harness finds the source it
// was compiled with wherever it runs.
//
//go:embed shim/*.c shim/*.h shim/Makefile
var shimSource embed.FS

// products are the files that shim/Makefile makes.
type products struct {
	shim      string
	inittoken string
}

// buildShim compiles the shim, once for each state of its source on this
// machine, and returns where it lies.
var buildShim = sync.OnceValues(func() (products, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return products{}, fmt.Errorf("building the SM2 shim: %w: set HOME or XDG_CACHE_HOME", err)
	}
	sum, err := hashFiles(shimSource)
	if err != nil {
		return products{}, fmt.Errorf("building the SM2 shim: %w", err)
	}
	dir := filepath.Join(cache, "signet", "shim-"+sum)
	if err := buildOnce(dir); err != nil {
		return products{}, fmt.Errorf("building the SM2 shim: %w", err)
	}
	return products{
		shim:      filepath.Join(dir, "libsignet-sm2shim.so"),
		inittoken: filepath.Join(dir, "signet-inittoken"),
	}, nil
})

// hashFiles is over names and contents, in the order of the names.
func hashFiles(files fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// buildOnce holds a lock among processes: `go test ./...` runs many packages
// at a time. The directory appears by rename, so if it is there it is whole.
func buildOnce(dir string) error {
	if isDir(dir) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // releases the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	if isDir(dir) {
		return nil
	}
	return build(dir)
}

func build(dir string) error {
	work, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.CopyFS(work, shimSource); err != nil {
		return err
	}
	for _, tool := range []string{"make", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: run `make deps`", err)
		}
	}
	out := filepath.Join(work, "out")
	cmd := exec.Command("make", "-C", filepath.Join(work, "shim"), "OUT="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: if a header is missing, run `make deps`\n%s", err, bytes.TrimSpace(text))
	}
	return os.Rename(out, dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
