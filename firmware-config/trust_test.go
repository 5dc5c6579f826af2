package firmwareconfig

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// trusting is the shipped configuration with a CA whose certificate is at path.
func trusting(t *testing.T, path string) string {
	t.Helper()
	return shipped(t) + "[trust.gov]\ncertificate = '" + path + "'\nkind = 'egov'\nlicence = 'ECP-1'\nfrom = 2025-09-27T00:00:00+08:00\n"
}

func TestLoadReadsWhomItTrusts(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "gov.pem", "the certificate", 0o644)
	c, err := Load(write(t, dir, "signetd.toml", trusting(t, path), 0o600), func(ca Trust) error {
		if ca.Name != "gov" || ca.Kind != "egov" || string(ca.Data) != "the certificate" {
			t.Errorf("judged was %+v", ca)
		}
		return nil
	})
	if err != nil || len(c.Trust) != 1 || string(c.Trust[0].Data) != "the certificate" {
		t.Errorf("Load = %+v, %v", c.Trust, err)
	}
}

// Who can write a CA's file certifies seals: it is held to what this file is.
func TestLoadRefusesCertificatesAmongTheOtherFaults(t *testing.T) {
	dir := t.TempDir()
	judged := errors.New("is not the certificate of a CA")
	for name, c := range map[string]struct {
		mode os.FileMode
		path string
		want string
	}{
		"judged":  {0o644, dir + "/judged", "trust.gov.certificate: is not the certificate of a CA"},
		"open":    {0o666, dir + "/open", "trust.gov.certificate: " + dir + "/open: mode 0666: others could change which code is loaded, or who is trusted"},
		"missing": {0o644, dir + "/gone", "trust.gov.certificate: open " + dir + "/gone: no such file"},
	} {
		write(t, dir, name, "x", c.mode)
		text := strings.Replace(trusting(t, c.path), `driver = "pkcs11"`, `driver = "sdf"`, 1)
		loaded, err := Load(write(t, dir, "signetd.toml", text, 0o600), func(Trust) error { return judged })
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "module.soft.driver: unknown driver") {
			t.Errorf("%s: %v, want both faults", name, err)
		}
		if loaded.Trust != nil {
			t.Errorf("%s: a refused configuration trusts %+v", name, loaded.Trust)
		}
	}
}
