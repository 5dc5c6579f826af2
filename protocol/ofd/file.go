package ofd

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// limits bounds what a package may make its reader do.
type limits struct {
	parts     int    // entries, directories among them; below 65,535
	bytes     uint64 // of the file, and of all parts unpacked
	directory int64  // bytes that are read to list the parts
	slack     uint64 // bytes of all parts unpacked, whatever the size of the file
	ratio     uint64 // beyond slack: of all parts unpacked, to the size of the file
}

// bounds are far from what documents need and near to what a minute can do.
// Within them no package needs Zip64 end records: from 65,535 entries on, an
// end record does not say how many there are. XML packs 30:1, blank scans that
// are not compressed themselves some 100:1; deflate ends at 1032:1.
var bounds = limits{parts: 65_534, bytes: 1<<32 - 2, directory: 64 << 20, slack: 64 << 20, ratio: 200}

// FromFile returns the Refs of an OFD file of size bytes, unsigned or signed.
// It keeps no part in memory.
//
// It refuses what is not a zip package with an OFD.xml; entries that are
// encrypted, damaged, links, or packed by another method than store and
// deflate; names that are absolute, not UTF-8, have "." or ".." or a
// backslash, or differ only in case; more than 65,534 entries or 4 GiB
// unpacked; more than 200 times the file's size, beyond 64 MiB; and packages
// that another program, such as one which reads from the front, could read
// differently.
func FromFile(r io.ReaderAt, size int64) (Refs, error) { return fromFile(r, size, bounds) }

func fromFile(r io.ReaderAt, size int64, lim limits) (Refs, error) {
	p, err := open(r, size, lim)
	if err != nil {
		return Refs{}, fmt.Errorf("reading OFD file: %w", err)
	}
	refs, err := p.refs()
	if err != nil {
		return Refs{}, fmt.Errorf("reading OFD file: %w", err)
	}
	return refs, nil
}

// A pack is an OFD file whose directory has been read and held to all that can
// be held without its parts.
type pack struct {
	r       io.ReaderAt
	entries []*zip.File
}

func open(r io.ReaderAt, size int64, lim limits) (*pack, error) {
	if size < 0 || uint64(size) > lim.bytes {
		return nil, fmt.Errorf("is %d bytes long: want at most %d", size, lim.bytes)
	}
	listing := &rationed{r: r, left: lim.directory}
	z, err := zip.NewReader(listing, size)
	if err != nil {
		return nil, fmt.Errorf("listing its parts: %w", err)
	}
	listing.left = -1
	p := &pack{r: r, entries: z.File}
	if err := p.check(uint64(size), lim); err != nil {
		return nil, err
	}
	if err := p.checkOneReading(size); err != nil {
		return nil, err
	}
	return p, nil
}

// check holds the directory to the limits and the rules of names.
func (p *pack) check(size uint64, lim limits) error {
	if len(p.entries) > lim.parts {
		return fmt.Errorf("has %d entries: want at most %d", len(p.entries), lim.parts)
	}
	names := make([]string, len(p.entries))
	most := min(lim.bytes, lim.slack+lim.ratio*size)
	left := most
	for i, f := range p.entries {
		if err := checkEntry(f); err != nil {
			return err
		}
		// What is left, not a sum: sizes are up to 2^64-1.
		if f.UncompressedSize64 > left {
			return fmt.Errorf("entry %q: with it the package unpacks to more than %d bytes, for %d packed", f.Name, most, size)
		}
		left -= f.UncompressedSize64
		names[i] = partName(f)
	}
	if !slices.ContainsFunc(p.entries, func(f *zip.File) bool { return "/"+f.Name == root }) {
		return errors.New("has no part OFD.xml: want an OFD file")
	}
	return checkDistinct(names)
}

// partName returns the absolute name of a part, or of a directory.
func partName(f *zip.File) string { return "/" + strings.TrimSuffix(f.Name, "/") }

func isDirectory(f *zip.File) bool { return strings.HasSuffix(f.Name, "/") }

// Flags of an entry (PKWARE APPNOTE 6.3.10, 4.4.4).
const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3 // its sizes follow its content
	flagPatched    = 1 << 5
	flagStrong     = 1 << 6
	flagMasked     = 1 << 13
)

func checkEntry(f *zip.File) error {
	if strings.HasPrefix(f.Name, "/") {
		return fmt.Errorf("entry %.200q: is absolute: want a name without a slash in front", f.Name)
	}
	if err := checkName(partName(f)); err != nil {
		return fmt.Errorf("entry: %w", err)
	}
	switch {
	case f.Flags&(flagEncrypted|flagStrong|flagMasked) != 0:
		return fmt.Errorf("entry %q: is encrypted: want a package without a password", f.Name)
	case f.Flags&flagPatched != 0 || f.Method != zip.Store && f.Method != zip.Deflate:
		return fmt.Errorf("entry %q: is packed by method %d: want 0 (store) or 8 (deflate)", f.Name, f.Method)
	case isDirectory(f) && f.UncompressedSize64 != 0:
		return fmt.Errorf("entry %q: is a directory with content", f.Name)
	case !isDirectory(f) && !f.Mode().IsRegular():
		return fmt.Errorf("entry %q: is a link or device (%v): want a file", f.Name, f.Mode())
	}
	return nil
}

// refs reads every entry, those that refs_sm3 leaves out as well: each must be
// whole, or something could hide behind it.
func (p *pack) refs() (Refs, error) {
	d := newDigester()
	var all []Ref
	for _, f := range p.entries {
		sum, err := d.sum(f)
		if err != nil {
			return Refs{}, fmt.Errorf("entry %q: %w", f.Name, err)
		}
		if !isDirectory(f) {
			all = append(all, Ref{Name: partName(f), SM3: sum})
		}
	}
	return newRefs(all)
}

// A rationed reader gives left bytes and then an error, as long as left is not
// negative: a directory is read until it ends, wherever that is.
type rationed struct {
	r    io.ReaderAt
	left int64
}

func (l *rationed) ReadAt(b []byte, at int64) (int, error) {
	n, err := l.r.ReadAt(b, at)
	if l.left < 0 {
		return n, err
	}
	if l.left -= int64(n); l.left < 0 {
		l.left = 0
		return 0, errors.New("its directory is too long")
	}
	return n, err
}
