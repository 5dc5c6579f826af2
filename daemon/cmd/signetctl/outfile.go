package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// An outFile is a file that appears whole or not at all. It is opened before
// anything is asked of the daemon, so that no use of a key is spent on a
// directory that cannot be written.
type outFile struct {
	temp  *os.File
	path  string
	force bool
}

// createFile makes room for path. An existing file is a fault unless force is
// set, and stays as it is until commit.
func createFile(path string, force bool) (*outFile, error) {
	switch info, err := os.Lstat(path); {
	case err == nil && !info.Mode().IsRegular():
		// To rename over a device or a link would replace it, not write to it.
		return nil, usage(msgFileNotRegular, path)
	case err == nil && !force:
		return nil, usage(msgFileExists, path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, usage(msgFileWrite, path, plainest(err))
	}
	return &outFile{temp: temp, path: path, force: force}, nil
}

// commit writes the file and puts it in its place, with the mode of public
// things: signatures and public keys are for others to read.
func (f *outFile) commit(data []byte) error {
	_, err := f.temp.Write(data)
	return f.finish(0o644, err)
}

// finish puts what was written in its place, unless it could not be written.
func (f *outFile) finish(mode fs.FileMode, written error) error {
	err := errors.Join(written, f.temp.Chmod(mode), f.temp.Sync(), f.temp.Close())
	if err != nil {
		return lostOutput(msgFileWrite, f.path, plainest(err))
	}
	err = f.rename()
	switch {
	case errors.Is(err, fs.ErrExist):
		return lostOutput(msgFileExists, f.path)
	case err != nil:
		return lostOutput(msgFileWrite, f.path, plainest(err))
	}
	return nil
}

// lostOutput is no fault of usage any more: what was asked for was done.
func lostOutput(what text, args ...any) error {
	return &fault{status: exitUnexpected, what: what, args: args, next: hintRepeat}
}

// rename does not replace a file that came into being meanwhile. Where the
// file system cannot promise that, looking again is the best there is.
func (f *outFile) rename() error {
	if f.force {
		return os.Rename(f.temp.Name(), f.path)
	}
	err := unix.Renameat2(unix.AT_FDCWD, f.temp.Name(), unix.AT_FDCWD, f.path, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	if _, err := os.Lstat(f.path); err == nil {
		return fmt.Errorf("%s: %w", f.path, fs.ErrExist)
	}
	return os.Rename(f.temp.Name(), f.path)
}

// discard lets go of a file that was not committed.
func (f *outFile) discard() {
	f.temp.Close()
	os.Remove(f.temp.Name()) // gone already after commit
}

// writeNew writes a file that must not be there.
func writeNew(path string, data []byte) error {
	f, err := createFile(path, false)
	if err != nil {
		return err
	}
	defer f.discard()
	return f.commit(data)
}
