package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

const moduleText = `appliance = "a.example.org"
[module.soft]
driver = "pkcs11"
path = "/usr/lib/softhsm/libsofthsm2.so"
profile = "softhsm"
[module.soft.token.seals]
uri = "pkcs11:token=seals"
pin_credential = "pin-seals"
`

func trustText(name, path string) string {
	return fmt.Sprintf("[trust.%s]\ncertificate = %q\nkind = \"egov\"\nlicence = \"ECP-1\"\nfrom = 2025-01-01T00:00:00Z\n", name, path)
}

// What signetd -check and a start say of the files of CAs.
func TestConfigurationIsHeldToTheCertificatesItTrusts(t *testing.T) {
	authority, err := ca.New(algo.KeySM2, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	issuing, root := authority.Chain()[0], authority.Chain()[1]
	pem, der, both := file("root.pem", ca.PEM(root)), file("issuing.der", issuing), file("both.pem", ca.PEM(issuing, root))
	damaged := file("damaged.der", append([]byte{}, root[:len(root)-1]...))
	for name, c := range map[string]struct{ text, want string }{
		"PEM and DER":     {trustText("gov", pem) + trustText("beneath", der), ""},
		"none":            {"", ""},
		"two in one file": {trustText("gov", both), "line 10: trust.gov.certificate: want one PEM block CERTIFICATE"},
		"damaged":         {trustText("gov", damaged), "line 10: trust.gov.certificate: "},
		"gone":            {trustText("gov", dir+"/gone"), "no such file"},
		"the same twice":  {trustText("gov", pem) + trustText("again", file("root.der", root)), `trust "gov" and "again" have the same certificate`},
	} {
		config, err := loadConfig(file("signetd.toml", []byte(moduleText+c.text)))
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		trust, terr := trustOf(config)
		if err != nil || terr != nil || len(trust.Anchors()) != strings.Count(c.text, "[trust.") {
			t.Errorf("%s: %d anchors, %v, %v", name, len(trust.Anchors()), err, terr)
		}
	}
}
