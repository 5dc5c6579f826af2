package daemon

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows says what each package may import from this module; design of the
// layout: packages import in one direction only.
var arrows = map[string]string{
	"protocol/algo":                   "",
	"protocol/canonical":              "",
	"protocol/stricttoml":             "",
	"protocol":                        "protocol/algo",
	"protocol/admin":                  "protocol",
	"protocol/client":                 "protocol protocol/algo",
	"protocol/examples":               "",
	"protocol/ofd":                    "protocol/algo",
	"policy":                          "policy/zoneinfo protocol/algo protocol/stricttoml",
	"policy/zoneinfo":                 "",
	"hsm":                             "protocol/algo protocol/stricttoml",
	"hsm/pkcs11":                      "hsm protocol/algo",
	"firmware-config":                 "protocol/stricttoml",
	"systemd":                         "",
	"daemon/internal/authority":       "policy protocol protocol/algo protocol/canonical protocol/stricttoml",
	"daemon/internal/certificate":     "protocol/algo protocol/stricttoml protocol/canonical",
	"daemon/internal/register":        "policy protocol protocol/algo protocol/canonical daemon/internal/authority daemon/internal/certificate",
	"daemon/internal/audit":           "policy protocol protocol/algo protocol/canonical daemon/internal/authority daemon/internal/certificate daemon/internal/register",
	"daemon/internal/backup":          "protocol/algo protocol/canonical",
	"daemon/internal/replay":          "policy policy/zoneinfo protocol protocol/algo protocol/canonical daemon/internal/authority daemon/internal/certificate daemon/internal/register daemon/internal/audit",
	"daemon/internal/store":           "policy protocol protocol/algo protocol/canonical daemon/internal/authority daemon/internal/certificate daemon/internal/register daemon/internal/audit daemon/internal/backup",
	"daemon/internal/store/storetest": "daemon/internal/audit",
	"daemon/internal/model":           "",
	"daemon":                          "*",
	"daemon/cmd/signetd":              "*",
	"daemon/cmd/signetctl":            "policy protocol protocol/algo protocol/canonical protocol/ofd protocol/stricttoml protocol/admin protocol/client daemon/internal/audit daemon/internal/authority daemon/internal/backup daemon/internal/certificate daemon/internal/register daemon/internal/replay daemon/cmd/signetctl/internal/",
	"daemon/cmd/signetctl/internal/":  "policy protocol protocol/algo protocol/canonical protocol/ofd protocol/admin protocol/client daemon/internal/audit daemon/internal/authority daemon/internal/register daemon/cmd/signetctl/internal/",
	"testsoftHSM":                     "",
	"testsoftHSM/":                    "*",
	"systemd/test/":                   "*",
}

// outsiders are the packages that alone may import a library. The bench calls
// the module itself, as the limit that it holds the daemon against.
var outsiders = map[string]string{
	"github.com/miekg/pkcs11":         "hsm/pkcs11 testsoftHSM/bench",
	"go.etcd.io/bbolt":                "daemon/internal/store daemon/internal/store/storetest",
	"go.etcd.io/bbolt/errors":         "daemon/internal/store",
	"github.com/ThalesGroup/crypto11": "",
}

// row returns what pkg may import, by its own row or the longest row that
// ends in a slash and leads to it.
func row(pkg string) (allowed string, ok bool) {
	if allowed, ok = arrows[pkg]; ok {
		return allowed, true
	}
	best := ""
	for prefix := range arrows {
		if strings.HasSuffix(prefix, "/") && strings.HasPrefix(pkg, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return arrows[best], best != ""
}

func TestImportsPointInOneDirection(t *testing.T) {
	for pkg, imports := range moduleImports(t) {
		allowed, ok := row(pkg)
		if !ok {
			t.Errorf("package %s has no row: say what it may import", pkg)
			continue
		}
		for _, imported := range imports {
			checkImport(t, pkg, imported, allowed)
		}
	}
}

func checkImport(t *testing.T, pkg, imported, allowed string) {
	t.Helper()
	if only, listed := outsiders[imported]; listed && !slices.Contains(strings.Fields(only), pkg) {
		t.Errorf("%s imports %s, which is for %q alone", pkg, imported, only)
	}
	inside, ours := strings.CutPrefix(imported, "signet/")
	if !ours || allowed == "*" {
		return
	}
	for _, a := range strings.Fields(allowed) {
		if a == inside || (strings.HasSuffix(a, "/") && strings.HasPrefix(inside, a)) {
			return
		}
	}
	t.Errorf("%s imports %s; allowed: %q", pkg, inside, allowed)
}

// moduleImports lists the non-test imports of every package of the module.
func moduleImports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "signet/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		packages[strings.TrimPrefix(words[0], "signet/")] = words[1:]
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	return packages
}

func TestImportsOfSignetctlNeedNoCgo(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "signet/daemon/cmd/signetctl").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, dep := range strings.Fields(string(out)) {
		if _, listed := outsiders[dep]; listed {
			t.Errorf("signetctl depends on %s", dep)
		}
	}
}
