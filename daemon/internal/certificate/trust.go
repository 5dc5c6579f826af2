package certificate

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emmansun/gmsm/smx509"
)

// A Kind says by what right a CA issues, 电子印章管理办法 arts. 6, 8, 10, 12
// and 35. The words stand in the configuration and in records: append only.
// The zero value is no kind.
type Kind string

const (
	EGov     Kind = "egov"     // 电子政务电子认证服务机构
	Licensed Kind = "licensed" // 依法设立的电子认证服务机构
	Internal Kind = "internal" // the owner's own CA, for internal seals (art. 35)
)

const (
	maxAnchorName = 64
	maxLicence    = 128 // characters
)

// AnchorText is a trust anchor as it was configured, before anybody has
// judged it.
type AnchorText struct {
	Name        string
	Certificate []byte // PEM or DER of one certificate
	Kind        string
	Licence     string // number of the CA's licence; may be empty for internal
	From        string // RFC 3339
	Until       string // RFC 3339, or empty: no end
}

// A Fault is one thing that is wrong with an AnchorText. Field is the key of
// the configuration; Problem says what is wrong and what would be right.
type Fault struct{ Field, Problem string }

// An Anchor is a CA that certificates may lead to. From and Until bound when
// it is trusted to issue: From inside, Until outside; a zero Until is no end.
type Anchor struct {
	Name        string
	Certificate Certificate
	Kind        Kind
	Licence     string
	From, Until time.Time
}

// ParseAnchor reads an anchor and returns every fault of it. Whether its
// certificate is still valid is a matter of the time of use, not judged here.
func ParseAnchor(t AnchorText) (Anchor, []Fault) {
	var faults faultList
	a := Anchor{Name: t.Name, Kind: Kind(t.Kind), Licence: t.Licence}
	faults.words(t)
	a.From, a.Until = faults.times(t)
	var err error
	if a.Certificate, err = anchorCertificate(t.Certificate); err != nil {
		faults.add("certificate", "%v", err)
	}
	if faults != nil {
		return Anchor{}, faults
	}
	return a, nil
}

type faultList []Fault

func (l *faultList) add(field, format string, args ...any) {
	*l = append(*l, Fault{field, fmt.Sprintf(format, args...)})
}

func (l *faultList) words(t AnchorText) {
	if t.Name == "" || len(t.Name) > maxAnchorName {
		l.add("name", "has %d bytes: want 1 to %d", len(t.Name), maxAnchorName)
	}
	switch Kind(t.Kind) {
	case EGov, Licensed, Internal:
	default:
		l.add("kind", "%q: want egov, licensed or internal", shorten(t.Kind))
	}
	switch {
	case t.Licence == "" && Kind(t.Kind) != Internal:
		l.add("licence", "is missing: want the number of the CA's licence")
	case utf8.RuneCountInString(t.Licence) > maxLicence || strings.ContainsFunc(t.Licence, isHidden):
		l.add("licence", "want at most %d visible characters", maxLicence)
	}
}

func (l *faultList) times(t AnchorText) (from, until time.Time) {
	from, err := time.Parse(time.RFC3339, t.From)
	if err != nil {
		l.add("from", "%q: want a time such as 2025-09-27T00:00:00+08:00", shorten(t.From))
	}
	if t.Until == "" {
		return from, time.Time{}
	}
	until, err = time.Parse(time.RFC3339, t.Until)
	switch {
	case err != nil:
		l.add("until", "%q: want a time such as 2030-12-31T00:00:00+08:00, or none", shorten(t.Until))
	case !until.After(from):
		l.add("until", "is not after from: want a later time, or none")
	}
	return from, until
}

// anchorCertificate reads the one certificate of a CA that may issue.
func anchorCertificate(text []byte) (Certificate, error) {
	der := text
	if block, rest := pem.Decode(text); block != nil {
		if block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) != 0 {
			return Certificate{}, errors.New("want one PEM block CERTIFICATE and nothing behind it")
		}
		der = block.Bytes
	}
	c, err := Parse(der)
	switch {
	case err != nil:
		return Certificate{}, fmt.Errorf("%w: want PEM or DER of a CA's certificate", err)
	case c.key.IsZero():
		return Certificate{}, c.why
	case !c.isCA():
		return Certificate{}, fmt.Errorf("%v is not the certificate of a CA: want one whose basic constraints say so", c)
	case c.hasUsage() && c.x.KeyUsage&smx509.KeyUsageCertSign == 0:
		return Certificate{}, fmt.Errorf("%v may not sign certificates: want key usage keyCertSign", c)
	case c.selfIssued() && !c.isRoot():
		// The signature of a root proves nothing about it, but a root on which
		// it does not verify is a damaged file.
		return Certificate{}, fmt.Errorf("%v: its own signature does not verify: want the file as the CA published it", c)
	}
	return c, nil
}

// trusted tells whether the anchor may vouch at that time.
func (a Anchor) trusted(at time.Time) bool {
	return !at.Before(a.From) && (a.Until.IsZero() || at.Before(a.Until))
}

// A Trust is the anchors of an appliance. The zero value trusts nobody.
type Trust struct{ anchors []Anchor }

// NewTrust refuses anchors that could be taken for one another.
func NewTrust(anchors ...Anchor) (Trust, error) {
	var faults []error
	for i, a := range anchors {
		if a.Certificate.IsZero() {
			faults = append(faults, fmt.Errorf("trust %q was not read by ParseAnchor", a.Name))
			continue
		}
		for _, b := range anchors[:i] {
			if a.Name == b.Name {
				faults = append(faults, fmt.Errorf("trust %q stands twice: want another name", a.Name))
			}
			if !b.Certificate.IsZero() && a.Certificate.equal(b.Certificate) {
				faults = append(faults, fmt.Errorf("trust %q and %q have the same certificate: want it once", b.Name, a.Name))
			}
		}
	}
	if faults != nil {
		return Trust{}, errors.Join(faults...)
	}
	return Trust{anchors: append([]Anchor(nil), anchors...)}, nil
}

// Anchors returns the anchors in the order in which they were given.
func (t Trust) Anchors() []Anchor { return append([]Anchor(nil), t.anchors...) }
