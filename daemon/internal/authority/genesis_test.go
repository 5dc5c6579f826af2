package authority_test

import (
	"errors"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
)

const goldenGenesis = `{"appliance":"seal-a.example.gov.cn","authority":"development","crypto":"gm","deployment":"owner"}`

func TestGenesisSaysWhatIsFixedForLife(t *testing.T) {
	g, err := authority.ParseGenesis([]byte(goldenGenesis))
	want := authority.Genesis{Appliance: "seal-a.example.gov.cn", Authority: authority.Development, Crypto: "gm", Deployment: "owner"}
	if err != nil || g != want {
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
		"officers":           {`"development"`, `"officers"`, "not built"},
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
		if !errors.Is(err, authority.ErrMalformed) || g != (authority.Genesis{}) {
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
		"officers, not built":           {authority.Officers, signatures, true, authority.ErrRole},
		"the zero regime, and a member": {"", nil, true, authority.ErrRole},
	} {
		err := authority.Genesis{Authority: c.regime}.Authorise(suspendAct(), c.signatures, c.inGroup)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
