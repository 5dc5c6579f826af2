package replay

import (
	"fmt"
	"slices"

	"signet/daemon/internal/audit"
	"signet/policy"
	"signet/protocol"
)

// checkShape holds an event to the fields that the daemon writes for its kind
// and result: what is left of another event would show there.
func (r *Replay) checkShape(e *audit.Event) {
	if fault := misshapen(e); fault != "" {
		r.differ(e, Log, "no event that a daemon writes: %s", fault)
	}
}

func misshapen(e *audit.Event) string {
	switch e.Kind {
	case audit.KindSign, audit.KindStamp:
		if fault := misshapenUse(e); fault != "" {
			return fault
		}
		return misshapenBatch(e)
	case audit.KindRefuse:
		if fault := misshapenRefusal(e); fault != "" {
			return fault
		}
		return misshapenBatch(e)
	case audit.KindRead:
		if e.Value != "" || e.Alg != "" || e.Engine != 0 || len(e.Use) > 0 {
			return "kind read with value, alg, engine or use, which are of uses"
		}
	}
	if e.Sig != "" {
		return fmt.Sprintf("kind %s with sig, which is of uses", e.Kind)
	}
	return ""
}

// misshapenUse: what was to be signed was decided on and allowed, so nothing
// but a change refuses it.
func misshapenUse(e *audit.Event) string {
	switch {
	case !signsBy(e.Kind, e.Op):
		return fmt.Sprintf("kind %s with op %.32q", e.Kind, e.Op)
	case e.Result == audit.Allowed && (e.Reason != "" || e.Rule != ""):
		return "allowed, with reason or rule"
	case e.Result == audit.Allowed && (e.Sig == "" || e.Value == ""):
		return "allowed, without sig or value"
	case e.Result != audit.Allowed && e.Sig != "":
		return fmt.Sprintf("%s, with sig", e.Result)
	case e.Result == audit.Refused && !isChanged(e):
		return fmt.Sprintf("kind %s, refused: %.32q, by %.32q: want kind refuse, or reason changed", e.Kind, e.Reason, e.Rule)
	case e.Result == audit.Failed && !fails(e.Rule, e.Reason):
		return fmt.Sprintf("failed: %.32q, by %.32q, which no token gives", e.Reason, e.Rule)
	}
	return ""
}

func misshapenRefusal(e *audit.Event) string {
	switch {
	case e.Sig != "" || e.Value != "":
		return "kind refuse with sig or value, which are of what was signed"
	case e.Reason == "" || e.Rule == "":
		return "kind refuse without reason or rule"
	case isChanged(e):
		return "kind refuse, reason changed, which is of what was signed"
	case e.Op == opAsk && (e.Alg != "" || e.Input != ""):
		return "a request for approval with alg or input, which are of uses"
	}
	return ""
}

// misshapenBatch: one of several items has its place among them.
func misshapenBatch(e *audit.Event) string {
	if len(e.Batch) == 0 {
		return ""
	}
	if len(e.Batch) != 2 || e.Batch[1] < 2 || e.Batch[1] > policy.MaxBatch || e.Batch[0] >= e.Batch[1] {
		return fmt.Sprintf("batch is %v: want index and size, of 2 to %d", e.Batch, policy.MaxBatch)
	}
	return ""
}

// signsBy tells whether a use of that kind is recorded for an operation.
func signsBy(kind audit.Kind, op string) bool {
	switch op {
	case policy.Stamp.String():
		return kind == audit.KindStamp
	case policy.Digest.String(), policy.Message.String(), policy.CMS.String():
		return kind == audit.KindSign
	}
	return false
}

// The rules of a use that was allowed and not signed: by the token, or because
// a self-test had stopped what it needs.
const (
	ruleHSM      = "hsm"
	ruleSelfTest = "selftest"
)

// failures are what a token gives instead of a signature.
var failures = []string{
	protocol.HSMUnavailable.String(), protocol.HSMFailed.String(), protocol.BadSignature.String(), protocol.PINLatched.String(),
	protocol.KeyMismatch.String(), protocol.DeadlineExceeded.String(), protocol.Unsupported.String(), protocol.Internal.String(),
}

func fails(rule, reason string) bool {
	switch rule {
	case ruleHSM:
		return slices.Contains(failures, reason)
	case ruleSelfTest:
		return reason == protocol.HSMUnavailable.String()
	}
	return false
}
