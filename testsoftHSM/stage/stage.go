// Package stage puts up a whole appliance for the demo and for harnesses:
// a token, a configuration, and the real signetd as a process of its own user,
// with callers and officers as other users. It needs root, because it plays
// several users; none of them has to exist on the machine.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"signet/protocol/client"
	testsofthsm "signet/testsoftHSM"
)

// Uids and gids of the play. The numbers name nobody on a Debian machine.
const (
	DaemonUID = 20000
	CallerUID = 20001
	OtherUID  = 20002 // may connect, but no policy names it
	AdminUID  = 20010
	AuditUID  = 20011

	ClientsGID = 30001
	AdminGID   = 30002
	AuditGID   = 30003
)

// Appliance is the name in the configuration.
const Appliance = "seal-demo.example.org"

// TokenName is the name of the one token in the configuration.
const TokenName = "seals"

// patience bounds every wait for the daemon.
const patience = 30 * time.Second

// A Stage is one appliance. It is not safe for concurrent use, but for
// Command.
type Stage struct {
	Dir    string // short: a socket path has 107 bytes
	Token  *testsofthsm.Token
	Config string

	daemon *exec.Cmd
	exited chan error
	logged int64 // bytes of signetd.log from before the newest start
}

// ErrNotRoot is returned by New without root.
var ErrNotRoot = errors.New("this plays several users and needs root")

// New prepares an appliance with the programs signetd and signetctl of bin. It
// is not started. Close removes everything.
func New(bin string) (*Stage, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	dir, err := os.MkdirTemp("/tmp", "signet-")
	if err != nil {
		return nil, fmt.Errorf("making a stage: %w", err)
	}
	s := &Stage{Dir: dir, Config: filepath.Join(dir, "signetd.toml")}
	if err := s.build(bin); err != nil {
		return nil, errors.Join(fmt.Errorf("making a stage: %w", err), s.Close())
	}
	return s, nil
}

func (s *Stage) build(bin string) error {
	if err := os.Chmod(s.Dir, 0o755); err != nil {
		return err
	}
	for name, mode := range map[string]os.FileMode{"bin": 0o755, "state": 0o700, "run": 0o700, "sign": 0o755, "admin": 0o755, "audit": 0o755} {
		path := filepath.Join(s.Dir, name)
		if err := os.Mkdir(path, mode); err != nil {
			return err
		}
		if name != "bin" {
			if err := os.Chown(path, DaemonUID, DaemonUID); err != nil {
				return err
			}
		}
	}
	// Copies: the tree may lie where these users cannot go.
	for _, program := range []string{"signetd", "signetctl"} {
		if err := copyProgram(filepath.Join(bin, program), filepath.Join(s.Dir, "bin", program)); err != nil {
			return err
		}
	}
	return s.makeToken()
}

func copyProgram(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

func (s *Stage) makeToken() error {
	token, err := testsofthsm.Create(filepath.Join(s.Dir, "hsm"), TokenName)
	if err != nil {
		return err
	}
	s.Token = token
	if err := token.Chown(DaemonUID, DaemonUID); err != nil {
		return err
	}
	pin := filepath.Join(s.Dir, "pin")
	if err := os.WriteFile(pin, []byte(token.PIN), 0o400); err != nil {
		return err
	}
	if err := os.Chown(pin, DaemonUID, DaemonUID); err != nil {
		return err
	}
	return os.WriteFile(s.Config, []byte(s.config(pin)), 0o644)
}

func (s *Stage) config(pin string) string {
	var env []string
	for name, value := range s.Token.Env {
		env = append(env, fmt.Sprintf("%s = %q", name, value))
	}
	return fmt.Sprintf(`appliance = %q
state = %q
runtime = %q
[sockets]
sign = %q
admin = %q
audit = %q
[groups]
clients = %d
admin = %d
audit = %d
[module.soft]
driver = "pkcs11"
path = %q
env = { %s }
profile = "softhsm-shim"
[module.soft.token.%s]
uri = "pkcs11:token=%s"
pin_file = %q
sessions = 4
`, Appliance, s.path("state"), s.path("run"), s.Socket("sign"), s.Socket("admin"), s.Socket("audit"), ClientsGID, AdminGID, AuditGID,
		s.Token.Shim, strings.Join(env, ", "), TokenName, TokenName, pin)
}

func (s *Stage) path(name string) string { return filepath.Join(s.Dir, name) }

// Socket is the path of sign, admin or audit.
func (s *Stage) Socket(name string) string { return filepath.Join(s.Dir, name, name+".sock") }

// Environ is what signetctl needs to find the sockets.
func (s *Stage) Environ() []string {
	return []string{
		"SIGNET_SIGN_SOCKET=" + s.Socket("sign"), "SIGNET_ADMIN_SOCKET=" + s.Socket("admin"), "SIGNET_AUDIT_SOCKET=" + s.Socket("audit"),
		"PATH=" + filepath.Join(s.Dir, "bin") + ":/usr/bin:/bin", "HOME=" + s.Dir, "LANG=" + os.Getenv("LANG"),
	}
}

// Command is a program as one of the users, in the stage's directory.
func (s *Stage) Command(ctx context.Context, uid uint32, groups []uint32, name string, args ...string) *exec.Cmd {
	if !strings.Contains(name, "/") {
		if own := filepath.Join(s.Dir, "bin", name); exists(own) {
			name = own
		}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.Dir, s.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: groups}}
	return cmd
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Start runs signetd and returns when it answers on sign.sock, in any mode.
// Its diagnostics go to the file signetd.log of the stage.
func (s *Stage) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.path("signetd.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("starting signetd: %w", err)
	}
	defer log.Close()
	if s.logged, err = log.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("starting signetd: %w", err)
	}
	cmd := s.Command(context.WithoutCancel(ctx), DaemonUID, []uint32{ClientsGID, AdminGID, AuditGID}, "signetd", "-config", s.Config)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting signetd: %w", err)
	}
	s.daemon, s.exited = cmd, make(chan error, 1)
	go func() { s.exited <- cmd.Wait() }()
	_, err = s.WaitMode(ctx)
	return err
}

// WaitMode waits until the daemon answers Health in one of the modes, or in
// any if none is named, and returns the mode.
func (s *Stage) WaitMode(ctx context.Context, modes ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	mode := "not answering"
	for {
		if m, err := s.health(ctx); err == nil {
			mode = m
			if len(modes) == 0 || slices.Contains(modes, m) {
				return m, nil
			}
		}
		select {
		case err := <-s.exited:
			s.exited <- err
			return "", fmt.Errorf("signetd ended: %w; see %s", err, s.path("signetd.log"))
		case <-ctx.Done():
			return mode, fmt.Errorf("waiting for mode %v: signetd is %s: %w", modes, mode, ctx.Err())
		case <-poll.C:
		}
	}
}

// Said is what the daemon has written since it was started last.
func (s *Stage) Said() (string, error) {
	text, err := os.ReadFile(s.path("signetd.log"))
	if err != nil {
		return "", fmt.Errorf("reading what signetd said: %w", err)
	}
	return string(text[min(s.logged, int64(len(text))):]), nil
}

// PID is the daemon's.
func (s *Stage) PID() int { return s.daemon.Process.Pid }

// Kill ends the daemon as a power cut ends a process, and waits for its end.
func (s *Stage) Kill() error {
	if err := s.daemon.Process.Kill(); err != nil {
		return fmt.Errorf("killing signetd: %w", err)
	}
	<-s.exited
	s.daemon = nil
	return nil
}

// Stop asks the daemon to end and returns its exit status.
func (s *Stage) Stop() (int, error) {
	if err := s.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stopping signetd: %w", err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		return 0, errors.Join(errors.New("stopping signetd: it did not end"), s.Kill())
	}
	code := s.daemon.ProcessState.ExitCode()
	s.daemon = nil
	return code, nil
}

// Close ends the daemon and removes the stage.
func (s *Stage) Close() error {
	var err error
	if s.daemon != nil {
		var code int
		if code, err = s.Stop(); err == nil && code != 0 {
			err = fmt.Errorf("signetd ended with status %d; see %s", code, s.path("signetd.log"))
		}
	}
	return errors.Join(err, os.RemoveAll(s.Dir))
}

// health asks the daemon for its mode, as a caller.
func (s *Stage) health(ctx context.Context) (mode string, err error) {
	conn, err := DialAs(ctx, CallerUID, []uint32{ClientsGID}, s.Socket("sign"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	reply, err := conn.Health(ctx)
	if err != nil {
		return "", err
	}
	return reply.Mode, nil
}

// DialAs connects to sign.sock as another user of this process: the kernel
// notes the credentials of the thread that connects.
func DialAs(ctx context.Context, uid uint32, groups []uint32, socket string) (c *client.Conn, err error) {
	As(uid, groups, func() { c, err = client.Connect(ctx, socket) })
	return c, err
}
