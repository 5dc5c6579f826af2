package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/protocol"
	"signet/protocol/admin"
)

// A lines is an output whose lines the test waits for.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	moved chan struct{}
}

func newLines() *lines { return &lines{moved: make(chan struct{}, 1)} }

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.moved <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.text.String(), "\n"), "\n")
}

// await waits for line i, from 0, and returns it.
func (l *lines) await(t *testing.T, i int) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		if all := l.all(); len(all) > i && all[i] != "" {
			return all[i]
		}
		select {
		case <-l.moved:
		case <-deadline:
			t.Fatalf("line %d did not come in %v; there are %q", i, patience, l.all())
		}
	}
}

// watching runs status --watch until the test ends it.
type watching struct {
	out    *lines
	cancel context.CancelFunc
	ended  chan int
}

func (a *appliance) watch(args ...string) *watching {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watching{newLines(), cancel, make(chan int, 1)}
	p := newProgram(nil, w.out, newLines(), a.env())
	go func() { w.ended <- p.run(ctx, append([]string{"status", "--watch=100ms"}, args...)) }()
	a.t.Cleanup(cancel)
	return w
}

// end interrupts the watch, which is no failure.
func (w *watching) end(t *testing.T) {
	t.Helper()
	w.cancel()
	select {
	case status := <-w.ended:
		if status != exitOK {
			t.Errorf("an interrupted watch ends with status %d", status)
		}
	case <-time.After(patience):
		t.Error("an interrupted watch goes on")
	}
}

// set changes what the appliance says of itself.
func (a *appliance) set(s admin.Status) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer[admin.PathStatus] = s
}

// awaitLook waits until the status was asked for twice more: the first of them
// has been shown by then.
func (a *appliance) awaitLook(t *testing.T) {
	t.Helper()
	asked := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.statuses
	}
	begun := asked()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for asked() < begun+2 {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("nobody asks for the status any more")
		}
	}
}

func TestWatchWritesALineForEachChange(t *testing.T) {
	a := newAppliance(t)
	w := a.watch()
	if line := w.out.await(t, 0); !strings.Contains(line, "serving") {
		t.Errorf("the first line is %q", line)
	}
	// Time passes and the log grows: no change. Then a token goes.
	a.set(admin.Status{Mode: "serving", Name: "box", Appliance: applianceID, Clock: "sane", Sync: "synced", Events: 9, Root: "ab", Now: applianceTime})
	a.awaitLook(t)
	a.set(admin.Status{Mode: "degraded", Reason: "token seals is down", Clock: "sane", Events: 10, Tokens: []admin.Token{{Name: "seals", State: "down"}}, Warnings: []string{"w\x1b[2J"}})
	line := w.out.await(t, 1)
	for _, text := range []string{"degraded", "token seals is down", "seals down", "10 events", `w\u001b[2J`} {
		if !strings.Contains(line, text) {
			t.Errorf("%q is missing in %q", text, line)
		}
	}
	w.end(t)
}

func TestWatchSurvivesARestartOfTheDaemon(t *testing.T) {
	a := newAppliance(t)
	w := a.watch("--json")
	var first admin.Status
	if err := json.Unmarshal([]byte(w.out.await(t, 0)), &first); err != nil || first.Mode != "serving" {
		t.Errorf("the first line is %q, %v", w.out.all()[0], err)
	}
	for _, name := range []string{"admin", "audit"} {
		if err := os.Rename(a.socket(name), a.socket(name)+".gone"); err != nil {
			t.Fatal(err)
		}
	}
	var gone reportJSON
	if err := json.Unmarshal([]byte(w.out.await(t, 1)), &gone); err != nil || gone.Exit != exitUnreachable || gone.Error.Name != "unreachable" {
		t.Errorf("without a daemon the line is %q, %v", w.out.all()[1], err)
	}
	if err := os.Rename(a.socket("admin")+".gone", a.socket("admin")); err != nil {
		t.Fatal(err)
	}
	if line := w.out.await(t, 2); !strings.Contains(line, `"mode":"serving"`) {
		t.Errorf("when it is back the line is %q", line)
	}
	w.end(t)
}

func TestWatchRedrawsATerminal(t *testing.T) {
	a := newAppliance(t)
	term := newTerminal(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		ended <- newProgram(nil, term.tty, term.tty, a.env("TERM=xterm")).run(ctx, []string{"status", "--watch=100ms"})
	}()
	term.await(t, "serving")
	a.set(admin.Status{Mode: "poisoned", Reason: "disk", Clock: "sane"})
	term.await(t, "disk")
	for _, name := range []string{"admin", "audit"} {
		if err := os.Remove(a.socket(name)); err != nil {
			t.Fatal(err)
		}
	}
	term.await(t, "no socket")
	cancel()
	if status := <-ended; status != exitOK {
		t.Errorf("status is %d", status)
	}
	pages := strings.Split(term.close(), "\x1b[H")
	if len(pages) < 4 || pages[0] != "" {
		t.Fatalf("there are %d pages, the first %q", len(pages), pages[0])
	}
	for _, page := range pages[1:] {
		if !strings.HasSuffix(page, "\x1b[J") || strings.Count(page, "\n") != strings.Count(page, "\x1b[K") {
			t.Errorf("a page does not wipe what stood there: %q", page)
		}
	}
}

// Waiting does not put an account into a group.
func TestWatchEndsWhereItMayNotLook(t *testing.T) {
	a := newAppliance(t)
	a.refusing = "both"
	w := a.watch()
	select {
	case status := <-w.ended:
		if status != exitRefused {
			t.Errorf("status is %d", status)
		}
	case <-time.After(patience):
		t.Error("the watch goes on")
	}
	// A mode is no reason to end.
	a = newAppliance(t)
	a.fault[admin.PathStatus] = protocol.NewError(protocol.Internal, "x")
	w = a.watch()
	if line := w.out.await(t, 0); !strings.Contains(line, "inside signetd") {
		t.Errorf("line is %q", line)
	}
	w.end(t)
}
