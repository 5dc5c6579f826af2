package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/systemd"
)

// A log that goes on from a backup, or from an older copy of the store, lacks
// events that were answered once. How it tells of that:
//
//   - The act (restore, store.accept) is the next event. Its content names size
//     and root of the log that it goes on from, and the epoch in which it goes
//     on: the one after the newest that the store, the marker and the token's
//     anchor know. Every later event has that epoch, and so its leaf is no leaf
//     of a lost event of the same number: a receipt of a lost one does not fit.
//   - An epoch is used once. An act that was carried out, and is handed in
//     again for the same backup, names one that is known by then.
//   - Marker and anchor are of an epoch. What an earlier one knew holds the
//     store to nothing any more.
//
// What the lost events spent is not known, so each quota window that was running
// at the act counts as full until it ends, a lifetime until a policy is set after
// the act, and an approval that was asked for before it is good for nothing
// (meter.go, approvals.go; the auditor's replay does the same). That follows from
// the log alone: roster.replay meets every act of these kinds at start.

// putBack carries out the two acts that end mode recovery: restore, which puts
// a rebuilt store in place, and store.accept, which accepts the store that is
// there although it is older than what was known of it. Each is judged by the
// officers whom the acts of that very store prove, and becomes its first event.
// If it is refused, mode and files stay as they were.
func (s *Server) putBack(sub *submission) (outcome, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	path, fault := s.putBackFrom(sub.act.Kind)
	if fault != nil {
		return outcome{}, fault
	}
	m, done, err := s.recordPutBack(path, sub)
	if err != nil {
		return outcome{}, s.refusePutBack(path, sub, err)
	}
	if path != s.storePath() {
		if err := renameNew(path, s.storePath()); err != nil {
			return outcome{}, protocol.NewError(protocol.Internal, "the act is recorded, but the store could not be named: %s; mend that, then hand the same act in again or restart signetd", err.Error())
		}
	}
	a, err := s.openAppliance(&m)
	if err != nil {
		s.enterFault(err)
		return outcome{}, s.condition().refusal()
	}
	s.reanchor(s.calls, a)
	s.adopt(a)
	a.sayApplied(*sub, done)
	return done, nil
}

// putBackFrom is where the store lies that the act is about.
func (s *Server) putBackFrom(kind authority.Kind) (path string, fault *protocol.Error) {
	if kind == authority.Restore {
		return s.stagedPath(), s.mayRestore()
	}
	if cond := s.condition(); cond.mode != InRecovery {
		return "", protocol.NewError(protocol.Conflict, "mode is %v: %s ends mode recovery", cond.mode, kind)
	}
	return s.storePath(), nil
}

// recordPutBack judges the act by the store at path and records it there. The
// marker is what the store is held to from then on.
func (s *Server) recordPutBack(path string, sub *submission) (m marker, done outcome, err error) {
	poisoned := s.poison
	if path != s.storePath() {
		poisoned = distrusted
	}
	a, err := s.openAt(path, vouchForItself, poisoned)
	if err != nil {
		return marker{}, outcome{}, err
	}
	defer func() { err = errors.Join(err, a.store.Close()) }()
	known, err := s.epochKnown(a.id)
	if err != nil {
		return marker{}, outcome{}, err
	}
	at := a.store.Position()
	if event, ok, err := s.recordedBefore(a.store, sub, known); err != nil || ok {
		return markerOf(a.store), outcome{event: event}, err
	}
	epoch := max(at.Epoch, known) + 1
	if err := checkPutBack(*sub, at, epoch); err != nil {
		return marker{}, outcome{}, err
	}
	if err := a.judge(sub); err != nil {
		return marker{}, outcome{}, err
	}
	if path == s.stagedPath() { // before it is recorded: see isJudged
		if err := replaceFile(s.judgedPath(), []byte(sub.raw)); err != nil {
			return marker{}, outcome{}, err
		}
	}
	done, err = a.commitAct(*sub, &procedure{epoch: epoch})
	return markerOf(a.store), done, err
}

// recordedBefore returns the event of the very act, if a fault came between its
// record and what follows it.
func (s *Server) recordedBefore(st *store.Store, sub *submission, known uint64) (event uint64, ok bool, err error) {
	at := st.Position()
	last, _, err := st.Event(at.Size - 1)
	if err != nil || !isApplied(last, sub.act.Kind) || last.Act != sub.raw || at.Epoch <= known {
		return 0, false, err
	}
	if sub.act.Kind == authority.Restore {
		ok, err = s.isJudged(last.Act)
		return last.Seq, ok, err
	}
	return last.Seq, true, nil
}

// isJudged tells whether this is the act that was judged for what was handed
// in. That may end with the event of a restore as it came: anybody can cut a
// backup off there, and its old act would need no officer any more.
func (s *Server) isJudged(raw string) (bool, error) {
	judged, err := os.ReadFile(s.judgedPath())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the act of a restore: %w", err)
	}
	return raw == string(judged), nil
}

// isApplied tells whether an event is that of an act of a kind that took effect.
func isApplied(e *audit.Event, kind authority.Kind) bool {
	return e.Kind == audit.KindAct && e.Result == audit.Allowed && e.Op == string(kind)
}

// checkPutBack holds the act to the log that it would put in force.
func checkPutBack(sub submission, at store.Position, epoch uint64) error {
	named, err := readPutBack(sub.act.Kind, sub.content)
	if err != nil {
		return err
	}
	if err := authority.CheckBasis(named.Basis); err != nil {
		return err
	}
	if root := hex.EncodeToString(at.Root[:]); named.Size != at.Size || named.Root != root {
		return fmt.Errorf("%w: it names a log of %d events with root %.16s…, this one has %d and %.16s…",
			authority.ErrOtherAppliance, named.Size, named.Root, at.Size, root)
	}
	if named.Epoch != epoch {
		return fmt.Errorf("%w: epoch %d: the log goes on in epoch %d, as the store, the marker and the token's anchor know; make the act anew",
			authority.ErrMalformed, named.Epoch, epoch)
	}
	return nil
}

// readPutBack reads the content of either kind.
func readPutBack(kind authority.Kind, content []byte) (c authority.AcceptStore, err error) {
	if kind != authority.Restore {
		return c, authority.ParseContent(content, &c)
	}
	var r authority.RestoreStore
	err = authority.ParseContent(content, &r)
	return authority.AcceptStore(r), err
}

// refusePutBack is the answer to a refused act. There is no log to record it in
// but the one that it is about, so the journal has it.
func (s *Server) refusePutBack(path string, sub *submission, err error) *protocol.Error {
	answer := s.putBackError(path, sub.act.Kind, err)
	s.journal.Send(systemd.ActRefused, fmt.Sprintf("act %s was refused: %s", sub.act.Kind, answer.Message), systemd.Act(string(sub.act.Kind)),
		systemd.Target(sub.on()), systemd.UID(sub.who.UID), systemd.Reason(answer.Name))
	return answer
}

func (s *Server) putBackError(path string, kind authority.Kind, err error) *protocol.Error {
	staged := kind == authority.Restore
	switch {
	case errors.Is(err, fs.ErrNotExist) && staged:
		return protocol.NewError(protocol.Conflict, "no backup was handed in: signetctl restore FILE")
	case errors.Is(err, fs.ErrNotExist):
		return protocol.NewError(protocol.Conflict, "there is no store to accept: signetctl restore FILE")
	case errors.Is(err, store.ErrPoisoned) && staged:
		s.dropStaged()
		return protocol.NewError(protocol.Conflict, "a write to what was handed in could not be made durable: find out why the disk failed, then hand the backup in again: signetctl restore FILE")
	case errors.Is(err, store.ErrPoisoned):
		if s.condition().mode != PoisonedMode {
			s.poison(err) // the sync failed while it was opened
		}
		return s.condition().refusal()
	case errors.Is(err, store.ErrFull), errors.Is(err, unix.ENOSPC):
		return protocol.NewError(protocol.StoreFull, "there is no room to record the act in %s: make room, or raise [store] max_size", path).RetryIn(storeRetry)
	case errors.Is(err, errClockJumped):
		return protocol.NewError(protocol.ClockJumped, "the clock was set while signetd ran, and in this mode no act accepts that: see that the time is right, then reboot")
	}
	return s.stagedError(err)
}

// reanchor tells the token of the log key where the log goes on from. If it
// cannot be told, the anchor is moved when the store is next held to it.
func (s *Server) reanchor(ctx context.Context, a *appliance) {
	if a.genesis.LogKey == nil || s.logToken == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, anchorTimeout)
	defer cancel()
	if err := s.tokens.writeAnchor(ctx, s.logToken, a.anchor()); err != nil {
		s.warn("log.token", "the anchor on the token could not be moved: "+err.Error())
		return
	}
	s.tokens.byName[s.logToken].heldTo.Store(a)
}

func renameNew(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("naming the store %s: %w", to, err)
	}
	return syncDirectory(filepath.Dir(to))
}

// finishRestore names the store in which a restore was recorded that did not
// come to its end: the act took effect when it was durable, whether or not
// anybody had the answer. It tells whether there is a store to open now, which
// is held to marker and anchor as any other.
func (s *Server) finishRestore() bool {
	recorded, err := s.isRestoreRecorded()
	if err == nil && recorded {
		err = renameNew(s.stagedPath(), s.storePath())
	}
	if err != nil {
		s.journal.Send(systemd.StoreFault, "a backup was handed in, and cannot be read", systemd.Cause(err))
	}
	return err == nil && recorded
}

func (s *Server) isRestoreRecorded() (bool, error) {
	if _, err := os.Lstat(s.stagedPath()); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	st, err := store.Open(s.stagedPath(), store.Options{Now: s.clock.recording})
	if err != nil {
		return false, err
	}
	last, _, err := st.Event(st.Position().Size - 1)
	recorded := false
	if err == nil && isApplied(last, authority.Restore) {
		recorded, err = s.isJudged(last.Act)
	}
	return recorded, errors.Join(err, st.Close())
}

// recoveryContext names the log of the store that an act in mode recovery is
// about: the store that is there, or the backup that was handed in.
func (s *Server) recoveryContext(out admin.ActContext) (any, *protocol.Error) {
	s.initialising.Lock()
	defer s.initialising.Unlock()
	cond := s.condition()
	path := s.storePath()
	if s.mayRestore() == nil {
		path, out.Staged = s.stagedPath(), true
	}
	st, err := store.Open(path, store.Options{Now: s.clock.recording})
	switch {
	case errors.Is(err, fs.ErrNotExist) && cond.mode == Uninitialised:
		out.Staged = false
		return out, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, cond.refusal()
	case err != nil:
		return nil, protocol.NewError(protocol.Recovery, "%s; %s", err.Error(), cond.mend)
	}
	at := st.Position()
	out.Appliance, out.LogSize, out.LogRoot = st.Appliance(), at.Size, hex.EncodeToString(at.Root[:])
	if genesis, err := authority.ParseGenesis(st.Genesis()); err == nil {
		out.Authority = string(genesis.Authority)
	}
	known, err := s.epochKnown(out.Appliance)
	out.Epoch = max(at.Epoch, known) + 1
	if err := errors.Join(err, st.Close()); err != nil {
		return nil, s.stagedError(err)
	}
	return out, nil
}
