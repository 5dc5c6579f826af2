package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"signet/testsoftHSM/stage"
)

// commands are what scripts can say besides testscript's own. Those made by
// plain take no "!".
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"as":    as,
	"until": until,
	"sweep": sweepCommand,
	"clean": plain(0, 1, clean),

	"up":      plain(0, 9, func(ts *testscript.TestScript, modes []string) error { return playOf(ts).up(modes...) }),
	"down":    plain(0, 0, func(ts *testscript.TestScript, _ []string) error { return playOf(ts).down() }),
	"crash":   plain(0, 0, crash),
	"mode":    plain(1, 1, waitMode),
	"ready":   plain(0, 0, ready),
	"entry":   plain(1, 1, entry),
	"control": plain(0, 9, func(ts *testscript.TestScript, lines []string) error { return playOf(ts).Token.SetControl(lines...) }),
	"logins":  plain(2, 2, logins),
	"pin":     plain(1, 1, pin),
	"token":   plain(1, 1, token),
	"replace": plain(3, 3, replace),
	"sha256":  plain(2, 2, sha256Of),
	"newer":   plain(1, 1, newer),
	"zone":    plain(1, 1, zone),

	"appoint":       plain(1, 9, appoint),
	"ordain":        plain(0, 0, ordain),
	"signed":        signed,
	"nonce":         plain(1, 1, nonce),
	"field":         plain(2, 2, field),
	"content":       plain(2, 2, content),
	"authenticator": plain(0, 0, authenticator),
	"agent":         plain(2, 9, agent),

	"hold":       plain(1, 1, hold),
	"letgo":      plain(0, 0, letGo),
	"unverified": plain(0, 0, unverified),
	"liar":       plain(1, 1, liar),
	"load":       plain(2, 2, startLoad),
	"recorded":   plain(0, 0, recorded),
}

// plain makes a command of a function that takes from least to most arguments
// and must succeed.
func plain(least, most int, f func(*testscript.TestScript, []string) error) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < least || len(args) > most {
			ts.Fatalf("want %d to %d arguments and no !", least, most)
		}
		ts.Check(f(ts, args))
	}
}

// crash ends the daemon as a power cut ends a process.
func crash(ts *testscript.TestScript, _ []string) error {
	p := playOf(ts)
	p.running = false
	return p.Kill()
}

// mode MODE waits for the daemon to be in it.
func waitMode(ts *testscript.TestScript, args []string) error {
	_, err := playOf(ts).WaitMode(context.Background(), args...)
	return err
}

// ready starts the daemon on an empty state and begins the appliance.
func ready(ts *testscript.TestScript, _ []string) error {
	p := playOf(ts)
	if err := p.up("uninitialised"); err != nil {
		return err
	}
	signetctl(ts, "admin", "init", "--crypto", "mixed")
	return waitMode(ts, []string{"serving"})
}

const policyText = `callers = { users = [%d] }
operations = ["digest", "message"]
algorithms = ["SM2-SM3"]
purposes = ["contract"]
`

// entry ID makes an active SM2 key that the caller may use for contracts.
func entry(ts *testscript.TestScript, args []string) error {
	id, policy := args[0], args[0]+".toml"
	if err := os.WriteFile(playOf(ts).path(policy), fmt.Appendf(nil, policyText, stage.CallerUID), 0o644); err != nil {
		return err
	}
	signetctl(ts, "admin", "key", "create", id, "--token", stage.TokenName, "--type", "SM2")
	signetctl(ts, "admin", "policy", "set", id, policy)
	signetctl(ts, "admin", "key", "activate", id)
	return nil
}

// ckrPINIncorrect is CKR_PIN_INCORRECT of PKCS#11 v2.40.
const ckrPINIncorrect = 0xa0

// logins ALL WRONG holds the module's log of C_Login, of every process since
// the newest up, to the number of calls and of those that were refused for
// their PIN.
func logins(ts *testscript.TestScript, args []string) error {
	p := playOf(ts)
	calls, err := p.Token.ReadLogins()
	if err != nil {
		return err
	}
	calls = calls[p.logins:]
	wrong := 0
	for _, call := range calls {
		if call.Returned && call.Result == ckrPINIncorrect {
			wrong++
		}
	}
	if strconv.Itoa(len(calls)) != args[0] || strconv.Itoa(wrong) != args[1] {
		return fmt.Errorf("%d calls of C_Login, %d of them with a wrong PIN: %+v", len(calls), wrong, calls)
	}
	return nil
}

// pin right|wrong|public|absent changes the file that signetd reads the PIN
// from; public is the right one, readable by everybody.
func pin(ts *testscript.TestScript, args []string) error {
	p := playOf(ts)
	switch args[0] {
	case "right":
		return p.writePIN(p.Token.PIN, 0o400)
	case "wrong":
		return p.writePIN(canary, 0o400)
	case "public":
		return p.writePIN(p.Token.PIN, 0o444)
	case "absent":
		return os.Remove(p.path("pin"))
	}
	return fmt.Errorf("no such PIN: %s", args[0])
}

// writePIN puts the file in place whole: the daemon may read it at any time.
func (p *play) writePIN(value string, mode os.FileMode) error {
	next := p.path("pin.next")
	if err := os.WriteFile(next, []byte(value+"\n"), 0o400); err != nil {
		return err
	}
	return errors.Join(os.Chown(next, stage.DaemonUID, stage.DaemonUID), os.Chmod(next, mode), os.Rename(next, p.path("pin")))
}

// token LABEL plugs another token in and makes its PIN the one of the file.
// The file is away meanwhile: the daemon must not try the other token's.
func token(ts *testscript.TestScript, args []string) error {
	p := playOf(ts)
	if err := os.Remove(p.path("pin")); err != nil {
		return err
	}
	other, err := p.Token.Add(args[0])
	if err != nil {
		return err
	}
	p.secrets = append(p.secrets, other.PIN, other.SOPIN)
	if err := other.Chown(stage.DaemonUID, stage.DaemonUID); err != nil {
		return err
	}
	return p.writePIN(other.PIN, 0o400)
}

// replace FILE OLD NEW changes the one place of a file that has OLD. \n stands
// for a line end.
func replace(ts *testscript.TestScript, args []string) error {
	text := ts.ReadFile(args[0])
	before := strings.ReplaceAll(args[1], `\n`, "\n")
	if n := strings.Count(text, before); n != 1 {
		return fmt.Errorf("%s has %q %d times, want once", args[0], before, n)
	}
	text = strings.Replace(text, before, strings.ReplaceAll(args[2], `\n`, "\n"), 1)
	return os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644)
}

// sha256 FILE NAME sets a variable to the hash of a file.
func sha256Of(ts *testscript.TestScript, args []string) error {
	sum := sha256.Sum256([]byte(ts.ReadFile(args[0])))
	ts.Setenv(args[1], hex.EncodeToString(sum[:]))
	return nil
}

// zone NAME sets a variable to a time zone whose day does not end during the
// script.
func zone(ts *testscript.TestScript, args []string) error {
	ts.Setenv(args[0], stage.Zone(time.Now()))
	return nil
}

// newer FILE makes a store one that a newer program wrote: the version of its
// buckets, which bbolt keeps as it was put, is one more.
func newer(ts *testscript.TestScript, args []string) error {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	now := binary.BigEndian.AppendUint64([]byte("schema"), 2)
	next := binary.BigEndian.AppendUint64([]byte("schema"), 3)
	if !bytes.Contains(data, now) {
		return fmt.Errorf("%s has no schema 2", args[0])
	}
	return os.WriteFile(path, bytes.ReplaceAll(data, now, next), 0o600)
}

// unverified makes the next daemon one that does not verify what the module
// gives it.
func unverified(ts *testscript.TestScript, _ []string) error {
	p := playOf(ts)
	program, err := p.programs.unverified()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(p.path("bin/signetd"), data, 0o755)
}

// hold FILE locks a file as another program that opens a store does. letgo
// ends that.
func hold(ts *testscript.TestScript, args []string) (err error) {
	p := playOf(ts)
	if p.held, err = os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0); err != nil {
		return err
	}
	return unix.Flock(int(p.held.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

func letGo(ts *testscript.TestScript, _ []string) error {
	p := playOf(ts)
	held := p.held
	p.held = nil
	return held.Close()
}

// clean [FILE] holds a file, or all that the last program wrote, to what a
// terminal shows and does not obey.
func clean(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 {
		args = []string{"stdout", "stderr"}
	}
	for _, name := range args {
		for i, r := range ts.ReadFile(name) {
			if r != '\n' && !unicode.IsGraphic(r) {
				return fmt.Errorf("%s has %U at byte %d", name, r, i)
			}
		}
	}
	return nil
}
