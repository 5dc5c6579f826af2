package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"signet/protocol/algo"
)

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInputFromFileIsThatOfItsBytes(t *testing.T) {
	_, pub := sm2Key(t)
	content := bytes.Repeat([]byte("印章"), 50_000)
	path := writeFile(t, "a.ofd", content)
	last, total := int64(0), int64(0)
	in, err := InputFromFile(t.Context(), algo.SM2SM3, pub, path, func(done, of int64) {
		if done <= last {
			t.Errorf("progress went from %d to %d", last, done)
		}
		last, total = done, of
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := InputFrom(algo.SM2SM3, pub, bytes.NewReader(content))
	if err != nil || !proto.Equal(in, want) {
		t.Errorf("InputFromFile = %v, want %v, %v", in, want, err)
	}
	if last != int64(len(content)) || total != last {
		t.Errorf("progress ended at %d of %d, want %d", last, total, len(content))
	}
}

func TestFileThatCannotBeSignedIsNoInput(t *testing.T) {
	_, pub := sm2Key(t)
	path := writeFile(t, "a", make([]byte, 1<<20))
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	input := func(path string) error {
		in, err := InputFromFile(t.Context(), algo.SM2SM3, pub, path, nil)
		if err != nil && in != nil {
			t.Errorf("InputFromFile(%s) = %v with %v", path, in, err)
		}
		return err
	}
	if err := input(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("InputFromFile of no file = %v", err)
	}
	if input(t.TempDir()) == nil || input(pipe) == nil {
		t.Error("a directory or a pipe was taken for a file")
	}
	t.Run("that grows", func(t *testing.T) {
		_, err := InputFromFile(t.Context(), algo.SM2SM3, pub, path, func(done, total int64) {
			if done == total {
				appendTo(t, path)
			}
		})
		if !errors.Is(err, ErrFileChanged) {
			t.Errorf("InputFromFile = %v, want ErrFileChanged", err)
		}
	})
	t.Run("of which nobody waits for the end", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		reads := 0
		_, err := InputFromFile(ctx, algo.SM2SM3, pub, path, func(int64, int64) {
			reads++
			cancel()
		})
		if !errors.Is(err, context.Canceled) || reads != 1 {
			t.Errorf("InputFromFile = %v after %d reads, want context.Canceled after 1", err, reads)
		}
	})
}

func appendTo(t *testing.T, path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestInputsFromFilesAreInTheirOrder(t *testing.T) {
	_, pub := sm2Key(t)
	var paths []string
	for i := range 20 {
		paths = append(paths, writeFile(t, "a", fmt.Appendf(nil, "document %d", i)))
	}
	inputs, err := InputsFromFiles(t.Context(), algo.SM2SM3, pub, paths)
	if err != nil || len(inputs) != len(paths) {
		t.Fatalf("InputsFromFiles = %d inputs, %v", len(inputs), err)
	}
	for i, in := range inputs {
		want, err := InputFrom(algo.SM2SM3, pub, bytes.NewReader(fmt.Appendf(nil, "document %d", i)))
		if err != nil || !proto.Equal(in, want) {
			t.Errorf("input %d is not that of its file", i)
		}
	}
	paths[13] += ".none"
	if inputs, err := InputsFromFiles(t.Context(), algo.SM2SM3, pub, paths); !errors.Is(err, fs.ErrNotExist) || inputs != nil {
		t.Errorf("InputsFromFiles with one that is not there = %v, %v", inputs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := InputsFromFiles(ctx, algo.SM2SM3, pub, paths[:3]); !errors.Is(err, context.Canceled) {
		t.Errorf("InputsFromFiles of an ended context = %v", err)
	}
}
