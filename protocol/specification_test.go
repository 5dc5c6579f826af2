package protocol_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	firmwareconfig "signet/firmware-config"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/algo"
)

// section is the text of protocol.md below that heading, up to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	data, err := os.ReadFile("protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), heading+"\n")
	if !ok {
		t.Fatalf("protocol.md has no heading %q", heading)
	}
	if next := regexp.MustCompile(`(?m)^##+ `).FindStringIndex(text); next != nil {
		text = text[:next[0]]
	}
	return text
}

// table returns the rows of the tables below that heading, without the heads.
// Backquotes are taken away.
func table(t *testing.T, heading string) [][]string {
	t.Helper()
	var rows [][]string
	inTable, head := false, false
	for _, line := range strings.Split(section(t, heading), "\n") {
		if !strings.HasPrefix(line, "|") {
			inTable = false
			continue
		}
		if !inTable {
			inTable, head = true, true
			continue
		}
		if head {
			head = false // the line of dashes
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, "`", "")))
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		t.Fatalf("no table below %q", heading)
	}
	return rows
}

func TestSpecificationOfKinds(t *testing.T) {
	for i, row := range table(t, "### Kinds") {
		kind, name, daemon := protocol.Kind(i+1), kindNames[i+1], row[2] == "daemon"
		if row[0] != strconv.Itoa(i+1) || row[1] != name {
			t.Errorf("row %v, want %d %s", row, i+1, name)
		}
		frame := protocol.AppendFrame(nil, kind, protocol.MethodHealth, 1, nil)
		if _, err := protocol.ReadReply(bytes.NewReader(frame)); (err == nil) != daemon {
			t.Errorf("%s, said to be sent by %s: ReadReply: %v", name, row[2], err)
		}
		if _, err := protocol.ReadRequest(bytes.NewReader(frame), 0); (err == nil) == daemon {
			t.Errorf("%s, said to be sent by %s: ReadRequest: %v", name, row[2], err)
		}
	}
}

func TestSpecificationOfMethods(t *testing.T) {
	rows := table(t, "### Methods")
	for i, row := range rows {
		m := protocol.Method(i + 1)
		if row[0] != strconv.Itoa(i+1) || row[1] != m.String() || row[4] != strconv.Itoa(m.MaxPayload()) {
			t.Errorf("row %v, want %d %v %d", row, i+1, m, m.MaxPayload())
		}
		_, fault := parse(protocol.Frame{Header: protocol.Header{Method: m}})
		if built := fault.GetCode() != uint32(protocol.Unsupported); (row[5] == "built") != built {
			t.Errorf("%v is said to be %s", m, row[5])
		}
		for _, name := range row[2:4] {
			if name != "-" && protocol.File_protocol_signet_proto.Messages().ByName(protoreflect.Name(name)) == nil {
				t.Errorf("%v: signet.proto has no message %s", m, name)
			}
		}
	}
	if next := protocol.Method(len(rows) + 1); !strings.HasPrefix(next.String(), "method(") {
		t.Errorf("%v is missing", next)
	}
}

func TestSpecificationOfHeader(t *testing.T) {
	want := [][2]string{{"0", "4"}, {"4", "1"}, {"5", "1"}, {"6", "2"}, {"8", "8"}, {strconv.Itoa(protocol.HeaderSize), "length"}}
	rows := table(t, "## 1. Frames")
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		if row[0] != want[i][0] || row[1] != want[i][1] {
			t.Errorf("row %v, want offset %s, bytes %s", row, want[i][0], want[i][1])
		}
	}
	if rows[1][3] != strconv.Itoa(protocol.Version) {
		t.Errorf("version %s, want %d", rows[1][3], protocol.Version)
	}
}

// TestSpecificationOfTheExample: the bytes drawn are the vector's.
func TestSpecificationOfTheExample(t *testing.T) {
	_, text, _ := strings.Cut(section(t, "### A call, byte by byte"), "```\n")
	text, _, _ = strings.Cut(text, "```")
	var stream []byte
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "  ") // what follows two spaces is a comment
		b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		stream = append(stream, b...)
	}
	for _, v := range readVectors(t) {
		if v.name == "worked-example" && !bytes.Equal(stream, v.stream) {
			t.Errorf("drawn %x\nvector %x", stream, v.stream)
		}
	}
}

// TestSpecificationOfFields: number, name and type of every field of every
// message that has a table, and no other.
func TestSpecificationOfFields(t *testing.T) {
	for heading, m := range map[string]proto.Message{
		"### SignRequest": new(protocol.SignRequest), "### Input": new(protocol.Input), "### Context": new(protocol.Context),
		"### HealthReply": new(protocol.HealthReply), "### TokenHealth": new(protocol.TokenHealth), "### EntryInfo": new(protocol.EntryInfo),
		"### ApprovalRequest": new(protocol.ApprovalRequest), "### ApprovalReply": new(protocol.ApprovalReply),
		"### ApprovalStatusRequest": new(protocol.ApprovalStatusRequest), "### ApprovalInfo": new(protocol.ApprovalInfo),
	} {
		fields := m.ProtoReflect().Descriptor().Fields()
		rows := table(t, heading)
		if len(rows) != fields.Len() {
			t.Errorf("%s: %d rows, want %d", heading, len(rows), fields.Len())
		}
		for _, row := range rows {
			fd := fields.ByName(protoreflect.Name(row[1]))
			if fd == nil || row[0] != fmt.Sprint(fd.Number()) || row[2] != typeName(fd) {
				t.Errorf("%s: row %v is not of signet.proto", heading, row)
			}
		}
	}
}

func typeName(fd protoreflect.FieldDescriptor) string {
	name := fd.Kind().String()
	switch {
	case fd.Enum() != nil:
		name = string(fd.Enum().Name())
	case fd.Message() != nil && fd.Message().ParentFile() == protocol.File_protocol_signet_proto:
		name = string(fd.Message().Name())
	case fd.Message() != nil:
		name = string(fd.Message().FullName())
	}
	if fd.IsList() {
		name = "repeated " + name
	}
	return name
}

var upTo = regexp.MustCompile(`\d to (\d+)`)

// TestSpecificationOfBounds: each "N to M" is what is accepted, and one more
// is not.
func TestSpecificationOfBounds(t *testing.T) {
	tried := 0
	for heading, parent := range map[string]func(*protocol.SignRequest) protoreflect.Message{
		"### SignRequest": func(r *protocol.SignRequest) protoreflect.Message { return r.ProtoReflect() },
		"### Input":       func(r *protocol.SignRequest) protoreflect.Message { return r.Inputs[0].ProtoReflect() },
		"### Context": func(r *protocol.SignRequest) protoreflect.Message {
			r.Context = new(protocol.Context)
			return r.Context.ProtoReflect()
		},
	} {
		for _, row := range table(t, heading) {
			bound := upTo.FindStringSubmatch(row[3])
			if bound == nil {
				continue
			}
			tried++
			largest, err := strconv.Atoi(bound[1])
			if err != nil {
				t.Fatal(err)
			}
			for n, ok := range map[int]bool{largest: true, largest + 1: false} {
				r := signRequest()
				fill(parent(r), protoreflect.Name(row[1]), n)
				if _, fault := reparse(t, r); (fault == nil) != ok {
					t.Errorf("%s with %d: %v, the table says %q", row[1], n, fault, row[3])
				}
			}
		}
	}
	if tried != 2+1+2+9 {
		t.Errorf("%d bounds tried, want 14", tried)
	}
}

// fill gives the field n bytes, or n elements.
func fill(m protoreflect.Message, name protoreflect.Name, n int) {
	fd := m.Descriptor().Fields().ByName(name)
	switch {
	case fd.IsList():
		list := m.Mutable(fd).List()
		for list.Len() < n {
			list.Append(list.Get(0))
		}
	case fd.Kind() == protoreflect.StringKind:
		m.Set(fd, protoreflect.ValueOfString(strings.Repeat("x", n)))
	default:
		m.Set(fd, protoreflect.ValueOfBytes(make([]byte, n)))
	}
}

// TestSpecificationOfApprovalBounds: the same for a request for an approval,
// whose digests are each there once.
func TestSpecificationOfApprovalBounds(t *testing.T) {
	tried := 0
	for _, row := range table(t, "### ApprovalRequest") {
		bound := upTo.FindStringSubmatch(row[3])
		if bound == nil {
			continue
		}
		tried++
		largest, err := strconv.Atoi(bound[1])
		if err != nil {
			t.Fatal(err)
		}
		for n, ok := range map[int]bool{largest: true, largest + 1: false} {
			r := approvalRequest(protocol.ApprovalForm_BY_COUNT)
			switch row[1] {
			case "digests":
				r.Form = protocol.ApprovalForm_BY_DIGESTS
				r.Digests = distinct(n)
			case "count":
				r.Count = uint32(n)
			default:
				fill(r.ProtoReflect(), protoreflect.Name(row[1]), n)
			}
			if _, fault := reparseApproval(t, r); (fault == nil) != ok {
				t.Errorf("%s with %d: %v, the table says %q", row[1], n, fault, row[3])
			}
		}
	}
	if tried != 5 {
		t.Errorf("%d bounds tried, want 5", tried)
	}
}

func distinct(n int) [][]byte {
	var digests [][]byte
	for i := range n {
		digests = append(digests, binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i)))
	}
	return digests
}

// TestSpecificationOfApprovals: forms and states are those of signet.proto, and
// what the policy calls them.
func TestSpecificationOfApprovals(t *testing.T) {
	forms := table(t, "### Forms of approval")
	if len(forms) != len(policy.Forms()) || len(forms) != protocol.ApprovalForm(0).Descriptor().Values().Len()-1 {
		t.Errorf("%d forms, the policy has %d", len(forms), len(policy.Forms()))
	}
	for i, row := range forms {
		form := protocol.ApprovalForm(i + 1)
		if row[0] != strconv.Itoa(i+1) || row[1] != form.String() || row[1] != "BY_"+strings.ToUpper(policy.Form(i+1).String()) {
			t.Errorf("row %v, want %v, which the policy calls %v", row, form, policy.Form(i+1))
		}
	}
	states := table(t, "### States of an approval")
	if len(states) != protocol.ApprovalState(0).Descriptor().Values().Len()-1 {
		t.Errorf("%d states", len(states))
	}
	for i, row := range states {
		state := protocol.ApprovalState(i + 1)
		if row[0] != strconv.Itoa(i+1) || row[1] != state.String() {
			t.Errorf("row %v, want %v", row, state)
		}
		// Only the last, expired, is none of the policy's: the clock makes it.
		if state < protocol.ApprovalState_APPROVAL_EXPIRED && row[1] != "APPROVAL_"+strings.ToUpper(policy.State(i+1).String()) {
			t.Errorf("%v, which the policy calls %v", row, policy.State(i+1))
		}
	}
}

func TestSpecificationOfForms(t *testing.T) {
	for i, row := range table(t, "### Forms") {
		form := protocol.SignForm(i + 1)
		r := signRequest()
		r.Form = form
		_, fault := reparse(t, r)
		if row[0] != strconv.Itoa(i+1) || row[1] != form.String() || strings.HasPrefix(row[2], "built") != (fault == nil) {
			t.Errorf("row %v, want %v, answered %v", row, form, fault)
		}
	}
}

func TestSpecificationOfAlgorithms(t *testing.T) {
	rows := table(t, "### Algorithms")
	if len(rows) != len(algo.All()) {
		t.Errorf("%d algorithms, want %d", len(rows), len(algo.All()))
	}
	for _, row := range rows {
		a, err := algo.Parse(row[1])
		if err != nil || row[0] != strconv.Itoa(int(a)) {
			t.Fatalf("row %v: %v", row, err)
		}
		for _, k := range algo.KeyTypes() {
			if fits := strings.HasPrefix(k.String(), row[2]); fits != a.Fits(k) {
				t.Errorf("%v: key %q, but Fits(%v) is %v", a, row[2], k, a.Fits(k))
			}
		}
		size := strconv.Itoa(a.DigestSize())
		for column, input := range map[int]*protocol.Input{
			3: {Value: &protocol.Input_Digest{Digest: make([]byte, a.DigestSize())}},
			4: {Value: &protocol.Input_Sm2E{Sm2E: make([]byte, a.DigestSize())}},
		} {
			r := signRequest()
			r.Algorithm, r.Inputs[0] = protocol.Algorithm(a), input
			_, fault := reparse(t, r)
			if want := map[bool]string{true: size, false: "refused"}[fault == nil]; row[column] != want {
				t.Errorf("%v: %q in column %d, want %q (%v)", a, row[column], column, want, fault)
			}
		}
		der := a == algo.SM2SM3 || strings.HasPrefix(a.String(), "ECDSA")
		if (row[5] == "DER") != der || (row[5] == "raw") == der {
			t.Errorf("%v: signature %q", a, row[5])
		}
	}
}

// TestSpecificationOfSM2 computes the values of section 4 from its constants
// with nothing but SM3, as a client without a library would.
func TestSpecificationOfSM2(t *testing.T) {
	value := map[string][]byte{}
	for _, row := range table(t, "## 4. SM2: three values of 32 bytes") {
		if b, err := hex.DecodeString(row[len(row)-1]); err == nil {
			value[row[0]] = b
		}
	}
	message := []byte("message digest")
	hash := func(parts ...[]byte) []byte {
		sum := sm3.Sum(bytes.Join(parts, nil))
		return sum[:]
	}
	za := hash([]byte{0, 0x80}, []byte(algo.SM2ID), value["a"], value["b"], value["xG"], value["yG"], value["xA"], value["yA"])
	for name, want := range map[string][]byte{
		"ZA": za, "e": hash(za, message), "SM3(M)": hash(message), "SM3(ZA ‖ SM3(M))": hash(za, hash(message)),
	} {
		if !bytes.Equal(value[name], want) {
			t.Errorf("%s = %X, want %X", name, value[name], want)
		}
	}
	spki, err := hex.DecodeString("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := algo.ParsePublicKey(bytes.Join([][]byte{spki, value["xA"], value["yA"]}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := algo.SM2E(pub, message); err != nil || !bytes.Equal(e, value["e"]) {
		t.Errorf("SM2E = %X, %v, want %X", e, err, value["e"])
	}
	if e, err := algo.SM2E(pub, value["SM3(M)"]); err != nil || !bytes.Equal(e, value["SM3(ZA ‖ SM3(M))"]) {
		t.Errorf("SM2E of SM3(M) = %X, %v", e, err)
	}
}

func TestSpecificationOfErrors(t *testing.T) {
	rows := table(t, "### Codes")
	if len(rows) != len(promised) {
		t.Errorf("%d codes, want %d", len(rows), len(promised))
	}
	for i, row := range rows[:min(len(rows), len(promised))] {
		want := promised[i]
		if row[0] != fmt.Sprint(uint32(want.code)) || row[1] != want.name || row[2] != want.retry || row[3] == "" {
			t.Errorf("row %v, want %d %s %s", row, uint32(want.code), want.name, want.retry)
		}
	}
}

// TestSpecificationNamesFieldsOfTheAnswers: the tables of Signed and Error
// explain every field and no other.
func TestSpecificationNamesFieldsOfTheAnswers(t *testing.T) {
	for heading, m := range map[string]proto.Message{"### The answer": new(protocol.Signed), "## 6. Errors": new(protocol.Error)} {
		var names []string
		for _, row := range table(t, heading) {
			names = append(names, strings.Split(row[0], ", ")...)
		}
		fields := m.ProtoReflect().Descriptor().Fields()
		if len(names) != fields.Len() {
			t.Errorf("%s: %d fields, want %d", heading, len(names), fields.Len())
		}
		for _, name := range names {
			if fields.ByName(protoreflect.Name(name)) == nil {
				t.Errorf("%s: no field %s", heading, name)
			}
		}
	}
	for _, retry := range []protocol.Retry{protocol.Retry_NEVER, protocol.Retry_AFTER, protocol.Retry_NOW} {
		if want := fmt.Sprintf("%d %v", retry, retry); !strings.Contains(section(t, "## 6. Errors"), want) {
			t.Errorf("%q is not explained", want)
		}
	}
}

const leastConfig = `
appliance = "seal-a"
[module.a]
driver = "pkcs11"
path = "/usr/lib/m.so"
profile = "sansec"
[module.a.token.seals]
uri = "pkcs11:token=seals"
pin_credential = "pin-seals"
`

func TestSpecificationOfLimits(t *testing.T) {
	config, err := firmwareconfig.Parse([]byte(leastConfig))
	if err != nil {
		t.Fatal(err)
	}
	l := config.Limits
	want := []int{
		protocol.HeaderSize, protocol.MaxRequest, protocol.MaxLargeRequest, protocol.MaxReply, protocol.MaxBatch, protocol.MaxMessage,
		l.Connections, l.ConnectionsPerUID, l.QueuePerUID, int(l.Deadline.Seconds()), int(l.Idle.Seconds()),
	}
	rows := table(t, "## 8. Limits")
	if len(rows) != len(want) {
		t.Fatalf("%d limits, want %d", len(rows), len(want))
	}
	for i, row := range rows {
		if row[1] != strconv.Itoa(want[i]) {
			t.Errorf("%s is %s, want %d", row[0], row[1], want[i])
		}
	}
}
