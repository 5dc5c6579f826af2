package ofd

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// errTwoReadings is wrapped where a package says one thing in its directory
// and another outside it.
var errTwoReadings = errors.New("programs could read different documents from it; save the document again with the program that made it")

// Signatures and lengths of records (PKWARE APPNOTE 6.3.10, 4.3).
const (
	signLocal     = "PK\x03\x04"
	signDirectory = "PK\x01\x02"
	signEnd       = "PK\x05\x06"
	signLocator   = "PK\x06\x07" // Zip64
	lenLocal      = 30
	lenEnd        = 22
	lenLocator    = 20
)

// checkOneReading walks the entries as a program does that reads from the
// front, and refuses the package unless it meets exactly those of the
// directory, under the same names, then the directory, then the end record.
func (p *pack) checkOneReading(size int64) error {
	listed, err := p.byContent()
	if err != nil {
		return err
	}
	at := int64(0)
	for range p.entries {
		local, err := p.localAt(at)
		if err != nil {
			return err
		}
		f := listed[local.content]
		if f == nil {
			return fmt.Errorf("entry %.200q at byte %d: is not in the directory: %w", local.name, at, errTwoReadings)
		}
		if err := local.check(f); err != nil {
			return err
		}
		if at, err = p.after(local, f); err != nil {
			return err
		}
	}
	return p.checkEnd(size, at)
}

// checkEnd requires a directory from the byte given to the end record, and the
// end record at the end of the file. A comment can hold another end record,
// and programs differ in which they take, and in whether they look for the
// directory by its place, by its length or by a Zip64 locator. A package
// within the limits needs none of that.
func (p *pack) checkEnd(size, directory int64) error {
	tail := make([]byte, min(size, lenLocator+lenEnd+1<<16))
	if err := p.read(tail, size-int64(len(tail))); err != nil {
		return err
	}
	i := bytes.LastIndex(tail, []byte(signEnd))
	if i < lenLocator || len(tail)-i < lenEnd {
		return fmt.Errorf("has no end record: %w", errTwoReadings)
	}
	locator, end := tail[i-lenLocator:i], tail[i:]
	comment := int(binary.LittleEndian.Uint16(end[lenEnd-2:]))
	if len(end) != lenEnd+comment || bytes.HasPrefix(locator, []byte(signLocator)) {
		return fmt.Errorf("has more than one end: %w", errTwoReadings)
	}
	if want := p.endRecord(directory, size-int64(len(end))); !bytes.HasPrefix(end, want) {
		return fmt.Errorf("its directory does not reach from its last entry to its end: %w", errTwoReadings)
	}
	return nil
}

// endRecord returns the end record, but for the comment, of a package with a
// directory between these bytes. With it, archive/zip has found the entries
// there and nowhere else.
func (p *pack) endRecord(from, to int64) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(signEnd), 0) // numbers of disks
	b = le.AppendUint16(b, uint16(len(p.entries)))
	b = le.AppendUint16(b, uint16(len(p.entries)))
	b = le.AppendUint32(b, uint32(to-from))
	return le.AppendUint32(b, uint32(from))
}

// byContent returns the entries by the place of their content. Two that share
// one are one here, and the walk, which takes as many steps as there are
// entries, runs into what is none.
func (p *pack) byContent() (map[int64]*zip.File, error) {
	listed := make(map[int64]*zip.File, len(p.entries))
	for _, f := range p.entries {
		at, err := f.DataOffset()
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", f.Name, err)
		}
		listed[at] = f
	}
	return listed, nil
}

// A local header stands before the content of an entry.
type local struct {
	flags, method uint16
	packed        uint32 // length of the content; 0xFFFFFFFF: in extra
	name, extra   []byte
	content       int64 // where it begins
}

func (p *pack) localAt(at int64) (local, error) {
	var b [lenLocal]byte
	if err := p.read(b[:], at); err != nil {
		return local{}, err
	}
	if string(b[:4]) != signLocal {
		return local{}, fmt.Errorf("byte %d is not the start of an entry: %w", at, errTwoReadings)
	}
	u16 := binary.LittleEndian.Uint16
	name, extra := int(u16(b[26:])), int(u16(b[28:]))
	rest := make([]byte, name+extra)
	if err := p.read(rest, at+lenLocal); err != nil {
		return local{}, err
	}
	return local{
		flags: u16(b[6:]), method: u16(b[8:]), packed: binary.LittleEndian.Uint32(b[18:]),
		name: rest[:name], extra: rest[name:], content: at + lenLocal + int64(len(rest)),
	}, nil
}

// check holds a local header to the entry of the directory. Flags are compared
// where they shape the content; other bits differ between honest writers.
func (l local) check(f *zip.File) error {
	const shaping = flagEncrypted | flagDescriptor | flagPatched | flagStrong | flagMasked
	inExtra := l.packed == 1<<32-1
	switch {
	case string(l.name) != f.Name:
		return fmt.Errorf("entry %q: is %.200q in front of its content: %w", f.Name, l.name, errTwoReadings)
	case l.method != f.Method || (l.flags^f.Flags)&shaping != 0:
		return fmt.Errorf("entry %q: is packed in another way in front of its content: %w", f.Name, errTwoReadings)
	case l.flags&flagDescriptor == 0 && !inExtra && uint64(l.packed) != f.CompressedSize64:
		return fmt.Errorf("entry %q: has another length in front of its content: %w", f.Name, errTwoReadings)
	case renames(l.extra, f.Name) || renames(f.Extra, f.Name):
		return fmt.Errorf("entry %q: has another name in a Unicode path field: %w", f.Name, errTwoReadings)
	}
	return nil
}

// renames tells whether extra has a Unicode path field (APPNOTE 4.6.9) of
// another name: archive/zip ignores it, others take it for the name.
func renames(extra []byte, name string) bool {
	const (
		unicodePath = 0x7075
		before      = 5 // version and CRC of the name
	)
	for len(extra) >= 4 {
		id, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		field := extra[4:min(4+size, len(extra))]
		if id == unicodePath && (len(field) < before || string(field[before:]) != name) {
			return true
		}
		extra = extra[4+len(field):]
	}
	return false
}

// after returns where the record behind an entry begins. A descriptor has 12
// bytes, or 20 with long sizes, and may have a signature of 4 before them:
// which, only what follows tells. A local header has at least 30, so none is
// jumped over.
func (p *pack) after(l local, f *zip.File) (int64, error) {
	if f.CompressedSize64 > 1<<62 { // or the sum could be negative
		return 0, fmt.Errorf("entry %q: %w", f.Name, zip.ErrFormat)
	}
	end := l.content + int64(f.CompressedSize64)
	if l.flags&flagDescriptor == 0 {
		return end, nil
	}
	var next [24 + len(signLocal)]byte // less than a directory and an end record have
	if err := p.read(next[:], end); err != nil {
		return 0, err
	}
	for _, descriptor := range []int{16, 12, 24, 20} {
		if sign := string(next[descriptor:][:len(signLocal)]); sign == signLocal || sign == signDirectory {
			return end + int64(descriptor), nil
		}
	}
	return 0, fmt.Errorf("entry %q: nothing that belongs to the package follows it: %w", f.Name, errTwoReadings)
}

// read fills b from the byte at. The file ends too early if it cannot.
func (p *pack) read(b []byte, at int64) error {
	n, err := p.r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at byte %d: %w", len(b), at, err)
}
