package certificate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A scope says which of a CA's certificates a list speaks of, by its
// issuingDistributionPoint (RFC 5280 5.2.5): CAs with many certificates split
// their list. The zero value is all of them.
type scope struct {
	points            []string // DER of GeneralNames; none is no limit
	onlyUsers, onlyCA bool
}

// readExtensions refuses the extensions that change what a list means, and
// returns its scope.
func readExtensions(head *smx509.RevocationList) (scope, error) {
	var s scope
	for i, e := range head.Extensions {
		if slices.ContainsFunc(head.Extensions[:i], isExtension(e.Id)) {
			return scope{}, fmt.Errorf("extension %v stands twice", e.Id)
		}
		switch {
		case e.Id.Equal(oidDeltaCRL):
			return scope{}, errors.New("it is a delta list: want the complete one")
		case e.Id.Equal(oidScope):
			var err error
			if s, err = readScope(e.Value); err != nil {
				return scope{}, err
			}
		case e.Id.Equal(oidAuthorityKeyID), e.Id.Equal(oidCRLNumber): // read by smx509
		case e.Critical:
			return scope{}, fmt.Errorf("it has the critical extension %v, which signet does not know", e.Id)
		}
	}
	return s, nil
}

// readScope reads IssuingDistributionPoint ::= SEQUENCE { [0] name, [1] only
// users, [2] only CAs, [3] only some reasons, [4] indirect, [5] only
// attribute certificates }, all optional.
func readScope(der []byte) (scope, error) {
	var s scope
	var in, point cryptobyte.String
	var hasPoint bool
	outer := cryptobyte.String(der)
	if !outer.ReadASN1(&in, cbasn1.SEQUENCE) || !outer.Empty() || !in.ReadOptionalASN1(&point, &hasPoint, context0) {
		return scope{}, errors.New("its issuingDistributionPoint is damaged")
	}
	for !in.Empty() {
		var value cryptobyte.String
		var tag cbasn1.Tag
		if !in.ReadAnyASN1(&value, &tag) {
			return scope{}, errors.New("its issuingDistributionPoint is damaged")
		}
		// An explicit FALSE is not DER, but is written.
		on := len(value) == 1 && value[0] != 0
		switch {
		case tag == cbasn1.Tag(1).ContextSpecific():
			s.onlyUsers = on
		case tag == cbasn1.Tag(2).ContextSpecific():
			s.onlyCA = on
		case tag == cbasn1.Tag(4).ContextSpecific() && !on, tag == cbasn1.Tag(5).ContextSpecific() && !on:
		default:
			return scope{}, errors.New("it is indirect, or of some reasons or attribute certificates only: want the complete list of the CA that issued the certificate")
		}
	}
	if hasPoint {
		if s.points = pointNames(point); s.points == nil {
			return scope{}, errors.New("its issuingDistributionPoint has no full name")
		}
	}
	return s, nil
}

// pointNames returns the names of a DistributionPointName ::= CHOICE { [0]
// fullName, [1] nameRelativeToCRLIssuer }, none for the second.
func pointNames(in cryptobyte.String) (names []string) {
	var full cryptobyte.String
	if !in.ReadASN1(&full, context0) || !in.Empty() {
		return nil
	}
	for !full.Empty() {
		var name cryptobyte.String
		var tag cbasn1.Tag
		if !full.ReadAnyASN1Element(&name, &tag) {
			return nil
		}
		names = append(names, string(name))
	}
	return names
}

// points returns the names of where c says that its CRL is found, RFC 5280 4.2.1.13.
func (c Certificate) points() (names []string) {
	i := slices.IndexFunc(c.x.Extensions, isExtension(oidPoints))
	if i < 0 {
		return nil
	}
	in := cryptobyte.String(c.x.Extensions[i].Value)
	in.ReadASN1(&in, cbasn1.SEQUENCE) // smx509 has read it before
	for !in.Empty() {
		var point, name cryptobyte.String
		var has bool
		if !in.ReadASN1(&point, cbasn1.SEQUENCE) || !point.ReadOptionalASN1(&name, &has, context0) {
			return names
		}
		if has {
			names = append(names, pointNames(name)...)
		}
	}
	return names
}

// Covers tells whether the list speaks of c, which issuer issued: whether c is
// valid as far as revocation goes can only be read from a list that does. It
// must be verified, with the very key that c is: another CA can have the same
// name and key identifier, and has no say.
func (l CRL) Covers(c, issuer Certificate) bool {
	if !l.ca.key.Equal(issuer.key) {
		return false
	}
	if string(l.head.RawIssuer) != string(c.x.RawIssuer) || !keyIDsAgree(l.head.AuthorityKeyId, c.x.AuthorityKeyId) {
		return false
	}
	if l.scope.onlyUsers && c.isCA() || l.scope.onlyCA && !c.isCA() {
		return false
	}
	points := c.points()
	return l.scope.points == nil || slices.ContainsFunc(l.scope.points, func(name string) bool {
		return slices.Contains(points, name)
	})
}
