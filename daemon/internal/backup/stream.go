package backup

import (
	"bufio"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm4"
)

// chunkSize is the length in bytes of a chunk's clear text, age's own.
const chunkSize = 64 << 10

// chunks is what both ends of a stream know. A key seals one stream only, so
// a nonce may be a number.
type chunks struct {
	aead  cipher.AEAD
	added []byte
	n     uint64
}

func newChunks(key, added []byte) (chunks, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return chunks{}, fmt.Errorf("making cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return chunks{}, fmt.Errorf("making cipher: %w", err)
	}
	return chunks{aead: aead, added: added}, nil
}

// nonce is that of chunk n: age's STREAM.
func (c *chunks) nonce(last bool) []byte {
	nonce := make([]byte, c.aead.NonceSize())
	binary.BigEndian.PutUint64(nonce[3:], c.n)
	if last {
		nonce[11] = 1
	}
	return nonce
}

// A sealer encrypts what is written to it. It holds a full chunk back until
// more comes: only then is it known not to be the last.
type sealer struct {
	chunks
	w    io.Writer
	held []byte
	out  []byte
	err  error
}

func newSealer(w io.Writer, key, added []byte) (*sealer, error) {
	c, err := newChunks(key, added)
	if err != nil {
		return nil, err
	}
	return &sealer{chunks: c, w: w, held: make([]byte, 0, chunkSize), out: make([]byte, 0, chunkSize+c.aead.Overhead())}, nil
}

func (s *sealer) Write(p []byte) (n int, err error) {
	for s.err == nil && n < len(p) {
		if len(s.held) == chunkSize {
			s.flush(false)
			continue
		}
		room := min(chunkSize-len(s.held), len(p)-n)
		s.held = append(s.held, p[n:n+room]...)
		n += room
	}
	return n, s.err
}

// errClosed is what a sealer answers after Close.
var errClosed = errors.New("writing to a backup that is closed")

// Close writes the last chunk. Without it the stream is cut off.
func (s *sealer) Close() error {
	if s.err != nil {
		return s.err
	}
	s.flush(true)
	if s.err != nil {
		return s.err
	}
	s.err = errClosed
	return nil
}

func (s *sealer) flush(last bool) {
	s.out = s.aead.Seal(s.out[:0], s.nonce(last), s.held, s.added)
	s.held = s.held[:0]
	s.n++
	if _, err := s.w.Write(s.out); err != nil {
		s.err = fmt.Errorf("writing backup: %w", err)
	}
}

// An opener reads what a sealer wrote. Nothing comes out of a chunk that does
// not belong where it stands.
type opener struct {
	chunks
	r     *bufio.Reader
	in    []byte
	clear []byte // of it, rest is not read yet
	rest  []byte
	err   error // io.EOF behind the last chunk
}

func newOpener(r io.Reader, key, added []byte) (*opener, error) {
	c, err := newChunks(key, added)
	if err != nil {
		return nil, err
	}
	size := chunkSize + c.aead.Overhead()
	return &opener{chunks: c, r: bufio.NewReaderSize(r, size), in: make([]byte, size), clear: make([]byte, 0, chunkSize)}, nil
}

func (o *opener) Read(p []byte) (int, error) {
	for len(o.rest) == 0 {
		if o.err != nil {
			return 0, o.err
		}
		o.rest, o.err = o.next()
	}
	n := copy(p, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// next returns the clear text of the next chunk, with io.EOF if it is the
// last. With any other error there is no text.
func (o *opener) next() ([]byte, error) {
	n, last, err := o.fill()
	if err != nil {
		return nil, err
	}
	text, err := o.aead.Open(o.clear, o.nonce(last), o.in[:n], o.added)
	if err != nil {
		return nil, o.blame(o.in[:n], last)
	}
	o.n++
	if last {
		return text, io.EOF
	}
	return text, nil
}

// fill reads a chunk and whether it is followed by nothing.
func (o *opener) fill() (n int, last bool, err error) {
	n, err = io.ReadFull(o.r, o.in)
	switch {
	case errors.Is(err, io.EOF):
		return 0, false, fmt.Errorf("%w before its first chunk", ErrTruncated)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, true, nil
	case err != nil:
		return 0, false, fmt.Errorf("reading backup: %w", err)
	}
	_, err = o.r.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, false, fmt.Errorf("reading backup: %w", err)
	}
	return n, err != nil, nil
}

// blame says why a chunk does not open: one that is the last only because the
// file ends there, or is not the last only because the file goes on, opens as
// what it was.
func (o *opener) blame(chunk []byte, last bool) error {
	_, err := o.aead.Open(o.clear, o.nonce(!last), chunk, o.added)
	switch {
	case err == nil && last:
		return fmt.Errorf("%w after chunk %d", ErrTruncated, o.n)
	case err == nil:
		return fmt.Errorf("%w, after chunk %d", ErrExtended, o.n)
	case len(chunk) < len(o.in):
		return fmt.Errorf("%w within chunk %d, or %w there", ErrTruncated, o.n, ErrAltered)
	}
	return fmt.Errorf("%w: chunk %d is not what was written there", ErrAltered, o.n)
}
