package replay

import (
	"fmt"

	"signet/daemon/internal/audit"
	"signet/policy/zoneinfo"
)

// A Class is what kind of thing differs. Append only: scripts look for them.
type Class string

const (
	Log       Class = "log"       // no event, or not the one that comes next
	Register  Class = "register"  // an act that cannot be applied; a revision, policy or content that is not there, or was not in force
	Arguments Class = "arguments" // what no decision can have recorded
	Decided   Class = "decision"  // the rules give another answer
	Rule      Class = "rule"      // the same answer, by another rule
	Count     Class = "count"     // more uses in a window than its quota allowed
	Approved  Class = "approval"  // a use that its approval did not allow
)

// Classes returns all classes.
func Classes() []Class {
	return []Class{Log, Register, Arguments, Decided, Rule, Count, Approved}
}

// A Difference is one thing in the log that cannot have happened as it says.
type Difference struct {
	Event uint64 `json:"event"`
	Class Class  `json:"class"`
	Entry string `json:"entry,omitempty"`
	Text  string `json:"text"` // English, one sentence without its stop
}

// A Summary counts what was looked at.
type Summary struct {
	Events      uint64 `json:"events"`
	Acts        uint64 `json:"acts"`        // that were applied
	Decisions   uint64 `json:"decisions"`   // decided anew: Allowed and Refused
	Allowed     uint64 `json:"allowed"`     // by the rules; of them some failed in the HSM or were overtaken
	Refused     uint64 `json:"refused"`     //
	Unrecorded  uint64 `json:"unrecorded"`  // refusals on grounds that their events do not have: those of engines before 3, and of requests for approval
	Unchecked   uint64 `json:"unchecked"`   // refusals on grounds that their events have and nothing else in the log shows
	Odd         uint64 `json:"odd"`         // times of decisions that only a clock that was set, or a disk that hung, explains
	Uses        uint64 `json:"uses"`        // counted
	Windows     uint64 `json:"windows"`     // that were held to a quota
	Approvals   uint64 `json:"approvals"`   // asked for
	OtherZones  uint64 `json:"other_zones"` // local times that differ where another edition of the time zones decided than this program has
	Differences uint64 `json:"differences"`
}

// differZone is differ for what hangs on the time zones. Governments change them
// and editions follow: with another one than the daemon had this program cannot
// judge.
func (r *Replay) differZone(e *audit.Event, format string, args ...any) {
	if r.zones != "" && r.zones != zoneinfo.Edition() {
		r.summary.OtherZones++
		return
	}
	r.differ(e, Arguments, format, args...)
}

// MaxDifferences is how many are kept. A log that was tampered with once may
// differ in every event behind it.
const MaxDifferences = 100_000

func (r *Replay) differ(e *audit.Event, class Class, format string, args ...any) {
	r.summary.Differences++
	if len(r.found) < MaxDifferences {
		r.found = append(r.found, Difference{Event: e.Seq, Class: class, Entry: e.Entry, Text: fmt.Sprintf(format, args...)})
	}
}
