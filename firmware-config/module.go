package firmwareconfig

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"signet/protocol/stricttoml"
)

var (
	tokenName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	hexSHA256 = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

	// credentialName starts with no dot, so that it is neither hidden nor a
	// way out of $CREDENTIALS_DIRECTORY.
	credentialName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)
)

func modulesOf(root *stricttoml.Table, profileFile func(string) error) []Module {
	var all []Module
	owner := map[string]string{} // of each token's name: the module that had it first
	for _, t := range root.SomeTables("module") {
		m := moduleOf(t, profileFile)
		for _, token := range t.SomeTables("token") {
			if first, taken := owner[token.Name()]; taken {
				token.TableFaultf("module %s has a token of that name: want a name of its own", first)
			}
			owner[token.Name()] = m.Name
			m.Tokens = append(m.Tokens, tokenOf(token))
		}
		all = append(all, m)
	}
	return all
}

func moduleOf(t *stricttoml.Table, profileFile func(string) error) Module {
	m := Module{
		Name:      nameOf(t),
		Driver:    t.String("driver"),
		Path:      t.String("path"),
		SHA256:    strings.ToLower(t.StringOr("sha256", "")),
		Env:       envOf(t.OptionalTable("env")),
		Profile:   profileOf(t, profileFile),
		Processes: int(t.IntOr("processes", 1, 1, 16)),
	}
	if m.Driver != "" && m.Driver != "pkcs11" {
		t.Faultf("driver", "unknown driver %s: want \"pkcs11\"", stricttoml.Quote(m.Driver))
	}
	if m.Path != "" {
		m.Path = checkedPath(t, "path", m.Path)
	}
	if m.SHA256 != "" && !hexSHA256.MatchString(m.SHA256) {
		t.Faultf("sha256", "%s is no SHA-256: want 64 hex digits, as sha256sum prints them, or \"\" for any file", stricttoml.Quote(m.SHA256))
	}
	return m
}

// nameOf checks the name of a module or token: it stands in unit names, in
// the log and in paths.
func nameOf(t *stricttoml.Table) string {
	if !tokenName.MatchString(t.Name()) {
		t.TableFaultf("is no name: want 1 to 32 of a-z, 0-9 and -")
	}
	return t.Name()
}

func profileOf(t *stricttoml.Table, profileFile func(string) error) string {
	name := t.String("profile")
	switch {
	case name == "" || slices.Contains(Profiles(), name):
	case !filepath.IsAbs(name):
		t.Faultf("profile", "unknown profile %s: want %s, or the absolute path of a file", stricttoml.Quote(name), strings.Join(Profiles(), ", "))
	case checkedPath(t, "profile", name) == "":
	default:
		if err := profileFile(name); err != nil {
			t.Faultf("profile", "%v", err)
		}
	}
	return name
}

func tokenOf(t *stricttoml.Table) Token {
	token := Token{
		Name:          nameOf(t),
		URI:           uriOf(t),
		PINCredential: t.StringOr("pin_credential", ""),
		PINFile:       t.StringOr("pin_file", ""),
		Sessions:      int(t.IntOr("sessions", 8, 1, 64)),
	}
	// Neither value is repeated: somebody may have put the PIN itself here.
	if token.PINCredential != "" && !credentialName.MatchString(token.PINCredential) {
		t.Faultf("pin_credential", "is no name of a credential: want 1 to 64 of A-Z, a-z, 0-9, ., _ and -, no dot first")
	}
	if path := token.PINFile; path != "" && (!filepath.IsAbs(path) || filepath.Clean(path) != path) {
		t.Faultf("pin_file", "is no absolute path in its shortest form: want one such as \"/etc/signet/pin-seals\"")
	}
	if slices.Contains(t.Keys(), "pin") {
		t.Faultf("pin", "a PIN does not belong in this file: want it in a credential, named by pin_credential")
	}
	if hasCredential, hasFile := t.Has("pin_credential"), t.Has("pin_file"); hasCredential == hasFile {
		t.TableFaultf("want either pin_credential or pin_file: the daemon has to find the PIN in one place")
	}
	return token
}

// uriOf checks what must be refused before anything else reads the URI. Its
// grammar is judged where tokens are looked for. Its value is never repeated:
// it may have a PIN in it.
func uriOf(t *stricttoml.Table) string {
	uri := t.String("uri")
	rest, ok := strings.CutPrefix(uri, "pkcs11:")
	switch {
	case uri == "":
		return ""
	case !ok:
		t.Faultf("uri", "is no PKCS#11 URI: want one such as \"pkcs11:token=seals\"")
	case len(uri) > 1024:
		t.Faultf("uri", "has %d bytes: want at most 1024", len(uri))
	}
	for _, attribute := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(";?&", r) }) {
		name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(attribute)), "=")
		if name == "pin-value" || name == "pin-source" {
			t.Faultf("uri", "has %s: want the PIN in a credential, named by pin_credential", name)
		}
	}
	return uri
}
