package systemd

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

const (
	// queueLength is how many entries may wait for journald. At 1 KB each it
	// is what the daemon spends on a journald that stands still.
	queueLength = 1024

	// drainDeadline is how long Close waits for the entries still queued.
	drainDeadline = 2 * time.Second
)

// A Journal writes entries, in order, from one goroutine of its own, so that
// nobody who signs ever waits for journald. Its methods may be called from any
// goroutine.
type Journal struct {
	write func(entry) error
	done  chan struct{} // closed when the queue is closed and written

	mu      sync.Mutex // guards closed, dropped, lost and sending on queue
	closed  bool
	dropped uint64 // since an entry last said so
	lost    uint64 // in all
	queue   chan entry
}

type entry struct {
	time    time.Time
	message Message
	text    string
	fields  []Field
}

// Open starts a journal. Entries go to journald when standard error is
// connected to it (JOURNAL_STREAM names the inode of descriptor 2), as one
// datagram with fields; otherwise, and when journald does not take them, to w
// as one line of text:
//
//	2026-11-22T10:51:00Z warning token-down: token seals is down TOKEN=seals
//
// Only the journal's own goroutine writes to w. Close ends it.
func Open(w io.Writer) *Journal {
	write := textWriter(w)
	// A malformed JOURNAL_STREAM reads as "not connected": text on standard
	// error still reaches whatever is there.
	if connected, err := journal.StderrIsJournalStream(); err == nil && connected {
		write = journaldWriter(write)
	}
	return start(write)
}

func start(write func(entry) error) *Journal {
	j := &Journal{
		write: write,
		done:  make(chan struct{}),
		queue: make(chan entry, queueLength),
	}
	go j.run()
	return j
}

// Send queues an entry and returns at once. When the queue is full, or after
// Close, the entry is dropped and counted; the count becomes an entry itself
// (EntriesDropped) as soon as there is room.
//
// The text is a sentence for people, without the fields' values repeated for
// machines; fields are in the order they are to be read and belong to the
// journal from here on.
func (j *Journal) Send(m Message, text string, fields ...Field) {
	e := entry{time: time.Now(), message: m, text: text, fields: fields}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		j.drop()
		return
	}
	select {
	case j.queue <- e:
	default:
		j.drop()
	}
}

// drop counts an entry that is lost. The caller holds mu.
func (j *Journal) drop() {
	j.dropped++
	j.lost++
}

// Lost is how many entries were lost since Open.
func (j *Journal) Lost() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lost
}

// Close takes no further entries, waits up to two seconds until those queued
// are written, and says how many were lost since the last count was written.
func (j *Journal) Close() error {
	j.mu.Lock()
	if !j.closed {
		j.closed = true
		close(j.queue)
	}
	j.mu.Unlock()

	deadline := time.NewTimer(drainDeadline)
	defer deadline.Stop()
	select {
	case <-j.done:
	case <-deadline.C:
		return fmt.Errorf("closing the journal: %d entries not written within %v", len(j.queue)+1, drainDeadline)
	}
	if n := j.takeDropped(); n > 0 {
		return fmt.Errorf("closing the journal: %d entries lost", n)
	}
	return nil
}

func (j *Journal) run() {
	defer close(j.done)
	for e := range j.queue {
		j.writeDropped()
		j.writeOne(e)
	}
	j.writeDropped()
}

// writeDropped comes before the entry that found room: entries were lost
// between the one before it and this one.
func (j *Journal) writeDropped() {
	n := j.takeDropped()
	if n == 0 {
		return
	}
	e := entry{
		time:    time.Now(),
		message: EntriesDropped,
		text:    fmt.Sprintf("%d entries were lost here: the journal did not take them in time", n),
		fields:  []Field{Count(n)},
	}
	if j.write(e) != nil {
		j.addDropped(n)
	}
}

// writeOne counts what nobody took; an error has nowhere else to go.
func (j *Journal) writeOne(e entry) {
	if j.write(e) != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.drop()
	}
}

// addDropped takes back a count that could not be written.
func (j *Journal) addDropped(n uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dropped += n
}

func (j *Journal) takeDropped() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.dropped
	j.dropped = 0
	return n
}

func textWriter(w io.Writer) func(entry) error {
	return func(e entry) error {
		_, err := io.WriteString(w, e.line())
		return err
	}
}

func journaldWriter(otherwise func(entry) error) func(entry) error {
	return func(e entry) error {
		if journal.Send(printable(e.text), journal.Priority(e.message.Priority()), e.variables()) == nil {
			return nil
		}
		return otherwise(e)
	}
}

// variables are the entry's fields for journald. A key sent twice keeps its
// last value.
func (e entry) variables() map[string]string {
	vars := map[string]string{
		"MESSAGE_ID":     e.message.ID(),
		"SIGNET_MESSAGE": e.message.Name(),
	}
	for _, f := range e.fields {
		vars["SIGNET_"+f.key] = printable(f.value)
	}
	return vars
}
