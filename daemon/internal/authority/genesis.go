package authority

import (
	"fmt"

	"signet/protocol"
	"signet/protocol/canonical"
)

// A Regime says on whose word an appliance takes acts. It is fixed by the
// genesis event for the life of the appliance. The zero value takes none.
type Regime string

const (
	// Development takes acts unsigned from members of group signet-admin.
	// Their events say so, and so does status.
	Development Regime = "development"
	// Officers takes acts signed as the table of rules says.
	Officers Regime = "officers"
)

// A Genesis is what is fixed at init: the content of the first act.
type Genesis struct {
	Appliance  string `json:"appliance"` // the name of signetd.toml
	Authority  Regime `json:"authority"`
	Crypto     string `json:"crypto"`     // gm or mixed
	Deployment string `json:"deployment"` // owner, hosting or maker
}

// maxName bounds the appliance's name: that of a host, in bytes.
const maxName = 253

// ParseGenesis reads and checks the content of an init act.
func ParseGenesis(content []byte) (Genesis, error) {
	var g Genesis
	if err := canonical.Unmarshal(content, &g); err != nil {
		return Genesis{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if fault := protocol.CheckText("appliance", g.Appliance, maxName); fault != nil {
		return Genesis{}, fmt.Errorf("%w: %w", ErrMalformed, fault)
	}
	switch {
	case g.Appliance == "":
		return Genesis{}, fmt.Errorf("%w: appliance: missing", ErrMalformed)
	case g.Authority != Development:
		return Genesis{}, fmt.Errorf("%w: authority %q: officers are not built yet, want %q", ErrMalformed, g.Authority, Development)
	case g.Crypto != "gm" && g.Crypto != "mixed":
		return Genesis{}, fmt.Errorf("%w: crypto %q: want gm or mixed", ErrMalformed, g.Crypto)
	case g.Deployment != "owner" && g.Deployment != "hosting" && g.Deployment != "maker":
		return Genesis{}, fmt.Errorf("%w: deployment %q: want owner, hosting or maker", ErrMalformed, g.Deployment)
	}
	return g, nil
}

// A Signature is one officer's signature on an act. No form is built yet.
type Signature struct {
	Form  string `json:"form"` // ssh or gmt35275
	Value string `json:"value"`
}

// Authorise tells whether signatures suffice for a. Under Development the
// peer's membership in group signet-admin stands for them; signatures are
// then refused rather than ignored.
func (g Genesis) Authorise(a Act, signatures []Signature, inAdminGroup bool) error {
	if g.Authority != Development {
		return fmt.Errorf("%w: authority %q takes no acts in this version", ErrRole, g.Authority)
	}
	if !inAdminGroup {
		return fmt.Errorf("%w: %s is for members of group signet-admin", ErrRole, a.Kind)
	}
	if len(signatures) != 0 {
		return fmt.Errorf("%w: this appliance was made with authority %q and has no officers", ErrSignature, Development)
	}
	return nil
}
