package policy

import (
	"fmt"
	"slices"
	"time"

	"signet/protocol/stricttoml"
)

// An Asking is what a caller wants custodians to approve, as far as the policy
// has a say in it. The zero value is refused.
type Asking struct {
	UID  uint32   // of the peer, given by the kernel
	GIDs []uint32 // of the peer, the primary one too

	Purpose string
	Form    Form
	Count   uint32        // uses, 1 or more
	Life    time.Duration // from the start of the approval to its end

	Class Class // of the entry
}

// Ask judges whether a caller may ask for an approval: for one that no use
// could be allowed by, nobody is to be troubled.
func Ask(p Bound, a Asking) Decision {
	denied := func(rule, need string) Decision {
		return Decision{Reason: ApprovalDenied, Rule: rule, Need: need}
	}
	if d := callers(newQuestion(p, Usage{}, Request{UID: a.UID, GIDs: a.GIDs}, Instant{})); !d.Allowed() {
		return d
	}
	asked := p.policy.approvals
	switch {
	case asked == nil:
		return denied("approvals", "a use without an approval: this entry's policy asks for none")
	case !slices.Contains(asked.Forms, a.Form):
		return denied("approvals.forms", "an approval bound by one of "+listed(asked.Forms))
	case a.Form == ByDigests && a.Class != ClassKey:
		return denied("approvals.forms", "an approval of the document: digests are approved for an entry of class key")
	case a.Count < 1, a.Count > asked.Most:
		return denied("approvals.most", "an approval for "+upTo(asked.Most, "use"))
	case a.Life <= 0, a.Life > asked.Longest:
		return denied("approvals.longest", fmt.Sprintf("an approval that ends within %s of its start", stricttoml.FormatDuration(asked.Longest)))
	}
	return purpose(newQuestion(p, Usage{}, Request{Purpose: a.Purpose}, Instant{}))
}
