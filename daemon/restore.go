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
	"path/filepath"
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
const stagedName = "signet.db.restored"

func (s *Server) stagedPath() string { return filepath.Join(s.stateDir, stagedName) }

// postRestore takes the records of a backup, as its opener decrypted them, and
// rebuilds the store from them beside the place of the lost one. Nothing is
// believed of it yet: the act says which log it must hold, and its own officers
// sign that act.
func (s *Server) postRestore(v visit) (any, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	if cond := s.condition(); cond.mode != Uninitialised && cond.mode != InRecovery {
		return nil, protocol.NewError(protocol.Conflict, "mode is %v: a backup is restored where the store is missing", cond.mode)
	}
	if _, err := os.Lstat(s.storePath()); !errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.NewError(protocol.Conflict, "%s is there: move it away first, as evidence, or accept it (signetctl mode clear --accept-older)", s.storePath())
	}
	if err := os.Remove(s.stagedPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.NewError(protocol.Internal, "%s", err.Error())
	}
	if _, err := s.rebuild(v); err != nil {
		return nil, restoreError(err)
	}
	return s.describeStaged()
}

// uploadIdle is how long an upload may stand still.
const uploadIdle = time.Minute

// rebuild reads the body: the header as a backup begins with it, then the
// records.
func (s *Server) rebuild(v visit) (store.Position, error) {
	body := bufio.NewReader(&patient{v.Body, http.NewResponseController(v.answer)})
	h, err := backup.ReadHeader(body)
	if err != nil {
		return store.Position{}, err
	}
	return store.Rebuild(s.stagedPath(), h, backup.NewDecoder(body, h).Next)
}

// A patient reader lets an upload take as long as it moves.
type patient struct {
	from io.Reader
	rc   *http.ResponseController
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.rc.SetReadDeadline(time.Now().Add(uploadIdle)); err != nil {
		return 0, err
	}
	return p.from.Read(b)
}

// bodyFaults are what can be wrong with a backup that was handed in.
var bodyFaults = []error{
	backup.ErrForeign, backup.ErrNewer, backup.ErrMalformed, backup.ErrTruncated, backup.ErrAltered, backup.ErrExtended,
	store.ErrDamaged, store.ErrNewer,
}

func restoreError(err error) *protocol.Error {
	if errors.Is(err, unix.ENOSPC) {
		return protocol.NewError(protocol.StoreFull, "the state directory has no room for the backup").RetryIn(storeRetry)
	}
	for _, fault := range bodyFaults {
		if errors.Is(err, fault) {
			return protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("body")
		}
	}
	return protocol.NewError(protocol.Internal, "%s", err.Error())
}

// staged opens the store that waits for its act; nil where there is none.
func (s *Server) staged() (*store.Store, error) {
	st, err := store.Open(s.stagedPath(), store.Options{Now: s.clock.recording, MaxSize: s.maxSize})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return st, err
}

func (s *Server) describeStaged() (any, *protocol.Error) {
	st, err := s.staged()
	if err != nil {
		return nil, restoreError(err)
	}
	at := st.Position()
	entries, err := st.Entries()
	if err := errors.Join(err, st.Close()); err != nil {
		return nil, restoreError(err)
	}
	return admin.Staged{
		Appliance: st.Appliance(), Size: at.Size, Root: hex.EncodeToString(at.Root[:]), Recorded: at.Recorded, Entries: len(entries),
	}, nil
}

// putBack carries out the two acts that end mode recovery: restore, which puts
// a rebuilt store in place, and store.accept, which accepts the store that is
// there although it is older than what was known of it. Each is judged by the
// officers whom the acts of that very store prove, becomes its first event and
// begins an epoch. If it is refused, mode and files stay as they were.
func (s *Server) putBack(sub *submission) (outcome, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	cond := s.condition()
	empty := cond.mode == Uninitialised && sub.act.Kind == authority.Restore
	if cond.mode != InRecovery && !empty {
		return outcome{}, protocol.NewError(protocol.Conflict, "mode is %v: %s ends mode recovery", cond.mode, sub.act.Kind)
	}
	path := s.storePath()
	if sub.act.Kind == authority.Restore {
		path = s.stagedPath()
	}
	m, done, err := s.recordPutBack(path, sub)
	if err != nil {
		return outcome{}, s.putBackError(sub, err)
	}
	if path != s.storePath() {
		if err := renameNew(path, s.storePath()); err != nil {
			return outcome{}, protocol.NewError(protocol.Internal, "the act is recorded, but the store could not be named: %s", err.Error())
		}
	}
	a, err := s.openAppliance(&m)
	if err != nil {
		s.enterFault(err)
		return outcome{}, s.condition().refusal()
	}
	s.reanchor(a)
	s.adopt(a)
	a.sayApplied(*sub, done)
	return done, nil
}

// recordPutBack judges the act by the store at path and records it there. The
// marker is what the store is held to from then on.
func (s *Server) recordPutBack(path string, sub *submission) (m marker, done outcome, err error) {
	a, err := s.openAt(path, vouchForItself)
	if err != nil {
		return marker{}, outcome{}, err
	}
	defer func() { err = errors.Join(err, a.store.Close()) }()
	at := a.store.Position()
	if err := checkPutBack(*sub, at.Size, hex.EncodeToString(at.Root[:])); err != nil {
		return marker{}, outcome{}, err
	}
	if err := a.judge(sub); err != nil {
		return marker{}, outcome{}, err
	}
	done, err = a.commitAct(*sub, &procedure{epoch: at.Epoch + 1})
	return markerOf(a.store), done, err
}

// checkPutBack holds the act to the log that it would put in force.
func checkPutBack(sub submission, size uint64, root string) error {
	var named authority.AcceptStore
	if sub.act.Kind == authority.Restore {
		var c authority.RestoreStore
		if err := authority.ParseContent(sub.content, &c); err != nil {
			return err
		}
		named = authority.AcceptStore(c)
	} else if err := authority.ParseContent(sub.content, &named); err != nil {
		return err
	}
	if err := authority.CheckBasis(named.Basis); err != nil {
		return err
	}
	if named.Size != size || named.Root != root {
		return fmt.Errorf("%w: it names a log of %d events, this one has %d and root %.16s…", authority.ErrOtherAppliance, named.Size, size, root)
	}
	return nil
}

// putBackError is the answer to a refused act. There is no log to record it
// in but the one that it is about, so the journal has it.
func (s *Server) putBackError(sub *submission, err error) *protocol.Error {
	answer := initError(err)
	switch {
	case errors.Is(err, fs.ErrNotExist) && sub.act.Kind == authority.Restore:
		answer = protocol.NewError(protocol.Conflict, "no backup was handed in: signetctl restore FILE")
	case answer.Code == uint32(protocol.Internal):
		answer = protocol.NewError(protocol.Recovery, "the store cannot be used: %s", err.Error())
	}
	s.journal.Send(systemd.ActRefused, fmt.Sprintf("act %s was refused: %s", sub.act.Kind, answer.Message), systemd.Act(string(sub.act.Kind)),
		systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Reason(answer.Name))
	return answer
}

// reanchor tells the token of the log key where the log goes on from. A token
// that is out is told when the store is next held to it.
func (s *Server) reanchor(a *appliance) {
	if a.genesis.LogKey == nil || s.logToken == "" {
		return
	}
	if err := s.tokens.writeAnchor(s.calls, s.logToken, a.anchor()); err != nil {
		s.warn("log.token", "the anchor on the token could not be moved: "+err.Error())
		return
	}
	s.anchorDue.Store(false)
}

func renameNew(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("naming the store: %w", err)
	}
	return syncDirectory(filepath.Dir(to))
}

// recoveryContext names the log of the store that an act in mode recovery is
// about: the backup that was handed in, or the store that is there.
func (s *Server) recoveryContext(out admin.ActContext) (any, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	cond := s.condition()
	st, err := s.staged()
	out.Staged = st != nil
	if err == nil && st == nil && cond.mode == InRecovery {
		st, err = store.Open(s.storePath(), store.Options{Now: s.clock.recording, MaxSize: s.maxSize})
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	switch {
	case err != nil:
		return nil, protocol.NewError(protocol.Recovery, "%s; %s", err.Error(), cond.mend)
	case st == nil && cond.mode == InRecovery:
		return nil, cond.refusal()
	case st == nil:
		return out, nil
	}
	at := st.Position()
	out.Appliance, out.LogSize, out.LogRoot = st.Appliance(), at.Size, hex.EncodeToString(at.Root[:])
	if genesis, err := authority.ParseGenesis(st.Genesis()); err == nil {
		out.Authority = string(genesis.Authority)
	}
	if err := st.Close(); err != nil {
		return nil, protocol.NewError(protocol.Recovery, "%s", err.Error())
	}
	return out, nil
}
