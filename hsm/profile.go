package hsm

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"signet/protocol/algo"
	"signet/protocol/stricttoml"
)

// A Profile says what one vendor's module wants. It is read by ParseProfile
// from the format of profile.md; a zero Profile is refused by drivers.
type Profile struct {
	Name        string
	Description string
	Production  bool // false: status says that it is not for production

	// Parts of what C_GetTokenInfo says, in lower case; empty matches all.
	Manufacturer string
	Model        string

	SM2         SM2Profile
	ECDSA       algo.Format // of an ECDSA signature, FormatAuto by default
	Exclude     []string    // names of attributes to leave out of templates
	Unlisted    []uint      // CKM_... that the module does and does not list
	MaxSessions int         // 0: as many as configured
	Deadlines   Deadlines

	Sources    map[string]string // value by dotted name -> where it was seen
	Unverified []string          // dotted names of values not seen in a primary source
}

// SM2Profile holds a vendor's numbers for SM2. All are 0 where the module
// does no SM2.
type SM2Profile struct {
	KeyType        uint // CKK_...
	KeyGen         uint // CKM_... of C_GenerateKeyPair
	SignRawE       uint // CKM_... that signs the 32 bytes of e as they are
	Signature      algo.Format
	Point          PointForm
	PrivateECPoint bool // the private half may have CKA_EC_POINT too: compare it
}

// Supported tells whether the module does SM2.
func (s SM2Profile) Supported() bool { return s.KeyType != 0 }

// A PointForm is how a token writes CKA_EC_POINT.
type PointForm uint8

const (
	PointAuto  PointForm = iota
	PointOctet           // DER OCTET STRING that holds 04‖X‖Y, as PKCS#11 v2.40 curves 2.3.3 asks
	PointRaw             // 04‖X‖Y
	PointXY              // X‖Y
)

// Deadlines are the longest waits for one answer of a module.
type Deadlines struct {
	Sign   time.Duration // C_Sign, C_GenerateRandom
	Login  time.Duration // connecting, listing, destroying
	KeyGen time.Duration // a whole key ceremony
}

// maxProfile bounds a profile, in bytes. The ones that come with signet have
// about 2 KB.
const maxProfile = 64 << 10

// ParseProfile reads a profile. Its error lists all faults, one a line, each
// with its line and key.
func ParseProfile(r io.Reader) (Profile, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxProfile+1))
	if err != nil {
		return Profile{}, fmt.Errorf("reading profile: %w", err)
	}
	if len(text) > maxProfile {
		return Profile{}, fmt.Errorf("reading profile: longer than %d bytes", maxProfile)
	}
	doc := stricttoml.Parse(text)
	p := readProfile(doc.Root())
	if err := doc.Finish(); err != nil {
		return Profile{}, fmt.Errorf("reading profile: %w", err)
	}
	return p, nil
}

var profileName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func readProfile(root *stricttoml.Table) Profile {
	p := Profile{
		Name:        root.String("name"),
		Description: root.StringOr("description", ""),
		Production:  root.BoolOr("production", false),
		Exclude:     readExclude(root),
		Unlisted:    readUnlisted(root),
		MaxSessions: int(root.IntOr("max_sessions", 0, 0, 1024)),
	}
	if p.Name != "" && !profileName.MatchString(p.Name) {
		root.Faultf("name", "is %s: want 1 to 32 of a-z, 0-9 and -", stricttoml.Quote(p.Name))
	}
	values := newSections(root)
	p.Manufacturer = strings.ToLower(values["match"].StringOr("manufacturer", ""))
	p.Model = strings.ToLower(values["match"].StringOr("model", ""))
	if root.Has("sm2") {
		p.SM2 = readSM2(values["sm2"])
	}
	p.ECDSA = readFormat(values["ecdsa"], "signature")
	p.Deadlines = readDeadlines(root.OptionalTable("deadlines"))
	set := values.set()
	p.Sources = readSources(root, values, set)
	p.Unverified = readUnverified(root, set)
	return p
}

// maxNumber is the largest vendor number: CK_ULONG is 32 bits wide on some
// platforms, so no vendor goes beyond.
const maxNumber = 0xFFFFFFFF

func readSM2(t *stricttoml.Table) SM2Profile {
	s := SM2Profile{
		KeyType:        uint(t.Int("key_type", 1, maxNumber)),
		KeyGen:         uint(t.Int("keygen", 1, maxNumber)),
		SignRawE:       uint(t.Int("sign_raw_e", 1, maxNumber)),
		Signature:      readFormat(t, "signature"),
		Point:          PointForm(readChoice(t, "ec_point", "auto", "octet", "raw", "xy")),
		PrivateECPoint: t.BoolOr("private_ec_point", false),
	}
	if 0x1041 <= s.SignRawE && s.SignRawE <= 0x104A {
		t.Faultf("sign_raw_e", "%#x is CKM_ECDSA or one of its kind, which on an SM2 curve makes ECDSA signatures: want the vendor's mechanism for SM2", s.SignRawE)
	}
	return s
}

func readFormat(t *stricttoml.Table, key string) algo.Format {
	return []algo.Format{algo.FormatAuto, algo.FormatRaw, algo.FormatDER}[readChoice(t, key, "auto", "raw", "der")]
}

// readChoice returns the index of the word given, 0 if the key is absent.
func readChoice(t *stricttoml.Table, key string, words ...string) int {
	word := t.StringOr(key, words[0])
	i := slices.Index(words, word)
	if i < 0 {
		t.Faultf(key, "is %s: want one of %s", stricttoml.Quote(word), strings.Join(words, ", "))
		return 0
	}
	return i
}

func readDeadlines(t *stricttoml.Table) Deadlines {
	return Deadlines{
		Sign:   t.DurationOr("sign", 5*time.Second, 100*time.Millisecond, time.Minute),
		Login:  t.DurationOr("login", 30*time.Second, time.Second, 5*time.Minute),
		KeyGen: t.DurationOr("keygen", 10*time.Minute, time.Second, time.Hour),
	}
}

// excludable are the names that exclude takes: what a ceremony may leave out
// of its templates, and what vendors' lists name though no template has it.
// TOKEN, ID and LABEL are not among them: without those no key is found.
var excludable = []string{
	"CKA_CLASS", "CKA_KEY_TYPE", "CKA_PRIVATE", "CKA_SENSITIVE", "CKA_EXTRACTABLE",
	"CKA_SIGN", "CKA_VERIFY", "CKA_ENCRYPT", "CKA_DECRYPT", "CKA_WRAP", "CKA_UNWRAP", "CKA_DERIVE", "CKA_MODIFIABLE",

	"CKA_ALLOWED_MECHANISMS", "CKA_ALWAYS_AUTHENTICATE", "CKA_KEY_GEN_MECHANISM", "CKA_TRUSTED", "CKA_WRAP_WITH_TRUSTED",
	"CKA_WRAP_TEMPLATE", "CKA_UNWRAP_TEMPLATE", "CKA_DERIVE_TEMPLATE", "CKA_COPYABLE", "CKA_DESTROYABLE",
}

func readExclude(root *stricttoml.Table) []string {
	var names []string
	for _, v := range root.OptionalValues("exclude") {
		name, ok := v.Text()
		switch {
		case !ok:
			v.Faultf("is %s: want a string", v.Kind())
		case !slices.Contains(excludable, name):
			v.Faultf("is %s: want one of %s", stricttoml.Quote(name), strings.Join(excludable, ", "))
		case slices.Contains(names, name):
			v.Faultf("is %s a second time", name)
		}
		names = append(names, name)
	}
	return names
}

// maxUnlisted bounds unlisted: signet uses fewer mechanisms than that.
const maxUnlisted = 16

func readUnlisted(root *stricttoml.Table) []uint {
	values := root.OptionalValues("unlisted")
	if len(values) > maxUnlisted {
		root.Faultf("unlisted", "has %d mechanisms: want at most %d", len(values), maxUnlisted)
		return nil
	}
	var numbers []uint
	for _, v := range values {
		n, ok := v.Int()
		switch {
		case !ok:
			v.Faultf("is %s: want the number of a mechanism", v.Kind())
		case n < 0 || n > maxNumber:
			v.Faultf("is out of bounds: want 0 to %#x", maxNumber)
		case slices.Contains(numbers, uint(n)):
			v.Faultf("is %#x a second time", n)
		}
		numbers = append(numbers, uint(n))
	}
	return numbers
}
