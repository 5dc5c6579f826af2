package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"signet/protocol"
	"signet/protocol/algo"
)

// ErrFileChanged is wrapped when a file was written to while it was read: no
// signature would be of what it was, nor of what it is.
var ErrFileChanged = errors.New("the file changed while it was read")

// InputFromFile is InputFrom for a file. It stops when ctx ends. If progress is
// not nil, it is told after each read how many bytes are done and how many the
// file has, on this goroutine. Only regular files are taken: a pipe is for
// InputFrom.
func InputFromFile(ctx context.Context, a algo.Algorithm, pub algo.PublicKey, path string, progress func(done, total int64)) (*protocol.Input, error) {
	f, before, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("opening document: %w", err)
	}
	defer f.Close()
	in, err := InputFrom(a, pub, &watched{ctx: ctx, from: f, total: before.Size(), progress: progress})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading document: %w", err)
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, fmt.Errorf("%s: %w", path, ErrFileChanged)
	}
	return in, nil
}

// openRegular looks before it opens: opening a pipe would wait for a writer.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// watched is a document whose reading ends with a context.
type watched struct {
	ctx         context.Context
	from        io.Reader
	done, total int64
	progress    func(done, total int64)
}

func (w *watched) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.from.Read(b)
	w.done += int64(n)
	if w.progress != nil && n > 0 {
		w.progress(w.done, w.total)
	}
	return n, err
}

// InputsFromFiles is InputFromFile for many files, as many at a time as there
// are processors, in memory that does not grow with their sizes. The inputs are
// in the order of paths. One file that cannot be read ends the reading of all.
func InputsFromFiles(ctx context.Context, a algo.Algorithm, pub algo.PublicKey, paths []string) ([]*protocol.Input, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	inputs, faults := make([]*protocol.Input, len(paths)), make([]error, len(paths))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(paths); i = int(next.Add(1)) - 1 {
				if inputs[i], faults[i] = InputFromFile(ctx, a, pub, paths[i], nil); faults[i] != nil {
					cancel()
				}
			}
		})
	}
	readers.Wait()
	if err := firstCause(faults); err != nil {
		return nil, err
	}
	return inputs, nil
}

// firstCause passes over the readings that ended only because another failed.
func firstCause(faults []error) error {
	var echo error
	for _, err := range faults {
		switch {
		case errors.Is(err, context.Canceled) && echo == nil:
			echo = err
		case err != nil && !errors.Is(err, context.Canceled):
			return err
		}
	}
	return echo
}
