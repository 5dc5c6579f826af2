package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/protocol/admin"
)

// streamTimeout bounds a backup or a restore: a store of many gigabytes, on a
// slow disk.
const streamTimeout = 24 * time.Hour

func (p *program) backup() *cobra.Command {
	var path, fetch string
	cmd := p.actWriter("backup", helpBackup, []authority.Kind{authority.Backup}, &path, flagBackupOut, func(ctx context.Context, by *handing, _ []string) error {
		if path == "" && !by.plan && by.file == "" {
			return usage(msgBackupOut)
		}
		if fetch != "" {
			return p.fetchBackup(ctx, fetch, path, by.force)
		}
		if err := freeToWrite(path, by.force); err != nil {
			return err
		}
		return p.carry(ctx, by, order{
			kind: authority.Backup, content: just(authority.Nothing{}),
			done: func(ctx context.Context, result admin.ActResult) error {
				if !p.json { // what is written is what is told
					if err := p.saidDone(result); err != nil {
						return err
					}
				}
				return p.fetchBackup(ctx, p.nonce, path, by.force)
			},
		})
	})
	cmd.Flags().StringVar(&fetch, "fetch", "", p.tr(flagFetchBackup))
	return cmd
}

// freeToWrite finds out before an officer signs whether the file can be
// written: the act permits one backup.
func freeToWrite(path string, force bool) error {
	if path == "" {
		return nil
	}
	f, err := createFile(path, force)
	if err != nil {
		return err
	}
	f.discard()
	return nil
}

// A writtenBackup is what --json says of a backup.
type writtenBackup struct {
	File  string        `json:"file"`
	Bytes int64         `json:"bytes"`
	Of    backup.Header `json:"backup"`
}

// fetchBackup writes the backup that an act permits. The daemon gives it once,
// so a file that cannot be written in the end costs another act.
func (p *program) fetchBackup(ctx context.Context, nonce, path string, force bool) error {
	f, err := createFile(path, force)
	if err != nil {
		return err
	}
	defer f.discard()
	ctx, cancel := p.within(ctx, streamTimeout)
	defer cancel()
	c := admin.NewClient(p.admin.path)
	defer c.Close()
	body, err := c.Backup(ctx, nonce)
	if err != nil {
		return p.admin.unreachable(err)
	}
	defer body.Close()
	h, n, err := p.receive(body, f.temp)
	if err != nil {
		return &fault{status: exitUnreachable, what: msgBackupCut, args: []any{path, err}, next: hintBackup}
	}
	if err := f.finish(0o600, nil); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(writtenBackup{path, n, h})
	}
	return p.say(msgBackedUp, path, n, h.Size, h.Root)
}

// receive copies a backup, shows how far it is, and returns what its header
// says.
func (p *program) receive(body io.Reader, to io.Writer) (backup.Header, int64, error) {
	m := &passage{w: to}
	defer p.during(func() string { return p.tr(msgBackingUp, m.megabytes()) })()
	h, err := backup.ReadHeader(io.TeeReader(body, m))
	if err != nil {
		return h, 0, err
	}
	_, err = io.Copy(m, body)
	return h, m.n.Load(), err
}

// A passage counts what goes through it. Its number may be asked for from another
// goroutine.
type passage struct {
	w io.Writer
	n atomic.Int64
}

func (m *passage) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.n.Add(int64(n))
	return n, err
}

func (m *passage) megabytes() int64 { return m.n.Load() >> 20 }

// openIdentity reads who can open a backup. A key that has a passphrase is
// asked for it.
func (p *program) openIdentity(ctx context.Context, key, certificate string) (backup.Identity, error) {
	if key == "" {
		return backup.Identity{}, usage(msgIdentityMissing)
	}
	file, err := p.readAll(key, maxIdentity)
	if err != nil {
		return backup.Identity{}, err
	}
	defer clear(file)
	var cert []byte
	if certificate != "" {
		if cert, err = p.readAll(certificate, maxIdentity); err != nil {
			return backup.Identity{}, err
		}
	}
	id, err := backup.ParseIdentity(file, cert, p.passphraseOf(ctx, key))
	if err != nil {
		return backup.Identity{}, usage(msgBadIdentity, key, plainest(err))
	}
	return id, nil
}

// maxIdentity bounds the files of an identity, in bytes.
const maxIdentity = 64 << 10

// passphraseOf returns who asks, nil where there is no terminal.
func (p *program) passphraseOf(ctx context.Context, file string) func() ([]byte, error) {
	if !p.isTalking() {
		return nil
	}
	return func() ([]byte, error) { return p.askPassphrase(ctx, file) }
}

// backupFault says what is wrong with a backup.
func backupFault(path string, err error) error {
	status := exitVerification
	if errors.Is(err, backup.ErrForeign) || errors.Is(err, backup.ErrNewer) || errors.Is(err, backup.ErrIdentity) {
		status = exitUsage
	}
	return &fault{status: status, what: msgBadBackup, args: []any{path, fmt.Sprint(err)}, next: hintBackup}
}
