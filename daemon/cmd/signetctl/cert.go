package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/protocol/admin"
)

// A certRequest is what cert request takes from flags.
type certRequest struct{ subject, path, fetch string }

func (p *program) certRequest() *cobra.Command {
	var r certRequest
	cmd := p.actWriter("request ENTRY", helpCertRequest, []authority.Kind{authority.CertRequest}, &r.path, flagRequestOut, func(ctx context.Context, by *handing, args []string) error {
		if err := r.check(); err != nil {
			return err
		}
		if r.fetch != "" {
			return p.writeRequest(ctx, r.fetch, r.path, by.force)
		}
		return p.carry(ctx, by, order{
			kind: authority.CertRequest, target: args[0], content: just(authority.RequestCert{Subject: r.subject}),
			done: func(ctx context.Context, result admin.ActResult) error {
				return p.requested(ctx, result, r.path, by.force)
			},
		})
	})
	cmd.Flags().StringVar(&r.subject, "subject", "", p.tr(flagSubject))
	cmd.Flags().StringVar(&r.fetch, "fetch", "", p.tr(flagFetchRequest))
	return cmd
}

func (r certRequest) check() error {
	switch {
	case r.fetch != "" && r.subject != "":
		return usage(msgNotTogether, "fetch", "subject")
	case r.fetch != "":
		return nil
	case r.subject == "":
		return usage(msgSubjectMissing)
	}
	if _, err := certificate.ParseSubject(r.subject); err != nil {
		f := usage(msgBadSubject)
		f.lines = strings.Split(err.Error(), "\n")
		return f
	}
	return nil
}

// requested shows the act and writes the request that came of it.
func (p *program) requested(ctx context.Context, result admin.ActResult, path string, force bool) error {
	if path == "" {
		return p.carriedOut(ctx, result)
	}
	if err := p.done(result, text{}); err != nil {
		return err
	}
	return p.aside().writeRequest(ctx, result.Request, path, force)
}

// writeRequest writes the certificate request of that hash, to standard output
// without a path.
func (p *program) writeRequest(ctx context.Context, hash, path string, force bool) error {
	request, err := p.content(ctx, hash)
	if err != nil {
		return err
	}
	if path == "" || path == "-" {
		_, err := fmt.Fprint(p.out, cleanLines(request)+"\n")
		return err
	}
	f, err := createFile(path, force)
	if err != nil {
		return err
	}
	defer f.discard()
	if err := f.commit([]byte(request)); err != nil {
		return err
	}
	if err := p.say(msgRequestWritten, path); err != nil || p.json {
		return err
	}
	return p.next(hintCertImport, p.subject)
}

func (p *program) certImport() *cobra.Command {
	return p.actCommand("import ENTRY FILE [FILE...]", helpCertImport, []authority.Kind{authority.CertImport}, func(ctx context.Context, by *handing, args []string) error {
		answer, err := p.readAnswer(args[1:])
		if err != nil {
			return err
		}
		return p.carry(ctx, by, order{
			kind: authority.CertImport, target: args[0], effect: effectCertImport,
			content: just(authority.ImportCert{Answer: base64.StdEncoding.EncodeToString(answer)}),
			before:  func(ctx context.Context) error { return p.showNow(ctx, args[0]) },
			done:    p.andThen(hintCertList, args[0]),
		})
	})
}

// readAnswer reads what a CA sent and takes it apart once: an officer should
// not sign what no daemon can read. Several files are joined as paragraphs of
// base64, which all forms can be: beside PEM anything else would be comment.
func (p *program) readAnswer(paths []string) ([]byte, error) {
	var paragraphs []string
	for _, path := range paths {
		data, err := p.readAll(path, certificate.MaxAnswer)
		if err != nil {
			return nil, err
		}
		if len(paths) == 1 {
			return data, checkAnswer(path, data)
		}
		pieces, ok := paragraphsOf(data)
		if !ok {
			return nil, usage(msgDamagedPEM, path)
		}
		paragraphs = append(paragraphs, pieces...)
	}
	joined := []byte(strings.Join(paragraphs, "\n\n") + "\n")
	return joined, checkAnswer(strings.Join(paths, ", "), joined)
}

func checkAnswer(path string, data []byte) error {
	if _, err := certificate.Read(data); err != nil {
		return usage(msgBadAnswer, path, err)
	}
	return nil
}

// paragraphsOf is a file of a CA as base64; false if it has a damaged block.
func paragraphsOf(data []byte) (pieces []string, ok bool) {
	marks := bytes.Count(data, []byte("-----BEGIN "))
	if marks == 0 && strings.ContainsFunc(string(data), notBase64) {
		return []string{base64.StdEncoding.EncodeToString(data)}, true
	}
	if marks == 0 {
		return []string{strings.TrimSpace(string(data))}, true
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		pieces = append(pieces, base64.StdEncoding.EncodeToString(block.Bytes))
	}
	return pieces, len(pieces) == marks
}

// notBase64 tells DER from text: DER of any use has octets beyond ASCII.
func notBase64(r rune) bool { return r > '~' || r < ' ' && !strings.ContainsRune("\r\n\t", r) }

func (p *program) certList() *cobra.Command {
	var dir string
	cmd := p.command("list ENTRY", helpCertList, func(ctx context.Context, args []string) error {
		e, err := p.askEntry(ctx, args[0])
		switch {
		case err != nil:
			return err
		case dir != "":
			return p.exportCertificates(e, dir)
		case p.json:
			return p.printJSON(struct {
				Certificates []admin.Certificate `json:"certificates"`
			}{e.Certificates})
		case len(e.Certificates) == 0:
			return p.say(msgNoCertificates, e.ID)
		}
		return p.showCertificates(e)
	})
	cmd.Flags().StringVar(&dir, "out", "", p.tr(flagOutDir))
	return cmd
}

func (p *program) showCertificates(e admin.Entry) error {
	for i, c := range e.Certificates {
		var list screen.List
		list.Add(p.tr(labelSerial), screen.Cell{Text: c.Serial})
		list.Add(p.tr(labelInUse), p.yes(i == len(e.Certificates)-1 && c.Revoked == ""))
		list.Add(p.tr(labelSubject), screen.Cell{Text: c.Subject})
		list.Add(p.tr(labelIssuer), screen.Cell{Text: c.Issuer})
		list.Add(p.tr(labelValid), screen.Cell{Text: c.NotBefore + " - " + c.NotAfter})
		list.Add(p.tr(labelCA), screen.Cell{Text: strings.TrimSpace(p.word(c.CA).Text + " " + c.Licence)})
		list.Add(p.tr(labelRevoked), screen.Cell{Text: c.Revoked, Tone: screen.Bad})
		list.Add(p.tr(labelImported), screen.Cell{Text: c.Imported})
		list.Add("SM3", screen.Cell{Text: c.Hash})
		if i > 0 {
			p.blank()
		}
		if err := list.Write(p.out, p.outPaint); err != nil {
			return err
		}
	}
	return nil
}

// exportCertificates writes each certificate with its chain, and what else the
// CA answered, for who verifies elsewhere. The directory must be new or empty
// of these names.
func (p *program) exportCertificates(e admin.Entry, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usage(msgFileWrite, dir, plainest(err))
	}
	var written []string
	for i, c := range e.Certificates {
		files := map[string][]byte{fmt.Sprintf("%s-%d.pem", e.ID, i+1): []byte(c.PEM + strings.Join(c.Chain, ""))}
		for j, a := range c.Attachments {
			data, err := base64.StdEncoding.DecodeString(a)
			if err != nil {
				return fmt.Errorf("reading attachment %d of certificate %s: %w", j, c.Serial, err)
			}
			files[fmt.Sprintf("%s-%d-%d.der", e.ID, i+1, j+1)] = data
		}
		for name, data := range files {
			path := filepath.Join(dir, name)
			if err := writeNew(path, data); err != nil {
				return err
			}
			written = append(written, path)
		}
	}
	if p.json {
		return p.printJSON(struct {
			Files []string `json:"files"`
		}{written})
	}
	return p.say(msgWritten, strings.Join(written, ", "))
}
