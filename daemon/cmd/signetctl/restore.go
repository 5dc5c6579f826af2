package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/protocol/admin"
)

// A restoring is what restore takes from flags.
type restoring struct{ identity, certificate, why string }

func (p *program) restore() *cobra.Command {
	var r restoring
	cmd := p.actCommand("restore FILE", helpRestore, []authority.Kind{authority.Restore}, func(ctx context.Context, by *handing, args []string) error {
		if err := checkWhy(r.why); err != nil {
			return err
		}
		id, err := p.openIdentity(ctx, r.identity, r.certificate)
		if err != nil {
			return err
		}
		if by.plan {
			return p.planRestore(args[0], id)
		}
		staged, err := p.stage(ctx, args[0], id)
		if err != nil {
			return err
		}
		return p.carry(ctx, by, order{
			kind: authority.Restore, done: p.andThen(hintStatus),
			content: func(names admin.ActContext) (any, error) {
				return authority.RestoreStore{Size: staged.Size, Root: staged.Root, Epoch: names.Epoch, Basis: r.why}, nil
			},
		})
	})
	cmd.Flags().StringVar(&r.identity, "identity", "", p.tr(flagIdentity))
	cmd.Flags().StringVar(&r.certificate, "certificate", "", p.tr(flagIdentityCert))
	cmd.Flags().StringVar(&r.why, "why", "", p.tr(flagWhyRestore))
	return cmd
}

// An openBackup is a backup on this machine, decrypted as it is read. Nothing of it
// is kept here in clear.
type openBackup struct {
	file    *os.File
	header  backup.Header
	clear   []byte    // the header as the file begins with it
	records io.Reader // ends in an error unless the backup is whole
}

func openBackupFile(path string, id backup.Identity) (*openBackup, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(msgFileRead, path, plainest(err))
	}
	b := &openBackup{file: f}
	var begin bytes.Buffer
	if _, err = backup.ReadHeader(io.TeeReader(f, &begin)); err == nil {
		b.clear = begin.Bytes()
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		b.header, b.records, err = backup.NewReader(f, id)
	}
	if err != nil {
		f.Close()
		return nil, backupFault(path, err)
	}
	return b, nil
}

// planRestore reads a backup to its end, which alone shows that it is whole,
// and sends nothing.
func (p *program) planRestore(path string, id backup.Identity) error {
	b, err := openBackupFile(path, id)
	if err != nil {
		return err
	}
	defer b.file.Close()
	records := 0
	d := backup.NewDecoder(b.records, b.header)
	for {
		if _, err := d.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return backupFault(path, err)
		}
		records++
	}
	if p.json {
		return p.printJSON(struct {
			Backup  backup.Header `json:"backup"`
			Records int           `json:"records"`
		}{b.header, records})
	}
	if err := p.say(msgPlan); err != nil {
		return err
	}
	var list screen.List
	list.Add(p.tr(labelAppliance), screen.Cell{Text: b.header.Name + "  " + b.header.Appliance})
	list.Add(p.tr(labelLog), screen.Cell{Text: p.tr(msgLogAt, b.header.Size, b.header.Root)})
	list.Add(p.tr(labelMade), screen.Cell{Text: b.header.Created})
	list.Add(p.tr(labelWhole), screen.Cell{Text: p.tr(msgRecords, records), Tone: screen.Good})
	if err := list.Write(p.out, p.outPaint); err != nil {
		return err
	}
	return screen.Indent(p.out, 0, p.tr(effectRestore))
}

// stage hands a backup in. The daemon rebuilds it beside and says what it
// holds; an act then puts it in place.
func (p *program) stage(ctx context.Context, path string, id backup.Identity) (admin.Staged, error) {
	b, err := openBackupFile(path, id)
	if err != nil {
		return admin.Staged{}, err
	}
	defer b.file.Close()
	source := &faulty{r: io.MultiReader(bytes.NewReader(b.clear), b.records)}
	m := &passage{w: io.Discard}
	stop := p.during(func() string { return p.tr(msgRestoring, m.megabytes()) })
	ctx, cancel := p.within(ctx, streamTimeout)
	defer cancel()
	staged, err := askOf(ctx, p.admin, func(ctx context.Context, c *admin.Client) (admin.Staged, error) {
		return c.Restore(ctx, io.TeeReader(source, m))
	})
	stop()
	switch {
	case source.err != nil: // the request ended for that
		return staged, backupFault(path, source.err)
	case err != nil:
		return staged, p.admin.unreachable(err)
	case staged.Root != b.header.Root || staged.Size != b.header.Size:
		return staged, &fault{status: exitVerification, what: msgStagedOther, args: []any{staged.Size, staged.Root, b.header.Size, b.header.Root}, next: hintStatus}
	}
	return staged, p.aside().saidStaged(staged)
}

func (p *program) saidStaged(s admin.Staged) error {
	if p.json {
		return nil
	}
	return p.say(msgStaged, s.Appliance, s.Size, clock(s.Recorded), s.Entries)
}

// faulty remembers the fault of a reader, which a client of HTTP hides behind
// its own.
type faulty struct {
	r   io.Reader
	err error
}

func (f *faulty) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}
