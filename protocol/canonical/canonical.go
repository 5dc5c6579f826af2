// Package canonical writes the one JSON form that signet hashes and signs:
// RFC 8785 restricted to objects with ASCII keys, strings, integers of less
// than 2^53, booleans and arrays. Two encoders of any language that follow
// the RFC give the same bytes, so a hash over them means something.
//
// Not protojson and not encoding/json: the output of the first differs
// between builds, the second escapes <, > and & and keeps struct order.
package canonical

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxInteger is the largest integer that every JSON reader keeps exact.
const maxInteger = 1<<53 - 1

// ErrNotCanonical is wrapped by Unmarshal for bytes that are JSON of the
// wanted shape but not its canonical form.
var ErrNotCanonical = errors.New("not canonical JSON (RFC 8785)")

// Marshal returns the canonical form of v: a struct, map with string keys,
// slice, string, integer, boolean, encoding.TextMarshaler, or a pointer to
// one. Struct fields take their name, "omitempty", "omitzero" and "-" from the
// json tag. It refuses nil, floats and what the package comment leaves out.
func Marshal(v any) ([]byte, error) { return Append(nil, v) }

// Append appends the canonical form of v to dst.
func Append(dst []byte, v any) ([]byte, error) {
	return appendValue(dst, reflect.ValueOf(v))
}

// Unmarshal reads data into v and refuses whatever v would not be written
// back to: unknown, repeated or unsorted keys, white space, null, other
// escapes, text after the value.
func Unmarshal(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading JSON: text after the value: %w", ErrNotCanonical)
	}
	again, err := Marshal(v)
	if err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	if !bytes.Equal(again, data) {
		return ErrNotCanonical
	}
	return nil
}

func appendValue(dst []byte, v reflect.Value) ([]byte, error) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil, fmt.Errorf("encoding %v: nil has no canonical form", v.Type())
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil, errors.New("encoding nil: it has no canonical form")
	}
	// Asked first, since to put a value into an interface takes memory: a line
	// of the log has dozens of values.
	if v.Type().NumMethod() > 0 {
		if text, ok := v.Interface().(encoding.TextMarshaler); ok {
			return appendText(dst, text)
		}
	}
	switch v.Kind() {
	case reflect.String:
		return appendString(dst, v.String())
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return appendInt(dst, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return appendUint(dst, v.Uint())
	case reflect.Slice, reflect.Array:
		return appendArray(dst, v)
	case reflect.Map:
		return appendMap(dst, v)
	case reflect.Struct:
		return appendStruct(dst, v)
	}
	return nil, fmt.Errorf("encoding %v: it has no canonical form", v.Type())
}

func appendText(dst []byte, text encoding.TextMarshaler) ([]byte, error) {
	s, err := text.MarshalText()
	if err != nil {
		return nil, err
	}
	return appendString(dst, string(s))
}

func appendInt(dst []byte, n int64) ([]byte, error) {
	if n > maxInteger || n < -maxInteger {
		return nil, fmt.Errorf("encoding %d: want an integer of less than 2^53", n)
	}
	return strconv.AppendInt(dst, n, 10), nil
}

func appendUint(dst []byte, n uint64) ([]byte, error) {
	if n > maxInteger {
		return nil, fmt.Errorf("encoding %d: want an integer of less than 2^53", n)
	}
	return strconv.AppendUint(dst, n, 10), nil
}

const hexDigits = "0123456789abcdef"

// appendString escapes as RFC 8785 3.2.2.2: the short escapes where JSON has
// them, \u00xx for other control characters, everything else as it is.
func appendString(dst []byte, s string) ([]byte, error) {
	if isPlain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"'), nil
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("encoding %q: not UTF-8", s)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			dst = append(dst, '\\', "btn?fr"[c-'\b'])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, '"'), nil
}

// isPlain tells whether s is ASCII that needs no escape, as almost all is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func appendArray(dst []byte, v reflect.Value) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendValue(dst, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, v reflect.Value) ([]byte, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("encoding %v: want string keys", v.Type())
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	dst = append(dst, '{')
	for i, key := range keys {
		if err := checkKey(key.String()); err != nil {
			return nil, err
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendMember(dst, key.String(), v.MapIndex(key)); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// checkKey holds keys to ASCII: only there is byte order the UTF-16 order
// that RFC 8785 3.2.3 sorts by.
func checkKey(key string) error {
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return fmt.Errorf("encoding key %q: want printable ASCII", key)
		}
	}
	return nil
}

func appendMember(dst []byte, key string, v reflect.Value) ([]byte, error) {
	dst, err := appendString(dst, key)
	if err != nil {
		return nil, err
	}
	return appendValue(append(dst, ':'), v)
}

func appendStruct(dst []byte, v reflect.Value) ([]byte, error) {
	fields, err := planOf(v.Type())
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	first := true
	for _, f := range fields {
		member := v.Field(f.index)
		if f.omitEmpty && isEmpty(member) || f.omitZero && isZero(member) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, f.prefix...)
		if dst, err = appendValue(dst, member); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return append(dst, '}'), nil
}

// isEmpty is encoding/json's rule for omitempty, so that what Unmarshal's
// decoder reads is written back the same.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// isZero is encoding/json's rule for omitzero.
func isZero(v reflect.Value) bool {
	if own, ok := v.Interface().(interface{ IsZero() bool }); ok {
		return own.IsZero()
	}
	return v.IsZero()
}

type field struct {
	name      string
	prefix    []byte // "name":
	index     int
	omitEmpty bool
	omitZero  bool
}

// plans caches the sorted fields of each struct type.
var plans sync.Map // reflect.Type -> []field

func planOf(t reflect.Type) ([]field, error) {
	if cached, ok := plans.Load(t); ok {
		return cached.([]field), nil
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if f.Anonymous || name == "" {
			return nil, fmt.Errorf("encoding %v: field %s has no json name", t, f.Name)
		}
		if err := checkKey(name); err != nil {
			return nil, err
		}
		prefix := append([]byte(`"`+name+`"`), ':')
		fields = append(fields, field{name, prefix, i, options == "omitempty", options == "omitzero"})
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	plans.Store(t, fields)
	return fields, nil
}
