package policy

import (
	"fmt"
	"slices"

	"signet/protocol/stricttoml"
)

// approval asks for one that enough custodians granted, that fits what is to
// be signed, and that has a use left. ApprovalDenied is for one under which the
// same request can never be allowed, ApprovalNeeded for what may still come.
func approval(q question) Decision {
	asked := q.policy.approvals
	if asked == nil || !q.request.Operation.signs() {
		return allow
	}
	a := q.usage.Approval
	if a == nil || a.State == NoApproval {
		return approvalNeeded("an approval of this use: ask for one, and name it in the request")
	}
	if need := q.approvedNever(*asked, *a); need != "" {
		return Decision{Reason: ApprovalDenied, Rule: "approvals", Need: need}
	}
	return q.approvedNow(*asked, *a)
}

func approvalNeeded(need string) Decision {
	return Decision{Reason: ApprovalNeeded, Rule: "approvals", Need: need}
}

// approvedNever says what other approval it takes, "" if this one may do.
func (q question) approvedNever(asked Approvals, a Approval) string {
	switch {
	case a.State == Denied, a.State == Revoked:
		return "another approval: this one was " + a.State.String()
	case a.Unknown:
		return "an approval that was asked for after the restore: how often this one was used before it is not known"
	case a.Used > 0 && a.Used >= a.Count: // before fits: a digest that was signed fits no more
		return "an approval that has a use left: ask for another"
	case !a.Fits:
		return "an approval that was asked for by this account for this " + a.Form.fits()
	case !slices.Contains(asked.Forms, a.Form):
		return "an approval bound by one of " + listed(asked.Forms)
	case a.Form == ByDigests && q.request.Entry.Class != ClassKey:
		return "an approval of the document: digests are approved for an entry of class key"
	case a.Until.IsZero(), q.at.Time.After(a.Until):
		return "an approval that has not ended: ask for another"
	case a.Until.Sub(a.From) > asked.Longest, a.Count > asked.Most:
		return fmt.Sprintf("an approval for at most %s within %s", counted(asked.Most, "use"), stricttoml.FormatDuration(asked.Longest))
	case a.Used >= a.Count: // of none
		return "an approval that is for a use at all: ask for another"
	}
	return ""
}

// approvedNow judges one that is not out of the question. Its last uses may be
// reserved by the earlier items of the same request: then they are not given
// back, and the request asks for more than there is.
func (q question) approvedNow(asked Approvals, a Approval) Decision {
	switch {
	case a.State != Granted, asked.Persons < 1, asked.grantors(a) < asked.Persons:
		return approvalNeeded(fmt.Sprintf("the approval to be granted by %d of its custodians", max(asked.Persons, 1)))
	case q.at.Time.Before(a.From):
		return Decision{Reason: ApprovalNeeded, Rule: "approvals", After: a.From.UTC(), Need: q.from(a.From)}
	case a.left() < 1 && int64(a.Count)-int64(a.Used) < int64(q.request.BatchSize):
		return Decision{Reason: ApprovalDenied, Rule: "approvals", Need: "at most " + counted(a.Count-a.Used, "item") + " in one request: the approval has no more uses left"}
	case a.left() < 1:
		after, need := q.again(q.soon(), "a use of the approval: what is left of it is being signed")
		return Decision{Reason: ApprovalNeeded, Rule: "approvals", After: after, Need: need}
	}
	return allow
}

// fits names what a use must have in common with what was asked for.
func (f Form) fits() string {
	switch f {
	case ByDocument:
		return "entry, purpose and document"
	case ByReferences:
		return "entry, purpose and these parts of the document"
	case ByDigests:
		return "entry, purpose and value, which is signed once"
	}
	return "entry and purpose"
}
