package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Officers and auditors run this program on machines without a crypto module
// and without the store's library.
func TestBuildsWithoutCgoStoreAndModules(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("go list names %d packages", len(deps))
	}
	for _, dep := range deps {
		for _, unwanted := range []string{"runtime/cgo", "go.etcd.io/bbolt", "github.com/cpuguy83/go-md2man", "github.com/miekg/pkcs11", "signet/hsm", "signet/daemon/internal/store"} {
			if dep == unwanted || strings.HasPrefix(dep, unwanted+"/") {
				t.Errorf("signetctl depends on %s", dep)
			}
		}
	}
}
