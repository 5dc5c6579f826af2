package backup

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzReadHeader: no beginning of a file panics, and what is accepted is
// written back byte for byte.
func FuzzReadHeader(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte) {
		h, begin, err := readHeader(bytes.NewReader(file))
		if err != nil {
			if !isNamed(err) || h != (Header{}) {
				t.Fatalf("%+v, %v, want nothing and a fault of this package", h, err)
			}
			return
		}
		again, err := h.clear()
		if err != nil || !bytes.Equal(again, begin) || !bytes.HasPrefix(file, again) {
			t.Fatalf("accepted %q, writes %q (%v)", file, again, err)
		}
	})
}

// FuzzDecoder: no stream panics or takes more memory than it has bytes, and
// one that is read to its end is written back byte for byte.
func FuzzDecoder(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream []byte) {
		d := NewDecoder(bytes.NewReader(stream), testHeader)
		var again bytes.Buffer
		e, err := NewEncoder(&again, testHeader)
		if err != nil {
			t.Fatal(err)
		}
		for {
			r, err := d.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if !isNamed(err) {
					t.Fatalf("%v, want a fault of this package", err)
				}
				return
			}
			if err := e.Put(r); err != nil {
				t.Fatalf("accepted a record that is refused: %v", err)
			}
		}
		if err := e.Close(); err != nil || !bytes.Equal(again.Bytes(), stream) {
			t.Fatalf("accepted %x, writes %x (%v)", stream, again.Bytes(), err)
		}
	})
}

// FuzzOpenKey: no envelope panics, here or in gmsm; one that is taken is DER.
func FuzzOpenKey(f *testing.F) {
	id := goldenIdentity(f)
	f.Fuzz(func(t *testing.T, envelope []byte) {
		key, err := openKey(envelope, id.secret)
		if err != nil {
			if key != nil || !isNamed(err) {
				t.Fatalf("%x, %v, want nothing and a fault of this package", key, err)
			}
			return
		}
		var info contentInfo
		rest, err := asn1.Unmarshal(envelope, &info)
		again, err2 := asn1.Marshal(info)
		if err != nil || err2 != nil || len(rest) != 0 || !bytes.Equal(again, envelope) {
			t.Fatalf("accepted %x, is %x (%v, %v)", envelope, again, err, err2)
		}
	})
}

// FuzzParseRecipient: no text panics; what is accepted can be encrypted to.
func FuzzParseRecipient(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecipient(text)
		if err != nil {
			return
		}
		w, err := NewWriter(io.Discard, testHeader, []Recipient{r})
		if err != nil {
			t.Fatalf("%v is a recipient, and: %v", r, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func goldenIdentity(t testing.TB) Identity {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	id, err := ParseIdentity(read("gmt35275.key"), read("gmt35275.crt"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
