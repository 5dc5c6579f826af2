package store

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
)

// Acts visits the events of the acts that were applied, the newest first, down
// to the genesis: each names the one before it, so that none can be left out
// and no index has to be believed.
func (s *Store) Acts(visit func(*audit.Event) error) error {
	last, err := s.lastAct()
	if err != nil {
		return err
	}
	for next := &last; next != nil; {
		page, err := s.actPage(*next)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := visit(e); err != nil {
				return err
			}
		}
		next = page[len(page)-1].PrevAct
	}
	return nil
}

func (s *Store) lastAct() (seq uint64, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		seq, err = readUint64(tx.Bucket(bucketMeta), keyLastAct)
		return err
	})
	return seq, err
}

// pageTime ends a page of acts: lines lie far apart, and no transaction may
// live for 100 ms.
const pageTime = 20 * time.Millisecond

// actPage returns at least one act, from the one of index seq downwards. To
// read the lines takes most of a start with many entries, so all processors do.
func (s *Store) actPage(seq uint64) ([]*audit.Event, error) {
	lines, err := s.actLines(seq)
	if err != nil {
		return nil, err
	}
	page, faults := make([]*audit.Event, len(lines)), make([]error, len(lines))
	var next atomic.Int64
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(lines); i = int(next.Add(1)) - 1 {
				page[i], faults[i] = lines[i].parse()
			}
		})
	}
	work.Wait()
	return page, errors.Join(faults...)
}

// An actLine is the line of an act's event. What it seems to say of the act
// before it leads to the next line; whether it says so is found by parse.
type actLine struct {
	seq    uint64
	text   []byte
	before *uint64
}

func (s *Store) actLines(seq uint64) (lines []actLine, err error) {
	began := time.Now()
	err = s.view(func(tx *bolt.Tx) error {
		events := tx.Bucket(bucketEvent)
		for len(lines) == 0 || (len(lines) < maxPage && time.Since(began) < pageTime) {
			text := events.Get(be64(seq))
			if text == nil {
				return fmt.Errorf("%w: the event %d of an act is missing", ErrDamaged, seq)
			}
			l := actLine{seq, slices.Clone(text), actBefore(text)}
			lines = append(lines, l)
			if l.before == nil || *l.before >= seq {
				return nil
			}
			seq = *l.before
		}
		return nil
	})
	return lines, err
}

func (l actLine) parse() (*audit.Event, error) {
	e, err := audit.ParseEvent(l.text)
	if err != nil {
		return nil, fmt.Errorf("%w: event %d: %w", ErrDamaged, l.seq, err)
	}
	first := e.Kind == audit.KindGenesis && l.seq == 0 && e.PrevAct == nil && l.before == nil
	later := e.Kind == audit.KindAct && e.Result == audit.Allowed && e.PrevAct != nil && *e.PrevAct < l.seq &&
		l.before != nil && *l.before == *e.PrevAct
	if e.Seq != l.seq || (!first && !later) {
		return nil, fmt.Errorf("%w: event %d is not that of an act, and the acts lead to it", ErrDamaged, l.seq)
	}
	return e, nil
}

// prevAct is how the line of an act that was applied names the one before it.
// In a text of a line the quotes have a backslash.
var prevAct = []byte(`,"prev_act":`)

// actBefore reads that without the rest of the line.
func actBefore(line []byte) *uint64 {
	_, rest, found := bytes.Cut(line, prevAct)
	digits, _, _ := bytes.Cut(rest, []byte(","))
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if !found || err != nil {
		return nil
	}
	return &seq
}

// namesAct tells whether a line is that of an act that was applied.
func namesAct(line []byte) bool { return bytes.Contains(line, prevAct) }
