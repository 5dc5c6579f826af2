package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signet/protocol"
)

// patience bounds what a test waits for.
const patience = 10 * time.Second

// A terminal is a real one: a pseudo-terminal whose other end the test reads.
type terminal struct {
	tty   *os.File // what a program reads and writes
	ptmx  *os.File // where somebody sits
	done  sync.WaitGroup
	mu    sync.Mutex
	text  bytes.Buffer
	moved chan struct{} // one token: more was written
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{tty: tty, ptmx: ptmx, moved: make(chan struct{}, 1)}
	term.done.Go(func() { term.read(ptmx) })
	t.Cleanup(func() { term.close(); ptmx.Close() })
	return term
}

func (term *terminal) read(ptmx io.Reader) {
	b := make([]byte, 4096)
	for {
		n, err := ptmx.Read(b) // EIO once nobody holds the other end
		term.mu.Lock()
		term.text.Write(b[:n])
		term.mu.Unlock()
		select {
		case term.moved <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// types sends what somebody types.
func (term *terminal) types(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(term.ptmx, text); err != nil {
		t.Fatal(err)
	}
}

// close lets go of the terminal and returns all that was written to it.
func (term *terminal) close() string {
	term.tty.Close()
	term.done.Wait()
	return term.shown()
}

func (term *terminal) shown() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

// await waits until that text was written.
func (term *terminal) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(term.shown(), text) {
		select {
		case <-term.moved:
		case <-deadline:
			t.Fatalf("%q was not shown in %v, but\n%q", text, patience, term.shown())
		}
	}
}

// env is the environment of a program that is to find the appliance.
func (a *appliance) env(more ...string) func(string) string {
	env := map[string]string{"SIGNET_SIGN_SOCKET": a.socket("sign"), "SIGNET_ADMIN_SOCKET": a.socket("admin"), "SIGNET_AUDIT_SOCKET": a.socket("audit")}
	for _, pair := range more {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

// onTerminal runs a command line on a terminal and returns what was shown.
func (a *appliance) onTerminal(t *testing.T, args []string, env ...string) string {
	t.Helper()
	term := newTerminal(t)
	newProgram(strings.NewReader(""), term.tty, term.tty, a.env(env...)).run(context.Background(), args)
	return term.close()
}

func TestColoursAreForTerminalsOnly(t *testing.T) {
	a := newAppliance(t)
	const escape = "\x1b["
	for _, args := range [][]string{{"status"}, {"key", "list"}, {"token", "list"}, {"key", "show", "absent"}} {
		if shown := a.onTerminal(t, args, "TERM=xterm"); !strings.Contains(shown, escape) {
			t.Errorf("%q has no colour on a terminal: %q", args, shown)
		}
		for _, plain := range []string{"NO_COLOR=1", "TERM=dumb"} {
			if shown := a.onTerminal(t, args, "TERM=xterm", plain); strings.Contains(shown, escape) || shown == "" {
				t.Errorf("%q has colour with %s: %q", args, plain, shown)
			}
		}
		if got := a.ctl("", args...); strings.Contains(got.out+got.err, escape) {
			t.Errorf("%q has colour in a pipe: %q", args, got.out+got.err)
		}
	}
	// Standard output in a pipe, standard error on a terminal: each for itself.
	term := newTerminal(t)
	var out bytes.Buffer
	newProgram(nil, &out, term.tty, a.env("TERM=xterm")).run(context.Background(), []string{"status"})
	if strings.Contains(out.String(), escape) {
		t.Errorf("colour in a pipe: %q", out.String())
	}
}

// A named pipe gives out the document when the test has seen that somebody
// waits for it.
func TestHashingForLongIsShownOnATerminal(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	path := t.TempDir() + "/large.ofd"
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	term := newTerminal(t)
	var out bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- newProgram(nil, &out, term.tty, a.env("TERM=xterm")).run(context.Background(), []string{"sign", "contract", path, "-o", path + ".sig"})
	}()
	pipe, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.WriteString("the whole"); err != nil {
		t.Fatal(err)
	}
	term.await(t, "large.ofd: 0 MB (1 of 1)")
	if _, err := pipe.WriteString(" of it"); err != nil {
		t.Fatal(err)
	}
	pipe.Close()
	if status := <-ended; status != exitOK {
		t.Fatalf("status %d: %s", status, term.shown())
	}
	verifySM2(t, pub, "the whole of it", path+".sig")
	if shown := term.close(); !strings.HasSuffix(shown, "\r\x1b[K") {
		t.Errorf("the progress was not wiped: %q", shown)
	}
}

func TestProgressSaysHowFarTheReadingIs(t *testing.T) {
	file := writeFile(t, "f", strings.Repeat("m", 4<<20))
	h := &hashing{program: newProgram(nil, nil, nil, func(string) string { return "" }), total: 3}
	if got := h.progress(); got != "" {
		t.Errorf("before the first document: %q", got)
	}
	document, closed, err := h.open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, document, 3<<20); err != nil {
		t.Fatal(err)
	}
	if got, want := h.progress(), "reading "+file+": 75 %, 3 MB (1 of 3)"; got != want {
		t.Errorf("progress is %q, want %q", got, want)
	}
	closed()
	if got := h.progress(); !strings.Contains(got, "(2 of 3)") {
		t.Errorf("after the first document: %q", got)
	}
}

func TestWaitingForSignetdIsShownOnATerminal(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	good, seen := a.sign, make(chan struct{})
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		<-seen
		return good(r)
	}
	term := newTerminal(t)
	ended := make(chan int, 1)
	go func() {
		ended <- newProgram(nil, io.Discard, term.tty, a.env("LANG=zh_CN.UTF-8")).run(context.Background(), []string{"sign", "contract", "--file", writeFile(t, "f", "m")})
	}()
	term.await(t, "正在等待 signetd")
	close(seen)
	if status := <-ended; status != exitOK {
		t.Errorf("status %d: %s", status, term.shown())
	}
}
