package firmwareconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"signet/protocol/stricttoml"
)

// Load reads and checks the configuration at path, that the profiles which it
// names by path can be read, and the certificates of the CAs that it trusts,
// of which judge says what is wrong with Data.
func Load(path string, judge func(Trust) error) (Config, error) {
	text, err := readTrusted(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading configuration: %w", err)
	}
	c, err := parse(text, files{
		profile: func(profile string) error {
			_, err := readTrusted(profile)
			return err
		},
		certificate: func(t Trust) (_ []byte, err error) {
			if t.Data, err = readTrusted(t.Certificate); err != nil {
				return nil, err
			}
			return t.Data, judge(t)
		},
	})
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

// readTrusted reads a file that decides which code the daemon loads, or which
// CAs it believes. So it must belong to root or to the daemon's own user, and
// nobody else may be able to write it. The owner is asked for too because who can write the directory
// can put a file of his own in its place.
func readTrusted(path string) ([]byte, error) {
	// O_NONBLOCK: opening a FIFO must not wait for its writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := distrust(info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, stricttoml.MaxSize+1))
	if err != nil {
		return nil, err
	}
	return text, nil
}

func distrust(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a file: want a regular file")
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("mode %#o: others could change which code is loaded, or who is trusted: want it without write for group and others, such as 0640 or 0644", mode)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner != 0 && int(owner) != os.Geteuid() {
		return fmt.Errorf("belongs to uid %d: want root or the daemon's own user, uid %d", owner, os.Geteuid())
	}
	return nil
}
