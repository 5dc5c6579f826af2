package signing_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"signet/daemon/cmd/signetctl/internal/signing"
)

func TestAgentSignsWithItsOnlyKey(t *testing.T) {
	for _, args := range [][]string{{"-t", "ed25519"}, {"-t", "rsa", "-b", "2048"}, {"-t", "ecdsa"}} {
		path, key := newKey(t, "", args...)
		desk := newAgent(t, path)
		for _, fingerprint := range []string{"", key.Fingerprint()} {
			s, err := desk.Agent(t.Context(), fingerprint, act)
			wantSigned(t, strings.Join(args, " "), key, s, err)
		}
	}
}

func TestAgentSaysWhatItHoldsWhenTheChoiceIsNotClear(t *testing.T) {
	first, one := newKey(t, "", "-t", "ed25519")
	second, two := newKey(t, "", "-t", "ecdsa")
	short := newKeyFile(t, "", "-t", "rsa", "-b", "1024")
	desk := newAgent(t, first, second, short)
	_, err := desk.Agent(t.Context(), "", act)
	var choice *signing.ChoiceError
	if !errors.As(err, &choice) || len(choice.Keys) != 2 {
		t.Fatalf("several keys: %v", err)
	}
	for i, key := range []string{one.Fingerprint(), two.Fingerprint()} {
		if line := choice.Keys[i]; !strings.Contains(line, key) || !strings.Contains(line, "officer") || !strings.Contains(err.Error(), key) {
			t.Errorf("line %q, error %q: want %s and its comment", line, err, key)
		}
	}
	s, err := desk.Agent(t.Context(), two.Fingerprint(), act)
	wantSigned(t, "the second", two, s, err)
	for _, fingerprint := range []string{"SHA256:AAAA", one.Fingerprint() + "x", fingerprintOf(t, short)} {
		if _, err := desk.Agent(t.Context(), fingerprint, act); !errors.Is(err, signing.ErrNotHeld) {
			t.Errorf("%s: %v, want ErrNotHeld", fingerprint, err)
		}
	}
}

// TestFilesWithoutAKeyGoToTheAgent: .pub files and files of FIDO2 keys.
func TestFilesWithoutAKeyGoToTheAgent(t *testing.T) {
	path, key := newKey(t, "", "-t", "ed25519")
	token, inToken := newToken(t)
	desk := newAgent(t, path, token)
	t.Setenv("PATH", t.TempDir()) // no ssh-keygen to fall back on
	s, err := desk.KeyFile(t.Context(), path+".pub", act)
	wantSigned(t, ".pub", key, s, err)
	for _, file := range []string{token, token + ".pub"} {
		s, err = desk.KeyFile(t.Context(), file, act)
		wantSigned(t, "token", inToken, s, err)
	}
}

func TestWithoutAnAgent(t *testing.T) {
	dir := t.TempDir()
	for name, socket := range map[string]string{
		"no socket named": "", "a socket that is gone": filepath.Join(dir, "none"), "a file": writeFile(t, filepath.Join(dir, "file"), nil, 0o600),
	} {
		if _, err := (signing.Terminal{AgentSocket: socket}).Agent(t.Context(), "", act); !errors.Is(err, signing.ErrNoAgent) {
			t.Errorf("%s: %v, want ErrNoAgent", name, err)
		}
	}
	if _, err := newAgent(t).Agent(t.Context(), "", act); !errors.Is(err, signing.ErrNotHeld) {
		t.Errorf("an empty one: %v, want ErrNotHeld", err)
	}
}

// served answers one connection after the other with serve.
func served(t *testing.T, serve func(net.Conn)) signing.Terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
		os.RemoveAll(dir)
	})
	return signing.Terminal{AgentSocket: socket}
}

// TestSilentAgentIsLeftWhenTheOfficerGivesUp: a token may wait for a touch for
// ever.
func TestSilentAgentIsLeftWhenTheOfficerGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	desk := served(t, func(conn net.Conn) {
		conn.Read(make([]byte, 1)) // it was asked
		cancel()
		conn.Read(make([]byte, 1<<10)) // until the other side closes
	})
	if _, err := desk.Agent(ctx, "", act); !errors.Is(err, context.Canceled) {
		t.Errorf("Agent = %v, want context.Canceled", err)
	}
}

// A liar signs other bytes than it is given.
type liar struct{ agent.ExtendedAgent }

func (l liar) SignWithFlags(key ssh.PublicKey, data []byte, flags agent.SignatureFlags) (*ssh.Signature, error) {
	return l.ExtendedAgent.SignWithFlags(key, append(data, 0), flags)
}

func (l liar) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	return l.SignWithFlags(key, data, 0)
}

func TestAnAgentsSignatureIsVerified(t *testing.T) {
	path, key := newKey(t, "", "-t", "ed25519")
	private, err := ssh.ParseRawPrivateKey(readFile(t, path))
	if err != nil {
		t.Fatal(err)
	}
	keyring := agent.NewKeyring().(agent.ExtendedAgent)
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	honest := served(t, func(conn net.Conn) { agent.ServeAgent(keyring, conn) })
	s, err := honest.Agent(t.Context(), "", act)
	wantSigned(t, "honest", key, s, err)
	lying := served(t, func(conn net.Conn) { agent.ServeAgent(liar{keyring}, conn) })
	if _, err := lying.Agent(t.Context(), "", act); err == nil || !strings.Contains(err.Error(), "does not verify") {
		t.Errorf("lying: %v", err)
	}
}

// fingerprintOf is the fingerprint of a key that no roll takes.
func fingerprintOf(t *testing.T, path string) string {
	t.Helper()
	public, _, _, _, err := ssh.ParseAuthorizedKey(readFile(t, path+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(public)
}
