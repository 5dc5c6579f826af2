package hsm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A URI names a token as RFC 7512 does. Empty fields match anything; at least
// one is set. Values are decoded.
type URI struct {
	Token        string
	Manufacturer string
	Model        string
	Serial       string

	SlotID           string // decimal without leading zeros: slot numbers may change at a reconnect
	SlotDescription  string
	SlotManufacturer string

	LibraryManufacturer string
	LibraryDescription  string
	LibraryVersion      string // "2" or "2.6"
}

const uriScheme = "pkcs11:"

// uriAttribute is one path attribute of RFC 7512 2.3. size is that of the
// structure member in bytes (PKCS#11 v2.40 base, 3.2): a longer value could
// never match.
type uriAttribute struct {
	name  string
	size  int
	field func(*URI) *string
	check func(string) error
}

// uriAttributes is also the order in which String writes them.
var uriAttributes = []uriAttribute{
	{"token", 32, func(u *URI) *string { return &u.Token }, nil},
	{"manufacturer", 32, func(u *URI) *string { return &u.Manufacturer }, nil},
	{"model", 16, func(u *URI) *string { return &u.Model }, nil},
	{"serial", 16, func(u *URI) *string { return &u.Serial }, nil},
	{"slot-id", 20, func(u *URI) *string { return &u.SlotID }, checkSlotID},
	{"slot-description", 64, func(u *URI) *string { return &u.SlotDescription }, nil},
	{"slot-manufacturer", 32, func(u *URI) *string { return &u.SlotManufacturer }, nil},
	{"library-manufacturer", 32, func(u *URI) *string { return &u.LibraryManufacturer }, nil},
	{"library-description", 32, func(u *URI) *string { return &u.LibraryDescription }, nil},
	{"library-version", 7, func(u *URI) *string { return &u.LibraryVersion }, checkVersion},
}

// uriRefused are the attributes of RFC 7512 that have no place here.
var uriRefused = map[string]string{
	"object":      "names an object: here a token is named, keys are found by CKA_ID",
	"id":          "names an object: here a token is named, keys are found by CKA_ID",
	"type":        "names an object: here a token is named, keys are found by CKA_ID",
	"pin-value":   "would put the PIN into the configuration: name a credential with pin_credential",
	"pin-source":  "would let the URI choose where the PIN comes from: name a credential with pin_credential",
	"module-name": "names a library: here it is the module's path that says which",
	"module-path": "names a library: here it is the module's path that says which",
}

// ParseURI reads a PKCS#11 URI that names a token. Attributes that are given
// twice, unknown, of objects, or that carry a PIN are refused. No error
// repeats a value.
func ParseURI(text string) (URI, error) {
	rest, ok := strings.CutPrefix(text, uriScheme)
	if !ok {
		return URI{}, fmt.Errorf("parsing token URI: want it to start with %q", uriScheme)
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	var u URI
	if err := u.readPath(path); err != nil {
		return URI{}, fmt.Errorf("parsing token URI: %w", err)
	}
	if hasQuery {
		return URI{}, fmt.Errorf("parsing token URI: %w", refuseQuery(query))
	}
	if u == (URI{}) {
		return URI{}, errors.New("parsing token URI: it matches every token: want at least one attribute, such as token=NAME")
	}
	return u, nil
}

func (u *URI) readPath(path string) error {
	if path == "" {
		return nil
	}
	for part := range strings.SplitSeq(path, ";") {
		name, raw, ok := strings.Cut(part, "=")
		if !ok {
			return errors.New("an attribute has no value: want name=value, separated by semicolons")
		}
		if err := u.set(name, raw); err != nil {
			return err
		}
	}
	return nil
}

func (u *URI) set(name, raw string) error {
	if why := uriRefused[name]; why != "" {
		return fmt.Errorf("attribute %s %s", name, why)
	}
	for _, a := range uriAttributes {
		if a.name != name {
			continue
		}
		field := a.field(u)
		if *field != "" {
			return fmt.Errorf("attribute %s is given twice: want it once", name)
		}
		v, err := a.decode(raw)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
		*field = v
		return nil
	}
	return unknownAttribute(name)
}

// refuseQuery says why the query is not accepted: RFC 7512 2.4 knows four
// query attributes, and none has a place here.
func refuseQuery(query string) error {
	name, _, _ := strings.Cut(query, "=")
	name, _, _ = strings.Cut(name, "&")
	if why := uriRefused[name]; why != "" {
		return fmt.Errorf("attribute %s %s", name, why)
	}
	return unknownAttribute(name)
}

// unknownAttribute does not repeat a name that cannot be one: it may be a
// value, even a PIN, behind a misplaced separator.
func unknownAttribute(name string) error {
	var known []string
	for _, a := range uriAttributes {
		known = append(known, a.name)
	}
	want := strings.Join(known, ", ")
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" || len(name) > 24 {
		return fmt.Errorf("something that is not an attribute: want one of %s", want)
	}
	return fmt.Errorf("unknown attribute %s: want one of %s", name, want)
}

func (a uriAttribute) decode(raw string) (string, error) {
	v, err := unescape(raw)
	switch {
	case err != nil:
		return "", err
	case v == "":
		return "", errors.New("is empty: give a value or leave it out")
	case len(v) > a.size:
		return "", fmt.Errorf("is %d bytes long: want at most %d", len(v), a.size)
	case strings.HasSuffix(v, " "):
		return "", errors.New("ends in a blank: tokens pad with blanks, so want none")
	case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
		return "", errors.New("is not UTF-8 without control characters")
	case a.check != nil:
		return v, a.check(v)
	}
	return v, nil
}

// uriPlain are the characters that may stand for themselves in a value of the
// path: unreserved, pk11-res-avail and "&" of RFC 7512 2.3, apart from letters
// and digits.
const uriPlain = "-._~:[]@!$'()*+,=&"

func plainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(uriPlain, c) >= 0
}

func unescape(raw string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' {
			if !plainByte(raw[i]) {
				return "", fmt.Errorf("byte %d may not stand for itself: want %%%02X", i, raw[i])
			}
			out.WriteByte(raw[i])
			continue
		}
		if i+2 >= len(raw) {
			return "", fmt.Errorf("byte %d starts no percent-encoding: want %% and two hex digits", i)
		}
		v, err := strconv.ParseUint(raw[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("byte %d starts no percent-encoding: want %% and two hex digits", i)
		}
		out.WriteByte(byte(v))
		i += 2
	}
	return out.String(), nil
}

func checkSlotID(v string) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != v {
		return errors.New("is not a slot number: want decimal digits without leading zeros")
	}
	return nil
}

// checkVersion: RFC 7512 2.3, pk11-lib-ver = 1*DIGIT [ "." 1*DIGIT ], each a
// byte of CK_VERSION.
func checkVersion(v string) error {
	for part := range strings.SplitSeq(v, ".") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || strconv.FormatUint(n, 10) != part || strings.Count(v, ".") > 1 {
			return errors.New("is not a version: want one or two numbers up to 255, such as 2.6")
		}
	}
	return nil
}

// String writes the URI in one canonical form, which ParseURI reads back to
// the same value.
func (u URI) String() string {
	var parts []string
	for _, a := range uriAttributes {
		if v := *a.field(&u); v != "" {
			parts = append(parts, a.name+"="+escape(v))
		}
	}
	return uriScheme + strings.Join(parts, ";")
}

func escape(v string) string {
	var out strings.Builder
	for i := 0; i < len(v); i++ {
		if plainByte(v[i]) {
			out.WriteByte(v[i])
		} else {
			fmt.Fprintf(&out, "%%%02X", v[i])
		}
	}
	return out.String()
}
