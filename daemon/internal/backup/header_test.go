package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

const goldenHeader = `{"appliance":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","created":"2026-11-22T10:51:00Z",` +
	`"name":"seal-a.example.org","root":"fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210","schema":1,"scheme":"age","size":3}`

func TestHeaderIsTheGoldenOne(t *testing.T) {
	h := testHeader
	h.Scheme = SchemeAge
	data, err := h.Bytes()
	if err != nil || string(data) != goldenHeader {
		t.Errorf("Bytes = %s, %v\nwant    %s", data, err, goldenHeader)
	}
	if again, err := ParseHeader([]byte(goldenHeader)); err != nil || again != h {
		t.Errorf("ParseHeader = %+v, %v", again, err)
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"appliance in capitals": {"abcdef0123", "ABCDEF0123"},
		"short appliance":       {`"appliance":"01`, `"appliance":"`},
		"no appliance":          {`"appliance":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",`, ""},
		"short root":            {`"root":"fe`, `"root":"`},
		"root not hex":          {`"root":"fe`, `"root":"xx`},
		"size 0":                {`"size":3`, `"size":0`},
		"size below 0":          {`"size":3`, `"size":-1`},
		"schema 0":              {`"schema":1`, `"schema":0`},
		"no scheme":             {`"scheme":"age"`, `"scheme":""`},
		"other scheme":          {`"scheme":"age"`, `"scheme":"none"`},
		"no name":               {"seal-a.example.org", ""},
		"name with an escape":   {"seal-a", `\u001b[2J`},
		"name with a line end":  {"seal-a", `a\n`},
		"long name":             {"seal-a.example.org", strings.Repeat("a", maxName+1)},
		"local time":            {"10:51:00Z", "18:51:00+08:00"},
		"fraction":              {"10:51:00Z", "10:51:00.5Z"},
		"no day":                {"2026-11-22", "2026-11-31"},
		"unknown field":         {`"size":3`, `"size":3,"x":1`},
		"white space":           {`"size":3`, `"size": 3`},
		"text behind":           {`"size":3}`, `"size":3}{}`},
		"too long":              {`"size":3}`, `"size":3}` + strings.Repeat(" ", maxHeader)},
	} {
		text := strings.Replace(goldenHeader, change[0], change[1], 1)
		if text == goldenHeader {
			t.Fatalf("%s: changes nothing", name)
		}
		if h, err := ParseHeader([]byte(text)); !errors.Is(err, ErrMalformed) || h != (Header{}) {
			t.Errorf("%s: %+v, %v, want ErrMalformed and nothing", name, h, err)
		}
	}
}

func TestReadHeaderNamesWhatItFinds(t *testing.T) {
	file := slicesOf([]byte(magic), binary.BigEndian.AppendUint32(nil, uint32(len(goldenHeader))), []byte(goldenHeader))
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"whole":             {file, nil},
		"nothing":           {nil, ErrForeign},
		"an age file":       {[]byte("age-encryption.org/v1\n-> X25519"), ErrForeign},
		"short and foreign": {[]byte("hello"), ErrForeign},
		"a later version":   {bytes.Replace(file, []byte("v1"), []byte("v2"), 1), ErrNewer},
		"version 10":        {[]byte("signet-backup-v10\n"), ErrNewer},
		"cut in the magic":  {file[:7], ErrTruncated},
		"cut behind it":     {file[:len(magic)], ErrTruncated},
		"cut in the length": {file[:len(magic)+3], ErrTruncated},
		"cut in the header": {file[:len(file)-1], ErrTruncated},
		"length 0":          {slicesOf([]byte(magic), make([]byte, 4)), ErrMalformed},
		"length of 4 GiB":   {slicesOf([]byte(magic), []byte{0xff, 0xff, 0xff, 0xff}), ErrMalformed},
	} {
		if h, err := ReadHeader(bytes.NewReader(c.file)); !errors.Is(err, c.want) || (err != nil && h != (Header{})) {
			t.Errorf("%s: %+v, %v, want %v", name, h, err, c.want)
		}
	}
}
