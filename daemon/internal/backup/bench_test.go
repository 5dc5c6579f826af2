package backup

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// The records of a log: lines of 500 bytes.
func benchRecords() []Record {
	records := someRecords(20_000)
	for i := range records {
		records[i].Value = bytes.Repeat([]byte{byte(i)}, 500)
	}
	return records
}

func BenchmarkWrite(b *testing.B) {
	for scheme, h := range holders(b) {
		b.Run(scheme, func(b *testing.B) {
			records := benchRecords()
			b.SetBytes(int64(sealedLength(records)))
			for b.Loop() {
				w, err := NewWriter(io.Discard, testHeader, []Recipient{h.Recipient})
				if err != nil {
					b.Fatal(err)
				}
				encode(b, w, records)
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for scheme, h := range holders(b) {
		b.Run(scheme, func(b *testing.B) {
			file := write(b, benchRecords(), h.Recipient)
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				header, in, err := NewReader(bytes.NewReader(file), h.Identity)
				if err != nil {
					b.Fatal(err)
				}
				d := NewDecoder(in, header)
				for err == nil {
					_, err = d.Next()
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}
