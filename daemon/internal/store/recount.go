package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
)

// A Miscount is an entry or an approval of which the store has not what the
// log makes: somebody wrote to the file.
type Miscount struct {
	Entry    string // whose uses they are; "" of an approval
	Approval string // its id; the hex of a key that no approval has
	Why      string // the first difference: what the store has, what the log
}

// maxMiscounts bounds what one recount lists. Of a file with more of them
// nothing that is counted can be used.
const maxMiscounts = 10_000

// Recount makes buckets usage and appr anew from the lines of the log, with the
// code that made them, and returns of which entries and approvals the store's
// rows differ, are missing, or are too many. Commits go on meanwhile. What it
// makes lies in a file of its own beside the store, which has no name.
//
// An approval that the log's lines do not allow, or whose content is gone, is
// one of the miscounts. Errors: ErrDamaged with the event that cannot be
// counted, after which no count is worth anything; and, proving and disproving
// nothing, the cause of ctx's end, ErrFull, ErrPoisoned, ErrClosed, that of the
// file system.
func (s *Store) Recount(ctx context.Context) (wrong []Miscount, err error) {
	db, err := openScratch(s.path + scratchSuffix)
	if err != nil {
		return nil, fmt.Errorf("recounting the log: %w", err)
	}
	r := &recount{store: s, db: db, noted: map[Miscount]bool{}}
	if err := errors.Join(r.run(ctx), db.Close()); err != nil {
		return nil, fmt.Errorf("recounting the log: %w", err)
	}
	return r.wrong, nil
}

// A recount is a ledger of its own, which follows the store's log.
type recount struct {
	store *Store
	db    *bolt.DB
	next  uint64 // event to follow
	wrong []Miscount
	noted map[Miscount]bool // without Why
}

const scratchSuffix = ".recount"

// openScratch makes a database that is gone with its process: it loses its name
// before anything is written to it. A crash can leave the name of an empty
// file, which the next recount removes.
func openScratch(path string) (*bolt.DB, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("removing what a crash left: %w", err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: openTimeout, NoFreelistSync: true, NoSync: true, NoGrowSync: true, OpenFile: unnamed})
	if err != nil {
		return nil, orFull(fmt.Errorf("making a file to count in: %w", err))
	}
	if err := db.Update(func(tx *bolt.Tx) error {
		for _, name := range recounted {
			if _, err := tx.CreateBucket(name); err != nil {
				return fmt.Errorf("creating bucket %s: %w", name, err)
			}
		}
		return nil
	}); err != nil {
		return nil, errors.Join(orFull(err), db.Close())
	}
	return db, nil
}

// unnamed opens a new file and takes its name away.
func unnamed(path string, flag int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag|os.O_EXCL|unix.O_NOFOLLOW, mode)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// orFull is err, and ErrFull if it came of a write that found no room.
func orFull(err error) error {
	if err != nil && isFull(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// recounted are the buckets that a recount makes and compares.
var recounted = [][]byte{bucketUsage, bucketAppr}

func (r *recount) run(ctx context.Context) error {
	if err := r.followTo(ctx, r.store.Position().Size); err != nil {
		return err
	}
	for _, bucket := range recounted {
		if err := r.compare(ctx, bucket); err != nil {
			return fmt.Errorf("bucket %s: %w", bucket, err)
		}
	}
	return nil
}

// recountEvents bounds the events of a page, and so for how long it has a
// processor. An event takes 28 µs, nearly all of it to parse its line
// (measured): 100,000 take 3 s. They are not parsed on several processors at
// once, because nobody waits for the end and others sign meanwhile.
const recountEvents = 500

// followTo follows the log until it has size events.
func (r *recount) followTo(ctx context.Context, size uint64) error {
	for r.next < size {
		began := time.Now()
		lines, err := r.store.Events(r.next, int(min(size-r.next, recountEvents)))
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return fmt.Errorf("%w: event %d is missing", ErrDamaged, r.next)
		}
		if err := r.follow(lines); err != nil {
			return err
		}
		if err := r.rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return nil
}

// rest leaves the processor to others after each page. While uses are being
// signed it does so for as long as the page took.
func (r *recount) rest(ctx context.Context, took time.Duration) error {
	runtime.Gosched()
	if r.store.announced.Load() > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(took):
		}
	}
	return context.Cause(ctx)
}

// follow enters a page of lines in one transaction.
func (r *recount) follow(lines [][]byte) error {
	err := r.db.Update(func(tx *bolt.Tx) error {
		l := newLedger(tx)
		l.stored = r.store.blob
		for _, line := range lines {
			if err := r.enter(l, line); err != nil {
				return err
			}
		}
		return l.save()
	})
	return orFull(err)
}

func (r *recount) enter(l *ledger, line []byte) error {
	e, err := audit.ParseEvent(line)
	if err == nil && e.Seq != r.next {
		err = fmt.Errorf("it is numbered %d", e.Seq)
	}
	if err != nil {
		return fmt.Errorf("%w: event %d: %w", ErrDamaged, r.next, err)
	}
	t, err := r.judge(l, e)
	if err != nil {
		return err
	}
	r.next++
	if t == nil {
		return nil
	}
	return t.enter([]*audit.Event{e})
}

// judge is the ledger's, but an event that its approval does not allow is a
// fault of that approval alone, and a use under it is counted all the same. It
// returns nil if there is nothing to enter.
func (r *recount) judge(l *ledger, e *audit.Event) (*turn, error) {
	t, err := l.judge([]*audit.Event{e})
	if err == nil || errors.Is(err, ErrPoisoned) || errors.Is(err, ErrClosed) {
		return t, err
	}
	if e.Approval == "" {
		return nil, fmt.Errorf("%w: event %d: %w", ErrDamaged, e.Seq, err)
	}
	if err := r.note(Miscount{Approval: e.Approval}, fmt.Sprintf("event %d: %v", e.Seq, err)); err != nil || !e.Uses() {
		return nil, err
	}
	bare := *e
	bare.Approval = ""
	if t, err = l.judge([]*audit.Event{&bare}); err != nil {
		return nil, fmt.Errorf("%w: event %d: %w", ErrDamaged, e.Seq, err)
	}
	return t, nil
}

// note keeps the first that is wrong with an entry or an approval.
func (r *recount) note(m Miscount, why string) error {
	if r.noted[m] {
		return nil
	}
	if len(r.wrong) == maxMiscounts {
		return fmt.Errorf("%w: more than %d entries and approvals are not counted as the log says", ErrDamaged, maxMiscounts)
	}
	r.noted[m] = true
	m.Why = why
	r.wrong = append(r.wrong, m)
	return nil
}
