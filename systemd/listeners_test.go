package systemd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// listenersChild prints what Listeners gives, then closes it all.
func listenersChild() error {
	listeners, err := Listeners()
	if err != nil {
		return err
	}
	if listeners == nil {
		fmt.Println("not activated")
		return nil
	}
	var names []string
	for name, l := range listeners {
		names = append(names, name+" "+filepath.Base(l.Addr().String()))
		l.Close()
	}
	slices.Sort(names)
	fmt.Println(strings.Join(names, ", "))
	if left := os.Getenv("LISTEN_FDS") + os.Getenv("LISTEN_PID") + os.Getenv("LISTEN_FDNAMES"); left != "" {
		return fmt.Errorf("LISTEN_ variables left: %s", left)
	}
	return nil
}

// activate runs the child as systemd would: descriptors from 3 on and
// LISTEN_PID its own pid, which only a shell that execs into it knows before.
func activate(t *testing.T, files []*os.File, env ...string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `[ -n "$LISTEN_PID" ] || export LISTEN_PID=$$; exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), append([]string{childRole + "=listeners"}, env...)...)
	cmd.ExtraFiles = files
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatalf("running the child: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// shortDir is a directory whose paths fit sun_path (108 bytes), which
// t.TempDir's may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sgn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

type filer interface {
	File() (*os.File, error)
	Close() error
}

// descriptor hands out the socket's descriptor and keeps the path of a unix
// socket in place.
func descriptor(t *testing.T, socket any, err error) *os.File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if l, ok := socket.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
	f, err := socket.(filer).File()
	if err != nil {
		t.Fatal(err)
	}
	socket.(filer).Close()
	t.Cleanup(func() { f.Close() })
	return f
}

func listen(t *testing.T, network, address string) *os.File {
	t.Helper()
	l, err := net.Listen(network, address)
	return descriptor(t, l, err)
}

func TestListenersAreTakenByNameAndKeepTheirPaths(t *testing.T) {
	dir := shortDir(t)
	// The order is not that of the names: systemd gives none.
	files := []*os.File{
		listen(t, "unix", dir+"/audit.sock"),
		listen(t, "unix", dir+"/sign.sock"),
		listen(t, "unix", dir+"/admin.sock"),
	}
	got := activate(t, files, "LISTEN_FDS=3", "LISTEN_FDNAMES=audit:sign:admin")
	if want := "admin admin.sock, audit audit.sock, sign sign.sock"; got != want {
		t.Errorf("child printed %q, want %q", got, want)
	}
	for _, name := range socketNames {
		if _, err := os.Lstat(dir + "/" + name + ".sock"); err != nil {
			t.Errorf("after closing the listener: %v", err)
		}
	}
}

func TestListenersOfAnotherProcessAreNotTaken(t *testing.T) {
	for name, env := range map[string][]string{
		"no variables":     {"LISTEN_PID=none"},
		"another's pid":    {"LISTEN_PID=1", "LISTEN_FDS=3", "LISTEN_FDNAMES=sign:admin:audit"},
		"pid not a number": {"LISTEN_PID=x", "LISTEN_FDS=3"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := activate(t, nil, env...); got != "not activated" {
				t.Errorf("child printed %q, want %q", got, "not activated")
			}
		})
	}
}

func TestUnsoundListenersAreRefused(t *testing.T) {
	dir := shortDir(t)
	good := func(t *testing.T) []*os.File {
		sub, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		return []*os.File{
			listen(t, "unix", sub+"/sign.sock"),
			listen(t, "unix", sub+"/admin.sock"),
			listen(t, "unix", sub+"/audit.sock"),
		}
	}
	const names = "sign:admin:audit"
	for name, tt := range map[string]struct {
		names string
		fds   string
		last  func(t *testing.T) *os.File // takes the place of audit
		want  []string
	}{
		"unknown name":   {names: "sign:admin:root", want: []string{`socket "root" is not one of sign, admin, audit`, `socket "audit" is missing`}},
		"no name":        {names: "sign:admin", want: []string{`socket "LISTEN_FD_5" is not one of`, `socket "audit" is missing`}},
		"duplicate":      {names: "sign:sign:audit", want: []string{`socket "sign" was passed twice`, `socket "admin" is missing: start signetd-admin.socket`}},
		"missing":        {names: names, fds: "2", want: []string{`socket "audit" is missing`}},
		"too many":       {names: names, fds: "4", want: []string{"LISTEN_FDS is 4: want 3"}},
		"no count":       {names: names, fds: "three", want: []string{`LISTEN_FDS is "three"`}},
		"negative count": {names: names, fds: "-1", want: []string{`LISTEN_FDS is "-1"`}},
		"tcp": {names: names, want: []string{`socket "audit": is not a unix socket`},
			last: func(t *testing.T) *os.File { return listen(t, "tcp", "127.0.0.1:0") }},
		"seqpacket": {names: names, want: []string{`socket "audit": is not a stream socket`},
			last: func(t *testing.T) *os.File { return listen(t, "unixpacket", shortDir(t)+"/p.sock") }},
		"datagram": {names: names, want: []string{`socket "audit": is not a stream socket`},
			last: func(t *testing.T) *os.File {
				c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: shortDir(t) + "/d.sock", Net: "unixgram"})
				return descriptor(t, c, err)
			}},
		"connected, not listening": {names: names, want: []string{`socket "audit": is not listening`},
			last: func(t *testing.T) *os.File {
				path := shortDir(t) + "/c.sock"
				listen(t, "unix", path)
				c, err := net.Dial("unix", path)
				return descriptor(t, c, err)
			}},
		"abstract": {names: names, want: []string{`socket "audit": has the address "@`, "want an absolute path"},
			last: func(t *testing.T) *os.File {
				return listen(t, "unix", fmt.Sprintf("@signet-test-%d", os.Getpid()))
			}},
		"not a socket": {names: names, want: []string{`socket "audit": reading socket options`},
			last: func(t *testing.T) *os.File {
				f, err := os.Open("/dev/null")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				return f
			}},
	} {
		t.Run(name, func(t *testing.T) {
			files := good(t)
			if tt.last != nil {
				files[2] = tt.last(t)
			}
			fds := tt.fds
			if fds == "" {
				fds = "3"
			}
			got := activate(t, files, "LISTEN_FDS="+fds, "LISTEN_FDNAMES="+tt.names)
			if !strings.HasPrefix(got, "error: taking sockets from systemd: ") {
				t.Fatalf("child printed %q, want an error", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("child printed %q, want it to contain %q", got, want)
				}
			}
		})
	}
}
