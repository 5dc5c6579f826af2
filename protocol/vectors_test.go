package protocol_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"signet/protocol"
)

// A vector is one block of testdata/vectors; README.md there has the format.
type vector struct {
	file, name string
	fromDaemon bool
	limit      int
	stream     []byte
	expect     []string
}

// readVectors reads every file, and fails the test on anything in them that
// the format does not have.
func readVectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) != 6 {
		t.Fatalf("%d files of vectors, %v, want 6", len(files), err)
	}
	var all []vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v *vector
		for i, line := range strings.Split(string(data), "\n") {
			word, rest, _ := strings.Cut(line, " ")
			if word == "vector" {
				all = append(all, vector{file: filepath.Base(file), name: rest, limit: protocol.MaxRequest})
				v = &all[len(all)-1]
			} else if err := v.add(word, rest); err != nil {
				t.Fatalf("%s:%d: %v", file, i+1, err)
			}
		}
	}
	return all
}

func (v *vector) add(word, rest string) (err error) {
	switch {
	case word == "" || strings.HasPrefix(word, "#"):
	case v == nil:
		err = fmt.Errorf("%q before the first vector", word)
	case word == "why":
	case word == "from" && (rest == "caller" || rest == "daemon"):
		v.fromDaemon = rest == "daemon"
	case word == "limit":
		v.limit, err = strconv.Atoi(rest)
	case word == "expect":
		v.expect = append(v.expect, rest)
	case word == "hex":
		err = v.append(1, rest)
	case word == "repeat":
		count, digits, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		return v.append(n, digits)
	default:
		err = fmt.Errorf("%q is not of the format", word+" "+rest)
	}
	return err
}

func (v *vector) append(n int, digits string) error {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	v.stream = append(v.stream, bytes.Repeat(b, n)...)
	return err
}

func TestVectorsDecodeAsTheySay(t *testing.T) {
	names := map[string]bool{}
	all := readVectors(t)
	for _, v := range all {
		if names[v.file+v.name] {
			t.Errorf("%s: %s is there twice", v.file, v.name)
		}
		names[v.file+v.name] = true
		got := v.outcome()
		if i := slices.IndexFunc(v.expect, func(s string) bool { return strings.HasPrefix(s, "values ") }); i >= 0 {
			got = countValues(got)
		}
		if !slices.Equal(got, v.expect) {
			t.Errorf("%s: %s:\n got  %s\n want %s", v.file, v.name, strings.Join(got, "\n      "), strings.Join(v.expect, "\n      "))
		}
	}
	if len(all) < 300 {
		t.Errorf("%d vectors: some are missing", len(all))
	}
}

// countValues writes the number of values instead of the values.
func countValues(lines []string) []string {
	isValue := func(s string) bool { return strings.HasPrefix(s, "value ") }
	n, first := 0, slices.IndexFunc(lines, isValue)
	for _, s := range lines {
		if isValue(s) {
			n++
		}
	}
	return slices.Insert(slices.DeleteFunc(lines, isValue), first, fmt.Sprintf("values %d", n))
}

// outcome reads the whole stream as its receiver does.
func (v vector) outcome() []string {
	in := bytes.NewReader(v.stream)
	var lines []string
	for {
		var f protocol.Frame
		var err error
		if v.fromDaemon {
			f, err = protocol.ReadReply(in)
		} else {
			f, err = protocol.ReadRequest(in, v.limit)
		}
		switch fault := (*protocol.Error)(nil); {
		case err == io.EOF:
			return append(lines, "end closed")
		case errors.As(err, &fault) && !v.fromDaemon:
			return append(lines, errorLine(fault), "end broken")
		case errors.Is(err, protocol.ErrFrame):
			return append(lines, "end broken")
		case err != nil:
			return append(lines, "unexpected "+err.Error())
		}
		lines = append(append(lines, frameLine(f)), v.payload(f)...)
	}
}

var kindNames = []string{"", "request", "reply", "part", "error", "cancel", "goaway"}

func frameLine(f protocol.Frame) string {
	method := f.Method.String()
	if f.Method == 0 {
		method = "-"
	}
	return fmt.Sprintf("frame %s %s %d %d", kindNames[f.Kind], method, f.Call, len(f.Payload))
}

func errorLine(e *protocol.Error) string {
	field := e.GetField()
	if field == "" {
		field = "-"
	}
	return fmt.Sprintf("error %d %s %s", e.GetCode(), e.GetName(), field)
}

// payload says what the payload of a frame decodes to.
func (v vector) payload(f protocol.Frame) []string {
	if f.Kind == protocol.KindCancel || f.Kind == protocol.KindGoAway {
		return nil
	}
	if v.fromDaemon {
		m := replyMessage(f)
		if err := proto.Unmarshal(f.Payload, m); err != nil {
			return []string{"unexpected " + err.Error()}
		}
		return values(nil, "", m.ProtoReflect())
	}
	request, fault := parse(f)
	if fault != nil {
		return []string{errorLine(fault)}
	}
	return values(nil, "", request.ProtoReflect())
}

// parse does what the daemon does with a request's payload before it decides.
func parse(f protocol.Frame) (proto.Message, *protocol.Error) {
	switch f.Method {
	case protocol.MethodSign:
		return protocol.ParseSign(f.Payload)
	case protocol.MethodHealth, protocol.MethodTime, protocol.MethodListEntries:
		return new(protocol.HealthRequest), protocol.ParseEmpty(f.Method, f.Payload)
	case protocol.MethodRequestApproval:
		return protocol.ParseApprovalRequest(f.Payload)
	case protocol.MethodApprovalStatus:
		return protocol.ParseApprovalStatus(f.Payload)
	}
	return nil, protocol.NewError(protocol.Unsupported, "").WithField("method")
}

func replyMessage(f protocol.Frame) proto.Message {
	switch {
	case f.Kind == protocol.KindError:
		return new(protocol.Error)
	case f.Method == protocol.MethodHealth:
		return new(protocol.HealthReply)
	case f.Method == protocol.MethodTime:
		return new(protocol.TimeReply)
	case f.Method == protocol.MethodListEntries:
		return new(protocol.ListEntriesReply)
	case f.Method == protocol.MethodRequestApproval:
		return new(protocol.ApprovalReply)
	case f.Method == protocol.MethodApprovalStatus:
		return new(protocol.ApprovalStatusReply)
	}
	return new(protocol.SignReply)
}

// values writes every field that is set, in the order of field numbers.
func values(lines []string, path string, m protoreflect.Message) []string {
	fields := m.Descriptor().Fields()
	order := make([]protoreflect.FieldDescriptor, 0, fields.Len())
	for i := range fields.Len() {
		order = append(order, fields.Get(i))
	}
	slices.SortFunc(order, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number() - b.Number()) })
	before := len(lines)
	for _, fd := range order {
		if !m.Has(fd) {
			continue
		}
		name := strings.TrimPrefix(path+"."+string(fd.Name()), ".")
		if !fd.IsList() {
			lines = value(lines, name, fd, m.Get(fd))
			continue
		}
		for i := range m.Get(fd).List().Len() {
			lines = value(lines, fmt.Sprintf("%s[%d]", name, i), fd, m.Get(fd).List().Get(i))
		}
	}
	if len(lines) == before && path != "" {
		lines = append(lines, "value "+path+" {}")
	}
	return lines
}

func value(lines []string, name string, fd protoreflect.FieldDescriptor, v protoreflect.Value) []string {
	text := v.String()
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return values(lines, name, v.Message())
	case protoreflect.EnumKind:
		text = strconv.Itoa(int(v.Enum()))
	case protoreflect.StringKind:
		text = `"` + v.String() + `"`
	case protoreflect.BytesKind:
		text = "hex:" + hex.EncodeToString(v.Bytes())
		if len(v.Bytes()) > 64 {
			text = fmt.Sprintf("bytes:%d:sm3:%x", len(v.Bytes()), sm3.Sum(v.Bytes()))
		}
	}
	return append(lines, "value "+name+" "+text)
}

// TestVectorsReachEveryRequestError: a code that no vector shows is a code
// that clients in other languages are not tested with.
func TestVectorsReachEveryRequestError(t *testing.T) {
	stateful := map[protocol.Code]string{
		protocol.AlgorithmMismatch: "the entry's key", protocol.RequestIDReused: "the log",
		protocol.SignTime: "stamps are not built", protocol.NotASCII: "stamps are not built",
	}
	var shown string
	for _, v := range readVectors(t) {
		shown += strings.Join(v.expect, "\n") + "\n"
	}
	for c := protocol.Malformed; c < protocol.UnknownEntry; c++ {
		if c.Valid() && stateful[c] == "" && !strings.Contains(shown, fmt.Sprintf("error %d %v ", uint32(c), c)) {
			t.Errorf("no vector gives %d %v", uint32(c), c)
		}
	}
}
