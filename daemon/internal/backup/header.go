package backup

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol/canonical"
)

// How a backup is encrypted.
const (
	SchemeAge = "age"
	SchemeGM  = "gmt35275"
)

// HashSize is the length in bytes of a root.
const HashSize = sm3.Size

const (
	maxHeader = 4096
	maxName   = 253 // bytes, that of a host
)

// A Header says which store a backup is of. It is not secret.
type Header struct {
	Appliance string `json:"appliance"` // id: hex of SM3, lower case
	Created   string `json:"created"`   // RFC 3339 in UTC, to the second
	Name      string `json:"name"`      // of the appliance
	Root      string `json:"root"`      // of the log's first Size events, hex
	Schema    uint64 `json:"schema"`    // of the store
	Scheme    string `json:"scheme"`    // NewWriter sets it
	Size      uint64 `json:"size"`      // events
}

// ParseHeader reads what Bytes writes and nothing else.
func ParseHeader(data []byte) (Header, error) {
	if len(data) > maxHeader {
		return Header{}, fmt.Errorf("%w: header of %d bytes, want at most %d", ErrMalformed, len(data), maxHeader)
	}
	var h Header
	if err := canonical.Unmarshal(data, &h); err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if err := h.check(); err != nil {
		return Header{}, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return h, nil
}

// Bytes returns the canonical form.
func (h Header) Bytes() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	return canonical.Marshal(h)
}

func (h Header) check() error {
	switch {
	case !isHash(h.Appliance):
		return fmt.Errorf("appliance %q: want 64 digits of hex in lower case", h.Appliance)
	case !isHash(h.Root):
		return fmt.Errorf("root %q: want 64 digits of hex in lower case", h.Root)
	case h.Size == 0:
		return errors.New("size is 0: a store has its genesis event")
	case h.Schema == 0:
		return errors.New("schema is missing")
	case h.Scheme != SchemeAge && h.Scheme != SchemeGM:
		return fmt.Errorf("scheme %q: want %s or %s", h.Scheme, SchemeAge, SchemeGM)
	case h.Name == "" || len(h.Name) > maxName || strings.ContainsFunc(h.Name, unprintable):
		return fmt.Errorf("name %q: want 1 to %d bytes of printable text", h.Name, maxName)
	}
	at, err := time.Parse(time.RFC3339, h.Created)
	if err != nil || at.UTC().Format(time.RFC3339) != h.Created {
		return fmt.Errorf("created %q: want the form 2026-11-22T10:51:00Z", h.Created)
	}
	return nil
}

func isHash(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == HashSize && hex.EncodeToString(raw) == text
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// clear returns the header as a backup begins with it.
func (h Header) clear() ([]byte, error) {
	body, err := h.Bytes()
	if err != nil {
		return nil, err
	}
	if len(body) > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, want at most %d", len(body), maxHeader)
	}
	out := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(body)))
	return append(out, body...), nil
}

// ReadHeader reads the clear beginning of a backup, which needs no key. What
// it says is not proven before the backup has been read to its end.
func ReadHeader(r io.Reader) (Header, error) {
	h, _, err := readHeader(r)
	return h, err
}

// readHeader returns also the bytes that the header was read from.
func readHeader(r io.Reader) (Header, []byte, error) {
	begin := make([]byte, len(magic))
	if n, err := io.ReadFull(r, begin); isEnd(err) {
		return Header{}, nil, notOurs(begin[:n])
	} else if err != nil {
		return Header{}, nil, fmt.Errorf("reading backup: %w", err)
	}
	if string(begin) != magic {
		return Header{}, nil, notOurs(begin)
	}
	sized, err := readSized(r, "header", maxHeader)
	if err != nil {
		return Header{}, nil, err
	}
	h, err := ParseHeader(sized[4:])
	if err != nil {
		return Header{}, nil, err
	}
	return h, append(begin, sized...), nil
}

func notOurs(begin []byte) error {
	switch text := string(begin); {
	case text != "" && strings.HasPrefix(magic, text):
		return fmt.Errorf("%w in its first line", ErrTruncated)
	case strings.HasPrefix(text, family):
		return fmt.Errorf("%w: it begins with %q", ErrNewer, text)
	}
	return ErrForeign
}

// readSized reads a u32 and as many bytes, and returns both.
func readSized(r io.Reader, what string, most uint32) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, cut(err, what)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > most {
		return nil, fmt.Errorf("%w: %s of %d bytes, want 1 to %d", ErrMalformed, what, n, most)
	}
	out := make([]byte, len(head)+int(n))
	copy(out, head[:])
	if _, err := io.ReadFull(r, out[len(head):]); err != nil {
		return nil, cut(err, what)
	}
	return out, nil
}

// cut turns the end of the input into ErrTruncated.
func cut(err error, where string) error {
	if isEnd(err) {
		return fmt.Errorf("%w in its %s", ErrTruncated, where)
	}
	return fmt.Errorf("reading the backup's %s: %w", where, err)
}

func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
