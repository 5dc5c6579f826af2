package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"signet/testsoftHSM/stage"
)

// An appliance is a daemon with a key that the callers of the bench may use.
type appliance struct {
	*stage.Stage
	self string // this program, where the callers' uid can run it
}

func newAppliance(ctx context.Context, bin string, alg algorithm) (a *appliance, err error) {
	s, err := stage.New(bin)
	if err != nil {
		return nil, err
	}
	a = &appliance{Stage: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := a.configure(alg.sessions); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	if _, err := a.administrator(ctx, "init", "--crypto", "mixed"); err != nil {
		return nil, err
	}
	if _, err := s.WaitMode(ctx, "serving"); err != nil {
		return nil, err
	}
	if err := a.addKey(ctx, alg); err != nil {
		return nil, err
	}
	return a, a.copySelf()
}

// configure sets the number of sessions.
func (a *appliance) configure(sessions int) error {
	text, err := os.ReadFile(a.Config)
	if err != nil {
		return err
	}
	old := []byte("sessions = 4\n")
	if !bytes.Contains(text, old) {
		return errors.New("the stage's configuration has no sessions to set")
	}
	text = bytes.Replace(text, old, fmt.Appendf(nil, "sessions = %d\n", sessions), 1)
	return os.WriteFile(a.Config, text, 0o644)
}

func (a *appliance) copySelf() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	a.self = filepath.Join(a.Dir, "bin", "bench")
	return os.WriteFile(a.self, data, 0o755)
}

// addKey makes a key, lets the callers use it, and keeps its public half for
// the runs in process.
func (a *appliance) addKey(ctx context.Context, alg algorithm) error {
	policy := fmt.Sprintf("callers = { users = [%d] }\noperations = [\"digest\"]\nalgorithms = [%q]\npurposes = [%q]\n",
		stage.CallerUID, alg.algo.String(), purpose)
	file := filepath.Join(a.Dir, alg.entry+".toml")
	if err := os.WriteFile(file, []byte(policy), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"key", "create", alg.entry, "--token", stage.TokenName, "--type", alg.key.String()},
		{"policy", "set", alg.entry, file},
		{"key", "activate", alg.entry},
	} {
		if _, err := a.administrator(ctx, args...); err != nil {
			return err
		}
	}
	text, err := a.administrator(ctx, "key", "show", alg.entry, "--public-key", "-")
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fmt.Errorf("key show %s: no PEM", alg.entry)
	}
	return os.WriteFile(a.publicKey(alg), block.Bytes, 0o644)
}

func (a *appliance) publicKey(alg algorithm) string { return filepath.Join(a.Dir, alg.entry+".der") }

func (a *appliance) administrator(ctx context.Context, args ...string) ([]byte, error) {
	var out, diagnostics bytes.Buffer
	cmd := a.Command(ctx, stage.AdminUID, []uint32{stage.AdminGID}, "signetctl", args...)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("signetctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(diagnostics.Bytes()))
	}
	return out.Bytes(), nil
}

// callers starts a document system with so many requests in flight.
func (a *appliance) callers(ctx context.Context, alg algorithm, n, batch int, window time.Duration, more ...string) (*child, error) {
	args := append([]string{"load", "-alg", alg.name, "-callers", strconv.Itoa(n), "-batch", strconv.Itoa(batch),
		"-window", window.String(), "-socket", a.Socket("sign")}, more...)
	return startChild(a.Command(ctx, stage.CallerUID, []uint32{stage.ClientsGID}, a.self, args...), "")
}

// inProcess starts a process that calls the module itself, on the same token
// and key as the daemon.
func (a *appliance) inProcess(ctx context.Context, alg algorithm, threads int, verify bool, window time.Duration) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "limit", "-alg", alg.name, "-threads", strconv.Itoa(threads), "-verify="+strconv.FormatBool(verify),
		"-window", window.String(), "-token", a.Token.Label, "-module", a.Token.Shim, "-public", a.publicKey(alg))
	cmd.Env = a.Token.Environ()
	return startChild(cmd, a.Token.PIN)
}

// ticks of the kernel's accounting in /proc, per second: USER_HZ, which is 100
// on every architecture that Go runs on.
const ticks = 100

// cpu is how much processor time the daemon has used.
func (a *appliance) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(text), ") ") // the name may have spaces
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("reading /proc/%d/stat: %q", a.PID(), text)
	}
	var sum time.Duration
	for _, f := range fields[11:13] { // utime, stime: proc(5)
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading /proc/%d/stat: %w", a.PID(), err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// rssAnon is the daemon's memory in bytes without the mapped file of the
// store, which the kernel can take back.
func (a *appliance) rssAnon() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("the kernel does not tell RssAnon")
}
