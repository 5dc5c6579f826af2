package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	firmwareconfig "signet/firmware-config"
	"signet/hsm"
)

// maxPIN bounds a PIN in bytes.
const maxPIN = 256

// pinReader returns the function that reads a token's PIN. It reads anew each
// time: after the login nobody needs the PIN until the next one, and a
// changed credential is seen without a restart.
func pinReader(t firmwareconfig.Token) func() (hsm.Secret, error) {
	return func() (hsm.Secret, error) {
		path, err := pinPath(t)
		if err != nil {
			return hsm.Secret{}, err
		}
		return readPIN(path, closedTo(t))
	}
}

// closedTo is the mode bits that must not be set on a token's PIN. Where its
// file system has ACLs, systemd gives a credential to the service by one, and
// the mode then shows the ACL's mask as group bits.
func closedTo(t firmwareconfig.Token) fs.FileMode {
	if t.PINFile != "" {
		return 0o077
	}
	return 0o007
}

func pinPath(t firmwareconfig.Token) (string, error) {
	if t.PINFile != "" {
		return t.PINFile, nil
	}
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return "", fmt.Errorf("credential %s: systemd gave no credentials: add LoadCredentialEncrypted=%s to the unit", t.PINCredential, t.PINCredential)
	}
	return filepath.Join(dir, t.PINCredential), nil
}

// checkPINFiles refuses to start beside a PIN that others can read: it is no
// secret any more. One that is missing is the token's fault, and may come.
func checkPINFiles(config firmwareconfig.Config) error {
	var errs []error
	for _, m := range config.Modules {
		for _, t := range m.Tokens {
			path, err := pinPath(t)
			if err != nil {
				continue
			}
			if info, err := os.Stat(path); err == nil {
				errs = append(errs, checkPINMode(path, info, closedTo(t)))
			}
		}
	}
	return errors.Join(errs...)
}

func checkPINMode(path string, info fs.FileInfo, closed fs.FileMode) error {
	if info.Mode().IsRegular() && info.Mode().Perm()&closed == 0 {
		return nil
	}
	return fmt.Errorf("PIN file %s has mode %v: want a file of mode 0400 or 0600", path, info.Mode())
}

func readPIN(path string, closed fs.FileMode) (pin hsm.Secret, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return hsm.Secret{}, fmt.Errorf("reading PIN: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return hsm.Secret{}, fmt.Errorf("reading PIN: %w", err)
	}
	if err := checkPINMode(path, info, closed); err != nil {
		return hsm.Secret{}, err
	}
	buf := make([]byte, maxPIN+2)
	defer clear(buf)
	n, err := io.ReadFull(f, buf)
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return hsm.Secret{}, errors.Join(fmt.Errorf("PIN file %s: want at most %d bytes", path, maxPIN), err)
	}
	text := bytes.TrimSuffix(buf[:n], []byte("\n"))
	if len(text) == 0 || len(text) > maxPIN {
		return hsm.Secret{}, fmt.Errorf("PIN file %s: want 1 to %d bytes", path, maxPIN)
	}
	return hsm.NewSecret(bytes.Clone(text)), nil
}
