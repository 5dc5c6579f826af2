package firmwareconfig

import (
	"regexp"
	"slices"
	"strings"

	"signet/protocol/stricttoml"
)

const (
	maxEnv      = 64   // variables of one module
	maxEnvValue = 1024 // bytes
)

var envName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,63}$`)

func envOf(t *stricttoml.Table) map[string]string {
	if len(t.Keys()) > maxEnv {
		t.TableFaultf("has %d variables: want at most %d", len(t.Keys()), maxEnv)
	}
	env := map[string]string{}
	for _, name := range t.Keys() {
		value := t.StringOr(name, "")
		switch why := refusedEnv(name); {
		case !envName.MatchString(name):
			t.Faultf(name, "is no name of a variable: want A-Z, 0-9 and _, at most 64, no digit first")
		case why != "":
			t.Faultf(name, "%s", why)
		case len(value) > maxEnvValue:
			t.Faultf(name, "has %d bytes: want at most %d", len(value), maxEnvValue)
		}
		env[name] = value
	}
	return env
}

// refusedEnv says why a variable may not be set, "" if it may.
func refusedEnv(name string) string {
	switch {
	case strings.HasPrefix(name, "LD_"), name == "GLIBC_TUNABLES", name == "GCONV_PATH":
		return "loads or changes code: want what the library needs in the unit file, or in its own configuration"
	case strings.HasPrefix(name, "LISTEN_"), name == "NOTIFY_SOCKET", name == "CREDENTIALS_DIRECTORY", name == "JOURNAL_STREAM":
		return "is set by systemd for the daemon: want another variable"
	}
	for _, word := range strings.Split(name, "_") {
		if slices.Contains([]string{"PIN", "PASSWORD", "PASSWD", "SECRET"}, word) {
			return "names a secret: want the PIN in a credential, named by pin_credential"
		}
	}
	return ""
}
