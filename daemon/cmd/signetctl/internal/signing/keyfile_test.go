package signing_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/signing"
)

func TestKeyFileSigns(t *testing.T) {
	for _, args := range [][]string{
		{"-t", "ed25519"}, {"-t", "ecdsa", "-b", "384"}, {"-t", "rsa", "-b", "3072"}, {"-t", "rsa", "-b", "2048", "-m", "PEM"}, {"-t", "ecdsa", "-m", "PKCS8"},
	} {
		path, key := newKey(t, "", args...)
		s, err := signing.Terminal{}.KeyFile(t.Context(), path, act)
		wantSigned(t, strings.Join(args, " "), key, s, err)
	}
}

func TestKeyFileAsksForItsPassphrase(t *testing.T) {
	const right, wrong = "correct horse battery", "incorrect horse battery"
	for _, args := range [][]string{{"-t", "ed25519"}, {"-t", "rsa", "-b", "2048", "-m", "PEM"}} {
		path, key := newKey(t, right, append(args, "-a", "1")...)
		var asked string
		var given []byte
		desk := func(passphrase string) signing.Terminal {
			given = []byte(passphrase)
			return signing.Terminal{Ask: func(file string) ([]byte, error) { asked = file; return given, nil }}
		}
		s, err := desk(right).KeyFile(t.Context(), path, act)
		wantSigned(t, "with the passphrase", key, s, err)
		if asked != path {
			t.Errorf("asked for the passphrase of %q", asked)
		}
		if !bytes.Equal(given, make([]byte, len(right))) {
			t.Errorf("the passphrase was not wiped: %q", given)
		}
		_, err = desk(wrong).KeyFile(t.Context(), path, act)
		if !errors.Is(err, signing.ErrPassphrase) || strings.Contains(err.Error(), wrong) {
			t.Errorf("wrong passphrase: %v", err)
		}
		if !bytes.Equal(given, make([]byte, len(wrong))) {
			t.Errorf("the wrong passphrase was not wiped: %q", given)
		}
		if _, err := (signing.Terminal{}).KeyFile(t.Context(), path, act); !errors.Is(err, signing.ErrNoTerminal) {
			t.Errorf("nobody to ask: %v", err)
		}
		away := signing.Terminal{Ask: func(string) ([]byte, error) { return nil, os.ErrDeadlineExceeded }}
		if _, err := away.KeyFile(t.Context(), path, act); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("no answer: %v", err)
		}
	}
}

func TestKeyFileSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	path, _ := newKey(t, "", "-t", "ed25519")
	short := newKeyFile(t, "", "-t", "rsa", "-b", "1024")
	private := readFile(t, path)
	for name, c := range map[string]struct{ path, says string }{
		"missing":        {filepath.Join(dir, "none"), "no such file"},
		"a folder":       {dir, "directory"},
		"empty":          {writeFile(t, filepath.Join(dir, "empty"), nil, 0o600), "empty"},
		"too large":      {writeFile(t, filepath.Join(dir, "large"), make([]byte, 65<<10), 0o600), "more than"},
		"rubbish":        {writeFile(t, filepath.Join(dir, "rubbish"), []byte("no key"), 0o600), "want a line of a .pub file"},
		"for the group":  {writeFile(t, filepath.Join(dir, "group"), private, 0o640), "chmod 600"},
		"for everybody":  {writeFile(t, filepath.Join(dir, "world"), private, 0o604), "chmod 600"},
		"cut":            {writeFile(t, filepath.Join(dir, "cut"), private[:200], 0o600), "reading key file"},
		"RSA 1024":       {short, "2048"},
		"RSA 1024, .pub": {short + ".pub", "2048"},
	} {
		s, err := signing.Terminal{}.KeyFile(t.Context(), c.path, act)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v, want an error with %q", name, s, err, c.says)
		} else if strings.Contains(err.Error(), string(private[100:140])) {
			t.Errorf("%s: the error repeats the private key", name)
		}
	}
}

// TestPubFileSignsWithTheKeyBesideIt: ssh-keygen finds it.
func TestPubFileSignsWithTheKeyBesideIt(t *testing.T) {
	path, key := newKey(t, "", "-t", "ed25519")
	s, err := signing.Terminal{}.KeyFile(t.Context(), path+".pub", act)
	wantSigned(t, ".pub", key, s, err)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	_, err = signing.Terminal{Stderr: &said}.KeyFile(t.Context(), path+".pub", act)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() == 0 || said.Len() == 0 {
		t.Errorf("without the private key: %v, and to the officer %q", err, said.String())
	}
}

// TestTokenSignsWhenTouched: ssh-keygen talks to a FIDO2 token; a signature
// that nobody touched it for does not get out.
func TestTokenSignsWhenTouched(t *testing.T) {
	path, key := newToken(t)
	for flags, touched := range map[string]bool{"1": true, "5": true, "0": false, "4": false} {
		t.Setenv("TOKEN_FLAGS", flags)
		for _, file := range []string{path, path + ".pub"} {
			s, err := signing.Terminal{}.KeyFile(t.Context(), file, act)
			if touched {
				wantSigned(t, "flags "+flags, key, s, err)
			} else if err == nil || !strings.Contains(err.Error(), "user presence") {
				t.Errorf("flags %s: %v, want an error about user presence", flags, err)
			}
		}
	}
}
