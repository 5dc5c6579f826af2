package backup

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// A Decoder reads what an Encoder of the same header wrote. It is not safe for
// concurrent use.
type Decoder struct {
	r     *bufio.Reader
	root  string
	count uint64
	err   error // io.EOF behind the trailer
}

// NewDecoder returns a Decoder of r, which it reads ahead of.
func NewDecoder(r io.Reader, h Header) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, chunkSize), root: h.Root}
}

// Next returns the next record, which is the caller's, or io.EOF when all of
// them, the trailer and the end of the input have been read. Any other error
// stays.
func (d *Decoder) Next() (Record, error) {
	if d.err != nil {
		return Record{}, d.err
	}
	r, err := d.next()
	if err != nil {
		d.err = err
		return Record{}, err
	}
	d.count++
	return r, nil
}

func (d *Decoder) next() (Record, error) {
	sized, err := readSized(d.r, "records", MaxRecord)
	if err != nil {
		return Record{}, err
	}
	body := sized[4:]
	if body[0] == kindTrailer {
		return Record{}, d.end(body)
	}
	r, err := parseRecord(body)
	if err != nil {
		return Record{}, fmt.Errorf("%w: record %d: %w", ErrMalformed, d.count, err)
	}
	return r, nil
}

// end returns io.EOF if the trailer fits and nothing follows it.
func (d *Decoder) end(body []byte) error {
	if len(body) != trailerSize {
		return fmt.Errorf("%w: trailer of %d bytes, want %d", ErrMalformed, len(body), trailerSize)
	}
	if n := binary.BigEndian.Uint64(body[1:]); n != d.count {
		return fmt.Errorf("%w: it has %d records, its trailer counts %d", ErrAltered, d.count, n)
	}
	if root := hex.EncodeToString(body[9:]); root != d.root {
		return fmt.Errorf("%w: its trailer has root %.16s…, its header %.16s…", ErrAltered, root, d.root)
	}
	switch _, err := d.r.ReadByte(); err {
	case nil:
		return fmt.Errorf("%w, after its trailer", ErrExtended)
	case io.EOF:
		return io.EOF
	default:
		return fmt.Errorf("reading the backup's end: %w", err)
	}
}

func parseRecord(body []byte) (Record, error) {
	kind, rest := body[0], body[1:]
	if kind != kindWhole && kind != kindPart {
		return Record{}, fmt.Errorf("kind %d, want 1, 2 or 3", kind)
	}
	name, rest, ok := take(rest, 1)
	if !ok {
		return Record{}, errors.New("the bucket's name is not all there")
	}
	key, value, ok := take(rest, 2)
	if !ok {
		return Record{}, errors.New("the key is not all there")
	}
	r := Record{Bucket: string(name), Key: key, Value: value, More: kind == kindPart}
	return r, r.check()
}

// take cuts a field off whose length stands before it, in one or two bytes.
func take(data []byte, width int) (field, rest []byte, ok bool) {
	if len(data) < width {
		return nil, nil, false
	}
	n := int(data[0])
	if width == 2 {
		n = int(binary.BigEndian.Uint16(data))
	}
	if data = data[width:]; len(data) < n {
		return nil, nil, false
	}
	return data[:n:n], data[n:], true
}
