package firmwareconfig

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"signet/protocol/stricttoml"
)

// trustKinds are the words of daemon/internal/certificate.Kind, which stand in
// records.
var trustKinds = []string{"egov", "licensed", internalCA}

const (
	internalCA = "internal"
	maxLicence = 128 // characters
)

// trustOf reads the [trust.NAME] tables; file returns the bytes of a CA's
// certificate, or what is wrong with them.
func trustOf(root *stricttoml.Table, file func(Trust) ([]byte, error)) []Trust {
	var all []Trust
	for _, t := range root.Tables("trust") {
		c := Trust{
			Name:        nameOf(t),
			Certificate: t.String("certificate"),
			Kind:        t.String("kind"),
			From:        t.Time("from"),
			Until:       t.TimeOr("until", time.Time{}),
		}
		c.Licence = licenceOf(t, c.Kind)
		checkTrust(t, c)
		if c.Certificate != "" && checkedPath(t, "certificate", c.Certificate) != "" {
			var err error
			if c.Data, err = file(c); err != nil {
				t.Faultf("certificate", "%v", err)
			}
		}
		all = append(all, c)
	}
	return all
}

// checkTrust judges the words of one table. A word that is missing has its
// fault.
func checkTrust(t *stricttoml.Table, c Trust) {
	if c.Kind != "" && !slices.Contains(trustKinds, c.Kind) {
		t.Faultf("kind", "unknown kind %s: want %s", stricttoml.Quote(c.Kind), strings.Join(trustKinds, ", "))
	}
	if utf8.RuneCountInString(c.Licence) > maxLicence {
		t.Faultf("licence", "want at most %d characters", maxLicence)
	}
	if !c.Until.IsZero() && !c.From.IsZero() && !c.Until.After(c.From) {
		t.Faultf("until", "is not after from: want a later instant, or leave it out for no end")
	}
}

// licenceOf wants a number of every CA but the owner's own.
func licenceOf(t *stricttoml.Table, kind string) string {
	if kind == internalCA || kind == "" {
		return t.StringOr("licence", "")
	}
	return t.String("licence")
}
