package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
)

// A Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	db        *bolt.DB
	path      string      // bbolt forgets its own when it is closed
	file      os.FileInfo // of db when it was opened
	schema    uint64      // of the file when it was opened
	appliance string
	genesis   []byte
	memory    memory
	now       func() time.Time
	committed func(*Commit)
	grouped   func(Group)
	onPoison  func(error)

	head     *head // the committer's alone
	queue    chan *Commit
	finished chan struct{} // closed when the committer is done

	announced atomic.Int64 // commits that are about to come

	closing sync.RWMutex // held for reading while a commit is handed over
	closed  bool

	position atomic.Pointer[Position]
	poison   atomic.Pointer[error]
	recent   recent

	requests *requests // where the records of requests are
}

// A Position is how far the log has come.
type Position struct {
	Size     uint64
	Root     audit.Hash
	Recorded time.Time // of the last event
	Epoch    uint64    // of the last act
}

// Options says how a store is opened.
type Options struct {
	// Now is the time source for recorded; the zero time keeps the last
	// event's.
	Now func() time.Time
	// Committed is called on the committer for each durable commit, before
	// its submitter goes on: what it changes is seen by every later answer.
	Committed func(*Commit)
	// Grouped is called on the committer after each transaction, before the
	// submitters go on: it must not wait for anything.
	Grouped func(Group)
	// Poisoned is called once, on the committer, when a sync has failed.
	Poisoned func(error)
	// MaxSize bounds the file in bytes; 0 means no bound.
	MaxSize int
	// RememberFor and RememberCount say how long and how many requests are
	// remembered; 0 means the constant of that name.
	RememberFor   time.Duration
	RememberCount int
}

// openTimeout bounds the wait for bbolt's own lock. Ours is held, so only a
// program that is not signetd can hold it.
const openTimeout = time.Second

// Open opens the store at path; the caller holds its Lock. Errors: wrapping
// fs.ErrNotExist, ErrForeign, ErrNewer, ErrDamaged, ErrLocked, ErrFull (while
// it was raised to this schema), ErrPoisoned (a sync failed while opening) or
// that of the file system.
func Open(path string, o Options) (*Store, error) {
	if err := rewriteMetaPages(path); err != nil {
		return nil, err
	}
	db, err := openBolt(path, o.MaxSize)
	if err != nil {
		return nil, err
	}
	file, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening store: %w", err), db.Close())
	}
	s := &Store{
		db: db, path: path, file: file, memory: o.memory(), now: o.Now, committed: o.Committed, grouped: o.Grouped, onPoison: o.Poisoned,
		queue: make(chan *Commit, maxGroup), finished: make(chan struct{}),
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.raise(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go s.commitLoop()
	return s, nil
}

// openBolt turns the panics that bbolt answers many corruptions with into an
// error.
func openBolt(path string, maxSize int) (db *bolt.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%w: opening it panicked: %v", ErrDamaged, r)
		}
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: openTimeout, NoFreelistSync: true, MaxSize: maxSize})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w (bbolt's lock on %s)", ErrLocked, path)
	case errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrVersionMismatch) || errors.Is(err, berrors.ErrChecksum):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return nil, fmt.Errorf("opening store: %w", err)
	}
	return db, nil
}

func (s *Store) load() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: reading it panicked: %v", ErrDamaged, r)
		}
	}()
	return s.db.View(func(tx *bolt.Tx) error {
		if err := s.loadMeta(tx); err != nil {
			return err
		}
		if s.head, err = loadHead(tx); err != nil {
			return err
		}
		root, err := s.head.tree.Root()
		if err != nil {
			return err
		}
		at := Position{Size: s.head.tree.Size(), Root: root, Recorded: s.head.recorded, Epoch: s.head.epoch}
		s.position.Store(&at)
		s.recent.add(at)
		return s.loadIdem(tx)
	})
}

func (s *Store) loadMeta(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("%w: it has no bucket meta", ErrForeign)
	}
	var err error
	if s.schema, err = readUint64(meta, keySchema); err != nil {
		return err
	}
	if s.schema > Schema {
		return fmt.Errorf("%w: schema %d, this program knows %d", ErrNewer, s.schema, Schema)
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: it has no bucket %s", ErrDamaged, name)
		}
	}
	s.appliance = string(meta.Get(keyAppliance))
	s.genesis = append([]byte(nil), meta.Get(keyGenesis)...)
	return s.checkGenesis(tx)
}

// checkGenesis holds the appliance id to what it is, the hash of event 0, and
// the content of the init act to that event.
func (s *Store) checkGenesis(tx *bolt.Tx) error {
	line := tx.Bucket(bucketEvent).Get(be64(0))
	leaf := audit.LeafHash(line)
	if hex.EncodeToString(leaf[:]) != s.appliance {
		return fmt.Errorf("%w: the appliance id is not the hash of the genesis event", ErrDamaged)
	}
	if err := checkGenesisContent(line, s.genesis); err != nil {
		return fmt.Errorf("%w: genesis: %w", ErrDamaged, err)
	}
	return nil
}

// checkGenesisContent holds content to the act in the genesis event: whoever
// can write the file must not change who may act on this appliance.
func checkGenesisContent(line, content []byte) error {
	e, err := audit.ParseEvent(line)
	if err != nil {
		return err
	}
	act, err := authority.ParseAct([]byte(e.Act))
	if err != nil {
		return err
	}
	return act.CheckContent(content)
}

// Appliance is the id: hex of the genesis event's hash.
func (s *Store) Appliance() string { return s.appliance }

// Genesis is the content of the init act.
func (s *Store) Genesis() []byte { return s.genesis }

// Position tells how far the log has come.
func (s *Store) Position() Position { return *s.position.Load() }

// Err returns why the store is poisoned, nil if it is not.
func (s *Store) Err() error {
	if p := s.poison.Load(); p != nil {
		return *p
	}
	return nil
}

// Close waits for what was handed over to become durable and closes the file.
// A poisoned store is let go without another write.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.closing.Unlock()
	<-s.finished
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}

// view runs a read, bounded to what does not grow with the log.
func (s *Store) view(read func(*bolt.Tx) error) error {
	if s.poison.Load() != nil {
		return ErrPoisoned
	}
	err := s.db.View(read)
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("opening directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing directory: %w", err)
	}
	return nil
}
