package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// A signRun is what one run of sign was asked for.
type signRun struct {
	entry     string
	sources   sources
	algorithm string
	document  protocol.Context
	docSM3    string
	approval  string // id of the one that this uses; empty: none
	partial   bool   // what is allowed is signed, whatever is refused
	requestID string
	deadline  time.Duration // zero: the daemon's own
	out       signatureOutput
}

func (p *program) signCommand() *cobra.Command {
	var s signRun
	cmd := p.command("sign ENTRY [FILE...]", helpSign, func(ctx context.Context, args []string) error {
		s.entry, p.caller = args[0], true
		return p.runSign(ctx, &s, args[1:])
	})
	flags := cmd.Flags()
	s.sources.addFlags(p, flags)
	flags.StringArrayVar(&s.sources.messages, "message", nil, p.tr(flagMessage))
	flags.StringVar(&s.algorithm, "algorithm", "", p.tr(flagAlgorithm))
	flags.StringVar(&s.approval, "approval", "", p.tr(flagApproval))
	flags.BoolVar(&s.partial, "partial", false, p.tr(flagPartial))
	flags.StringVar(&s.requestID, "request-id", "", p.tr(flagRequestID))
	flags.DurationVar(&s.deadline, "deadline", 0, p.tr(flagDeadline))
	flags.StringVarP(&s.out.path, "out", "o", "", p.tr(flagOut))
	flags.StringVar(&s.out.format, "format", "", p.tr(flagFormat))
	flags.BoolVar(&s.out.force, "force", false, p.tr(flagForce))
	s.addContextFlags(p, flags)
	offer(cmd, "algorithm", algorithmNames())
	offer(cmd, "format", signatureFormats)
	complete(cmd, "approval", p.approvalIDs)
	return cmd
}

// addContextFlags adds what a policy may ask for and a log keeps.
func (s *signRun) addContextFlags(p *program, flags *pflag.FlagSet) {
	flags.StringVar(&s.document.Purpose, "purpose", "", p.tr(flagPurpose))
	flags.StringVar(&s.document.DocId, "doc-id", "", p.tr(flagDocID))
	flags.StringVar(&s.document.DocNo, "doc-no", "", p.tr(flagDocNo))
	flags.StringVar(&s.document.DocTitle, "doc-title", "", p.tr(flagDocTitle))
	flags.StringVar(&s.docSM3, "doc-sm3", "", p.tr(flagDocSM3))
	flags.Uint32Var(&s.document.Pages, "doc-pages", 0, p.tr(flagDocPages))
	flags.StringVar(&s.document.UserId, "user-id", "", p.tr(flagUserID))
	flags.StringVar(&s.document.UserName, "user-name", "", p.tr(flagUserName))
	flags.StringVar(&s.document.Dept, "dept", "", p.tr(flagDept))
	flags.StringVar(&s.document.ClientIp, "client-ip", "", p.tr(flagClientIP))
	flags.StringVar(&s.document.ApprovalRef, "approval-ref", "", p.tr(flagApprovalRef))
}

// runSign does everything that can fail for want of a good command line, file
// or directory before it asks: a use that is granted is recorded and counted.
func (p *program) runSign(ctx context.Context, s *signRun, arguments []string) error {
	items, err := s.plan(arguments)
	if err != nil {
		return err
	}
	if err := s.out.open(p, items); err != nil {
		return err
	}
	defer discard(items)
	terms, err := p.askTerms(ctx, s.entry, len(items))
	if err != nil {
		return err
	}
	a, err := s.chooseAlgorithm(terms, items)
	if err != nil {
		return err
	}
	if err := p.readItems(ctx, s, a, terms, items); err != nil {
		return err
	}
	return p.signItems(ctx, s, a, terms, items)
}

// plan refuses a command line that no daemon need see.
func (s *signRun) plan(arguments []string) ([]*item, error) {
	all, err := s.sources.list(arguments)
	if err != nil {
		return nil, err
	}
	named, err := s.named()
	if err != nil {
		return nil, err
	}
	items := make([]*item, len(all))
	for i, source := range all {
		items[i] = &item{source: source}
		if named == 0 {
			continue
		}
		if err := source.fits(named); err != nil {
			return nil, err
		}
	}
	if err := s.checkContext(len(items)); err != nil {
		return nil, err
	}
	return items, s.out.plan(items, s.sources.arguments)
}

func (s *signRun) checkContext(items int) error {
	if s.deadline < 0 || s.deadline > 0 && s.deadline < time.Millisecond || s.deadline.Milliseconds() > math.MaxUint32 {
		return usage(msgDeadlineFlag, s.deadline)
	}
	if s.approval != "" && protocol.CheckApprovalID("", s.approval) != nil {
		return usage(msgBadApprovalID, s.approval)
	}
	if s.docSM3 == "" {
		return nil
	}
	hash, err := hex.DecodeString(s.docSM3)
	switch {
	case err != nil || len(hash) != 32:
		return usage(msgDocSM3, s.docSM3)
	case items > 1:
		return usage(msgOneDocument, "doc-sm3", items)
	}
	s.document.DocSm3 = hash
	return nil
}

// named is the algorithm of the command line, 0 if it names none. Only SM2
// has an e.
func (s *signRun) named() (algo.Algorithm, error) {
	switch {
	case s.algorithm != "":
		return parseAlgorithm(s.algorithm)
	case s.sources.e != "":
		return algo.SM2SM3, nil
	}
	return 0, nil
}

func parseAlgorithm(name string) (algo.Algorithm, error) {
	a, err := algo.Parse(name)
	if err != nil {
		return 0, usage(msgChoice, "algorithm", name, strings.Join(algorithmNames(), " "))
	}
	return a, nil
}

func algorithmNames() []string {
	var names []string
	for _, a := range algo.All() {
		names = append(names, a.String())
	}
	return names
}

// chooseAlgorithm takes the one that is named, or the entry's only one. Of
// several none is better than the others for somebody who did not say.
func (s *signRun) chooseAlgorithm(t terms, items []*item) (algo.Algorithm, error) {
	a, err := s.named()
	switch {
	case err != nil:
		return 0, err
	case t.public.IsZero() && a == 0 && items[0].isDocument():
		return algo.SM2SM3, nil // any will do: the daemon refuses the account first
	case t.public.IsZero() && a == 0:
		return 0, notListed(s.entry)
	case t.public.IsZero():
		return a, nil
	case a == 0 && len(t.algorithms) == 0:
		return 0, &fault{status: exitRefused, what: msgNoAlgorithm, args: []any{s.entry}, next: hintPolicyShow, nextArgs: []any{s.entry}}
	case a == 0 && len(t.algorithms) > 1:
		return 0, usage(msgWhichAlgorithm, s.entry, fmt.Sprint(t.algorithms))
	case a == 0:
		a = t.algorithms[0]
	}
	if !a.Fits(t.public.Type()) {
		return 0, usage(msgAlgorithmKey, a.String(), s.entry, t.public.Type().String())
	}
	return a, items[0].fits(a)
}

func notListed(entry string) *fault {
	return &fault{status: exitNotFound, what: msgNotListed, args: []any{entry}, next: hintNotListed, nextArgs: []any{entry}}
}

// readItems computes what is asked to be signed. If the entry is not listed
// for this account, it is asked for all the same, so that the refusal is the
// daemon's and stands in the log: by the digest or e that is given, or, since
// e needs a public key, by the document itself as a message.
func (p *program) readItems(ctx context.Context, s *signRun, a algo.Algorithm, t terms, items []*item) error {
	h, stop := p.hash(len(items))
	defer stop()
	for _, it := range items {
		source := it.source
		if t.public.IsZero() && source.kind == ofFile {
			source.kind = ofMessage
		}
		in, err := h.input(ctx, source, a, t.public)
		var own *fault
		switch {
		case source.kind != it.kind && errors.As(err, &own) && own.what == msgMessageSize:
			return notListed(s.entry) // too large to ask with
		case err != nil:
			return err
		}
		it.in = in
	}
	return nil
}

// verify holds a signature against the entry's public key before anybody sees
// it. An entry that was not listed before may be now.
func (r *round) verify(ctx context.Context, it *item, signed *protocol.Signed) error {
	event := signed.GetReceipt().GetEvent()
	if r.terms.public.IsZero() {
		t, err := termsOf(ctx, r.client, r.run.entry, 1)
		if err != nil {
			return err
		}
		r.terms.public = t.public
	}
	if r.terms.public.IsZero() {
		return &fault{status: exitVerification, what: msgNoKeyToVerify, args: []any{r.run.entry, event}, next: hintEvent, nextArgs: []any{event}}
	}
	if err := client.Verify(r.algorithm, r.terms.public, it.in, signed.Signature); err != nil {
		return &fault{status: exitVerification, what: msgDoesNotVerify, args: []any{r.run.entry, event}, next: hintEvent, nextArgs: []any{event}}
	}
	return nil
}
