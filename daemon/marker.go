package daemon

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/store"
	"signet/protocol/canonical"
)

// Names in the state and runtime directories.
const (
	storeName  = "signet.db"
	lockName   = "lock"
	markerName = "marker.json"
	poisonName = "poisoned"
)

// A marker lies beside the store and says how far it had come. A store that
// vanished, was put back from an older copy or belongs to another appliance
// is found out by it, not silently made anew.
type marker struct {
	Appliance string `json:"appliance"`
	Epoch     uint64 `json:"epoch"` // sizes grow only within one, see anchor
	Size      uint64 `json:"size"`
	Root      string `json:"root"`
}

// readMarker returns nil where there is none.
func readMarker(dir string) (*marker, error) {
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMarker, err)
	}
	m := new(marker)
	if err := canonical.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%w: %w", errMarker, err)
	}
	return m, nil
}

func markerOf(s *store.Store) marker {
	at := s.Position()
	return marker{s.Appliance(), at.Epoch, at.Size, hex.EncodeToString(at.Root[:])}
}

// write replaces the marker file and syncs file and name: it must never be
// read half written, nor come back older than it was.
func (m marker) write(dir string) error {
	data, err := canonical.Marshal(m)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, markerName), data)
}

func replaceFile(path string, data []byte) error {
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncDirectory(filepath.Dir(path))
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing directory %s: %w", path, err)
	}
	return nil
}

// Why a store is not the one that the marker tells of.
var (
	errMissing = errors.New("the store is missing though this appliance was initialised")
	errOther   = errors.New("the store belongs to another appliance")
	errOlder   = errors.New("the store is older than its marker: events are missing")
)

// before tells whether the log had come further at other.
func (m *marker) before(other *marker) bool {
	return cmp.Or(cmp.Compare(m.Epoch, other.Epoch), cmp.Compare(m.Size, other.Size)) < 0
}

// check holds an open store to what the marker says of it. Every line is
// hashed: the frontier alone would vouch for itself. A later epoch is the word
// of officers that what was known before is lost.
func (m *marker) check(s *store.Store) error {
	at := s.Position()
	switch {
	case m.Appliance != s.Appliance():
		return fmt.Errorf("%w: its id is %.16s…, the marker's %.16s…", errOther, s.Appliance(), m.Appliance)
	case at.Epoch > m.Epoch:
		return vouchForItself(s)
	case at.Epoch < m.Epoch:
		return fmt.Errorf("%w: it is in epoch %d, the marker knows of epoch %d", errOlder, at.Epoch, m.Epoch)
	case at.Size < m.Size:
		return fmt.Errorf("%w: it has %d events, the marker knows of %d", errOlder, at.Size, m.Size)
	}
	root, err := hex.DecodeString(m.Root)
	if err != nil || len(root) != audit.HashSize {
		return fmt.Errorf("%w: root %q: want %d hex digits", errMarker, m.Root, 2*audit.HashSize)
	}
	return s.Verify(m.Size, audit.Hash(root))
}

// The poison mark lies on a tmpfs: gone at reboot, when the page cache that
// could not be trusted is gone too.

func poisonMarked(runtimeDir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(runtimeDir, poisonName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for the poison mark: %w", err)
	}
	return true, nil
}

// poisonCause is what the process that left the mark said.
func poisonCause(runtimeDir string) string {
	text, err := os.ReadFile(filepath.Join(runtimeDir, poisonName))
	if cause := strings.TrimSpace(string(text)); err == nil && cause != "" && len(cause) < 1024 {
		return strings.ToValidUTF8(cause, "\uFFFD")
	}
	return "a sync failed"
}

func markPoison(runtimeDir string, cause error) error {
	return replaceFile(filepath.Join(runtimeDir, poisonName), []byte(cause.Error()+"\n"))
}

func unmarkPoison(runtimeDir string) error {
	err := os.Remove(filepath.Join(runtimeDir, poisonName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the poison mark: %w", err)
	}
	return nil
}
