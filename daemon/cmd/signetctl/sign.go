package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// A signing is what one run of sign was asked for.
type signing struct {
	entry              string
	file, digest, sm2E string // one of them
	algorithm          string
	context            protocol.Context
	requestID          string
	out                signatureOutput
}

func (p *program) signCommand() *cobra.Command {
	var s signing
	cmd := p.command("sign ENTRY", helpSign, func(ctx context.Context, args []string) error {
		s.entry, p.caller = args[0], true
		return p.runSign(ctx, &s)
	})
	flags := cmd.Flags()
	flags.StringVar(&s.file, "file", "", p.tr(flagFile))
	flags.StringVar(&s.digest, "digest", "", p.tr(flagDigest))
	flags.StringVar(&s.sm2E, "sm2-e", "", p.tr(flagSM2E))
	flags.StringVar(&s.algorithm, "algorithm", "", p.tr(flagAlgorithm))
	flags.StringVar(&s.context.Purpose, "purpose", "", p.tr(flagPurpose))
	flags.StringVar(&s.context.DocId, "doc-id", "", p.tr(flagDocID))
	flags.StringVar(&s.context.DocNo, "doc-no", "", p.tr(flagDocNo))
	flags.StringVar(&s.context.DocTitle, "title", "", p.tr(flagDocTitle))
	flags.StringVar(&s.context.UserId, "user-id", "", p.tr(flagUserID))
	flags.StringVar(&s.requestID, "request-id", "", p.tr(flagRequestID))
	flags.StringVarP(&s.out.path, "out", "o", "-", p.tr(flagOut))
	flags.StringVar(&s.out.format, "format", "", p.tr(flagFormat))
	flags.BoolVar(&s.out.force, "force", false, p.tr(flagForce))
	return cmd
}

// runSign does everything that can fail for want of a good command line, file
// or directory before it asks: a use that is granted is recorded and counted.
func (p *program) runSign(ctx context.Context, s *signing) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := s.out.open(p); err != nil {
		return err
	}
	defer s.out.discard()
	ctx, cancel := p.within(ctx, signTimeout)
	defer cancel()
	c, err := p.dialSign(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return p.signOver(ctx, c, s)
}

func (p *program) signOver(ctx context.Context, c *client.Client, s *signing) error {
	stop := p.waiting()
	defer stop()
	key, err := findKey(ctx, c, s.entry)
	if err != nil {
		return err
	}
	a, err := s.chooseAlgorithm(key)
	if err != nil {
		return err
	}
	in, err := p.input(ctx, s, a, key)
	if err != nil {
		return err
	}
	signed, err := s.ask(ctx, c, a, in)
	if err != nil {
		return err
	}
	if err := s.verify(ctx, c, key, a, in, signed); err != nil {
		return err
	}
	stop()
	return p.release(s, a, in, signed)
}

// check refuses a command line that no daemon need see.
func (s *signing) check() error {
	given := 0
	for _, value := range []string{s.file, s.digest, s.sm2E} {
		if value != "" {
			given++
		}
	}
	if given != 1 {
		return usage(msgOneInput)
	}
	if _, err := unhex("sm2-e", s.sm2E); err != nil {
		return err
	}
	if _, err := unhex("digest", s.digest); err != nil {
		return err
	}
	if _, err := s.named(); err != nil {
		return err
	}
	return s.out.check()
}

// named is the algorithm of the command line, 0 if it names none. Only SM2
// has an e.
func (s *signing) named() (algo.Algorithm, error) {
	if s.algorithm == "" {
		if s.sm2E != "" {
			return algo.SM2SM3, nil
		}
		return 0, nil
	}
	a, err := algo.Parse(s.algorithm)
	if err != nil {
		return 0, usage(msgChoice, "algorithm", s.algorithm, strings.Trim(fmt.Sprint(algo.All()), "[]"))
	}
	if s.sm2E != "" && a != algo.SM2SM3 {
		return 0, usage(msgNotSM2, s.algorithm)
	}
	return a, nil
}

// An entryKey is what the daemon tells a caller about an entry. Its public
// key is zero if the entry is not listed for this account.
type entryKey struct {
	public     algo.PublicKey
	algorithms []algo.Algorithm
}

func findKey(ctx context.Context, c *client.Client, entry string) (entryKey, error) {
	list, err := c.ListEntries(ctx)
	if err != nil {
		return entryKey{}, err
	}
	for _, e := range list.Entries {
		if e.Id != entry {
			continue
		}
		public, err := algo.ParsePublicKey(e.PublicKey)
		if err != nil {
			return entryKey{}, fmt.Errorf("reading the public key of %s: %w", entry, err)
		}
		key := entryKey{public: public}
		for _, a := range e.Algorithms {
			key.algorithms = append(key.algorithms, algo.Algorithm(a))
		}
		return key, nil
	}
	return entryKey{}, nil
}

// chooseAlgorithm takes the one that is named, or the entry's only one. Of
// several none is better than the others for somebody who did not say.
func (s *signing) chooseAlgorithm(key entryKey) (algo.Algorithm, error) {
	named, err := s.named()
	switch {
	case err != nil:
		return 0, err
	case key.public.IsZero() && named == 0 && s.file != "":
		return algo.SM2SM3, nil // any will do: the daemon refuses the account first
	case key.public.IsZero() && named == 0:
		return 0, s.notListed()
	case named != 0:
		return named, nil
	case len(key.algorithms) == 1:
		return key.algorithms[0], nil
	case len(key.algorithms) == 0:
		return 0, &fault{status: exitRefused, what: msgNoAlgorithm, args: []any{s.entry}, next: hintPolicyShow, nextArgs: []any{s.entry}}
	}
	return 0, usage(msgWhichAlgorithm, s.entry, fmt.Sprint(key.algorithms))
}

func (s *signing) notListed() error {
	return &fault{status: exitNotFound, what: msgNotListed, args: []any{s.entry}, next: hintNotListed, nextArgs: []any{s.entry}}
}

// input is what is asked to be signed. If the entry is not listed for this
// account, it is asked for all the same, so that the refusal is the daemon's
// and stands in the log: by the digest or e that is given, or, since e needs
// a public key, by the file itself as a message.
func (p *program) input(ctx context.Context, s *signing, a algo.Algorithm, key entryKey) (*protocol.Input, error) {
	switch {
	case s.sm2E != "":
		e, err := unhex("sm2-e", s.sm2E)
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: e}}, err
	case s.digest != "":
		digest, err := unhex("digest", s.digest)
		return &protocol.Input{Value: &protocol.Input_Digest{Digest: digest}}, err
	}
	f, err := p.open(s.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if key.public.IsZero() {
		return s.wholeFile(interruptible{ctx, f})
	}
	in, err := client.InputFrom(a, key.public, interruptible{ctx, f})
	var said *protocol.Error
	switch {
	case errors.Is(err, algo.ErrKey):
		return nil, usage(msgAlgorithmKey, a.String(), s.entry, key.public.Type().String())
	case err != nil && ctx.Err() == nil && !errors.As(err, &said):
		return nil, usage(msgFileRead, s.file, plainest(err))
	}
	return in, err
}

// wholeFile is a file small enough to be a message.
func (s *signing) wholeFile(f io.Reader) (*protocol.Input, error) {
	text, err := io.ReadAll(io.LimitReader(f, protocol.MaxMessage+1))
	if err != nil || len(text) == 0 || len(text) > protocol.MaxMessage {
		return nil, s.notListed()
	}
	return &protocol.Input{Value: &protocol.Input_Message{Message: text}}, nil
}

func unhex(flag, value string) ([]byte, error) {
	b, err := hex.DecodeString(value)
	if err != nil {
		return nil, usage(msgHex, flag, value)
	}
	return b, nil
}

// interruptible ends the reading of a large file with its context.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r interruptible) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

func (s *signing) ask(ctx context.Context, c *client.Client, a algo.Algorithm, in *protocol.Input) (*protocol.Signed, error) {
	reply, err := c.Sign(ctx, &protocol.SignRequest{
		Entry: s.entry, Algorithm: protocol.Algorithm(a), Form: protocol.SignForm_RAW,
		Inputs: []*protocol.Input{in}, Context: &s.context, RequestId: s.requestID,
	})
	if err != nil {
		return nil, err
	}
	if refusal := reply.Results[0].GetError(); refusal != nil {
		return nil, refusal
	}
	return reply.Results[0].GetSigned(), nil
}

// verify holds the signature against the entry's public key before anybody
// sees it. An entry that was not listed before may be now.
func (s *signing) verify(ctx context.Context, c *client.Client, key entryKey, a algo.Algorithm, in *protocol.Input, signed *protocol.Signed) error {
	if key.public.IsZero() {
		var err error
		if key, err = findKey(ctx, c, s.entry); err != nil {
			return err
		}
	}
	event := signed.GetReceipt().GetEvent()
	if key.public.IsZero() {
		return &fault{status: exitVerification, what: msgNoKeyToVerify, args: []any{s.entry, event}}
	}
	if err := client.Verify(a, key.public, in, signed.Signature); err != nil {
		return &fault{status: exitVerification, what: msgDoesNotVerify, args: []any{s.entry, event}, next: hintEvent, nextArgs: []any{event}}
	}
	return nil
}
