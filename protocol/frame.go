package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the frames.
const Version = 1

// HeaderSize is the length in bytes of a frame's header.
const HeaderSize = 16

// Largest payloads in bytes.
const (
	MaxRequest      = 64 << 10 // of a request
	MaxLargeRequest = 1 << 20  // of a Stamp or Verify request
	MaxReply        = 1 << 20  // of any frame that a daemon sends
	partTarget      = 60 << 10 // a reply is cut into parts of about this
)

// A Kind says what a frame is. The zero value is no kind.
type Kind uint8

const (
	KindRequest Kind = 1
	KindReply   Kind = 2
	KindPart    Kind = 3
	KindError   Kind = 4
	KindCancel  Kind = 5
	KindGoAway  Kind = 6
)

// A Method names what a request asks for. Append only.
type Method uint16

const (
	MethodHealth          Method = 1
	MethodTime            Method = 2
	MethodListEntries     Method = 3
	MethodGetSeal         Method = 4
	MethodStatus          Method = 5
	MethodSign            Method = 6
	MethodStamp           Method = 7
	MethodVerify          Method = 8
	MethodProof           Method = 9
	MethodRequestApproval Method = 10
	MethodApprovalStatus  Method = 11
)

var methodNames = [...]string{
	MethodHealth: "Health", MethodTime: "Time", MethodListEntries: "ListEntries", MethodGetSeal: "GetSeal",
	MethodStatus: "Status", MethodSign: "Sign", MethodStamp: "Stamp", MethodVerify: "Verify",
	MethodProof: "Proof", MethodRequestApproval: "RequestApproval", MethodApprovalStatus: "ApprovalStatus",
}

func (m Method) String() string {
	if m == 0 || int(m) >= len(methodNames) {
		return fmt.Sprintf("method(%d)", uint16(m))
	}
	return methodNames[m]
}

// MaxPayload is the largest request payload of m in bytes.
func (m Method) MaxPayload() int {
	if m == MethodStamp || m == MethodVerify {
		return MaxLargeRequest
	}
	return MaxRequest
}

// A Header is the fixed part of a frame.
//
//	0 u32 payload length, big endian
//	4 u8  version
//	5 u8  kind
//	6 u16 method
//	8 u64 call id, the caller's, unique in flight
type Header struct {
	Length  uint32
	Version uint8
	Kind    Kind
	Method  Method
	Call    uint64
}

// A Frame is one header with its payload.
type Frame struct {
	Header
	Payload []byte
}

// ErrFrame is wrapped by errors about a frame that cannot be read on: its
// boundaries or its meaning are unknown, so the connection has to end.
var ErrFrame = errors.New("bad frame")

// ParseHeader reads the first HeaderSize bytes of b.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("%w: header of %d bytes, want %d", ErrFrame, len(b), HeaderSize)
	}
	return Header{
		Length:  binary.BigEndian.Uint32(b[0:]),
		Version: b[4],
		Kind:    Kind(b[5]),
		Method:  Method(binary.BigEndian.Uint16(b[6:])),
		Call:    binary.BigEndian.Uint64(b[8:]),
	}, nil
}

// AppendFrame appends header and payload to dst. The length is the payload's.
func AppendFrame(dst []byte, k Kind, m Method, call uint64, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, Version, byte(k))
	dst = binary.BigEndian.AppendUint16(dst, uint16(m))
	dst = binary.BigEndian.AppendUint64(dst, call)
	return append(dst, payload...)
}

// ReadRequest reads a request or cancel frame. The header is checked before
// anything is allocated for the payload; limit (bytes, at most MaxRequest) is
// the appliance's own for all methods but Stamp and Verify. Errors:
//
//   - io.EOF: the peer closed between frames;
//   - *Error (with the frame's header): the frame can be answered; wraps
//     ErrFrame too if the connection cannot go on after the answer;
//   - anything else: the connection broke.
func ReadRequest(r io.Reader, limit int) (Frame, error) {
	h, err := readHeader(r)
	if err != nil {
		return Frame{Header: h}, err
	}
	if answer := checkRequestHeader(h, limit); answer != nil {
		return Frame{Header: h}, brokenFrame{answer}
	}
	return readPayload(r, h)
}

// ReadReply reads any frame that a daemon sends.
func ReadReply(r io.Reader) (Frame, error) {
	h, err := readHeader(r)
	if err != nil {
		return Frame{Header: h}, err
	}
	if h.Version != Version || h.Length > MaxReply || !h.Kind.fromDaemon() {
		return Frame{Header: h}, fmt.Errorf("%w: version %d, kind %d, length %d from the daemon", ErrFrame, h.Version, h.Kind, h.Length)
	}
	return readPayload(r, h)
}

func (k Kind) fromDaemon() bool {
	return k == KindReply || k == KindPart || k == KindError || k == KindGoAway
}

func readHeader(r io.Reader) (Header, error) {
	var buf [HeaderSize]byte
	n, err := io.ReadFull(r, buf[:])
	switch {
	case err == nil:
		return ParseHeader(buf[:])
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Header{}, brokenFrame{NewError(Malformed, "frame ends after %d of the header's %d bytes", n, HeaderSize)}
	}
	return Header{}, err
}

func checkRequestHeader(h Header, limit int) *Error {
	if largest := h.Method.MaxPayload(); largest > MaxRequest || limit <= 0 || limit > largest {
		limit = largest
	}
	switch {
	case h.Version != Version:
		return fieldError(Malformed, "version", "frame version %d: want %d", h.Version, Version)
	case h.Kind == KindCancel && h.Length != 0:
		return fieldError(Malformed, "length", "a cancel frame has no payload, got %d bytes", h.Length)
	case h.Kind != KindRequest && h.Kind != KindCancel:
		return fieldError(Malformed, "kind", "frame kind %d: callers send request (1) and cancel (5)", h.Kind)
	case h.Length > uint32(limit):
		return fieldError(TooLarge, "length", "payload of %d bytes: %v takes at most %d", h.Length, h.Method, limit)
	}
	return nil
}

// readPayload takes memory at once for what an ordinary request may have, and
// beyond that only for what has arrived: announcing a megabyte costs nothing.
func readPayload(r io.Reader, h Header) (Frame, error) {
	payload := bytes.NewBuffer(make([]byte, 0, min(h.Length, MaxRequest)))
	n, err := io.CopyN(payload, r, int64(h.Length))
	switch {
	case err == nil:
		return Frame{Header: h, Payload: payload.Bytes()}, nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return Frame{Header: h}, brokenFrame{NewError(Malformed, "frame ends after %d of the payload's %d bytes", n, h.Length)}
	}
	return Frame{Header: h}, err
}

// brokenFrame is an Error that can be answered and after which the connection
// cannot go on.
type brokenFrame struct{ answer *Error }

func (b brokenFrame) Error() string   { return ErrFrame.Error() + ": " + b.answer.Error() }
func (b brokenFrame) Unwrap() []error { return []error{ErrFrame, b.answer} }
