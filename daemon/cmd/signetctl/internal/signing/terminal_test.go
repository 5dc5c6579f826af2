package signing_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"signet/daemon/cmd/signetctl/internal/signing"
	"signet/daemon/internal/authority"
)

// The tests sign with OpenSSH's own keys, agent and ssh-keygen, which Debian's
// openssh-client has; one that is missing fails them.

var act = []byte(`{"appliance":"00","kind":"entry.suspend","target":"contracts"}`)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// newKeyFile makes a key file with ssh-keygen.
func newKeyFile(t *testing.T, passphrase string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id")
	run(t, "ssh-keygen", append(args, "-q", "-N", passphrase, "-C", "officer", "-f", path)...)
	return path
}

// newKey is newKeyFile for a key that may sign acts.
func newKey(t *testing.T, passphrase string, args ...string) (string, authority.Key) {
	t.Helper()
	path := newKeyFile(t, passphrase, args...)
	key, err := authority.ParseKey(string(readFile(t, path+".pub")))
	if err != nil {
		t.Fatal(err)
	}
	return path, key
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, path string, data []byte, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return path
}

// wantSigned checks that key made s over the act.
func wantSigned(t *testing.T, name string, key authority.Key, s authority.Signature, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	} else if err := key.Verify(act, s); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// newToken builds the FIDO2 authenticator in software, has OpenSSH use it,
// and returns the path of a key in it.
func newToken(t *testing.T) (string, authority.Key) {
	t.Helper()
	library := filepath.Join(t.TempDir(), "token.so")
	run(t, "gcc", "-shared", "-fPIC", "-o", library, "testdata/token.c", "-lcrypto")
	t.Setenv("SSH_SK_PROVIDER", library)
	return newKey(t, "", "-t", "ed25519-sk")
}

// newAgent starts an ssh-agent that holds the keys in files.
func newAgent(t *testing.T, files ...string) signing.Terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent") // short: sun_path
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	// -P: the tests' middleware lies outside of /usr/lib.
	cmd := exec.Command("ssh-agent", "-D", "-a", socket, "-P", "/*")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	waitFor(t, socket)
	t.Setenv("SSH_AUTH_SOCK", socket)
	for _, file := range files {
		run(t, "ssh-add", "-q", file)
	}
	return signing.Terminal{AgentSocket: socket}
}

// waitFor dials until somebody listens.
func waitFor(t *testing.T, socket string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("nobody listens on %s", socket)
		case <-tick.C:
		}
	}
}
