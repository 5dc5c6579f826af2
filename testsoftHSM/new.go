package testsofthsm

import (
	"os"
	"testing"
)

// New makes a token for one test and puts Env into the test's own environment;
// both are gone when the test ends. The path is short, since sockets may lie
// beside it. Whoever loads a module in this process must have finalised it by
// then. What is missing on the machine fails the test: a signer whose HSM tests
// were skipped has not been tested.
func New(t testing.TB) *Token {
	t.Helper()
	dir, err := os.MkdirTemp("", "hsm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	k, err := Create(dir, "signet-test")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range k.Env {
		t.Setenv(name, value)
	}
	return k
}
