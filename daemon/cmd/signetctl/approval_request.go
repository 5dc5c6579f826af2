package main

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/protocol"
)

// An askRun is what one run of approval request was asked for.
type askRun struct {
	entry         string
	document      protocol.Context
	justification string
	file, ofd     string
	digestOf      []string
	algorithm     string
	count         uint32
	from, until   string
	span          time.Duration // zero: not given
	requestID     string
}

func (p *program) approvalRequest() *cobra.Command {
	var r askRun
	cmd := p.command("request ENTRY", helpApprovalRequest, func(ctx context.Context, args []string) error {
		r.entry, p.caller = args[0], true
		return p.requestApproval(ctx, &r)
	})
	r.addFlags(p, cmd.Flags())
	offer(cmd, "algorithm", algorithmNames())
	return cmd
}

func (r *askRun) addFlags(p *program, flags *pflag.FlagSet) {
	flags.StringVar(&r.document.Purpose, "purpose", "", p.tr(flagAskPurpose))
	flags.StringVar(&r.justification, "justification", "", p.tr(flagJustification))
	flags.StringVar(&r.document.UserId, "user-id", "", p.tr(flagAskUserID))
	flags.StringVar(&r.document.Dept, "dept", "", p.tr(flagAskDept))
	flags.StringVar(&r.document.DocId, "doc-id", "", p.tr(flagAskDocID))
	flags.StringVar(&r.document.DocNo, "doc-no", "", p.tr(flagAskDocNo))
	flags.Uint32Var(&r.document.Pages, "doc-pages", 0, p.tr(flagAskPages))
	flags.StringVar(&r.file, "file", "", p.tr(flagAskFile))
	flags.StringVar(&r.ofd, "ofd", "", p.tr(flagAskOFD))
	flags.StringArrayVar(&r.digestOf, "digest-of", nil, p.tr(flagDigestOf))
	flags.StringVar(&r.algorithm, "algorithm", "", p.tr(flagDigestAlgorithm))
	flags.Uint32Var(&r.count, "count", 0, p.tr(flagAskCount))
	flags.StringVar(&r.from, "from", "", p.tr(flagAskFrom))
	flags.StringVar(&r.until, "until", "", p.tr(flagAskUntil))
	flags.DurationVar(&r.span, "for", 0, p.tr(flagAskFor))
	flags.StringVar(&r.requestID, "request-id", "", p.tr(flagRequestID))
}

// requestApproval asks custodians on behalf of a person. Files are read here,
// and nothing of them is sent but what binds.
func (p *program) requestApproval(ctx context.Context, r *askRun) error {
	if err := r.check(); err != nil {
		return err
	}
	request := &protocol.ApprovalRequest{Entry: r.entry, Context: &r.document, Justification: r.justification, Count: r.count, RequestId: r.requestID}
	if err := r.window(request, time.Now()); err != nil {
		return err
	}
	if err := p.bind(ctx, r, request); err != nil {
		return err
	}
	reply, err := p.sendRequest(ctx, request)
	if err != nil {
		return err
	}
	return p.showRequested(r, reply)
}

// check refuses a command line that no daemon need see.
func (r *askRun) check() error {
	for _, needed := range []struct{ flag, value string }{
		{"purpose", r.document.Purpose}, {"justification", r.justification}, {"user-id", r.document.UserId},
	} {
		if needed.value == "" {
			return usage(msgAskMissing, needed.flag)
		}
	}
	bound := 0
	for _, given := range []bool{r.file != "", r.ofd != "", len(r.digestOf) > 0} {
		if given {
			bound++
		}
	}
	switch {
	case bound > 1:
		return usage(msgBindOnce)
	case bound == 0 && r.count == 0:
		return usage(msgBindNone)
	case len(r.digestOf) > 0 && r.count > 0:
		return usage(msgNotTogether, "digest-of", "count")
	case r.algorithm != "" && len(r.digestOf) == 0:
		return usage(msgAlgorithmOfDigest)
	case r.until != "" && r.span != 0:
		return usage(msgNotTogether, "until", "for")
	case r.span < 0 || r.span > 0 && r.span < time.Second:
		return usage(msgAskFor, r.span)
	}
	return nil
}

// window: what is not said is for the daemon to say.
func (r *askRun) window(request *protocol.ApprovalRequest, now time.Time) error {
	from := now
	if r.from != "" {
		at, err := readInstant("from", r.from, here)
		if err != nil {
			return err
		}
		from, request.NotBefore = at, timestamppb.New(at)
	}
	if r.until != "" {
		at, err := readInstant("until", r.until, here)
		if err != nil {
			return err
		}
		request.NotAfter = timestamppb.New(at)
	}
	if r.span > 0 {
		request.NotAfter = timestamppb.New(from.Add(r.span))
	}
	return r.checkEnd(request, from, now)
}

// checkEnd refuses a time that is over before it begins.
func (r *askRun) checkEnd(request *protocol.ApprovalRequest, from, now time.Time) error {
	if request.NotAfter == nil {
		return nil
	}
	switch until := request.NotAfter.AsTime(); {
	case !until.After(now):
		return usage(msgAskPassed, clock(until), clock(now))
	case !until.After(from):
		return usage(msgAskBackwards, clock(until), clock(from))
	}
	return nil
}

// bind computes what custodians approve.
func (p *program) bind(ctx context.Context, r *askRun, request *protocol.ApprovalRequest) error {
	switch {
	case r.file != "":
		sum, err := p.sm3Of(ctx, r.file)
		if err != nil {
			return err
		}
		request.Form = protocol.ApprovalForm_BY_DOCUMENT
		request.Context.DocSm3, err = hex.DecodeString(sum)
		return err
	case r.ofd != "":
		refs, err := readOFD(r.ofd)
		if err != nil {
			return err
		}
		sum := refs.SM3()
		request.Form, request.RefsSm3 = protocol.ApprovalForm_BY_REFERENCES, sum[:]
		return nil
	case len(r.digestOf) > 0:
		var err error
		request.Form = protocol.ApprovalForm_BY_DIGESTS
		request.Digests, err = p.digestsOf(ctx, r)
		return err
	}
	request.Form = protocol.ApprovalForm_BY_COUNT
	return nil
}

// digestsOf computes what the key is to sign of each file, as sign does.
func (p *program) digestsOf(ctx context.Context, r *askRun) ([][]byte, error) {
	s := signRun{entry: r.entry, algorithm: r.algorithm, sources: sources{files: r.digestOf}}
	items, err := s.plan(nil)
	if err != nil {
		return nil, err
	}
	t, err := p.askTerms(ctx, r.entry, 1)
	if err != nil {
		return nil, err
	}
	if t.public.IsZero() {
		return nil, notListed(r.entry)
	}
	algorithm, err := s.chooseAlgorithm(t, items)
	if err != nil {
		return nil, err
	}
	if err := p.readItems(ctx, &s, algorithm, t, items); err != nil {
		return nil, err
	}
	var values [][]byte
	for _, it := range items {
		values = append(values, approvedValue(it.in))
	}
	return values, nil
}

func (p *program) sendRequest(ctx context.Context, request *protocol.ApprovalRequest) (*protocol.ApprovalReply, error) {
	ctx, cancel := p.within(ctx, signTimeout)
	defer cancel()
	c, err := p.dialSign(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer p.waiting()()
	return c.RequestApproval(ctx, request)
}

// A requested is what --json says of a request.
type requested struct {
	ownApproval
	Event    uint64 `json:"event"`
	Repeated bool   `json:"repeated"`
}

// showRequested shows the request and what to tell the custodian.
func (p *program) showRequested(r *askRun, reply *protocol.ApprovalReply) error {
	own := ownOf(reply.GetApproval())
	event := reply.GetReceipt().GetEvent()
	if p.json {
		return p.printJSON(requested{own, event, reply.GetRepeated()})
	}
	if err := p.showOwned(own); err != nil {
		return err
	}
	if reply.GetRepeated() {
		if err := p.say(msgRepeated, r.requestID); err != nil {
			return err
		}
	}
	if path := r.shownFile(); path != "" {
		return p.next(hintTellCustodianFile, own.ID, path)
	}
	return p.next(hintTellCustodian, own.ID)
}

// shownFile is the file that a custodian is to look at, the first of several.
func (r *askRun) shownFile() string {
	switch {
	case r.ofd != "":
		return r.ofd
	case len(r.digestOf) > 0:
		return r.digestOf[0]
	}
	return r.file
}
