package protocol_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"signet/protocol"
)

// request is a whole frame as a caller sends it.
func request(m protocol.Method, call uint64, payload []byte) []byte {
	return protocol.AppendFrame(nil, protocol.KindRequest, m, call, payload)
}

func TestFramesRoundTrip(t *testing.T) {
	payload := []byte("payload")
	want := []byte{0, 0, 0, 7, 1, 1, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8, 'p', 'a', 'y', 'l', 'o', 'a', 'd'}
	got := protocol.AppendFrame([]byte("x"), protocol.KindRequest, protocol.MethodSign, 0x0102030405060708, payload)
	if !bytes.Equal(got, append([]byte("x"), want...)) {
		t.Fatalf("AppendFrame = %x, want %x", got[1:], want)
	}
	f, err := protocol.ReadRequest(bytes.NewReader(want), protocol.MaxRequest)
	header := protocol.Header{Length: 7, Version: 1, Kind: protocol.KindRequest, Method: protocol.MethodSign, Call: 0x0102030405060708}
	if err != nil || f.Header != header || !bytes.Equal(f.Payload, payload) {
		t.Errorf("ReadRequest = %+v, %v, want %+v", f, err, header)
	}
	h, err := protocol.ParseHeader(want[:protocol.HeaderSize])
	if err != nil || h != header {
		t.Errorf("ParseHeader = %+v, %v, want %+v", h, err, header)
	}
	if _, err := protocol.ParseHeader(want[:15]); !errors.Is(err, protocol.ErrFrame) {
		t.Errorf("ParseHeader of 15 bytes: %v, want ErrFrame", err)
	}
}

// TestEveryTruncationIsTold: at each byte where a stream can end, a whole
// frame is read, the end is clean, or the answer says what is missing.
func TestEveryTruncationIsTold(t *testing.T) {
	whole := append(request(protocol.MethodHealth, 1, nil), request(protocol.MethodSign, 2, []byte("payload"))...)
	for end := range len(whole) + 1 {
		for name, in := range map[string]io.Reader{
			"at once": bytes.NewReader(whole[:end]), "byte by byte": iotest.OneByteReader(bytes.NewReader(whole[:end])),
		} {
			frames, err := readAll(in)
			wantFrames, clean := 0, end == 0
			if end >= 16 {
				wantFrames, clean = 1, end == 16
			}
			if end == len(whole) {
				wantFrames, clean = 2, true
			}
			if frames != wantFrames || (err == io.EOF) != clean {
				t.Errorf("%d of %d bytes, %s: %d frames, %v", end, len(whole), name, frames, err)
			}
			var fault *protocol.Error
			if !clean && (!errors.As(err, &fault) || !errors.Is(err, protocol.ErrFrame) || !errors.Is(err, protocol.Malformed)) {
				t.Errorf("%d of %d bytes, %s: %v, want an answer and the end of the connection", end, len(whole), name, err)
			}
		}
	}
}

func readAll(in io.Reader) (frames int, err error) {
	for {
		if _, err := protocol.ReadRequest(in, protocol.MaxRequest); err != nil {
			return frames, err
		}
		frames++
	}
}

// TestABrokenConnectionIsNotTheCallersFault: what the socket says is handed
// on, and is no answer.
func TestABrokenConnectionIsNotTheCallersFault(t *testing.T) {
	whole := request(protocol.MethodSign, 2, []byte("payload"))
	for _, n := range []int{0, 5, 16, 20} {
		in := io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(io.ErrClosedPipe))
		_, err := protocol.ReadRequest(in, protocol.MaxRequest)
		var fault *protocol.Error
		if !errors.Is(err, io.ErrClosedPipe) || errors.As(err, &fault) {
			t.Errorf("after %d bytes: %v, want the error of the socket alone", n, err)
		}
	}
}

// TestNothingIsReadOfAFrameThatIsTooLong: the bytes after the header are not
// asked for, and no memory is.
func TestNothingIsReadOfAFrameThatIsTooLong(t *testing.T) {
	header := []byte{0xff, 0xff, 0xff, 0xff, 1, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1}
	in := bytes.NewReader(append(header, "rest"...))
	f, err := protocol.ReadRequest(in, protocol.MaxRequest)
	if !errors.Is(err, protocol.TooLarge) || f.Call != 1 || f.Payload != nil || in.Len() != 4 {
		t.Errorf("ReadRequest = %+v, %v, %d bytes left", f, err, in.Len())
	}
	allocated := testing.AllocsPerRun(100, func() { protocol.ReadRequest(bytes.NewReader(header), protocol.MaxRequest) })
	if allocated > 30 {
		t.Errorf("%v allocations for a header", allocated)
	}
}

func TestLimitIsTheSmallerOne(t *testing.T) {
	for _, c := range []struct {
		method protocol.Method
		limit  int
		length int
		ok     bool
	}{
		{protocol.MethodSign, 1024, 1024, true}, {protocol.MethodSign, 1024, 1025, false},
		{protocol.MethodSign, 0, 65536, true}, {protocol.MethodSign, -1, 65537, false}, {protocol.MethodSign, 1 << 30, 65537, false},
		{protocol.MethodStamp, 1024, 1 << 20, true}, {protocol.MethodVerify, 1024, 1<<20 + 1, false}, {0, 0, 65537, false},
	} {
		_, err := protocol.ReadRequest(bytes.NewReader(request(c.method, 1, make([]byte, c.length))), c.limit)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, protocol.TooLarge) {
			t.Errorf("%v, limit %d, %d bytes: %v", c.method, c.limit, c.length, err)
		}
	}
}

func TestMethodsAreNamed(t *testing.T) {
	names := []string{"method(0)", "Health", "Time", "ListEntries", "GetSeal", "Status", "Sign", "Stamp", "Verify", "Proof", "RequestApproval", "ApprovalStatus", "method(12)"}
	for m, want := range names {
		if got := protocol.Method(m).String(); got != want {
			t.Errorf("method %d is %q, want %q", m, got, want)
		}
	}
	if got := protocol.Method(65535).String(); got != "method(65535)" {
		t.Errorf("method 65535 is %q", got)
	}
}
