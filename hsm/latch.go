package hsm

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// A Latch keeps a token from being locked by a wrong PIN. Tokens count wrong
// PINs and lock for good after a few; a daemon that is restarted again and
// again would use them up in seconds. So a mark is on disk, synced, before
// each C_Login, and is taken away after success: a PIN that was refused, or
// whose fate nobody knows because the process died, is not tried again until
// it changes or an officer clears the latch.
//
// The mark holds scrypt(PIN, random salt), never a plain hash: PINs are
// short.
type Latch struct{ dir, name string }

// A Verdict is what a latch says about a PIN. The zero value forbids.
type Verdict uint8

const (
	Latched Verdict = iota // this very PIN was tried, with no success
	Free                   // nothing stands against a login
	Changed                // another PIN than this one was tried: this one may be tried once
)

// NewLatch returns the latch of a token in a directory of mode 0700 that
// belongs to the process. The token's name becomes a file name and may hold
// a-z, 0-9 and - only.
func NewLatch(dir, token string) (Latch, error) {
	if !profileName.MatchString(token) {
		return Latch{}, fmt.Errorf("opening PIN latch: token name %q: want 1 to 32 of a-z, 0-9 and -", token)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return Latch{}, fmt.Errorf("opening PIN latch of token %s: %w", token, err)
	}
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return Latch{}, fmt.Errorf("opening PIN latch of token %s: %s has mode %v: want a directory of mode 0700", token, dir, info.Mode())
	}
	return Latch{dir, token + ".latch"}, nil
}

// Judge says whether pin may be tried. A mark that cannot be read forbids.
func (l Latch) Judge(pin Secret) (Verdict, error) {
	text, err := os.ReadFile(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return Free, nil
	}
	if err != nil {
		return Latched, fmt.Errorf("reading PIN latch: %w", err)
	}
	m, err := parseMark(text)
	if err != nil {
		return Latched, fmt.Errorf("reading PIN latch %s: %w", l.path(), err)
	}
	same, err := m.matches(pin)
	if err != nil || same {
		return Latched, err
	}
	return Changed, nil
}

// Set marks pin as tried. When it returns, the mark survives a power failure.
func (l Latch) Set(pin Secret) error {
	m, err := newMark(pin)
	if err == nil {
		err = l.write(m.String())
	}
	if err != nil {
		return fmt.Errorf("writing PIN latch: %w", err)
	}
	return nil
}

// Clear takes the mark away, for good when it returns. No mark is no error.
func (l Latch) Clear() error {
	err := os.Remove(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(l.dir)
	}
	if err != nil {
		return fmt.Errorf("removing PIN latch: %w", err)
	}
	return nil
}

func (l Latch) path() string { return filepath.Join(l.dir, l.name) }

// write replaces the mark: whoever reads it sees the old or the new one, and
// after a power failure the file is whole.
func (l Latch) write(text string) error {
	temp := l.path() + ".new" // a fixed name, so that crashes leave one file and not many
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp, l.path())
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	return syncDir(l.dir)
}

// syncDir makes a rename or removal in dir durable (fsync(2), NOTES).
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// A mark is the content of a latch, one line: markHead, salt and sum in hex.
type mark struct{ salt, sum [16]byte }

// markHead names the format and the cost of scrypt: N=2^14, r=8, p=1, about
// 50 ms and 16 MiB.
const markHead = "signet-pin-latch 1 scrypt 14 8 1"

func newMark(pin Secret) (mark, error) {
	var m mark
	rand.Read(m.salt[:]) // never fails: it ends the process first
	sum, err := m.derive(pin)
	copy(m.sum[:], sum)
	return m, err
}

func (m mark) derive(pin Secret) ([]byte, error) {
	return scrypt.Key(pin.Bytes(), m.salt[:], 1<<14, 8, 1, len(m.sum))
}

func (m mark) matches(pin Secret) (bool, error) {
	sum, err := m.derive(pin)
	return subtle.ConstantTimeCompare(sum, m.sum[:]) == 1, err
}

func (m mark) String() string {
	return fmt.Sprintf("%s %x %x\n", markHead, m.salt, m.sum)
}

func parseMark(text []byte) (mark, error) {
	var m mark
	rest, ok := strings.CutPrefix(string(text), markHead+" ")
	salt, sum, ok2 := strings.Cut(strings.TrimSuffix(rest, "\n"), " ")
	if !ok || !ok2 || hexInto(m.salt[:], salt) != nil || hexInto(m.sum[:], sum) != nil ||
		!bytes.Equal(text, []byte(m.String())) {
		return mark{}, errors.New("not the line that signet wrote")
	}
	return m, nil
}

func hexInto(dst []byte, text string) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return hex.ErrLength
	}
	_, err := hex.Decode(dst, []byte(text))
	return err
}
