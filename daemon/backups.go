package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/systemd"
)

// backupWindow is how long after its act a backup can be fetched.
const backupWindow = 10 * time.Minute

// backups are the acts of kind backup whose stream nobody has fetched yet.
type backups struct {
	mu  sync.Mutex
	due map[string]time.Time // nonce -> until when
}

func newBackups() *backups { return &backups{due: map[string]time.Time{}} }

func (b *backups) allow(nonce string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for nonce, until := range b.due {
		if now.After(until) {
			delete(b.due, nonce)
		}
	}
	b.due[nonce] = now.Add(backupWindow)
}

// take spends the permission: one act, one backup.
func (b *backups) take(nonce string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	until, ok := b.due[nonce]
	delete(b.due, nonce)
	return ok && !now.After(until)
}

// backUp permits one backup. To whom it is encrypted was fixed at init: whoever
// asks for it need not be able to read it.
func backUp(a *appliance, sub submission) (*procedure, error) {
	if err := authority.ParseContent(sub.content, &authority.Nothing{}); err != nil {
		return nil, err
	}
	if _, err := a.recipients(); err != nil {
		return nil, err
	}
	return &procedure{after: func() { a.backups.allow(sub.act.Nonce, a.clock.from.Real()) }}, nil
}

func (a *appliance) recipients() ([]backup.Recipient, error) {
	switch {
	case a.genesis.Authority == authority.Development:
		return nil, fmt.Errorf("%w: an appliance of authority development has no recipients of backups; %s", errConflict, mendNoRecipients)
	case len(a.genesis.Backup) == 0:
		return nil, fmt.Errorf("%w: init named no recipients of backups, for the whole life of this appliance; %s", errConflict, mendNoRecipients)
	}
	return recipientsOf(a.genesis)
}

const mendNoRecipients = "instead: systemctl stop signetd, and copy the state directory"

// recipientsOf reads to whom backups are encrypted: all of one scheme, and
// with crypto gm by SM2 and SM4. They are fixed at init, so whatever would keep
// a backup from being made is found there.
func recipientsOf(g authority.Genesis) ([]backup.Recipient, error) {
	var all []backup.Recipient
	for i, text := range g.Backup {
		r, err := backup.ParseRecipient(text)
		if err != nil {
			return nil, fmt.Errorf("%w: backup[%d]: %w", authority.ErrMalformed, i, err)
		}
		if g.Crypto == authority.GM && !r.GM() {
			return nil, fmt.Errorf(`%w: backup[%d]: crypto "gm" takes certificates of SM2 keys`, authority.ErrMalformed, i)
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		return nil, nil
	}
	if _, err := backup.SchemeOf(all); err != nil {
		return nil, fmt.Errorf("%w: backup: %w", authority.ErrMalformed, err)
	}
	return all, nil
}

// getBackup answers with the encrypted backup. It pages through the store
// while signing goes on; a fault in the middle cuts the stream, and a cut
// backup is refused by whoever opens it.
func (s *Server) getBackup(v visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	if !a.backups.take(v.PathValue("nonce"), s.sources.Real()) {
		return nil, protocol.NewError(protocol.UnknownEntry, "no act permits this backup, or it was fetched: signetctl backup makes another").WithField("nonce")
	}
	if fault := a.noteRead(v.visitor, "backup "+v.PathValue("nonce")); fault != nil {
		return nil, fault
	}
	recipients, err := a.recipients()
	if err != nil {
		return nil, a.actError(err)
	}
	picture, err := a.store.Snapshot()
	if err != nil {
		return nil, storeError(err)
	}
	v.answer.Header().Set("Content-Type", "application/octet-stream")
	if err := a.writeBackup(v.Context(), v.answer, picture, recipients); err != nil {
		s.journal.Send(systemd.BackupCut, "a backup was cut off: it cannot be used, make another", systemd.UID(v.visitor.peer.UID), systemd.Cause(err))
		panic(http.ErrAbortHandler) // the only way to end a stream that its reader must not take for whole
	}
	return streamed, nil
}

func (a *appliance) writeBackup(ctx context.Context, w io.Writer, picture *store.Snapshot, to []backup.Recipient) error {
	h := backup.Header{
		Appliance: a.id, Name: a.genesis.Appliance, Created: a.now().Format(time.RFC3339), Schema: store.Schema,
		Size: picture.Size, Root: hex.EncodeToString(picture.Root[:]),
	}
	sealed, err := backup.NewWriter(w, h, to)
	if err != nil {
		return err
	}
	records, err := backup.NewEncoder(sealed, h)
	if err != nil {
		return err
	}
	if err := picture.Records(ctx, records.Put, func(uint64) {}); err != nil {
		return err
	}
	return errors.Join(records.Close(), sealed.Close())
}
