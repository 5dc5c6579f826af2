package backup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

var goldenRecords = []Record{
	{Bucket: "nonce", Key: []byte{1, 2, 3}, Value: []byte{}},
	{Bucket: "blob", Key: []byte{4}, Value: []byte("first half, "), More: true},
	{Bucket: "blob", Key: []byte{4}, Value: []byte("second half")},
	{Bucket: "ev", Key: []byte{0, 0, 0, 0, 0, 0, 0, 0}, Value: []byte(`{"v":1}`)},
}

// goldenStream was written by hand from the description of Encoder.
const goldenStream = "" +
	"0000000c 01 05 6e6f6e6365 0003 010203 " +
	"00000015 02 04 626c6f62 0001 04 66697273742068616c662c20 " +
	"00000014 01 04 626c6f62 0001 04 7365636f6e642068616c66 " +
	"00000015 01 02 6576 0008 0000000000000000 7b2276223a317d " +
	"00000029 03 0000000000000004 fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

func golden(t testing.TB) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(goldenStream, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRecordsHaveTheGoldenBytes(t *testing.T) {
	var out bytes.Buffer
	encode(t, &out, goldenRecords)
	if !bytes.Equal(out.Bytes(), golden(t)) {
		t.Errorf("written %x\nwant    %x", out.Bytes(), golden(t))
	}
	got, err := decode(bytes.NewReader(golden(t)), testHeader)
	if err != nil || !reflect.DeepEqual(got, goldenRecords) {
		t.Errorf("read %v, %v", got, err)
	}
}

func TestDecoderRefuses(t *testing.T) {
	good := golden(t)
	at := func(i int, b ...byte) []byte {
		bad := bytes.Clone(good)
		copy(bad[i:], b)
		return bad
	}
	trailer := len(good) - trailerSize
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":                  {nil, ErrTruncated},
		"no trailer":               {good[:trailer-4], ErrTruncated},
		"trailer cut off":          {good[:len(good)-1], ErrTruncated},
		"record cut off":           {good[:9], ErrTruncated},
		"length cut off":           {good[:3], ErrTruncated},
		"length 0":                 {at(3, 0), ErrMalformed},
		"length above the bound":   {at(0, 0, 0x10, 0, 1), ErrMalformed},
		"length of all memory":     {at(0, 0xff, 0xff, 0xff, 0xff), ErrMalformed},
		"kind 0":                   {at(4, 0), ErrMalformed},
		"kind 4":                   {at(4, 4), ErrMalformed},
		"no bucket":                {at(5, 0), ErrMalformed},
		"bucket in capitals":       {at(6, 'N'), ErrMalformed},
		"bucket behind the record": {at(5, 0xff), ErrMalformed},
		"key behind the record":    {at(11, 0xff, 0xff), ErrMalformed},
		"no key":                   {at(11, 0, 0), ErrMalformed},
		"length field cut off":     {slicesOf([]byte{0, 0, 0, 2, 1, 5}, good), ErrMalformed},
		"empty part":               {slicesOf([]byte{0, 0, 0, 7, 2, 2, 'e', 'v', 0, 1, 9}, good), ErrMalformed},
		"record left out":          {good[16:], ErrAltered},
		"other root":               {at(len(good)-1, 0), ErrAltered},
		"long trailer":             {at(trailer-1, trailerSize+1), ErrTruncated},
		"short trailer":            {at(trailer-1, trailerSize-1), ErrMalformed},
		"second trailer":           {slicesOf(good, good[trailer-4:]), ErrExtended},
		"a byte behind":            {slicesOf(good, []byte{0}), ErrExtended},
	} {
		d := NewDecoder(bytes.NewReader(c.data), testHeader)
		var err error
		for err == nil {
			_, err = d.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if r, again := d.Next(); again != err || r.Key != nil {
			t.Errorf("%s: after the error: %v, %v", name, r, again)
		}
	}
}

func TestEncoderRefuses(t *testing.T) {
	for name, r := range map[string]Record{
		"no bucket":       {Key: []byte{1}},
		"bucket of 33":    {Bucket: strings.Repeat("b", maxBucket+1), Key: []byte{1}},
		"bucket with nul": {Bucket: "e\x00", Key: []byte{1}},
		"no key":          {Bucket: "ev"},
		"long key":        {Bucket: "ev", Key: make([]byte, maxKey+1)},
		"empty part":      {Bucket: "ev", Key: []byte{1}, More: true},
		"long value":      {Bucket: "ev", Key: []byte{1}, Value: make([]byte, MaxRecord-6)},
	} {
		e, err := NewEncoder(io.Discard, testHeader)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Put(r); err == nil {
			t.Errorf("%s: was written", name)
		}
	}
	if _, err := NewEncoder(io.Discard, Header{}); err == nil {
		t.Error("an encoder without a root")
	}
}

func TestLargestRecordIsReadBack(t *testing.T) {
	want := []Record{{Bucket: "ev", Key: []byte{1}, Value: bytes.Repeat([]byte{7}, MaxRecord-7)}}
	var out bytes.Buffer
	encode(t, &out, want)
	got, err := decode(&out, testHeader)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%d records, %v", len(got), err)
	}
}
