package authority_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
)

const goldenGenesis = `{"appliance":"seal-a.example.gov.cn","authority":"development","crypto":"gm","deployment":"owner"}`

func TestGenesisSaysWhatIsFixedForLife(t *testing.T) {
	g, err := authority.ParseGenesis([]byte(goldenGenesis))
	want := authority.Genesis{Appliance: "seal-a.example.gov.cn", Authority: authority.Development, Crypto: "gm", Deployment: "owner"}
	if err != nil || !reflect.DeepEqual(g, want) {
		t.Errorf("ParseGenesis = %+v, %v, want %+v", g, err, want)
	}
	for _, edit := range [][2]string{{`"gm"`, `"mixed"`}, {`"owner"`, `"hosting"`}, {`"owner"`, `"maker"`}} {
		if _, err := authority.ParseGenesis([]byte(strings.Replace(goldenGenesis, edit[0], edit[1], 1))); err != nil {
			t.Errorf("%s instead of %s: %v", edit[1], edit[0], err)
		}
	}
}

func TestGenesisNamesTheFault(t *testing.T) {
	for name, c := range map[string]struct{ old, new, names string }{
		"no name":            {`"seal-a.example.gov.cn"`, `""`, "appliance"},
		"escape in the name": {`seal-a`, `\u001b[2J`, "appliance"},
		"long name":          {`seal-a`, strings.Repeat("x", 300), "appliance"},
		"no authority":       {`"development"`, `""`, "authority"},
		"officers, and none": {`"development"`, `"officers"`, "thresholds: missing"},
		"officers' log key":  {`"development"`, `"officers"`, "log_key: missing"},
		"another authority":  {`"development"`, `"none"`, "authority"},
		"no crypto":          {`"gm"`, `""`, "crypto"},
		"other crypto":       {`"gm"`, `"GM"`, "crypto"},
		"no deployment":      {`"owner"`, `""`, "deployment"},
		"other deployment":   {`"owner"`, `"cloud"`, "deployment"},
		"unknown field":      {`"gm"`, `"gm","debug":true`, "debug"},
		"white space":        {`:"gm"`, `: "gm"`, "canonical"},
		"missing field":      {`"crypto":"gm",`, ``, "canonical"},
	} {
		text := strings.Replace(goldenGenesis, c.old, c.new, 1)
		g, err := authority.ParseGenesis([]byte(text))
		if !errors.Is(err, authority.ErrMalformed) || !reflect.DeepEqual(g, authority.Genesis{}) {
			t.Errorf("%s: %+v, %v, want ErrMalformed", name, g, err)
		} else if !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %q does not name %q", name, err, c.names)
		}
	}
}

func TestDevelopmentTakesTheGroupsWordOnly(t *testing.T) {
	signatures := []authority.Signature{{Form: "ssh", Value: "x"}}
	for name, c := range map[string]struct {
		regime     authority.Regime
		signatures []authority.Signature
		inGroup    bool
		want       error
	}{
		"a member of the group":         {authority.Development, nil, true, nil},
		"nobody":                        {authority.Development, nil, false, authority.ErrRole},
		"a stranger with signatures":    {authority.Development, signatures, false, authority.ErrRole},
		"a member with signatures":      {authority.Development, signatures, true, authority.ErrSignature},
		"officers, and none":            {authority.Officers, nil, true, authority.ErrTooFew},
		"officers, a stranger":          {authority.Officers, signatures, false, authority.ErrRole},
		"the zero regime, and a member": {"", nil, true, authority.ErrRole},
	} {
		g := authority.Genesis{Authority: c.regime}
		_, err := g.Authorise(authority.Roll{}, authority.Case{Act: suspendAct(), Raw: goldenAct, Signatures: c.signatures, InAdminGroup: c.inGroup})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestGenesisOfOfficersHasOneForm: what the ceremony fixes for life comes back
// as it was signed.
func TestGenesisOfOfficersHasOneForm(t *testing.T) {
	want := newCast(t).underOfficers()
	content := contentOf(t, want)
	g, err := authority.ParseGenesis([]byte(content))
	if err != nil || !reflect.DeepEqual(g, want) {
		t.Errorf("ParseGenesis = %+v, %v, want %+v", g, err, want)
	}
	if r := g.Roll(); !reflect.DeepEqual(r.Officers, want.Officers) || r.Thresholds != authority.DefaultThresholds {
		t.Errorf("Roll = %+v", r)
	}
	if r := (authority.Genesis{Authority: authority.Officers, Officers: want.Officers}).Roll(); r.Officers != nil {
		t.Errorf("the roll without thresholds has %s", ids(r))
	}
}

func TestGenesisOfOfficersNamesEveryFault(t *testing.T) {
	c := newCast(t)
	spare := authority.Product{Name: "spare", Product: "SJJ1012-A"}
	for name, x := range map[string]struct {
		edit func(*authority.Genesis)
		want string
	}{
		"no thresholds": {func(g *authority.Genesis) { g.Thresholds = nil }, "thresholds: missing"},
		"no officers":   {func(g *authority.Genesis) { g.Officers = nil }, "there are 0 security officers"},
		"a fault of the roll": {func(g *authority.Genesis) {
			g.Thresholds = &authority.Thresholds{Administrator: 1, Security: 4, Many: 4, Auditor: 1}
		},
			"thresholds: security is 4: want 2 to 3 (there are 4 security officers, and one may be ill)"},
		"no log key":            {func(g *authority.Genesis) { g.LogKey = nil }, "log_key: missing: want token, type and label"},
		"log key of no type":    {func(g *authority.Genesis) { g.LogKey = &authority.LogKey{Token: "seals", Label: "l"} }, "log_key: type: "},
		"log key without label": {func(g *authority.Genesis) { g.LogKey = &authority.LogKey{Token: "seals", Type: "SM2"} }, `log_key: label "": want 1 to 64 of`},
		"label that is a path":  {func(g *authority.Genesis) { g.LogKey = &authority.LogKey{Token: "seals", Type: "SM2", Label: "../x"} }, `log_key: label "../x": want`},
		"log key elsewhere":     {func(g *authority.Genesis) { g.LogKey = &authority.LogKey{Token: "logs", Type: "SM2", Label: "l"} }, `log_key: token "logs" is not one of tokens`},
		"no tokens":             {func(g *authority.Genesis) { g.Tokens = nil }, `log_key: token "seals" is not one of tokens`},
		"token twice":           {func(g *authority.Genesis) { g.Tokens = append(g.Tokens, g.Tokens[0]) }, `tokens[1]: name "seals": want the name of a token in signetd.toml, each once`},
		"token without a name":  {func(g *authority.Genesis) { g.Tokens = append(g.Tokens, authority.Product{Product: "x"}) }, `tokens[1]: name "": want`},
		"token of no product":   {func(g *authority.Genesis) { g.Tokens = append(g.Tokens, authority.Product{Name: "spare"}) }, "tokens[1]: product: missing: want what is written on the device"},
		"product moves screens": {func(g *authority.Genesis) { s := spare; s.Product = "\x1b[2J"; g.Tokens = append(g.Tokens, s) }, "tokens[1].product: has the control character U+001B"},
		"serial moves screens":  {func(g *authority.Genesis) { s := spare; s.Serial = "\x1b[2J"; g.Tokens = append(g.Tokens, s) }, "tokens[1].serial: has the control character U+001B"},
		"number moves screens":  {func(g *authority.Genesis) { s := spare; s.Certificate = "\x1b[2J"; g.Tokens = append(g.Tokens, s) }, "tokens[1].certificate: has the control character U+001B"},
		"gm and ssh keys":       {func(g *authority.Genesis) { g.Crypto = authority.GM }, `officer a1: keys[0]: crypto "gm" takes SM2 certificates only`},
		"gm and a P-256 log key": {func(g *authority.Genesis) {
			g.Crypto, g.LogKey = authority.GM, &authority.LogKey{Token: "seals", Type: "EC-P256", Label: "l"}
		}, `log_key: type EC-P256: crypto "gm" takes SM2`},
		"development with officers": {func(g *authority.Genesis) { g.Authority = authority.Development }, `authority "development" has no officers`},
	} {
		g := c.underOfficers()
		x.edit(&g)
		if err := g.Check(); !errors.Is(err, authority.ErrMalformed) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want ErrMalformed with %q", name, err, x.want)
		}
	}
	for name, edit := range map[string]func(*authority.Genesis){
		"log key":    func(g *authority.Genesis) { *g = authority.Genesis{LogKey: g.LogKey} },
		"thresholds": func(g *authority.Genesis) { *g = authority.Genesis{Thresholds: g.Thresholds} },
		"tokens":     func(g *authority.Genesis) { *g = authority.Genesis{Tokens: g.Tokens} },
		"backup":     func(g *authority.Genesis) { *g = authority.Genesis{Backup: []string{"age1x"}} },
	} {
		g := c.underOfficers()
		edit(&g)
		g.Appliance, g.Authority, g.Crypto, g.Deployment = "a", authority.Development, authority.Mixed, "owner"
		if err := g.Check(); err == nil || !strings.Contains(err.Error(), `authority "development" has no officers, thresholds`) {
			t.Errorf("development with %s: %v", name, err)
		}
	}
}

// TestGenesisTellsAllFaultsAtOnce: nobody wants to sign a ceremony five times.
func TestGenesisTellsAllFaultsAtOnce(t *testing.T) {
	g := newCast(t).underOfficers()
	g.Appliance, g.Deployment, g.LogKey, g.Tokens[0].Product = "", "cloud", nil, ""
	err := g.Check()
	for _, part := range []string{"appliance: missing", `deployment "cloud"`, "log_key: missing", "tokens[0]: product: missing"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v\ndoes not say %q", err, part)
		}
	}
}
