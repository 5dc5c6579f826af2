package firmwareconfig

import (
	"path/filepath"
	"reflect"
	"testing"
)

// FuzzParse: no text panics, and what is accepted holds the promises of
// Config that the daemon builds on without looking again.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			if !reflect.DeepEqual(c, Config{}) {
				t.Error("a refused configuration is not empty")
			}
			return
		}
		for _, path := range []string{c.State, c.Runtime, c.Sockets.Sign, c.Sockets.Admin, c.Sockets.Audit} {
			if !filepath.IsAbs(path) || filepath.Clean(path) != path {
				t.Errorf("path %q", path)
			}
		}
		if inside(c.State, c.Runtime) || inside(c.Runtime, c.State) {
			t.Errorf("state %q and runtime %q", c.State, c.Runtime)
		}
		if c.Groups.Clients == c.Groups.Admin || c.Groups.Admin == c.Groups.Audit || c.Groups.Clients == c.Groups.Audit {
			t.Errorf("groups %v", c.Groups)
		}
		if c.Store.Soft >= c.Store.Hard || c.Store.Hard >= c.Store.MaxSize || c.Store.Soft <= 0 {
			t.Errorf("store %+v", c.Store)
		}
		checkModules(t, c)
	})
}

func checkModules(t *testing.T, c Config) {
	seen := map[string]bool{}
	for _, m := range c.Modules {
		if !filepath.IsAbs(m.Path) || m.Profile == "" || len(m.Tokens) == 0 {
			t.Errorf("module %+v", m)
		}
		for _, token := range m.Tokens {
			if seen[token.Name] || token.URI == "" || (token.PINCredential == "") == (token.PINFile == "") || token.Sessions < 1 {
				t.Errorf("token %+v", token)
			}
			seen[token.Name] = true
		}
	}
	if len(c.Modules) == 0 || c.Log.Module != "" && !seen[c.Log.Token] {
		t.Errorf("modules %+v, log %+v", c.Modules, c.Log)
	}
}
