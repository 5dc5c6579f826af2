package protocol

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"signet/protocol/algo"
)

// Bounds of a request's fields, in bytes unless said otherwise.
const (
	MaxBatch        = 256 // inputs
	MaxMessage      = 48 << 10
	MaxEntryID      = 64
	MaxRequestID    = 64
	MaxPurpose      = 32
	maxText         = 512
	maxDocumentHash = 64
)

// textLimits bounds the strings of Context by field name; the rest have maxText.
var textLimits = map[protoreflect.Name]int{
	"purpose": MaxPurpose, "doc_id": 128, "doc_no": 128, "doc_title": maxText, "user_id": 128,
	"user_name": 128, "dept": 128, "client_ip": 64, "approval_ref": 128,
}

// decode unmarshals payload into m and refuses what protobuf lets pass:
// unknown fields at any depth, enum numbers outside their table, and strings
// with control characters or too long.
func decode(payload []byte, m proto.Message) *Error {
	if err := proto.Unmarshal(payload, m); err != nil {
		return NewError(Malformed, "payload is not a protobuf %s message (see signet.proto)", m.ProtoReflect().Descriptor().Name())
	}
	return checkMessage(m.ProtoReflect())
}

// checkMessage and those below it name the field from where they stand; each
// caller puts its own name before it. So names are made for faults only: a
// batch has hundreds of fields without one.
func checkMessage(m protoreflect.Message) *Error {
	if unknown := m.GetUnknown(); len(unknown) != 0 {
		return fieldError(UnknownField, "", "%s has a field that this version does not know", m.Descriptor().Name())
	}
	// In the order of signet.proto, not Range's, which differs between builds:
	// of several faults the same one is always named.
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		if fault := checkField(fd, m.Get(fd)); fault != nil {
			return fault
		}
	}
	return nil
}

func checkField(fd protoreflect.FieldDescriptor, v protoreflect.Value) *Error {
	if !fd.IsList() {
		return checkValue(fd, v).within(string(fd.Name()))
	}
	list := v.List()
	for i := range list.Len() {
		if fault := checkValue(fd, list.Get(i)); fault != nil {
			return fault.within(element(string(fd.Name()), i))
		}
	}
	return nil
}

func checkValue(fd protoreflect.FieldDescriptor, v protoreflect.Value) *Error {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return checkMessage(v.Message())
	case protoreflect.EnumKind:
		if fd.Enum().Values().ByNumber(v.Enum()) == nil {
			return fieldError(Unsupported, "", "%s has no value %d", fd.Enum().Name(), v.Enum())
		}
	case protoreflect.StringKind:
		limit, ok := textLimits[fd.Name()]
		if !ok {
			limit = maxText
		}
		return CheckText("", v.String(), limit)
	}
	return nil
}

// within puts a name before the field of a fault.
func (e *Error) within(name string) *Error {
	if e != nil {
		e.Field = join(name, e.Field)
	}
	return e
}

func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// join leaves out what is empty.
func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}

// CheckText refuses what would lie in a log or on a screen: bytes that are
// not UTF-8, control characters, line separators, and the bidirectional
// overrides that make text read as something else.
func CheckText(field, s string, limit int) *Error {
	if len(s) > limit {
		return fieldError(Malformed, field, "%d bytes of text: at most %d", len(s), limit)
	}
	if !utf8.ValidString(s) {
		return fieldError(Malformed, field, "not UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || isBidiControl(r) {
			return fieldError(Malformed, field, "has the control character U+%04X", r)
		}
	}
	return nil
}

func isBidiControl(r rune) bool {
	return unicode.Is(unicode.Bidi_Control, r)
}

const identifier = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// CheckEntryID refuses what cannot name an entry.
func CheckEntryID(field, id string) *Error {
	if id == "" {
		return fieldError(Malformed, field, "missing: name an entry")
	}
	if len(id) > MaxEntryID || strings.Trim(id, identifier) != "" || strings.IndexByte("._-", id[0]) >= 0 {
		return fieldError(Malformed, field, "not an entry id: want 1 to %d of A-Z a-z 0-9 . _ -, the first a letter or digit", MaxEntryID)
	}
	return nil
}

// checkToken refuses text outside [A-Za-z0-9._-]; empty is allowed.
func checkToken(field, s string, limit int) *Error {
	if len(s) > limit || strings.Trim(s, identifier) != "" {
		return fieldError(Malformed, field, "want at most %d of A-Z a-z 0-9 . _ -", limit)
	}
	return nil
}

// CheckPurpose refuses what is not a purpose token; empty is allowed.
func CheckPurpose(field, s string) *Error {
	if len(s) > MaxPurpose || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fieldError(Malformed, field, "want at most %d of a-z 0-9 -", MaxPurpose)
	}
	return nil
}

// ParseEmpty checks the payload of a request that has no fields.
func ParseEmpty(m Method, payload []byte) *Error {
	switch m {
	case MethodHealth:
		return decode(payload, new(HealthRequest))
	case MethodTime:
		return decode(payload, new(TimeRequest))
	}
	return decode(payload, new(ListEntriesRequest))
}

// ParseSign reads a SignRequest and checks all that needs no state: what it
// returns is well-formed, bounded, and each input fits the algorithm.
func ParseSign(payload []byte) (*SignRequest, *Error) {
	r := new(SignRequest)
	if fault := decode(payload, r); fault != nil {
		return nil, fault
	}
	for _, check := range []func(*SignRequest) *Error{checkSignHead, checkSignForm, checkInputs} {
		if fault := check(r); fault != nil {
			return nil, fault
		}
	}
	return r, nil
}

func checkSignHead(r *SignRequest) *Error {
	if fault := CheckEntryID("entry", r.Entry); fault != nil {
		return fault
	}
	if r.Algorithm == Algorithm_ALGORITHM_UNSPECIFIED {
		return fieldError(Malformed, "algorithm", "missing: name one of the table of algorithms")
	}
	if fault := checkToken("request_id", r.RequestId, MaxRequestID); fault != nil {
		return fault
	}
	if r.Approval != "" {
		if fault := CheckApprovalID("approval", r.Approval); fault != nil {
			return fault
		}
	}
	return checkContext("context", r.Context)
}

func checkSignForm(r *SignRequest) *Error {
	switch {
	case r.Form == SignForm_SIGN_FORM_UNSPECIFIED:
		return fieldError(Malformed, "form", "missing: want RAW")
	case r.Form != SignForm_RAW:
		return fieldError(Unsupported, "form", "%v is not built yet: want RAW", r.Form)
	case r.Attributes:
		return fieldError(Unsupported, "attributes", "signed attributes go with a CMS form, which is not built yet")
	}
	return nil
}

func checkContext(field string, c *Context) *Error {
	if fault := CheckPurpose("purpose", c.GetPurpose()); fault != nil {
		return fault.within(field)
	}
	if n := len(c.GetDocSm3()); n != 0 && n != 32 {
		return fieldError(DigestLength, join(field, "doc_sm3"), "%d bytes: SM3 has 32", n)
	}
	return nil
}

func checkInputs(r *SignRequest) *Error {
	switch n := len(r.Inputs); {
	case n == 0:
		return fieldError(Malformed, "inputs", "missing: give at least one")
	case n > MaxBatch:
		return fieldError(BatchTooLarge, "inputs", "%d inputs: at most %d", n, MaxBatch)
	}
	a := algo.Algorithm(r.Algorithm)
	for i, in := range r.Inputs {
		fault := checkInput(a, in)
		if fault == nil {
			fault = checkContext("context", in.Context)
		}
		if fault != nil {
			return fault.within(element("inputs", i))
		}
	}
	return nil
}

// checkInput holds the wire's one promise about SM2: its three 32-byte values
// (e, SM3 of the file, SM3 signed as a message) are named, never guessed.
func checkInput(a algo.Algorithm, in *Input) *Error {
	if n := len(in.DocumentHash); n > maxDocumentHash {
		return fieldError(Malformed, "document_hash", "%d bytes: at most %d", n, maxDocumentHash)
	}
	switch v := in.Value.(type) {
	case *Input_Digest:
		return checkDigest("digest", a, len(v.Digest))
	case *Input_Sm2E:
		if a != algo.SM2SM3 {
			return fieldError(InputKindRequired, "sm2_e", "sm2_e is for SM2-SM3: %v signs digest or message", a)
		}
		return checkLength("sm2_e", len(v.Sm2E), 32)
	case *Input_Message:
		return checkMessageSize("message", len(v.Message))
	case *Input_DigestAsMessage:
		if a != algo.SM2SM3 {
			return fieldError(InputKindRequired, "digest_as_message", "digest_as_message is for SM2-SM3: %v signs digest or message", a)
		}
		return checkLength("digest_as_message", len(v.DigestAsMessage), 32)
	}
	return fieldError(Malformed, "", "no value: give digest, sm2_e or message")
}

func checkMessageSize(field string, n int) *Error {
	switch {
	case n == 0:
		return fieldError(Malformed, field, "empty: give the bytes to sign")
	case n > MaxMessage:
		return fieldError(TooLarge, field, "%d bytes: want at most %d; send a digest of what is longer, or e", n, MaxMessage)
	}
	return nil
}

func checkDigest(field string, a algo.Algorithm, n int) *Error {
	switch a {
	case algo.SM2SM3:
		return fieldError(InputKindRequired, field, "SM2 does not sign a plain digest: send sm2_e = SM3(ZA || M), or the message")
	case algo.Ed25519:
		return fieldError(InputKindRequired, field, "ED25519 signs the message itself: send message")
	}
	return checkLength(field, n, a.DigestSize())
}

func checkLength(field string, n, want int) *Error {
	if n != want {
		return fieldError(DigestLength, field, "%d bytes: want %d", n, want)
	}
	return nil
}

// MergeContext returns the context of one input: a field set in the input
// wins over the request's.
func MergeContext(request, input *Context) *Context {
	merged := new(Context)
	proto.Merge(merged, request)
	proto.Merge(merged, input)
	return merged
}
