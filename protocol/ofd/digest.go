package ofd

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/emmansun/gmsm/sm3"
)

// A digester hashes one entry after another with the same buffers.
type digester struct {
	in      *bufio.Reader
	inflate io.ReadCloser
	sm3     hash.Hash
	crc     hash.Hash32
	buffer  []byte
}

func newDigester() *digester {
	const size = 64 << 10
	in := bufio.NewReaderSize(nil, size)
	return &digester{in: in, inflate: flate.NewReader(in), sm3: sm3.New(), crc: crc32.NewIEEE(), buffer: make([]byte, size)}
}

// sum returns the SM3 of what the entry unpacks to. It reads the packed bytes
// itself: zip.File.Open does not say whether deflate ended before they did,
// and what follows there is, for a program that reads from the front, the next
// entry. flate takes no byte beyond its end from a bufio.Reader.
func (d *digester) sum(f *zip.File) (sum [sm3.Size]byte, err error) {
	packed, err := f.OpenRaw()
	if err != nil {
		return sum, err
	}
	d.in.Reset(packed)
	var content io.Reader = d.in
	if f.Method == zip.Deflate {
		if err := d.inflate.(flate.Resetter).Reset(d.in, nil); err != nil {
			return sum, err
		}
		content = d.inflate
	}
	if err := d.read(content, f); err != nil {
		return sum, err
	}
	if _, err := d.in.ReadByte(); !errors.Is(err, io.EOF) {
		return sum, errors.New("has bytes behind its packed content")
	}
	return [sm3.Size]byte(d.sm3.Sum(nil)), nil
}

// read hashes content and holds it to length and CRC of the directory. It reads
// one byte more than it should find, so a longer one costs no more.
func (d *digester) read(content io.Reader, f *zip.File) error {
	d.sm3.Reset()
	d.crc.Reset()
	size := int64(f.UncompressedSize64)
	n, err := io.CopyBuffer(io.MultiWriter(d.sm3, d.crc), io.LimitReader(content, size+1), d.buffer)
	switch {
	case err != nil:
		return fmt.Errorf("unpacking: %w", err)
	case n != size:
		return fmt.Errorf("unpacks to another length than the %d bytes that the directory says", size)
	case d.crc.Sum32() != f.CRC32:
		return errors.New("is damaged: its CRC does not fit")
	}
	return nil
}
