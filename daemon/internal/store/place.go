package store

import (
	"errors"
	"fmt"
	"os"
)

// ErrMoved poisons: what is written to a file without its name is lost with
// the process.
var ErrMoved = errors.New("the store's file was removed or replaced while it is open")

// inPlace tells whether the path still names the file that is open. It is
// asked after each commit and before anything of it is released.
func (s *Store) inPlace() error {
	now, err := os.Lstat(s.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMoved, err)
	}
	if !os.SameFile(s.file, now) {
		return ErrMoved
	}
	return nil
}

// Look asks the same while nothing is written, and poisons as a commit would.
func (s *Store) Look() {
	if s.poison.Load() != nil {
		return
	}
	if err := s.inPlace(); err != nil {
		s.judge(err)
	}
}
