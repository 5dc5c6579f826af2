package policy

import (
	"fmt"
	"slices"
	"time"
)

// quotas holds every quota of the policy to its count. A quota that nobody
// counted is used up, and so is one whose count is of another time. Of several
// that are used up the longest period gives the answer: windows nest, so it is
// the last to be filled again. The ends of windows are not looked at for that,
// since they are not recorded.
func quotas(q question) Decision {
	if !q.request.Operation.signs() {
		return allow
	}
	answer, by := allow, Quota{}
	for _, quota := range q.policy.quotas {
		if d := q.judgeQuota(quota); !d.Allowed() && (answer.Allowed() || quota.Period > by.Period) {
			answer, by = d, quota
		}
	}
	return answer
}

func (q question) judgeQuota(quota Quota) Decision {
	refused := Decision{Reason: QuotaSpent, Rule: quota.Key(), Need: "a count of the uses so far"}
	if quota.Period == Minute {
		refused.Reason = RateExceeded
	}
	i := slices.IndexFunc(q.usage.Counts, func(c Count) bool { return c.Quota == quota })
	if i < 0 {
		return refused
	}
	c := q.usage.Counts[i]
	switch {
	case quota.Period == Lifetime:
	case c.Start.IsZero(), q.at.Time.Before(c.Start), !c.End.IsZero() && !q.at.Time.Before(c.End):
		return refused
	}
	if !c.full() {
		return allow
	}
	refused.After, refused.Need = q.refill(c)
	return refused
}

// refill says when a quota that is used up has room for the request again, zero
// if never, and what would be right. How many uses others made is not for every
// caller.
func (q question) refill(c Count) (time.Time, string) {
	if narrow, is := q.narrowest(); is {
		return time.Time{}, narrow.needOfBatch()
	}
	at, need := q.roomFrom(c)
	if at.IsZero() {
		return at, need
	}
	return q.again(at, need)
}

// narrowest returns the smallest quota if the request as a whole is more than
// it: no window will ever have room for it.
func (q question) narrowest() (least Quota, is bool) {
	for _, quota := range q.policy.quotas {
		if int64(quota.Limit) < int64(q.request.BatchSize) && (!is || quota.Limit < least.Limit) {
			least, is = quota, true
		}
	}
	return least, is
}

func (q Quota) needOfBatch() string {
	if q.Limit == 0 {
		return "a policy that allows uses: this one allows none " + q.Period.each()
	}
	return fmt.Sprintf("at most %s in one request: the policy allows %s %s", counted(q.Limit, "item"), counted(q.Limit, "use"), q.Period.each())
}

// roomFrom is refill by the window alone. What is being signed is given back or
// spent within seconds: where its end would leave room, it is asked for again
// soon.
func (q question) roomFrom(c Count) (time.Time, string) {
	uses := counted(c.Limit, "use") + " " + c.Period.each()
	limit, asked := uint64(c.Limit), uint64(max(q.request.BatchSize, 1))
	switch {
	case c.Unknown && c.Period == Lifetime:
		return time.Time{}, "a policy set after the restore: what was used before it is not known"
	case c.Unknown:
		return c.End, "a window that began after the restore: what was used before it is not known"
	case c.Spent < limit && limit-c.Spent >= asked:
		return q.soon(), "at most " + uses + ", and what is left is being signed"
	case c.Period == Lifetime:
		return time.Time{}, fmt.Sprintf("a policy that allows more than %s", uses)
	}
	return c.End, "at most " + uses
}

// soon is when what is being signed is most likely spent, or given back.
func (q question) soon() time.Time {
	const signing = 5 * time.Second
	return q.at.Time.Add(signing).Truncate(time.Second).UTC()
}
