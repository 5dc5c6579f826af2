package replay

import (
	"slices"
	"strings"

	"signet/daemon/internal/audit"
	"signet/policy"
)

// isUnchecked tells whether a refusal rests on what nothing else in the log
// shows: what a name meant, how the clock ran since boot, whether key and
// certificate proved themselves, what was being signed. Uses that are being
// signed may fail or be lost in a crash, and leave no event.
func isUnchecked(e *audit.Event, usage policy.Usage) bool {
	switch e.Reason {
	case policy.KeyMismatch.String(), policy.ClockJumped.String():
		return true
	case policy.NotACaller.String():
		return slices.ContainsFunc(e.But, func(but string) bool { return strings.HasPrefix(but, butStale) })
	case policy.CertInvalid.String():
		return e.Rule == "entry.certificate" // what the record says to be revoked is held, and not active
	case policy.QuotaSpent.String(), policy.RateExceeded.String():
		return slices.ContainsFunc(usage.Counts, func(c policy.Count) bool {
			return c.Key() == e.Rule && !c.Unknown && c.Spent < uint64(c.Limit)
		})
	case policy.ApprovalNeeded.String():
		return usage.Approval != nil && isBusy(*usage.Approval)
	}
	return false
}

// isBusy tells whether the approval may refuse for what is being signed under
// it: as many uses as are left, or the same digest.
func isBusy(a policy.Approval) bool {
	left := uint64(a.Used) < uint64(a.Count) && uint64(a.Used)+uint64(a.Reserved) >= uint64(a.Count)
	return a.State == policy.Granted && (left || a.Form == policy.ByDigests && !a.Fits)
}
