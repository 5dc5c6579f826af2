package daemon

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// maxProposals bounds the acts that wait for signatures. Each was signed by
// somebody who may, so that only officers can fill the list.
const maxProposals = 64

// maxOwnProposals bounds those of them that the same officers signed: beyond
// it they push out their own, and nobody else's.
const maxOwnProposals = 16

// proposals are acts that some have signed and that need more. They are a
// convenience of this process: the act itself, with its signatures, can be
// handed in again at any time until it expires.
type proposals struct {
	mu      sync.Mutex
	byNonce map[string]*proposal
}

type proposal struct {
	sub     submission
	missing string
	expiry  time.Time
}

func newProposals() *proposals { return &proposals{byNonce: map[string]*proposal{}} }

// clash refuses another act with the nonce of one that waits: it would spend the
// nonce, and with it the signatures of those who have signed.
func (p *proposals) clash(sub submission) *protocol.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if waiting := p.byNonce[sub.act.Nonce]; waiting != nil && waiting.sub.raw != sub.raw {
		return protocol.NewError(protocol.Conflict, "another act of this nonce waits for signatures: make this one anew").WithField("act.nonce")
	}
	return nil
}

// join adds to sub the signatures that wait for the same act.
func (p *proposals) join(sub submission) submission {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.byNonce[sub.act.Nonce]
	if waiting == nil || waiting.sub.raw != sub.raw {
		return sub
	}
	joined := slices.Clone(waiting.sub.signatures)
	for _, s := range sub.signatures {
		if !slices.Contains(joined, s) {
			joined = append(joined, s)
		}
	}
	sub.signatures = joined
	return sub
}

// settle forgets an act that was carried out and keeps one that needs more
// signatures. Any other refusal leaves what waits: a bad signature that
// somebody adds does not take the good ones with it. It returns the answer to
// the act, which is another where it could not be kept.
func (p *proposals) settle(sub submission, fault *protocol.Error) *protocol.Error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case fault == nil:
		delete(p.byNonce, sub.act.Nonce)
	case protocol.Code(fault.Code) == protocol.TooFew && len(sub.signatures) > 0:
		return p.keep(sub, fault)
	}
	return fault
}

// keep has the act wait, unless another of its nonce does: officers may be
// about to sign that one by its nonce. The caller holds mu.
func (p *proposals) keep(sub submission, fault *protocol.Error) *protocol.Error {
	waiting := p.byNonce[sub.act.Nonce]
	if waiting != nil && waiting.sub.raw != sub.raw {
		other := protocol.NewError(protocol.Conflict, "another act of this nonce waits for signatures: make this one anew").WithField("act.nonce")
		other.Event = fault.Event
		return other
	}
	expiry, err := sub.act.Expiry()
	if err != nil {
		return fault // no act without one comes here
	}
	if waiting == nil {
		p.makeRoom(sub.by())
	}
	p.byNonce[sub.act.Nonce] = &proposal{sub, fault.Message, expiry}
	return fault
}

// makeRoom drops what expires first: of the acts of who brings another one, if
// he has his share, else of whoever has most. The caller holds mu.
func (p *proposals) makeRoom(by string) {
	all, count := p.list(), map[string]int{}
	for _, w := range all {
		count[w.sub.by()]++
	}
	if count[by] < maxOwnProposals {
		if len(all) < maxProposals {
			return
		}
		by = slices.MaxFunc(slices.Sorted(maps.Keys(count)), func(x, y string) int { return cmp.Compare(count[x], count[y]) })
	}
	first := slices.IndexFunc(all, func(w *proposal) bool { return w.sub.by() == by })
	delete(p.byNonce, all[first].sub.act.Nonce)
}

// by is who signed the act so far.
func (sub submission) by() string { return roleOf(sub.signers) }

// list is what waits, what expires first at the front. The caller holds mu.
func (p *proposals) list() []*proposal {
	var all []*proposal
	for _, w := range p.byNonce {
		all = append(all, w)
	}
	slices.SortFunc(all, func(x, y *proposal) int {
		return cmp.Or(x.expiry.Compare(y.expiry), compareText(x.sub.act.Nonce, y.sub.act.Nonce))
	})
	return all
}

// dropStrangers takes away the signatures of who is no officer any more: with
// one of them an act that waits would be refused for ever.
func (p *proposals) dropStrangers(roll authority.Roll) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for nonce, w := range p.byNonce {
		w.sub.signatures = slices.DeleteFunc(slices.Clone(w.sub.signatures), func(s authority.Signature) bool { return !roll.Knows(s) })
		w.sub.signers = slices.DeleteFunc(slices.Clone(w.sub.signers), func(s authority.Signer) bool {
			o, ok := roll.Find(s.ID)
			return !ok || o.Role != s.Role
		})
		if len(w.sub.signatures) == 0 {
			delete(p.byNonce, nonce)
		}
	}
}

// dropExpired forgets what can no longer be carried out.
func (p *proposals) dropExpired(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for nonce, w := range p.byNonce {
		if now.After(w.expiry) {
			delete(p.byNonce, nonce)
		}
	}
}

func (p *proposal) describe() admin.Proposal {
	return admin.Proposal{
		Nonce: p.sub.act.Nonce, Kind: string(p.sub.act.Kind), Target: p.sub.act.Target, NotAfter: p.sub.act.NotAfter,
		Signers: signerTexts(p.sub.signers), Missing: p.missing,
	}
}

func signerTexts(signers []authority.Signer) []string {
	texts := []string{}
	for _, s := range signers {
		texts = append(texts, s.String())
	}
	return texts
}

func (s *Server) getProposals(visit) (any, *protocol.Error) {
	s.proposals.dropExpired(s.sources.Real())
	s.proposals.mu.Lock()
	defer s.proposals.mu.Unlock()
	out := admin.Proposals{Proposals: []admin.Proposal{}}
	for _, p := range s.proposals.list() {
		out.Proposals = append(out.Proposals, p.describe())
	}
	return out, nil
}

// getProposal answers with the act itself, so that another officer can read
// all of it before he signs.
func (s *Server) getProposal(v visit) (any, *protocol.Error) {
	s.proposals.dropExpired(s.sources.Real())
	s.proposals.mu.Lock()
	defer s.proposals.mu.Unlock()
	p := s.proposals.byNonce[v.PathValue("nonce")]
	if p == nil {
		return nil, protocol.NewError(protocol.UnknownEntry, "no act of that nonce waits for signatures: signetctl act list").WithField("nonce")
	}
	out := p.describe()
	out.Act, out.Content = p.sub.raw, string(p.sub.content)
	for _, s := range p.sub.signatures {
		out.Signatures = append(out.Signatures, admin.Signature{Form: string(s.Form), Value: s.Value})
	}
	return out, nil
}
