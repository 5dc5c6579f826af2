package pkcs11_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"

	"signet/hsm"
	"signet/hsm/pkcs11"
)

// Some tests need a process that may be broken. It is this test binary again,
// with childEnv set: TestMain then runs a child instead of the tests.
const childEnv = "SIGNET_TEST_CHILD"

var children = map[string]func() error{
	"login":    childLogin,
	"data":     childData,
	"crypto11": childCrypto11,
}

func TestMain(m *testing.M) {
	if child := children[os.Getenv(childEnv)]; child != nil {
		if err := child(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs a child to its end and returns what it wrote.
func (r *rig) child(name string, env ...string) (string, error) {
	r.Helper()
	cmd := exec.CommandContext(r.context(), os.Args[0])
	cmd.Env = append(r.token.Environ(), append(env, childEnv+"="+name)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// crash runs a child that must not end well.
func (r *rig) crash(name string) {
	r.Helper()
	out, err := r.child(name, "CHILD_SHIM="+r.token.Shim, "CHILD_PIN="+r.token.PIN,
		"CHILD_TOKEN="+r.token.Label, "CHILD_LATCH="+r.config.LatchDir)
	if err == nil {
		r.Fatalf("child %s ended well:\n%s", name, out)
	}
}

// childLogin logs in, if the module lets it live.
func childLogin() error {
	d, err := openChild()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := d.Random(ctx, "seals", 1); err != nil { // waits for the first connect
		return err
	}
	return d.Close()
}

func openChild() (*pkcs11.Driver, error) {
	return pkcs11.Open(pkcs11.Config{
		Name: "m", Path: os.Getenv("CHILD_SHIM"), LatchDir: os.Getenv("CHILD_LATCH"),
		Profile: hsm.Profile{Name: "shim", Deadlines: hsm.Deadlines{Sign: patience, Login: patience, KeyGen: patience}},
		Tokens: []pkcs11.Token{{Name: "seals", URI: hsm.URI{Token: os.Getenv("CHILD_TOKEN")},
			PIN: pinOf(os.Getenv("CHILD_PIN")), Sessions: 1}},
	})
}
