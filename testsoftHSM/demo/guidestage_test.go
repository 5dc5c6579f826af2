package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
	"signet/testsoftHSM/stage"
)

// A guide is the appliance of the guides, before anybody has begun it.
type guide struct {
	*stage.Stage
	act, request, approval string // what commands have shown: $ACT, $REQUEST and $APPROVAL
}

func newGuide(t *testing.T) *guide {
	t.Helper()
	bin := t.TempDir()
	build(t, bin, "signetd", "1")
	build(t, bin, "signetctl", "0")
	s, err := stage.New(bin)
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{Stage: s}
	t.Cleanup(func() { g.strike(t) })
	g.furnish(t)
	return g
}

func (g *guide) path(names ...string) string {
	return filepath.Join(append([]string{g.Dir}, names...)...)
}

// furnish makes what the guides begin with: tools, a home for each officer, a
// desk in which all may write, and a CA.
func (g *guide) furnish(t *testing.T) {
	t.Helper()
	for program, from := range map[string]string{
		"testca": "signet/testsoftHSM/testca", "ukey": "signet/testsoftHSM/ukey", "age-keygen": "filippo.io/age/cmd/age-keygen",
	} {
		g.make(t, "go", "build", "-o", g.path("bin", program), from)
	}
	g.make(t, "gcc", "-shared", "-fPIC", "-o", g.path("token.so"), "../../daemon/cmd/signetctl/internal/signing/testdata/token.c", "-lcrypto")
	for _, id := range []string{"admin", "li", "wang", "zhao", "shen", "zhang", "sun"} {
		g.make(t, "mkdir", "-p", "-m", "700", g.path("home", id, ".ssh"))
	}
	g.make(t, "mkdir", "-m", "777", g.path("desk"))
	g.giveUKey(t, g.path("home", "wang"))
	g.ownHomes(t)
	g.foundCA(t)
}

// giveUKey makes a UKey: its certificate lies in the home, and the program
// ukey-sign is what its maker has for it.
func (g *guide) giveUKey(t *testing.T, home string) {
	t.Helper()
	g.make(t, "sh", "-ec", `mkdir -m 700 $0/ukey
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:SM2 -out $0/ukey/ukey.key
openssl req -new -x509 -sm3 -sigopt distid:1234567812345678 -key $0/ukey/ukey.key -subj /CN=wang -days 365 \
  -addext keyUsage=critical,digitalSignature -out $0/ukey/ukey.pem
cp $0/ukey/ukey.pem $0/ukey.pem
printf '#!/bin/sh\nexec ukey %s/ukey\n' $0 > $1
chmod 755 $1`, home, g.path("bin", "ukey-sign"))
}

// ownHomes gives each officer what lies in his home: some of it root made for
// him.
func (g *guide) ownHomes(t *testing.T) {
	t.Helper()
	for _, o := range stage.Officers() {
		g.make(t, "chown", "-R", fmt.Sprintf("%d:%d", o.UID, o.UID), g.path("home", o.ID))
	}
}

func (g *guide) foundCA(t *testing.T) {
	t.Helper()
	c, err := ca.New(algo.KeySM2, time.Now().Add(-time.Hour).Truncate(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	root := ca.PEM(c.Root.Certificate.Raw)
	if err := errors.Join(c.Save(g.path("ca")), os.WriteFile(g.path("ca-root.pem"), root, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func (g *guide) make(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
