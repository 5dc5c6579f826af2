package replay

import (
	"strings"
	"time"

	"signet/daemon/internal/audit"
)

const (
	// behind is how far the clock may be behind the log when something is
	// decided.
	behind = 5 * time.Second

	// underWay is longer than a request may take (signetd.toml: deadline, at
	// most 5 min) with what its record waits for.
	underWay = 10 * time.Minute

	// setBack is how far a clock may have been set back between a decision and
	// its record, which is a matter of milliseconds. What does happen is that
	// local time was taken for UTC and is set right: in China by 8 hours.
	setBack = 9 * time.Hour
)

// checkInstant holds the time of a decision to the log. floor is the record of
// something that was there when it was made.
//
// Certain is how early it was: the daemon decides by a clock that is at most
// behind the last event, or says so, and the event before this one is at least
// as late as that. How late it was is not: recorded is taken after it from the
// same clock, so it is earlier only where the clock was set in between. If it
// was set ahead, or further back than the log is, recorded stays that of the
// event before. That, and a record that took its time, is counted as odd.
func (r *Replay) checkInstant(e *audit.Event, floor time.Time) {
	decided, recorded := e.Decided.Time(), e.Recorded.Time()
	if floor.Before(r.started.at) {
		floor = r.started.at
	}
	switch said := saidOfClock(e); {
	case said == "behind" && !decided.Before(r.previous.Add(-behind)):
		r.differ(e, Arguments, "the clock is said to be behind: decided %s, after an event of %s", clock(decided), clock(r.previous))
	case said != "":
	case decided.Before(floor.Add(-behind)):
		r.differ(e, Arguments, "decided %s, when the log was at %s, and the clock is not said to be behind", clock(decided), clock(floor))
	case decided.Sub(recorded) > setBack && recorded.After(r.previous):
		r.differ(e, Arguments, "decided %s, recorded %s: no clock is set back so far meanwhile", clock(decided), clock(recorded))
	case decided.After(recorded), recorded.Sub(decided) > underWay:
		r.summary.Odd++
	}
}

// saidOfClock is what is said to be wrong with the clock, "" if nothing is.
func saidOfClock(e *audit.Event) string {
	for _, but := range e.But {
		if what, ok := strings.CutPrefix(but, butClock); ok {
			return what
		}
	}
	return ""
}
