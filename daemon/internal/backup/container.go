package backup

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// NewWriter begins a backup on w and returns where its records go, see
// Encoder. It sets h's scheme, which is the recipients'. A backup that is not
// closed, or whose Close fails, is cut off.
func NewWriter(w io.Writer, h Header, recipients []Recipient) (io.WriteCloser, error) {
	scheme, err := SchemeOf(recipients)
	if err != nil {
		return nil, fmt.Errorf("making backup: %w", err)
	}
	h.Scheme = scheme
	begin, err := h.clear()
	if err != nil {
		return nil, fmt.Errorf("making backup: %w", err)
	}
	encrypt := encryptAge
	if scheme == SchemeGM {
		encrypt = encryptGM
	}
	out, err := encrypt(w, begin, recipients)
	if err != nil {
		return nil, fmt.Errorf("making backup: %w", err)
	}
	bound := sm3.Sum(begin)
	if _, err := out.Write(bound[:]); err != nil {
		return nil, fmt.Errorf("making backup: %w", err)
	}
	return out, nil
}

func encryptAge(w io.Writer, begin []byte, recipients []Recipient) (io.WriteCloser, error) {
	if _, err := w.Write(begin); err != nil {
		return nil, err
	}
	to := make([]age.Recipient, len(recipients))
	for i, r := range recipients {
		to[i] = r.age
	}
	return age.Encrypt(w, to...)
}

func encryptGM(w io.Writer, begin []byte, recipients []Recipient) (io.WriteCloser, error) {
	key := make([]byte, sm4.BlockSize)
	rand.Read(key)
	defer clear(key)
	envelope, err := sealKey(key, recipients)
	if err != nil {
		return nil, err
	}
	begin = binary.BigEndian.AppendUint32(begin[:len(begin):len(begin)], uint32(len(envelope)))
	begin = append(begin, envelope...)
	if _, err := w.Write(begin); err != nil {
		return nil, err
	}
	added := sm3.Sum(begin)
	return newSealer(w, key, added[:])
}

// NewReader opens a backup and returns its records, see Decoder. Nothing is
// known to be whole before the reader has returned io.EOF.
func NewReader(r io.Reader, id Identity) (Header, io.Reader, error) {
	h, begin, err := readHeader(r)
	if err != nil {
		return Header{}, nil, err
	}
	decrypt := decryptAge
	if h.Scheme == SchemeGM {
		decrypt = decryptGM
	}
	in, err := decrypt(r, begin, id.secret)
	if err != nil {
		return Header{}, nil, err
	}
	bound, found := sm3.Sum(begin), make([]byte, HashSize)
	if _, err := io.ReadFull(in, found); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Header{}, nil, fmt.Errorf("%w: it has no hash of its header", ErrMalformed)
	} else if err != nil {
		return Header{}, nil, err
	}
	if string(found) != string(bound[:]) {
		return Header{}, nil, fmt.Errorf("%w: the header is not the one that was encrypted", ErrAltered)
	}
	return h, in, nil
}

func decryptGM(r io.Reader, begin []byte, s *secret) (io.Reader, error) {
	sized, err := readSized(r, "envelope", maxEnvelope)
	if err != nil {
		return nil, err
	}
	key, err := openKey(sized[4:], s)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	added := sm3.Sum(append(begin[:len(begin):len(begin)], sized...))
	return newOpener(r, key, added[:])
}

func decryptAge(r io.Reader, _ []byte, s *secret) (io.Reader, error) {
	if s == nil || len(s.age) == 0 {
		return nil, fmt.Errorf("%w: it is encrypted to age recipients: want an age identity file", ErrIdentity)
	}
	below := &source{r: r}
	in, err := age.Decrypt(below, s.age...)
	var nobody *age.NoIdentityMatchError
	switch {
	case errors.As(err, &nobody):
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	case err != nil:
		return nil, below.blame(err)
	}
	return &ageReader{in: in, below: below}, nil
}

// An ageReader gives the faults that age finds the names of this package. What
// stands behind the end of an age file, and a cut within a chunk, are to age
// what an alteration is.
type ageReader struct {
	in    io.Reader
	below *source
}

func (a *ageReader) Read(p []byte) (int, error) {
	n, err := a.in.Read(p)
	if err != nil && err != io.EOF {
		err = a.below.blame(err)
	}
	return n, err
}

// A source remembers a fault of the reader below age, which is no fault of the
// backup.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *source) blame(err error) error {
	switch {
	case s.err != nil:
		return fmt.Errorf("reading backup: %w", s.err)
	case isEnd(err):
		return fmt.Errorf("%w in its age file", ErrTruncated)
	}
	return fmt.Errorf("%w or cut off: %w", ErrAltered, err)
}
