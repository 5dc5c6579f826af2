package systemd

import (
	"strconv"
	"time"
)

// A Field is one searchable value of an entry. The journal has it as
// SIGNET_<KEY>, the text form as <KEY>. The set of keys is closed: each is
// made by its function below, so that one thing has one key in every entry.
//
// Values are never secrets and never what a document says: the journal has
// more readers than the log.
type Field struct{ key, value string }

// Token is the name of a token in signetd.toml.
func Token(name string) Field { return Field{"TOKEN", name} }

// Module is the name of a module in signetd.toml.
func Module(name string) Field { return Field{"MODULE", name} }

// Entry is the id of an entry of the register.
func Entry(id string) Field { return Field{"ENTRY", id} }

// UID is the kernel's uid of the peer.
func UID(uid uint32) Field { return Field{"UID", strconv.FormatUint(uint64(uid), 10)} }

// Approval is the id of what custodians are asked for.
func Approval(id string) Field { return Field{"APPROVAL", id} }

// Rule is the rule of a policy that refused.
func Rule(name string) Field { return Field{"RULE", name} }

// Reason is the stable name of a refusal or failure (design: error codes).
func Reason(name string) Field { return Field{"REASON", name} }

// Act is the kind of an act.
func Act(kind string) Field { return Field{"ACT", kind} }

// Target is what an act changes.
func Target(id string) Field { return Field{"TARGET", id} }

// Event is the index in the log of the event that says the same for good.
func Event(index uint64) Field { return Field{"EVENT", strconv.FormatUint(index, 10)} }

// Count is how many happenings a summary stands for.
func Count(n uint64) Field { return Field{"COUNT", strconv.FormatUint(n, 10)} }

// Since is when a summary or a condition began.
func Since(t time.Time) Field { return Field{"SINCE", t.UTC().Format(time.RFC3339)} }

// Mode is the mode the daemon is in, WasMode the one before.
func Mode(name string) Field { return Field{"MODE", name} }

// WasMode is the mode before a change.
func WasMode(name string) Field { return Field{"WAS_MODE", name} }

// Mend is one sentence with the next command.
func Mend(sentence string) Field { return Field{"MEND", sentence} }

// Cause is the text of an error chain. A nil error gives an empty value.
func Cause(err error) Field {
	if err == nil {
		return Field{"CAUSE", ""}
	}
	return Field{"CAUSE", err.Error()}
}

// Key is a dotted key of signetd.toml.
func Key(dotted string) Field { return Field{"KEY", dotted} }

// Version is the program's version.
func Version(v string) Field { return Field{"VERSION", v} }

// Appliance is the appliance's id.
func Appliance(id string) Field { return Field{"APPLIANCE", id} }
