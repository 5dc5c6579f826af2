package daemon

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/model"
	"signet/daemon/internal/store"
)

func (w *daemonWorld) copyPath() string { return w.storePath() + ".copy" }

// restoreStore keeps a copy of the store, or puts the one that it kept in the
// place of the store, with an act that accepts it: what was used since is lost.
func (w *daemonWorld) restoreStore() error {
	switch {
	case w.older == nil || w.One(3):
		file, err := os.ReadFile(w.storePath()) // nothing is being committed
		if err != nil {
			return err
		}
		w.older = w.m.Copy()
		return os.WriteFile(w.copyPath(), file, 0o600)
	case w.amiss != 0 || w.m.Clock.Jumped():
		return nil // an act wants the time to be right
	}
	w.stats.note("older stores put back")
	w.writeMarker(w.a)
	w.flights = nil
	if err := errors.Join(w.a.store.Close(), os.Remove(w.storePath()), os.Rename(w.copyPath(), w.storePath())); err != nil {
		return err
	}
	if err := w.accept(model.Pick(w.Chance, modelOfficers)); err != nil {
		return err
	}
	w.older = nil
	return nil
}

// accept is what the act in mode recovery does.
func (w *daemonWorld) accept(uid uint32) error {
	st, err := store.Open(w.storePath(), store.Options{Now: w.Server.clock.recording})
	if err != nil {
		return err
	}
	at, id := st.Position(), st.Appliance()
	known, err := w.epochKnown(id)
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	root := hex.EncodeToString(at.Root[:])
	act, content, err := w.document(authority.Act{Kind: authority.StoreAccept},
		authority.AcceptStore{Size: at.Size, Root: root, Epoch: max(at.Epoch, known) + 1, Basis: "the model wants it"})
	if err != nil {
		return err
	}
	act.LogSize, act.LogRoot = at.Size, root
	raw, err := act.Bytes()
	if err != nil {
		return err
	}
	sub := submission{who: Peer{UID: uid, GIDs: []uint32{adminGID}}, inAdmin: true, act: act, raw: string(raw), content: content}
	if _, _, err := w.recordPutBack(w.storePath(), &sub); err != nil {
		return fmt.Errorf("accepting an older store: %w", err)
	}
	w.m.PutBack(w.older, uid)
	return w.openAgain()
}

// openAgain opens the store that is in place.
func (w *daemonWorld) openAgain() error {
	a, err := w.openAt(w.storePath(), func(*store.Store) error { return nil }, func(error) {})
	if err != nil {
		return err
	}
	w.serve(a)
	return nil
}
