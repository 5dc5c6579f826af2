package pkcs11

import (
	"fmt"
	"strings"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// mend says in one sentence what a person can do about a token that is not
// up.
func mend(token string, err error) string {
	switch classOf(err) {
	case hsm.ClassPIN:
		return mendPIN(token, err)
	case hsm.ClassMismatch:
		return "Make the token's uri in signetd.toml name one token only, for instance by serial=, then restart signetd."
	case hsm.ClassAbsent:
		return "Connect or initialise the token, or correct its uri in signetd.toml; a module with other tokens in use may see it only after: systemctl restart signetd"
	case hsm.ClassUnavailable:
		return "Mend what the error names; signetd tries again by itself. A changed signetd.toml needs: systemctl restart signetd"
	case hsm.ClassDeadline:
		return "Check that the HSM answers on its network or bus; if it does and the call still hangs: systemctl restart signetd"
	case hsm.ClassBusy:
		return "Close other users of the token or lower sessions in signetd.toml, then: systemctl restart signetd"
	}
	return fmt.Sprintf("Check the HSM and its link with the vendor's tool; signetd connects again by itself; watch with: signetctl token status %s", token)
}

func mendPIN(token string, err error) string {
	if hasCode(err, p11.CKR_PIN_LOCKED) {
		return fmt.Sprintf("The PIN is locked: the token's security officer sets a new one with the vendor's tool; then put it into the credential, restart signetd, and: signetctl token clear-pin %s", token)
	}
	return fmt.Sprintf("Put the right PIN into the token's credential and run: systemctl restart signetd; if the PIN was right all along: signetctl token clear-pin %s", token)
}

// matches tells whether the profile is meant for such a token.
func matches(p hsm.Profile, token p11.TokenInfo) bool {
	return strings.Contains(strings.ToLower(token.ManufacturerID), p.Manufacturer) &&
		strings.Contains(strings.ToLower(token.Model), p.Model)
}

func madeBy(p hsm.Profile) string {
	return strings.TrimSpace(p.Manufacturer + " " + p.Model)
}
