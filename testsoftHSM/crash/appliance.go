package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"signet/protocol/admin"
	"signet/protocol/client"
	testsofthsm "signet/testsoftHSM"
)

// patience bounds every wait. It is reached only by a fault.
const patience = 30 * time.Second

const applianceName = "seal-crash.example.org"

// A build is a way to build signetd: with no tag as it is shipped.
type build struct{ tag string }

// make puts the binary at path.
func (b build) make(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", b.tag, "-o", path, "signet/daemon/cmd/signetd")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building signetd: %w\n%s", err, out)
	}
	return nil
}

// An appliance is signetd on a SoftHSM token with the SM2 shim, in a directory
// of its own. officer and auditor speak for the harness.
type appliance struct {
	dir     string
	token   *testsofthsm.Token
	process *exec.Cmd
	ended   chan struct{} // closed when process is gone
	stderr  bytes.Buffer  // read after ended only

	officer *admin.Client
	auditor *admin.Client
}

func newAppliance(ctx context.Context, dir string, b build) (*appliance, error) {
	a := &appliance{dir: dir}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	for _, sub := range []struct {
		name string
		mode os.FileMode
	}{{"state", 0o700}, {"run", 0o700}, {"sign", 0o755}, {"admin", 0o755}, {"audit", 0o755}} {
		path := a.path(sub.name)
		if err := errors.Join(os.Mkdir(path, sub.mode), os.Chown(path, daemonUID, daemonUID)); err != nil {
			return nil, err
		}
	}
	token, err := testsofthsm.Create(a.path("token"), "seals")
	if err != nil {
		return nil, err
	}
	if err := token.Chown(daemonUID, daemonUID); err != nil {
		return nil, err
	}
	a.token = token
	pin := a.path("pin")
	if err := errors.Join(os.WriteFile(pin, []byte(token.PIN), 0o400), os.Chown(pin, daemonUID, daemonUID), a.configure()); err != nil {
		return nil, err
	}
	return a, b.make(ctx, a.path("signetd"))
}

var configuration = template.Must(template.New("signetd.toml").Parse(`
appliance = "{{.Name}}"
state = "{{.Dir}}/state"
runtime = "{{.Dir}}/run"
[sockets]
sign = "{{.Dir}}/sign/sign.sock"
admin = "{{.Dir}}/admin/admin.sock"
audit = "{{.Dir}}/audit/audit.sock"
[groups]
clients = {{.Clients}}
admin = {{.Admin}}
audit = {{.Audit}}
[module.shim]
driver = "pkcs11"
path = "{{.Token.Shim}}"
profile = "softhsm-shim"
env = { {{range $i, $v := .Env}}{{if $i}}, {{end}}{{$v}}{{end}} }
[module.shim.token.seals]
uri = "pkcs11:token={{.Token.Label}}"
pin_file = "{{.Dir}}/pin"
sessions = 4
`))

func (a *appliance) configure() error {
	var env []string
	for name, value := range a.token.Env {
		env = append(env, fmt.Sprintf("%s = %q", name, value))
	}
	var text bytes.Buffer
	err := configuration.Execute(&text, map[string]any{
		"Name": applianceName, "Dir": a.dir, "Clients": clientsGID, "Admin": adminGID, "Audit": auditGID, "Token": a.token, "Env": env,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(a.path("signetd.toml"), text.Bytes(), 0o644)
}

func (a *appliance) path(name string) string { return filepath.Join(a.dir, name) }

func (a *appliance) socket(name string) string { return filepath.Join(a.dir, name, name+".sock") }

// start runs the daemon and returns when it serves, or can be initialised.
func (a *appliance) start(ctx context.Context) error {
	a.stderr.Reset()
	a.process = exec.Command(a.path("signetd"), "-config", a.path("signetd.toml"))
	a.process.Env = []string{"PATH=/usr/bin:/bin"}
	a.process.Stderr = &a.stderr
	a.process.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: daemonUID, Gid: daemonUID, Groups: []uint32{clientsGID, adminGID, auditGID}},
	}
	if err := a.process.Start(); err != nil {
		return fmt.Errorf("starting signetd: %w", err)
	}
	ended := make(chan struct{})
	a.ended = ended
	go func(cmd *exec.Cmd) {
		cmd.Wait() // a kill is no error here; what the daemon said is kept
		close(ended)
	}(a.process)
	a.officer, a.auditor = admin.NewClient(a.socket("admin")), admin.NewClient(a.socket("audit"))
	return a.awaitMode(ctx, "serving", "uninitialised")
}

// awaitMode polls health until the daemon is in one of the modes.
func (a *appliance) awaitMode(ctx context.Context, modes ...string) error {
	deadline := time.Now().Add(patience)
	last := "no answer"
	for time.Now().Before(deadline) {
		select {
		case <-a.ended:
			return fmt.Errorf("signetd ended by itself: %v%s", a.process.ProcessState, a.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		mode, err := a.mode(ctx)
		if err != nil {
			last = err.Error()
			continue
		}
		last = "mode is " + mode
		for _, want := range modes {
			if mode == want {
				return nil
			}
		}
	}
	return fmt.Errorf("waited %v for mode %s: %s", patience, strings.Join(modes, " or "), last)
}

func (a *appliance) mode(ctx context.Context) (mode string, err error) {
	var c *client.Client
	as(callerUID, []int{clientsGID}, func() { c, err = client.Dial(ctx, a.socket("sign")) })
	if err != nil {
		return "", err
	}
	defer c.Close()
	health, err := c.Health(ctx)
	if err != nil {
		return "", err
	}
	return health.Mode, nil
}

// kill ends the daemon as a power cut would, seen from its files: nothing of
// it runs on.
func (a *appliance) kill() {
	if a.process == nil {
		return
	}
	a.process.Process.Kill() // may have ended by itself
	<-a.ended
	a.officer.Close()
	a.auditor.Close()
	a.process = nil
}

// stop ends the daemon as systemd does, which must succeed.
func (a *appliance) stop() error {
	if err := a.process.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping signetd: %w", err)
	}
	select {
	case <-a.ended:
	case <-time.After(patience):
		return fmt.Errorf("signetd did not stop within %v", patience)
	}
	if state := a.process.ProcessState; !state.Success() {
		return fmt.Errorf("signetd stopped with %v%s", state, a.said())
	}
	a.process = nil
	return nil
}

// said is what the daemon wrote, once it has ended.
func (a *appliance) said() string {
	select {
	case <-a.ended:
		return "\nsignetd said:\n" + a.stderr.String()
	default:
		return ""
	}
}
