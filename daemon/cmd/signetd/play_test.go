package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/testsoftHSM/stage"
)

// patience bounds every wait of a script. It is reached only by a fault.
const patience = 30 * time.Second

// canary is a PIN that no token has. Like the right ones it may be seen
// nowhere.
const canary = "CANARY-5d1f0c73a9e84b62"

// A play is the appliance of one script.
type play struct {
	*stage.Stage
	test     testing.TB
	programs programs
	running  bool
	logins   int // calls of C_Login before the newest up
	load     *load
	held     *os.File
	said     bytes.Buffer // all that programs wrote, but the daemon's log
	secrets  []string     // PINs of this play
}

type playKey struct{}

func playOf(ts *testscript.TestScript) *play { return ts.Value(playKey{}).(*play) }

// setUp makes the stage, puts the script's files on it and makes it the
// script's directory: other users cannot enter the one of testscript.
func setUp(env *testscript.Env, built programs) error {
	s, err := stage.New(built.dir)
	if err != nil {
		return err
	}
	p := &play{
		Stage: s, test: env.T().(testing.TB), programs: built,
		secrets: []string{s.Token.PIN, s.Token.SOPIN, canary},
	}
	env.Defer(p.strike)
	if err := os.Mkdir(p.path("out"), 0o700); err != nil {
		return err
	}
	if err := os.Chown(p.path("out"), stage.CallerUID, stage.CallerUID); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"STAGE": s.Dir, "CANARY": canary, "LANG": "C.UTF-8",
		"ESC": "\x1b", "RLO": "\u202e", // what a terminal obeys
		"SHIM": s.Token.Shim,
	} {
		env.Setenv(name, value)
	}
	env.Values[playKey{}] = p
	env.Cd = s.Dir
	return p.takeFiles(env.WorkDir)
}

func (p *play) path(name string) string { return filepath.Join(p.Dir, name) }

// takeFiles copies the files of the script's archive.
func (p *play) takeFiles(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(p.path(f.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// strike ends the play: no script ends well that let a PIN be seen.
func (p *play) strike() {
	for _, leak := range p.sweep() {
		p.test.Errorf("a PIN can be read in %s", leak)
	}
	if p.test.Failed() {
		log, _ := os.ReadFile(p.path("signetd.log"))
		p.test.Logf("signetd.log:\n%s", log)
	}
	var err error
	if p.running {
		err = p.Kill()
	}
	if p.load != nil {
		p.load.wait()
	}
	if p.held != nil {
		err = errors.Join(err, p.held.Close())
	}
	if err := errors.Join(err, os.RemoveAll(p.Dir)); err != nil {
		p.test.Errorf("clearing the stage: %v", err)
	}
}

// up starts the daemon and waits for one of the modes.
func (p *play) up(modes ...string) error {
	if p.running {
		return errors.New("it is up already")
	}
	calls, err := p.Token.ReadLogins()
	if err != nil {
		return err
	}
	p.logins = len(calls)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Start(ctx); err != nil {
		return err
	}
	p.running = true
	_, err = p.WaitMode(ctx, modes...)
	return err
}

// down stops the daemon as systemd does.
func (p *play) down() error {
	p.running = false
	code, err := p.Stop()
	if err == nil && code != 0 {
		err = fmt.Errorf("signetd ended with status %d after SIGTERM, want 0", code)
	}
	return err
}
