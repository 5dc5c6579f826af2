package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/cmd/signetctl/internal/signing"
	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

// signAndHandIn shows an act, asks, signs it, and hands it in or writes it.
func (p *program) signAndHandIn(ctx context.Context, by *handing, d deed, done func(context.Context, admin.ActResult) error) error {
	d, err := p.signDeed(ctx, by, d)
	if err != nil {
		return err
	}
	if by.file != "" {
		return p.writeDeed(by.file, by.force, d)
	}
	return p.handIn(ctx, d, done)
}

// signDeed adds a signature. What is signed are the act's bytes as they stand:
// they are never written anew.
func (p *program) signDeed(ctx context.Context, by *handing, d deed) (deed, error) {
	if err := p.confirm(ctx, by, d); err != nil {
		return deed{}, err
	}
	s, err := p.signature(ctx, by, []byte(d.request.Act))
	if err != nil {
		return deed{}, err
	}
	return d.with(admin.Signature{Form: string(s.Form), Value: s.Value}), nil
}

// with is d with one more signature; the same one twice stands once.
func (d deed) with(s admin.Signature) deed {
	if !slices.Contains(d.request.Signatures, s) {
		d.request.Signatures = append(slices.Clone(d.request.Signatures), s)
	}
	return d
}

func (p *program) signature(ctx context.Context, by *handing, message []byte) (authority.Signature, error) {
	t := signing.Terminal{AgentSocket: p.agentSocket, Stderr: p.err}
	if p.isTalking() {
		t.Ask = func(file string) ([]byte, error) { return p.askPassphrase(ctx, file) }
	}
	var s authority.Signature
	var err error
	switch command := strings.Fields(by.helper); {
	case by.keyFile != "":
		s, err = t.KeyFile(ctx, by.keyFile, message)
	case by.agentNamed:
		s, err = t.Agent(ctx, strings.TrimPrefix(by.agent, anyKey), message)
	case len(command) > 0:
		s, err = t.Helper(ctx, command[0], command[1:], message)
	default:
		return s, usage(msgNoWay)
	}
	if err != nil {
		return s, signingFault(err)
	}
	return s, nil
}

// signingFault says in the catalog's words why there is no signature. Nothing
// was handed in.
func signingFault(err error) error {
	var choice *signing.ChoiceError
	var tool *exec.ExitError
	switch {
	case errors.As(err, &choice):
		f := usage(msgAgentChoice, len(choice.Keys))
		f.lines = choice.Keys
		return f
	case errors.As(err, &tool):
		return &fault{status: exitUnexpected, what: msgToolFailed, args: []any{tool.ExitCode(), err}, next: hintAgain}
	}
	return usage(msgNotMade, err)
}

// confirm shows what will be signed and asks. Nobody signs what he has not
// been shown, unless he says that he knows it.
func (p *program) confirm(ctx context.Context, by *handing, d deed) error {
	if !by.yes && (!p.isTalking() || !screen.IsTerminal(p.err)) {
		return usage(msgNobodyToAsk)
	}
	if !p.json || !by.yes {
		aside := p.aside()
		if err := errors.Join(aside.showDeed(d), aside.showAbout(ctx, d)); err != nil {
			return err
		}
	}
	if by.yes {
		return nil
	}
	yes, err := p.ask(msgSignThis)
	switch {
	case err != nil:
		return err
	case !yes:
		return &fault{status: exitRefused, what: msgNotSigned, next: hintActList}
	}
	return nil
}

// aside is p that writes what it shows to standard error.
func (p *program) aside() *program {
	beside := *p
	beside.out, beside.outPaint = p.err, p.errPaint
	return &beside
}

// ask puts a question to a terminal. Anything but a clear yes is no.
func (p *program) ask(question text) (bool, error) {
	if _, err := io.WriteString(p.err, p.tr(question)+" "); err != nil {
		return false, err
	}
	line, err := readLine(p.in)
	if err != nil {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(string(line)))
	return answer == "y" || answer == wordYes.en || answer == wordYes.zh, nil
}

// readLine reads up to a line end and not one byte more: what follows is for
// who reads next.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	var b [1]byte
	for len(line) < maxLine {
		n, err := r.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return line, nil
		case n == 1:
			line = append(line, b[0])
		case err == io.EOF:
			return line, nil
		case err != nil:
			return nil, err
		}
	}
	return line, nil
}

// maxLine bounds what somebody types, in bytes.
const maxLine = 4096

// askPassphrase asks for the passphrase of a file, without showing it.
func (p *program) askPassphrase(ctx context.Context, file string) ([]byte, error) {
	restore, err := screen.Conceal(p.in) // before the prompt: who sees it types
	if err != nil {
		return nil, err
	}
	defer p.aside().blank() // the line end that was typed is not echoed
	defer restore()
	if _, err := io.WriteString(p.err, p.tr(msgPassphrase, file)+" "); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, restore)() // the signal after the first ends this process as it waits here
	return readLine(p.in)
}

// isTalking tells whether somebody sits there who can answer.
func (p *program) isTalking() bool { return screen.IsTerminal(p.in) }
