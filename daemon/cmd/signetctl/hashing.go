package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// A hashing reads documents and shows how far it is. The counters are for
// the goroutine that writes to the terminal.
type hashing struct {
	program *program
	total   int // documents
	done    atomic.Int64
	now     atomic.Pointer[reading]
}

// A reading is one document on its way.
type reading struct {
	path string
	size int64 // bytes; 0: not known, as of a pipe
	read atomic.Int64
}

// hash begins to read that many documents. The function it returns ends the
// showing.
func (p *program) hash(total int) (h *hashing, stop func()) {
	h = &hashing{program: p, total: total}
	return h, p.during(h.progress)
}

func (h *hashing) progress() string {
	now := h.now.Load()
	if now == nil {
		return ""
	}
	megabytes := now.read.Load() / 1e6
	position := min(h.done.Load()+1, int64(h.total))
	if now.size == 0 {
		return h.program.tr(msgHashing, now.path, megabytes, position, h.total)
	}
	return h.program.tr(msgHashingPart, now.path, now.read.Load()*100/now.size, megabytes, position, h.total)
}

// open opens a document for one reading that ends with ctx. The function it
// returns closes it.
func (h *hashing) open(ctx context.Context, path string) (io.Reader, func(), error) {
	f, err := h.program.open(path)
	if err != nil {
		return nil, nil, err
	}
	r := &reading{path: path}
	if file, ok := f.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			r.size = info.Size()
		}
	}
	h.now.Store(r)
	return &meter{ctx, f, r}, func() { h.done.Add(1); f.Close() }, nil
}

// A meter counts what is read, and ends the reading of a large document with
// its context.
type meter struct {
	ctx context.Context
	io.Reader
	reading *reading
}

func (m *meter) Read(b []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.Reader.Read(b)
	m.reading.read.Add(int64(n))
	return n, err
}

// input returns what a request carries of a source for the algorithm.
func (h *hashing) input(ctx context.Context, s source, a algo.Algorithm, pub algo.PublicKey) (*protocol.Input, error) {
	switch s.kind {
	case ofE:
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: s.value}}, nil
	case ofDigest:
		return &protocol.Input{Value: &protocol.Input_Digest{Digest: s.value}}, nil
	case ofMessage:
		return h.message(ctx, s.path)
	}
	document, closed, err := h.open(ctx, s.path)
	if err != nil {
		return nil, err
	}
	defer closed()
	in, err := client.InputFrom(a, pub, document)
	return in, readFault(ctx, s.path, err)
}

// message returns a document whole, as the input that is called message.
func (h *hashing) message(ctx context.Context, path string) (*protocol.Input, error) {
	document, closed, err := h.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer closed()
	text, err := io.ReadAll(io.LimitReader(document, protocol.MaxMessage+1))
	switch {
	case err != nil:
		return nil, readFault(ctx, path, err)
	case len(text) == 0 || len(text) > protocol.MaxMessage:
		return nil, usage(msgMessageSize, path, protocol.MaxMessage)
	}
	return &protocol.Input{Value: &protocol.Input_Message{Message: text}}, nil
}

// readFault says that a document could not be read. What the context ended
// and what the protocol refuses say so themselves.
func readFault(ctx context.Context, path string, err error) error {
	var said *protocol.Error
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.As(err, &said): // ED25519, of which there is nothing but the message
		return usage(msgMessageSize, path, protocol.MaxMessage)
	}
	return usage(msgFileRead, path, plainest(err))
}
