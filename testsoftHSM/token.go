// Package testsofthsm makes SoftHSM2 tokens for tests, the demo and the
// harnesses: each in a directory of its own, with random PINs, and with a shim
// module beside SoftHSM2's that adds SM2 and breaks on request.
//
// PKCS#11 keeps its state per process, and SoftHSM2 and the shim take their
// files from the environment. So tests that load a module in their own process
// cannot run in parallel with each other.
package testsofthsm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxLabel is the longest label of a token, in bytes (CK_TOKEN_INFO).
const maxLabel = 32

// A Token is an initialised SoftHSM2 token. Its PINs are plain strings because
// it holds no key that matters; nothing outside tests may do the same.
type Token struct {
	Label string
	PIN   string // of the user
	SOPIN string

	Module string // path of libsofthsm2: everything but SM2
	Shim   string // path of the SM2 shim, which forwards to Module
	Conf   string // path of softhsm2.conf

	// Env is what a process that loads Module or Shim must have in its
	// environment. New sets it for the test's own process.
	Env map[string]string

	dir string // of the store
}

// Create makes dir, if it is not there, and in it a token store with one
// token. A directory that has a store already is refused: Add puts another
// token beside the first.
func Create(dir, label string) (*Token, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("creating token store: %w", err)
	}
	built, err := buildShim()
	if err != nil {
		return nil, err
	}
	module, err := findModule()
	if err != nil {
		return nil, err
	}
	k := &Token{
		Module: module,
		Shim:   built.shim,
		Conf:   filepath.Join(dir, "softhsm2.conf"),
		dir:    dir,
	}
	k.Env = map[string]string{
		"SOFTHSM2_CONF":         k.Conf,
		"SIGNET_SHIM_TEST_ONLY": "1",
		"SIGNET_SHIM_BACKEND":   k.Module,
		"SIGNET_SHIM_CONTROL":   filepath.Join(dir, "control"),
		"SIGNET_SHIM_LOGIN_LOG": filepath.Join(dir, "logins"),
	}
	if err := k.createStore(); err != nil {
		return nil, fmt.Errorf("creating token store in %s: %w", dir, err)
	}
	return k, k.init(built.inittoken, label)
}

// Add makes another token in the same store: same module, same environment and
// control file, other PINs.
func (k *Token) Add(label string) (*Token, error) {
	built, err := buildShim()
	if err != nil {
		return nil, err
	}
	other := *k
	return &other, other.init(built.inittoken, label)
}

// Environ returns Env as os/exec wants it, after the process's own environment.
func (k *Token) Environ() []string {
	env := os.Environ()
	for name, value := range k.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// Chown gives the store to another user, for a daemon that runs as one, with a
// copy of the shim: the shared one may lie in a home directory that this user
// cannot enter. Shim names the copy from then on, in this Token; others of the
// store that Add made before keep the old name. Needs root.
func (k *Token) Chown(uid, gid int) error {
	own := filepath.Join(k.dir, filepath.Base(k.Shim))
	if own != k.Shim {
		if err := copyFile(own, k.Shim); err != nil {
			return fmt.Errorf("copying the shim: %w", err)
		}
		k.Shim = own
	}
	return filepath.WalkDir(k.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

func (k *Token) createStore() error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	tokens := filepath.Join(k.dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return err
	}
	conf := "directories.tokendir = " + tokens + "\n" +
		"objectstore.backend = file\n" +
		"log.level = ERROR\n" +
		"slots.removable = false\n"
	if err := os.WriteFile(k.Conf, []byte(conf), 0o600); err != nil {
		return err
	}
	return k.SetControl()
}

// init runs in a process of its own, so that the caller's may load the module
// with another configuration or not at all.
func (k *Token) init(inittoken, label string) error {
	if label == "" || len(label) > maxLabel {
		return fmt.Errorf("initialising token %q: a label has 1 to %d bytes, this has %d", label, maxLabel, len(label))
	}
	k.Label, k.PIN, k.SOPIN = label, rand.Text(), rand.Text()
	cmd := exec.Command(inittoken, k.Module, label)
	cmd.Env = k.Environ()
	cmd.Stdin = strings.NewReader(k.SOPIN + "\n" + k.PIN + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initialising token %q: %w: %s", label, err, bytes.TrimSpace(out))
	}
	return nil
}

// modules are the places where Debian, Fedora, Alpine and "make install" put
// SoftHSM2.
var modules = []string{
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm2.so",
	"/usr/local/lib/softhsm/libsofthsm2.so",
}

func findModule() (string, error) {
	for _, path := range modules {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("SoftHSM2 is not installed (looked for %s): run `make deps`", strings.Join(modules, ", "))
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
