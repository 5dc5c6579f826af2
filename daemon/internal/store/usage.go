package store

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Usage is what the store takes, in bytes.
type Usage struct {
	File  int64 // length of the file, which grows ahead of what it holds
	Held  int64 // what the file system has given it: less than File where the file is sparse
	Used  int64 // of it, pages that hold something
	Limit int64 // where Used ends for want of MaxSize; 0: there is no bound
}

// Usage looks at the file. On a disk that hangs it waits.
func (s *Store) Usage() (Usage, error) {
	var file unix.Stat_t
	if err := unix.Stat(s.path, &file); err != nil {
		return Usage{}, fmt.Errorf("looking at the store's file: %w", err)
	}
	u := Usage{File: file.Size, Held: file.Blocks * statBlock, Limit: s.limit()}
	err := s.view(func(tx *bolt.Tx) error {
		stats := s.db.Stats()
		free := int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Info().PageSize)
		u.Used = tx.Size() - free
		return nil
	})
	return u, err
}

// statBlock is the unit of st_blocks, whatever the file system's is (stat(2)).
const statBlock = 512

// limit is below MaxSize: bbolt refuses a page for which it could not grow the
// file by a whole step.
func (s *Store) limit() int64 {
	if s.db.MaxSize > s.db.AllocSize {
		return int64(s.db.MaxSize - s.db.AllocSize)
	}
	return int64(s.db.MaxSize)
}

// Requests is how many requests with a request_id are remembered.
func (s *Store) Requests() int { return s.requests.len() }
