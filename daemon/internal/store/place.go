package store

import (
	"errors"
	"fmt"
	"os"
)

// errMoved poisons: what is written to a file without its name is lost with
// the process.
var errMoved = errors.New("the store's file was removed or replaced while it is open")

// inPlace tells whether the path still names the file that is open. It is
// asked after each commit and before anything of it is released.
func (s *Store) inPlace() error {
	now, err := os.Lstat(s.db.Path())
	if err != nil {
		return fmt.Errorf("%w: %w", errMoved, err)
	}
	if !os.SameFile(s.file, now) {
		return errMoved
	}
	return nil
}
