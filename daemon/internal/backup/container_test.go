package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/emmansun/gmsm/smx509"
)

func TestEachRecipientReadsWhatWasWritten(t *testing.T) {
	for scheme, to := range map[string][]holder{
		SchemeAge: {ageHolder(t), ageHolder(t)},
		SchemeGM:  {gmHolder(t, "first", smx509.KeyUsageKeyEncipherment), gmHolder(t, "second", 0), gmHolder(t, "三", smx509.KeyUsageKeyAgreement)},
	} {
		var all []Recipient
		for _, h := range to {
			all = append(all, h.Recipient)
		}
		records := someRecords(2000) // several chunks
		file := write(t, records, all...)
		for i, h := range to {
			header, got, err := read(iotest.HalfReader(bytes.NewReader(file)), h.Identity)
			want := testHeader
			want.Scheme = scheme
			if err != nil || header != want || !reflect.DeepEqual(got, records) {
				t.Errorf("%s, recipient %d: %d records with %+v, %v", scheme, i, len(got), header, err)
			}
		}
		if h, err := ReadHeader(bytes.NewReader(file)); err != nil || h.Scheme != scheme {
			t.Errorf("%s: ReadHeader = %+v, %v", scheme, h, err)
		}
		if bytes.Contains(file, bytes.Repeat([]byte{7}, 16)) {
			t.Errorf("%s: a record is in clear", scheme)
		}
	}
}

// Lengths at which a chunk is just full, or has one byte.
func TestLengthsAroundAChunk(t *testing.T) {
	for scheme, h := range holders(t) {
		for _, length := range []int{0, 1, chunkSize - HashSize - 1, chunkSize - HashSize, chunkSize - HashSize + 1, 2*chunkSize - HashSize, 3*chunkSize + 7} {
			var file bytes.Buffer
			w, err := NewWriter(&file, testHeader, []Recipient{h.Recipient})
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte{0xa5}, length)
			if n, err := w.Write(want); n != length || err != nil {
				t.Errorf("%s, %d bytes: Write = %d, %v", scheme, length, n, err)
			}
			if err := w.Close(); err != nil {
				t.Errorf("%s, %d bytes: Close: %v", scheme, length, err)
			}
			_, in, err := NewReader(&file, h.Identity)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", scheme, length, err)
			}
			if got, err := io.ReadAll(in); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes: read %d, %v", scheme, length, len(got), err)
			}
		}
	}
}

// named are the faults that a damaged backup may have.
var named = []error{ErrForeign, ErrNewer, ErrMalformed, ErrTruncated, ErrAltered, ErrExtended, ErrIdentity}

func isNamed(err error) bool {
	for _, name := range named {
		if errors.Is(err, name) {
			return true
		}
	}
	return false
}

func TestNoByteCanBeChanged(t *testing.T) {
	for scheme, h := range holders(t) {
		file := write(t, someRecords(3), h.Recipient)
		for i := range file {
			for _, flip := range []byte{1, 0x80} {
				bad := bytes.Clone(file)
				bad[i] ^= flip
				if _, _, err := read(bytes.NewReader(bad), h.Identity); !isNamed(err) {
					t.Errorf("%s, byte %d of %d xor %#x: %v, want a fault of this package", scheme, i, len(file), flip, err)
				}
			}
		}
	}
}

func TestNoEndCanBeCutOff(t *testing.T) {
	for scheme, h := range holders(t) {
		file := write(t, someRecords(3), h.Recipient)
		for n := range file {
			_, _, err := read(bytes.NewReader(file[:n]), h.Identity)
			if n == 0 && errors.Is(err, ErrForeign) {
				continue // an empty file is nobody's
			}
			// To age, a cut within a chunk and in its header is an alteration.
			if !errors.Is(err, ErrTruncated) && (scheme != SchemeAge || !errors.Is(err, ErrAltered)) {
				t.Errorf("%s, %d of %d bytes: %v, want ErrTruncated", scheme, n, len(file), err)
			}
		}
	}
}

// What somebody does with whole chunks, the sealed units that he has.
func TestChunksStandWhereTheyWereWritten(t *testing.T) {
	const sealed = chunkSize + 16
	for scheme, h := range holders(t) {
		records := someRecords(4 * chunkSize / 100)
		file := write(t, records, h.Recipient)
		other := write(t, records, h.Recipient)
		first := len(file) - sealedLength(records)
		begin, body := file[:first], file[first:]
		chunk := func(i int) []byte { return body[i*sealed : min((i+1)*sealed, len(body))] }
		whole := len(body) / sealed
		if whole < 3 || len(body)%sealed == 0 {
			t.Fatalf("%d bytes are no good example", len(body))
		}
		for name, c := range map[string]struct {
			file []byte
			want error
		}{
			"cut between chunks":        {slicesOf(begin, chunk(0), chunk(1)), ErrTruncated},
			"without any":               {begin, ErrTruncated},
			"last one missing":          {slicesOf(begin, body[:whole*sealed]), ErrTruncated},
			"two changed places":        {slicesOf(begin, chunk(1), chunk(0), body[2*sealed:]), ErrAltered},
			"one left out":              {slicesOf(begin, chunk(0), body[2*sealed:]), ErrAltered},
			"one twice":                 {slicesOf(begin, chunk(0), chunk(0), body[sealed:]), ErrAltered},
			"one of another backup":     {slicesOf(begin, chunk(0), other[len(other)-len(body)+sealed:][:sealed], body[2*sealed:]), ErrAltered},
			"bytes behind":              {slicesOf(file, []byte{0}), ErrAltered},
			"the body of another":       {slicesOf(begin, other[len(other)-len(body):]), ErrAltered},
			"the beginning of another":  {slicesOf(other[:len(other)-len(body)], body), ErrAltered},
			"name of another appliance": {bytes.Replace(file, []byte("seal-a.example"), []byte("seal-b.example"), 1), ErrAltered},
		} {
			if _, _, err := read(bytes.NewReader(c.file), h.Identity); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", scheme, name, err, c.want)
			}
		}
	}
}

// sealedLength is that of the chunks of records, which are the end of a file.
func sealedLength(records []Record) int {
	clear := HashSize + 4 + trailerSize
	for _, r := range records {
		clear += 4 + r.size()
	}
	return clear + (clear+chunkSize-1)/chunkSize*16
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Behind a last chunk that is full, what follows is told from an alteration.
func TestDataBehindAFullLastChunkIsNamed(t *testing.T) {
	h := gmHolder(t, "backup", 0)
	var file bytes.Buffer
	w, err := NewWriter(&file, testHeader, []Recipient{h.Recipient})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, chunkSize-HashSize))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{1, 16, chunkSize + 16} {
		longer := append(bytes.Clone(file.Bytes()), make([]byte, more)...)
		_, _, err := NewReader(bytes.NewReader(longer), h.Identity)
		if !errors.Is(err, ErrExtended) {
			t.Errorf("%d bytes more: %v, want ErrExtended", more, err)
		}
	}
}

func TestAnotherKeyOpensNothing(t *testing.T) {
	for scheme, h := range holders(t) {
		file := write(t, someRecords(1), h.Recipient)
		for name, other := range holders(t) {
			if _, _, err := read(bytes.NewReader(file), other.Identity); !errors.Is(err, ErrIdentity) {
				t.Errorf("%s, opened with %s of another: %v, want ErrIdentity", scheme, name, err)
			}
		}
		if _, _, err := read(bytes.NewReader(file), Identity{}); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s, opened with nothing: %v, want ErrIdentity", scheme, err)
		}
	}
}

func TestWriterRefusesRecipients(t *testing.T) {
	one, gm := ageHolder(t), gmHolder(t, "backup", 0)
	again := gm
	again.cert = certify(t, "again", 0, gm.private.Public(), gm.private)
	for name, to := range map[string][]Recipient{
		"none":                      nil,
		"nobody":                    {{}},
		"both kinds":                {one.Recipient, gm.Recipient},
		"one twice":                 {one.Recipient, one.Recipient},
		"one key, two certificates": {gm.Recipient, {cert: again.cert}},
	} {
		var file bytes.Buffer
		if _, err := NewWriter(&file, testHeader, to); err == nil || file.Len() != 0 {
			t.Errorf("%s: %v, %d bytes written, want an error and none", name, err, file.Len())
		}
	}
}

// A full disk or a caller who hangs up is not a whole backup, and is not taken
// for a damaged one.
func TestFaultsBelowAreHandedOn(t *testing.T) {
	broken := errors.New("the disk is full")
	for scheme, h := range holders(t) {
		file := write(t, someRecords(2000), h.Recipient)
		for _, room := range []int{0, 10, 200, 700, len(file) - 100, len(file) - 8} {
			if err := writeAll(&limitedWriter{room, broken}, h.Recipient); !errors.Is(err, broken) {
				t.Errorf("%s, room for %d bytes: %v, want the disk's error", scheme, room, err)
			}
			in := io.MultiReader(bytes.NewReader(file[:room]), iotest.ErrReader(broken))
			if _, _, err := read(in, h.Identity); !errors.Is(err, broken) || isNamed(err) {
				t.Errorf("%s, %d bytes can be read: %v, want the disk's error alone", scheme, room, err)
			}
		}
	}
}

func writeAll(to io.Writer, recipient Recipient) error {
	w, err := NewWriter(to, testHeader, []Recipient{recipient})
	if err != nil {
		return err
	}
	e, err := NewEncoder(w, testHeader)
	if err != nil {
		return err
	}
	for _, r := range someRecords(2000) {
		if err := e.Put(r); err != nil {
			return err
		}
	}
	if err := e.Close(); err != nil {
		return err
	}
	return w.Close()
}

type limitedWriter struct {
	room int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.room {
		return w.room, w.err
	}
	w.room -= len(p)
	return len(p), nil
}

func TestWritingAfterCloseIsRefused(t *testing.T) {
	for scheme, h := range holders(t) {
		w, err := NewWriter(io.Discard, testHeader, []Recipient{h.Recipient})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("late")); err == nil {
			t.Errorf("%s: Write after Close has no error", scheme)
		}
	}
}

func TestIdentityShowsAsRedacted(t *testing.T) {
	for scheme, h := range holders(t) {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("opened", "identity", h.Identity)
		text, err := json.Marshal(struct{ Identity Identity }{h.Identity})
		if err != nil {
			t.Fatal(err)
		}
		for _, shown := range []string{fmt.Sprint(h.Identity), fmt.Sprintf("%+v %#v %x", h.Identity, h.Identity, h.Identity), log.String(), string(text)} {
			if !strings.Contains(shown, redacted) || strings.Contains(shown, "SECRET") {
				t.Errorf("%s shows as %q", scheme, shown)
			}
		}
	}
}

// TestGoldenBackupsOpen: a backup is read years later. If this fails, mend the
// code, never the files.
func TestGoldenBackupsOpen(t *testing.T) {
	golden := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for scheme, cert := range map[string][]byte{SchemeAge: nil, SchemeGM: golden("gmt35275.crt")} {
		id, err := ParseIdentity(golden(scheme+".key"), cert, nil)
		if err != nil {
			t.Fatal(err)
		}
		h, records, err := read(bytes.NewReader(golden(scheme+".backup")), id)
		want := testHeader
		want.Scheme = scheme
		if err != nil || h != want || !reflect.DeepEqual(records, goldenRecords) {
			t.Errorf("%s: %+v, %v, %v", scheme, h, records, err)
		}
	}
}
