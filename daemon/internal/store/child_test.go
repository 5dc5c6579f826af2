package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// childVerb, in the environment, makes this test binary do one thing with a
// store as a process of its own, and say on stdout what came of it.
const childVerb = "SIGNET_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if verb := os.Getenv(childVerb); verb != "" {
		if err := child(verb, os.Args[1]); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(verb, path string) error {
	// The committer must not get a thread that has made syscalls before:
	// strace counts them by thread.
	runtime.LockOSThread()
	switch verb {
	case "create":
		return childCreate(path)
	case "rebuild":
		return childRebuild(path)
	case "open":
		return childOpen(path)
	case "open-all":
		return childOpenAll(path)
	case "record":
		return childRecord(path)
	case "lock":
		lock, err := AcquireLock(path)
		if err != nil {
			return err
		}
		defer lock.Release()
	case "lock-bolt":
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := lockBolt(f); err != nil {
			return err
		}
	default:
		return fmt.Errorf("no verb %q", verb)
	}
	fmt.Println("held")
	_, err := io.Copy(io.Discard, os.Stdin) // until the test lets go
	return err
}

func childCreate(path string) error {
	g, err := newGenesis()
	if err != nil {
		return err
	}
	id, err := Create(path, g, time.Now())
	if err != nil {
		return err
	}
	fmt.Println("created", id)
	return nil
}

func childOpen(path string) error {
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		return err
	}
	if err := s.Check(context.Background()); err != nil {
		return err
	}
	fmt.Println("opened", s.Position().Size)
	return s.Close()
}

// childOpenAll opens and checks every file of a directory, and says how many
// it could.
func childOpenAll(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	opened, refused := 0, 0
	for _, f := range files {
		s, err := Open(filepath.Join(dir, f.Name()), Options{Now: time.Now})
		if err != nil {
			refused++
			continue
		}
		opened++
		if err := errors.Join(ignoreDamage(s.Check(context.Background())), s.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	fmt.Println("opened", opened, "refused", refused)
	return nil
}

func ignoreDamage(err error) error {
	if errors.Is(err, ErrDamaged) {
		return nil
	}
	return err
}

// childCommits is how many commits the verb record asks for.
const childCommits = 8

// childRecord records one event at a time and goes on whatever happens.
func childRecord(path string) error {
	callbacks := 0
	s, err := Open(path, Options{Now: time.Now, Poisoned: func(error) { callbacks++ }})
	if err != nil {
		return err
	}
	for i := range childCommits {
		c := uses(fmt.Sprintf("%d %s", i, strings.Repeat("x", 500)))
		switch err := s.Record(c); {
		case err == nil:
			fmt.Println("ack", c.Receipts[0].Event)
		case errors.Is(err, ErrFull):
			fmt.Println("full")
		case errors.Is(err, ErrPoisoned):
			fmt.Println("poisoned")
		default:
			return err
		}
	}
	fmt.Println("callbacks", callbacks)
	return s.Close()
}

// holder starts a child that holds a lock until the returned function is
// called.
func holder(t *testing.T, verb, path string) (release func()) {
	t.Helper()
	cmd := childCommand(t, verb, path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("child %s said %q, %v", verb, line, err)
	}
	return func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("child %s: %v", verb, err)
		}
	}
}

func childCommand(t *testing.T, verb, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, path)
	cmd.Env = append(os.Environ(), childVerb+"="+verb)
	return cmd
}
