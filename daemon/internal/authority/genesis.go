package authority

import (
	"errors"
	"fmt"
	"regexp"

	"signet/protocol"
	"signet/protocol/algo"
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

// GM is the value of crypto that holds officers' keys, log key, backup
// recipients and every key of the register to SM2, SM3 and SM4. The other
// value, mixed, says so in status, journal and exports.
const (
	GM    = "gm"
	Mixed = "mixed"
)

// A Genesis is what is fixed at init: the content of the first act. Who the
// officers are may change later by acts; the rest never.
type Genesis struct {
	Appliance  string `json:"appliance"` // the name of signetd.toml
	Authority  Regime `json:"authority"`
	Crypto     string `json:"crypto"`     // gm or mixed
	Deployment string `json:"deployment"` // owner, hosting or maker

	// Of regime officers.
	Officers   []Officer   `json:"officers,omitempty"`
	Thresholds *Thresholds `json:"thresholds,omitempty"`
	LogKey     *LogKey     `json:"log_key,omitempty"`
	Tokens     []Product   `json:"tokens,omitempty"`
	Backup     []string    `json:"backup,omitempty"` // recipients: age1…, or a PEM certificate of an SM2 key
}

// A LogKey is the key that signs checkpoints of the log. It is made at init,
// on the token that also holds the anchor.
type LogKey struct {
	Token string `json:"token"`
	Type  string `json:"type"` // a name of algo.KeyTypes
	Label string `json:"label"`
}

// A Product says what a token of the configuration is, as the officers saw
// it: its product and the number of its certificate (art. 20 of the Measures).
type Product struct {
	Name        string `json:"name"` // of signetd.toml
	Product     string `json:"product"`
	Certificate string `json:"certificate,omitempty"`
	Serial      string `json:"serial,omitempty"` // if given, the token's must be the same
}

// maxName bounds the appliance's name: that of a host, in bytes.
const maxName = 253

// ParseGenesis reads and checks the content of an init act. Its error has a
// line for every fault.
func ParseGenesis(content []byte) (Genesis, error) {
	var g Genesis
	if err := canonical.Unmarshal(content, &g); err != nil {
		return Genesis{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := g.Check(); err != nil {
		return Genesis{}, err
	}
	return g, nil
}

// Check finds every fault of g.
func (g Genesis) Check() error {
	faults := g.checkWords()
	switch g.Authority {
	case Development:
		if len(g.Officers) > 0 || g.Thresholds != nil || g.LogKey != nil || len(g.Tokens) > 0 || len(g.Backup) > 0 {
			faults = append(faults, fmt.Errorf("authority %q has no officers, thresholds, log key, tokens or backup recipients", Development))
		}
	case Officers:
		faults = append(faults, g.checkOfficers()...)
	default:
		faults = append(faults, fmt.Errorf("authority %q: want %q or %q", g.Authority, Officers, Development))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func (g Genesis) checkWords() []error {
	var faults []error
	if fault := protocol.CheckText("appliance", g.Appliance, maxName); fault != nil {
		faults = append(faults, fault)
	}
	if g.Appliance == "" {
		faults = append(faults, errors.New("appliance: missing"))
	}
	if g.Crypto != GM && g.Crypto != Mixed {
		faults = append(faults, fmt.Errorf("crypto %q: want gm or mixed", g.Crypto))
	}
	if g.Deployment != "owner" && g.Deployment != "hosting" && g.Deployment != "maker" {
		faults = append(faults, fmt.Errorf("deployment %q: want owner, hosting or maker", g.Deployment))
	}
	return faults
}

func (g Genesis) checkOfficers() []error {
	var faults []error
	if g.Thresholds == nil {
		faults = append(faults, errors.New("thresholds: missing"))
	} else if err := g.Roll().Check(g.Crypto); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, g.checkLogKey()...)
	return append(faults, g.checkTokens()...)
}

var label = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (g Genesis) checkLogKey() []error {
	if g.LogKey == nil {
		return []error{errors.New("log_key: missing: want token, type and label")}
	}
	var faults []error
	typ, err := algo.ParseKeyType(g.LogKey.Type)
	switch {
	case err != nil:
		faults = append(faults, fmt.Errorf("log_key: type: %w", err))
	case g.Crypto == GM && typ != algo.KeySM2:
		faults = append(faults, fmt.Errorf(`log_key: type %v: crypto "gm" takes SM2`, typ))
	}
	if !label.MatchString(g.LogKey.Label) {
		faults = append(faults, fmt.Errorf("log_key: label %q: want 1 to 64 of A-Z, a-z, 0-9, ., _ and -", g.LogKey.Label))
	}
	for _, t := range g.Tokens {
		if t.Name == g.LogKey.Token {
			return faults
		}
	}
	return append(faults, fmt.Errorf("log_key: token %q is not one of tokens", g.LogKey.Token))
}

func (g Genesis) checkTokens() []error {
	var faults []error
	seen := map[string]bool{}
	for i, t := range g.Tokens {
		if t.Name == "" || seen[t.Name] {
			faults = append(faults, fmt.Errorf("tokens[%d]: name %q: want the name of a token in signetd.toml, each once", i, t.Name))
		}
		seen[t.Name] = true
		if t.Product == "" {
			faults = append(faults, fmt.Errorf("tokens[%d]: product: missing: want what is written on the device", i))
		}
		for _, text := range []struct{ field, value string }{
			{"name", t.Name}, {"product", t.Product}, {"certificate", t.Certificate}, {"serial", t.Serial},
		} {
			if fault := protocol.CheckText(fmt.Sprintf("tokens[%d].%s", i, text.field), text.value, maxBasis); fault != nil {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}

// Roll is the first roll of an appliance of regime officers.
func (g Genesis) Roll() Roll {
	if g.Thresholds == nil {
		return Roll{}
	}
	return Roll{Officers: g.Officers, Thresholds: *g.Thresholds}
}
