package daemon

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/systemd"
)

// stagedName is the store that was rebuilt from a backup and waits for the act
// that puts it in place.
const stagedName = storeName + ".restored"

func (s *Server) stagedPath() string { return s.storePath() + ".restored" }

// judgedPath has the act that officers signed for the staged store, from before
// it is recorded there until the store is in its place. It is how a restart
// tells an act that was recorded here from one that came with a backup.
func (s *Server) judgedPath() string { return s.stagedPath() + ".act" }

// postRestore takes the records of a backup, as its opener decrypted them, and
// rebuilds the store from them beside the place of the lost one. What was
// handed in before gives way: a state directory need not have room for both.
//
// An upload may take hours, so it holds nothing that an act waits for.
func (s *Server) postRestore(v visit) (any, *protocol.Error) {
	if !s.uploading.TryLock() {
		return nil, protocol.NewError(protocol.Conflict, "another backup is being handed in: wait for it, or end that signetctl restore")
	}
	defer s.uploading.Unlock()
	if fault := s.mayRestore(); fault != nil {
		return nil, fault
	}
	body := bufio.NewReader(&patient{v.Body, http.NewResponseController(v.answer), s.limits.times.upload})
	h, err := s.readHeader(body)
	if err != nil {
		return nil, s.restoreError(err)
	}
	if fault := s.clearStage(); fault != nil {
		return nil, fault
	}
	if _, err := store.Rebuild(s.stagedPath(), h, backup.NewDecoder(body, h).Next); err != nil {
		return nil, s.restoreError(err)
	}
	return s.describeStaged()
}

// mayRestore refuses where a store is, or one was made since.
func (s *Server) mayRestore() *protocol.Error {
	if cond := s.condition(); cond.mode != Uninitialised && cond.mode != InRecovery {
		return protocol.NewError(protocol.Conflict, "mode is %v: a backup is restored where the store is missing", cond.mode)
	}
	if _, err := os.Lstat(s.storePath()); !errors.Is(err, fs.ErrNotExist) {
		return protocol.NewError(protocol.Conflict, "%s is there: move it away first, as evidence, or accept it (signetctl mode clear --accept-older)", s.storePath())
	}
	return nil
}

func (s *Server) clearStage() *protocol.Error {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	if fault := s.mayRestore(); fault != nil {
		return fault
	}
	s.dropStaged()
	return nil
}

// dropStaged removes what was handed in, and what a crash left of handing in.
func (s *Server) dropStaged() {
	for _, path := range []string{s.judgedPath(), s.judgedPath() + ".new", s.stagedPath(), s.stagedPath() + ".new"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.journal.Send(systemd.StoreFault, "a backup that was handed in could not be removed", systemd.Cause(err))
		}
	}
}

// readHeader reads how a backup begins. What is none, or is one of another
// appliance, is refused before what was handed in earlier gives way to it.
func (s *Server) readHeader(body *bufio.Reader) (backup.Header, error) {
	h, err := backup.ReadHeader(body)
	if err != nil {
		return backup.Header{}, err
	}
	_, err = s.epochKnown(h.Appliance)
	return h, err
}

// A patient reader lets an upload take as long as it moves.
type patient struct {
	from io.Reader
	rc   *http.ResponseController
	idle time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.rc.SetReadDeadline(time.Now().Add(p.idle)); err != nil {
		return 0, err
	}
	return p.from.Read(b)
}

// badBackup are what a body may be instead of a whole backup.
var badBackup = []error{
	backup.ErrForeign, backup.ErrNewer, backup.ErrMalformed, backup.ErrTruncated, backup.ErrAltered, backup.ErrExtended,
	store.ErrDamaged, store.ErrNewer,
}

// restoreError is the answer to a backup that is not taken.
func (s *Server) restoreError(err error) *protocol.Error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return protocol.NewError(protocol.DeadlineExceeded, "nothing of the backup came for %v: hand it in again", s.limits.times.upload)
	case errors.Is(err, store.ErrNewer):
		return protocol.NewError(protocol.Malformed, "%s; %s", err.Error(), s.cure(err)).WithField("body")
	case isOneOf(err, badBackup):
		return protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("body")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, store.ErrFull):
		return protocol.NewError(protocol.StoreFull, "the state directory %s has no room for the backup: make room and hand it in again", s.stateDir).RetryIn(storeRetry)
	}
	return s.stagedError(err)
}

func isOneOf(err error, list []error) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// stagedError says what is wrong with a store that was rebuilt, or with putting
// it here.
func (s *Server) stagedError(err error) *protocol.Error {
	if answer, ok := s.hsmFault(err); ok {
		return answer
	}
	if answer := initError(err); answer.Code != uint32(protocol.Internal) {
		return answer
	}
	return protocol.NewError(protocol.Recovery, "the store cannot be used: %s; %s", err.Error(), s.cure(err))
}

// hsmFault is the answer where the token of the log key does not say what its
// anchor knows.
func (s *Server) hsmFault(err error) (*protocol.Error, bool) {
	if !isHSMFault(err) {
		return nil, false
	}
	return protocol.NewError(protocol.HSMUnavailable, "token %s has to say which log its anchor knows: %s; see: signetctl token status", s.logToken, err.Error()).RetryIn(hsmRetry), true
}

// describeStaged opens what was rebuilt as it will be opened in its place: who
// the officers are must be proven before anybody signs.
func (s *Server) describeStaged() (any, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	fault := s.mayRestore()
	var a *appliance
	if fault == nil {
		var err error
		if a, err = s.openAt(s.stagedPath(), vouchForItself, distrusted); err != nil {
			fault = s.restoreError(err)
		} else if err := a.endsUnrestored(); err != nil {
			fault = s.restoreError(errors.Join(err, a.store.Close()))
		}
	}
	if fault != nil {
		s.dropStaged()
		return nil, fault
	}
	at := a.store.Position()
	out := admin.Staged{
		Appliance: a.id, Size: at.Size, Root: hex.EncodeToString(at.Root[:]), Recorded: at.Recorded, Entries: len(a.book.all()),
	}
	if err := a.store.Close(); err != nil {
		return nil, s.restoreError(fmt.Errorf("letting go of the backup: %w", err))
	}
	return out, nil
}

// endsUnrestored refuses a log that ends with an act that puts a log in force:
// that act is an old one, of when this log went on from there. A backup has the
// act that permitted it behind every other.
func (a *appliance) endsUnrestored() error {
	last, _, err := a.store.Event(a.store.Position().Size - 1)
	if err != nil {
		return err
	}
	if isApplied(last, authority.Restore) || isApplied(last, authority.StoreAccept) {
		return fmt.Errorf("%w: its log ends with the act %s of event %d, and no backup does: hand in a file of signetctl backup", backup.ErrMalformed, last.Op, last.Seq)
	}
	return nil
}

// distrusted is told of a failed sync of a store that is not in its place. Who
// wrote to it drops it: the daemon's own store is not at fault.
func distrusted(error) {}
