package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/systemd"
)

// counts is what came of holding the store's counts, uses of entries and of
// approvals, to its log: whoever can write the file can lower one, and what was
// spent would be granted again. The log itself is held to its frontier and the
// marker before anything else is.
//
// Until that is done, once after each start, uses go on with the counts of the
// store: to find out about one entry takes the whole log, so a first use that
// waited for it would wait for minutes where the log is long. What is granted
// meanwhile is in the log: it shows in the count.
type counts struct {
	wrong atomic.Pointer[miscounts] // nil until it is known
}

// miscounts are the entries and approvals that are not used because of what the
// store counts.
type miscounts struct {
	entries   map[string]error
	approvals map[string]error
	log       error // why the log cannot be counted: no count is worth anything
}

// ofEntry is what is wrong with the counts of an entry. They say nothing where
// its policy asks for none.
func (c *counts) ofEntry(acct *account) error {
	w := c.wrong.Load()
	switch {
	case w == nil:
		return nil
	case w.entries[acct.entry.ID] != nil:
		return w.entries[acct.entry.ID]
	case w.log != nil && len(acct.policy.Policy().Quotas()) > 0:
		return w.log
	}
	return nil
}

// ofApproval is what is wrong with the count of an approval.
func (c *counts) ofApproval(id string) error {
	w := c.wrong.Load()
	switch {
	case w == nil:
		return nil
	case w.approvals[id] != nil:
		return w.approvals[id]
	}
	return w.log
}

// proveCounts holds the counts to the log, in the background. What differs
// refuses its entry or approval, and raises an alarm, as a record does that
// does not prove itself; so it does for every count if the log cannot be
// counted. It ends with ctx or with the store.
func (a *appliance) proveCounts(ctx context.Context) {
	found, err := a.recount(ctx)
	switch {
	case ctx.Err() != nil || errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrPoisoned):
		return // the end of this appliance, which says so itself
	case errors.Is(err, store.ErrDamaged):
		a.counts.wrong.Store(&miscounts{log: fmt.Errorf("%w: %w", register.ErrUnproven, err)})
		a.troubles.uncounted("entries with quotas, and approvals, are not used: " + err.Error())
		a.journal.Send(systemd.RecordUnproven, "the log cannot be counted; entries with quotas, and approvals, are not used",
			systemd.Entry(orNone("")), systemd.Cause(err), systemd.Mend(unprovenMend))
	case err != nil:
		a.troubles.uncounted("what the store counts was not held to the log, restart signetd for that: " + err.Error())
		a.journal.Send(systemd.StoreFault, "what the store counts could not be held to the log", systemd.Cause(err))
	default:
		a.refuseMiscounts(found)
	}
}

func (a *appliance) recount(ctx context.Context) ([]store.Miscount, error) {
	if !holdCounts {
		return nil, nil
	}
	return a.store.Recount(ctx)
}

// refuseMiscounts refuses first and tells then: who reads the alarm can rely on
// it.
func (a *appliance) refuseMiscounts(found []store.Miscount) {
	w := &miscounts{entries: map[string]error{}, approvals: map[string]error{}}
	for _, m := range found {
		err := fmt.Errorf("%w: %s", register.ErrUnproven, m.Why)
		if m.Approval != "" {
			w.approvals[m.Approval] = err
		} else {
			w.entries[m.Entry] = err
		}
	}
	a.counts.wrong.Store(w)
	for id, err := range w.entries {
		a.alarmUnproven(id, err)
	}
	for id, err := range w.approvals {
		a.alarmUnproven("approval "+id, err)
	}
}
