package protocol_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"signet/protocol"
	"signet/protocol/algo"
)

// signRequest is the smallest request that ParseSign takes.
func signRequest() *protocol.SignRequest {
	return &protocol.SignRequest{
		Entry: "contracts", Algorithm: protocol.Algorithm_SM2_SM3, Form: protocol.SignForm_RAW,
		Inputs: []*protocol.Input{{Value: &protocol.Input_Sm2E{Sm2E: make([]byte, 32)}}},
	}
}

// reparse sends r through the wire form.
func reparse(t *testing.T, r *protocol.SignRequest) (*protocol.SignRequest, *protocol.Error) {
	t.Helper()
	payload, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.ParseSign(payload)
}

func TestParseSignGivesTheRequest(t *testing.T) {
	r, fault := reparse(t, signRequest())
	if fault != nil || !proto.Equal(r, signRequest()) {
		t.Errorf("ParseSign = %v, %v", r, fault)
	}
	if r, fault := protocol.ParseSign(nil); fault == nil || r != nil {
		t.Errorf("ParseSign of nothing = %v, %v, want an error and no request", r, fault)
	}
}

// TestEveryTextIsBounded finds the string fields by itself: one that is added
// without a bound fails here.
func TestEveryTextIsBounded(t *testing.T) {
	texts := 0
	try := func(field protoreflect.FieldDescriptor, parent func(*protocol.SignRequest) protoreflect.Message) {
		texts++
		for name, s := range map[string]string{"513 bytes": strings.Repeat("x", 513), "a control character": "a\u0007", "an override": "a\u202eb"} {
			r := signRequest()
			parent(r).Set(field, protoreflect.ValueOfString(s))
			if _, fault := reparse(t, r); !errors.Is(fault, protocol.Malformed) || !strings.HasSuffix(fault.GetField(), string(field.Name())) {
				t.Errorf("%s with %s: %v", field.FullName(), name, fault)
			}
		}
	}
	each(new(protocol.SignRequest), func(fd protoreflect.FieldDescriptor) {
		try(fd, func(r *protocol.SignRequest) protoreflect.Message { return r.ProtoReflect() })
	})
	each(new(protocol.Context), func(fd protoreflect.FieldDescriptor) {
		try(fd, func(r *protocol.SignRequest) protoreflect.Message {
			r.Context = new(protocol.Context)
			return r.Context.ProtoReflect()
		})
		try(fd, func(r *protocol.SignRequest) protoreflect.Message {
			r.Inputs[0].Context = new(protocol.Context)
			return r.Inputs[0].Context.ProtoReflect()
		})
	})
	if texts != 3+2*9 {
		t.Errorf("%d string fields, want 3 of SignRequest and twice 9 of Context", texts)
	}
}

func each(m proto.Message, visit func(protoreflect.FieldDescriptor)) {
	fields := m.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if fields.Get(i).Kind() == protoreflect.StringKind {
			visit(fields.Get(i))
		}
	}
}

// TestFaultsSayWhatWouldBeRight: a caller mends a refused request from its
// error alone, and finds nothing of the request's bytes in it.
func TestFaultsSayWhatWouldBeRight(t *testing.T) {
	for _, v := range readVectors(t) {
		if v.file != "sign-bad.txt" && v.file != "approval-bad.txt" {
			continue
		}
		f, err := protocol.ReadRequest(bytes.NewReader(v.stream), v.limit)
		if err != nil {
			t.Fatal(err)
		}
		_, fault := parse(f)
		if fault == nil || len(fault.Message) < 8 || len(fault.Message) > 200 || fault.Retry != protocol.Retry_NEVER {
			t.Errorf("%s: %v", v.name, fault)
		}
		if strings.ContainsAny(fault.GetMessage(), "\n\x1b\u202e\u2028") {
			t.Errorf("%s: control characters in the error: %q", v.name, fault.GetMessage())
		}
	}
}

// TestSM2ValuesAreNamed is the matrix of the wire's promise: which kind of
// input which algorithm takes.
func TestSM2ValuesAreNamed(t *testing.T) {
	for _, a := range algo.All() {
		size := a.DigestSize()
		digest := protocol.Code(0)
		if a == algo.SM2SM3 || a == algo.Ed25519 {
			digest = protocol.InputKindRequired
		}
		sm2Only := protocol.InputKindRequired
		if a == algo.SM2SM3 {
			sm2Only = 0
		}
		for name, c := range map[string]struct {
			input *protocol.Input
			want  protocol.Code
		}{
			"digest":            {&protocol.Input{Value: &protocol.Input_Digest{Digest: make([]byte, size)}}, digest},
			"sm2_e":             {&protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: make([]byte, 32)}}, sm2Only},
			"digest_as_message": {&protocol.Input{Value: &protocol.Input_DigestAsMessage{DigestAsMessage: make([]byte, 32)}}, sm2Only},
			"message":           {&protocol.Input{Value: &protocol.Input_Message{Message: make([]byte, 1)}}, 0},
		} {
			r := signRequest()
			r.Algorithm, r.Inputs = protocol.Algorithm(a), []*protocol.Input{c.input}
			_, fault := reparse(t, r)
			if got := protocol.Code(fault.GetCode()); got != c.want {
				t.Errorf("%v with %s: %v, want code %d", a, name, fault, c.want)
			}
		}
	}
}

func TestAlgorithmsOfTheWireAreThoseOfAlgo(t *testing.T) {
	numbers := protocol.Algorithm(0).Descriptor().Values()
	if numbers.Len() != len(algo.All())+1 {
		t.Errorf("signet.proto has %d algorithms, algo %d", numbers.Len()-1, len(algo.All()))
	}
	for _, a := range algo.All() {
		want := strings.NewReplacer("-", "_").Replace(a.String())
		if got := protocol.Algorithm(a).String(); got != want {
			t.Errorf("algorithm %d is %s on the wire, want %s", a, got, want)
		}
	}
}

func TestParseEmptyTakesNothing(t *testing.T) {
	for _, m := range []protocol.Method{protocol.MethodHealth, protocol.MethodTime, protocol.MethodListEntries} {
		if fault := protocol.ParseEmpty(m, nil); fault != nil {
			t.Errorf("%v: %v", m, fault)
		}
		if fault := protocol.ParseEmpty(m, []byte{8, 1}); !errors.Is(fault, protocol.UnknownField) {
			t.Errorf("%v with a field: %v", m, fault)
		}
		if fault := protocol.ParseEmpty(m, []byte{8}); !errors.Is(fault, protocol.Malformed) {
			t.Errorf("%v with half a field: %v", m, fault)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	for _, c := range []struct {
		check func(field, s string) *protocol.Error
		good  []string
		bad   []string
	}{
		{protocol.CheckEntryID, []string{"a", "0", "A.b_c-9", strings.Repeat("x", 64)},
			[]string{"", ".", "-a", "_a", "a b", "a/b", "a\n", "é", "\xff", strings.Repeat("x", 65)}},
		{protocol.CheckPurpose, []string{"", "contract", "invoice-2026", "-", strings.Repeat("x", 32)},
			[]string{"A", "a_b", "a.b", "a b", "合", "a\n", strings.Repeat("x", 33)}},
	} {
		for _, s := range c.good {
			if fault := c.check("f", s); fault != nil {
				t.Errorf("%q: %v", s, fault)
			}
		}
		for _, s := range c.bad {
			if fault := c.check("f", s); !errors.Is(fault, protocol.Malformed) || fault.GetField() != "f" {
				t.Errorf("%q: %v, want malformed, field f", s, fault)
			}
		}
	}
}

func TestInputsContextWins(t *testing.T) {
	request := &protocol.Context{Purpose: "contract", DocId: "1", Pages: 3, DocSm3: make([]byte, 32)}
	input := &protocol.Context{DocId: "2", DocSm3: bytes.Repeat([]byte{1}, 32)}
	want := &protocol.Context{Purpose: "contract", DocId: "2", Pages: 3, DocSm3: bytes.Repeat([]byte{1}, 32)}
	before := proto.Clone(request)
	if got := protocol.MergeContext(request, input); !proto.Equal(got, want) {
		t.Errorf("MergeContext = %v, want %v", got, want)
	}
	if !proto.Equal(request, before) {
		t.Error("the request's context was changed: the next input would get this one's")
	}
	merged := protocol.MergeContext(request, nil)
	merged.DocSm3[0] = 9
	if !proto.Equal(request, before) {
		t.Error("merged and request share memory")
	}
	if got := protocol.MergeContext(nil, input); !proto.Equal(got, input) {
		t.Errorf("without a request's context: %v", got)
	}
	if got := protocol.MergeContext(nil, nil); got == nil || !proto.Equal(got, new(protocol.Context)) {
		t.Errorf("without any: %v, want the empty context", got)
	}
}
