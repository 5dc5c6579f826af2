package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLockIsHeldAgainstAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release := holder(t, "lock", path)
	if _, err := AcquireLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("AcquireLock = %v, want ErrLocked", err)
	}
	release()
	lock, err := AcquireLock(path)
	if err != nil {
		t.Fatalf("AcquireLock after the other's end: %v", err)
	}
	if _, err := AcquireLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("AcquireLock twice = %v, want ErrLocked", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the lock file is gone: %v", err)
	}
	release = holder(t, "lock", path)
	release()
}

func TestLockFollowsNoSymbolicLink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if err := os.Symlink(path+".else", path); err != nil {
		t.Fatal(err)
	}
	if lock, err := AcquireLock(path); err == nil {
		lock.Release()
		t.Error("a lock was taken through a symbolic link")
	}
}

// A program that is not signetd may hold the file: nothing of it is written
// back, or what that program does meanwhile would be undone.
func TestStoreHeldByAnotherProgramIsNotTouched(t *testing.T) {
	path := filled(t)
	before, info := contentOf(t, path), modified(t, path)
	release := holder(t, "lock-bolt", path)
	if _, err := Open(path, Options{Now: time.Now}); !errors.Is(err, ErrLocked) {
		t.Errorf("Open = %v, want ErrLocked", err)
	}
	release()
	if !bytes.Equal(before, contentOf(t, path)) || !modified(t, path).Equal(info) {
		t.Error("the file was written to")
	}
	s, err := Open(path, Options{Now: time.Now})
	if err != nil {
		t.Fatalf("Open after the other's end: %v", err)
	}
	if err := errors.Join(s.Check(context.Background()), s.Close()); err != nil {
		t.Error(err)
	}
}

func modified(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

func TestOpenStoreIsHeldAgainstASecondOpen(t *testing.T) {
	r := newRig(t, Options{})
	if _, err := Open(r.path, r.options); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open = %v, want ErrLocked", err)
	}
}
