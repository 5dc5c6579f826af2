package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/register"
)

// A Genesis is the first event of an appliance with what its act fixed.
type Genesis struct {
	Event   *audit.Event // Seq, Epoch and Recorded are set here
	Content []byte       // of the init act
	Blobs   [][]byte     // facts that the event binds, and what they name
	Staff   register.Staff
	Nonce   string
	Expiry  time.Time
}

// Create makes a store of one event at path and returns the appliance id. The
// file is complete and synced before it has its name, and its name is synced
// before Create returns: a crash leaves a whole store or none. It never
// replaces a file.
func Create(path string, g Genesis, now time.Time) (appliance string, err error) {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("removing what a crashed init left: %w", err)
	}
	defer os.Remove(temp)
	if appliance, err = writeGenesis(temp, g, now); err != nil {
		return "", err
	}
	if err := syncFile(temp); err != nil {
		return "", err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); err != nil {
		return "", fmt.Errorf("naming the new store: %w", &os.LinkError{Op: "rename", Old: temp, New: path, Err: err})
	}
	return appliance, syncDir(path)
}

func writeGenesis(path string, g Genesis, now time.Time) (appliance string, err error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: openTimeout, NoFreelistSync: true})
	if err != nil {
		return "", fmt.Errorf("creating store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	e := g.Event
	e.V, e.Kind, e.Epoch, e.Seq, e.Recorded = audit.EventVersion, audit.KindGenesis, 1, 0, audit.At(now)
	line, err := e.AppendLine(nil)
	if err != nil {
		return "", err
	}
	leaf := audit.LeafHash(line)
	appliance = hex.EncodeToString(leaf[:])
	return appliance, db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("creating bucket %s: %w", name, err)
			}
		}
		if err := writeMeta(tx, appliance, g); err != nil {
			return err
		}
		if err := tx.Bucket(bucketEvent).Put(be64(0), line); err != nil {
			return fmt.Errorf("writing genesis event: %w", err)
		}
		h := &head{tree: audit.NewTree(), recorded: e.Recorded.Time(), epoch: 1}
		if err := h.tree.Append(leaf); err != nil {
			return err
		}
		return h.save(tx)
	})
}

func writeMeta(tx *bolt.Tx, appliance string, g Genesis) error {
	meta := tx.Bucket(bucketMeta)
	for _, kv := range [][2][]byte{
		{keySchema, be64(Schema)},
		{keyAppliance, []byte(appliance)},
		{keyGenesis, g.Content},
	} {
		if err := meta.Put(kv[0], kv[1]); err != nil {
			return fmt.Errorf("writing %s: %w", kv[0], err)
		}
	}
	for _, blob := range append([][]byte{g.Content}, g.Blobs...) {
		if err := putBlob(tx, blob); err != nil {
			return err
		}
	}
	staff, err := g.Staff.Marshal()
	if err != nil {
		return err
	}
	if err := putStaff(tx, staff); err != nil {
		return err
	}
	nonce, err := hex.DecodeString(g.Nonce)
	if err != nil {
		return fmt.Errorf("nonce: %w", err)
	}
	return putNonce(tx, nonce, g.Expiry, time.Time{})
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening new store: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing new store: %w", err)
	}
	return nil
}
