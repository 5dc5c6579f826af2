package systemd

import "fmt"

// A Message is one kind of journal entry: a number for the code, a stable
// 128-bit MESSAGE_ID for the journal, its catalog and whoever filters or
// collects entries, and a name for people.
//
// The zero value is no message. What is sent under it, or under a number that
// is not in the list, goes out as InternalError rather than being lost.
type Message uint8

// Append to the list and to records, never reorder or remove: site monitoring
// matches the ids and names. catalog/ explains each in two languages, with the
// fields named behind it here: send them all, none empty, since journalctl -x
// shows the bare name of a field that is not there.
const (
	DaemonStarted Message = iota + 1 // Version, Mode, Appliance
	DaemonStopping
	ModeChanged    // Mode, WasMode, Mend
	StorePoisoned  // Cause
	StoreRecovery  // Cause, Mend
	StoreFault     // Cause
	TokenUp        // Token
	TokenDown      // Token, Cause, Mend
	PINLatched     // Token
	ActApplied     // Act, Target, UID, Event
	ActRefused     // Act, Target, UID, Reason
	Refusals       // UID, Entry, Rule, Reason; Event of the first, Count and Since of the rest of its minute
	Uses           // Entry, Count, Since
	ClockTrouble   // Reason
	ConfigWarning  // Key
	EntriesDropped // Count; the Journal writes it itself
	CallerHungUp   // UID, Event
	BadSignature   // Entry, Token
	InternalError  // Cause
	RecordUnproven // Entry, Cause, Mend
	SelfTestFailed // Target, Cause
	CertRevoked    // Entry, Cause
	BackupCut      // UID, Cause
	ActWaiting     // Act, Target, UID, Event
	ApprovalAsked  // Approval, Entry, UID, Event

	endOfMessages
)

type record struct {
	id, name string
	priority Priority
}

// The ids are random: version 4 UUIDs without their dashes.
var records = [endOfMessages]record{
	DaemonStarted:  {"99a399cf0e47454d88c66014afb4e08a", "started", Info},
	DaemonStopping: {"2ee4d860d71c46a7bca6c78feacdaf8f", "stopping", Info},
	ModeChanged:    {"314bafaaabba49d6ab4d5a99cab6984b", "mode-changed", Warning},
	StorePoisoned:  {"473ac8e5f11a4a7780293a49eaeeed17", "poisoned", Critical},
	StoreRecovery:  {"6b1590a4978d4d59b9a7ffd037f4911b", "recovery", Critical},
	StoreFault:     {"a3c0833938ed492d830b6daa53e5be89", "store-fault", Error},
	TokenUp:        {"2b5564ff9fe14727bb2c9477b7070c9a", "token-up", Notice},
	TokenDown:      {"c72283548a724d8aba6ba40689fd941b", "token-down", Warning},
	PINLatched:     {"22675642594043ce99128806de292bdf", "pin-latched", Critical},
	ActApplied:     {"7fb04db26797410bbcf5f45ac7fbd52c", "act-applied", Notice},
	ActRefused:     {"b85c7c3745d54839a0556d6a06a2b45a", "act-refused", Warning},
	Refusals:       {"60d049d51bb34ccb84b66cf6c3a0de83", "refusals", Notice},
	Uses:           {"5e65944549774e039e318f1dddb0026b", "uses", Info},
	ClockTrouble:   {"6a0b016757f04ab5a440e465d442c7af", "clock-trouble", Error},
	ConfigWarning:  {"0dd6ca83a32e4bf0b9f85327604d2345", "config-warning", Warning},
	EntriesDropped: {"bf76c5b564df490da9898adb3f1ca6f6", "entries-dropped", Warning},
	CallerHungUp:   {"da142c7657c742918683f26a48ed117c", "caller-hung-up", Notice},
	BadSignature:   {"b72b320037f44bd4bcb156d8d8be9855", "bad-signature", Critical},
	InternalError:  {"c1c00a5d25684e72bae51dc5799a02a7", "internal-error", Error},
	RecordUnproven: {"630ea1ff345f43c6b5e3232639dd4021", "record-unproven", Critical},
	SelfTestFailed: {"0108f5996b8e49c39a884e678f781da6", "selftest-failed", Critical},
	CertRevoked:    {"a86652a3454549e981a10c1ec1b38d9e", "cert-revoked", Error},
	BackupCut:      {"da0a22db1d5a459882f46c94c03bf881", "backup-cut", Warning},
	ActWaiting:     {"879bd83b827e4de0b9c9916c36189995", "act-waiting", Notice},
	ApprovalAsked:  {"db57c2b14d8b478682f90c9eeb8e8020", "approval-asked", Notice},
}

// Messages lists every message in the order of its number.
func Messages() []Message {
	var all []Message
	for m := DaemonStarted; m < endOfMessages; m++ {
		all = append(all, m)
	}
	return all
}

// ID is the MESSAGE_ID: 32 lower-case hexadecimal digits.
func (m Message) ID() string { return records[m.known()].id }

// Name is the stable name, also in the journal as SIGNET_MESSAGE.
func (m Message) Name() string { return records[m.known()].name }

// Priority is the priority of every entry of this kind.
func (m Message) Priority() Priority { return records[m.known()].priority }

func (m Message) String() string { return m.Name() }

func (m Message) known() Message {
	if m == 0 || m >= endOfMessages {
		return InternalError
	}
	return m
}

// Priority is the syslog severity of an entry. Emergency and alert are not
// used: journald shows an emergency on every terminal of the machine.
type Priority int

// The severities in use, with their syslog numbers (RFC 5424 6.2.1).
const (
	Critical Priority = 2 // signing stopped or a key may be at risk: now
	Error    Priority = 3 // some requests fail until somebody acts
	Warning  Priority = 4 // somebody should look today
	Notice   Priority = 5 // worth reading in a review
	Info     Priority = 6 // the ordinary course
)

func (p Priority) String() string {
	switch p {
	case Critical:
		return "critical"
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Notice:
		return "notice"
	case Info:
		return "info"
	}
	return fmt.Sprintf("priority-%d", int(p))
}
