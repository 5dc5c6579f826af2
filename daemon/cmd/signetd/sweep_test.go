package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// sweep looks for PINs in all that others may read or that outlives the
// daemon. With ! it must find one.
func sweepCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 0 {
		ts.Fatalf("usage: [!] sweep")
	}
	leaks := playOf(ts).sweep()
	switch {
	case neg && len(leaks) == 0:
		ts.Fatalf("no PIN was found")
	case !neg && len(leaks) > 0:
		ts.Fatalf("a PIN can be read in %q", leaks)
	}
}

// sweep returns where a PIN can be read: every file of the stage but the PIN's
// own, the daemon's command line and environment, and all that was answered.
func (p *play) sweep() (leaks []string) {
	look := func(where string, text []byte) {
		if p.tells(text) {
			leaks = append(leaks, where)
		}
	}
	look("what programs wrote", p.said.Bytes())
	err := filepath.WalkDir(p.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == p.path("pin") {
			return ignoreGone(err)
		}
		text, err := os.ReadFile(path)
		look(path, text)
		return ignoreGone(err)
	})
	if err != nil {
		return append(leaks, err.Error())
	}
	if !p.running {
		return leaks
	}
	for _, name := range []string{"cmdline", "environ"} {
		path := fmt.Sprintf("/proc/%d/%s", p.PID(), name)
		text, err := os.ReadFile(path)
		if err != nil {
			return append(leaks, err.Error()) // what cannot be read was not swept
		}
		look(path, text)
	}
	return leaks
}

// ignoreGone forgives a file that a running daemon has renamed or removed.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tells tells whether text has a PIN, plain or in the encodings at hand.
func (p *play) tells(text []byte) bool {
	for _, secret := range p.secrets {
		whole := secret[:len(secret)-len(secret)%3] // the rest would encode differently inside a longer text
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(whole))} {
			if bytes.Contains(text, []byte(form)) {
				return true
			}
		}
	}
	return false
}
