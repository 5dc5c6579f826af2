package firmwareconfig_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	firmwareconfig "signet/firmware-config"
	"signet/hsm"
)

func TestEveryShippedProfileParses(t *testing.T) {
	want := []string{"ibm-ep11", "sansec", "softhsm", "softhsm-shim", "tass", "utimaco"}
	if got := firmwareconfig.Profiles(); !slices.Equal(got, want) {
		t.Fatalf("Profiles = %v, want %v", got, want)
	}
	for _, name := range want {
		text, err := firmwareconfig.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := hsm.ParseProfile(bytes.NewReader(text))
		if err != nil {
			t.Errorf("profile %s:\n%v", name, err)
			continue
		}
		if p.Name != name {
			t.Errorf("profile %s calls itself %s", name, p.Name)
		}
		if p.Production == strings.HasPrefix(name, "softhsm") {
			t.Errorf("profile %s: production = %v", name, p.Production)
		}
	}
}

func TestUnknownProfileIsRefused(t *testing.T) {
	for _, name := range []string{"", "luna", "../signetd", "profiles/sansec", "sansec.toml"} {
		if text, err := firmwareconfig.Profile(name); err == nil || text != nil {
			t.Errorf("Profile(%q) = %q, %v", name, text, err)
		}
	}
}
