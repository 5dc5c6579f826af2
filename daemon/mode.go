package daemon

import (
	"signet/protocol"
)

// A Mode is what the daemon can do now. The zero value does nothing.
//
// The daemon does not exit for what a person must mend: with socket
// activation it would be started again and again until systemd fails the
// sockets, the officers' included.
type Mode uint8

const (
	_             Mode = iota
	Uninitialised      // no store, no marker: status and init only
	InRecovery         // the store is missing, older, foreign, damaged or newer
	PoisonedMode       // a sync failed: the store is not touched
	Degraded           // some token is not up
	Serving            // all is well
)

var modeNames = [...]string{
	Uninitialised: "uninitialised", InRecovery: "recovery", PoisonedMode: "poisoned", Degraded: "degraded", Serving: "serving",
}

func (m Mode) String() string {
	if m == 0 || int(m) >= len(modeNames) {
		return "unknown"
	}
	return modeNames[m]
}

// A condition is a mode with why it is so and what a person does about it.
type condition struct {
	mode   Mode
	reason string
	mend   string

	// awaitsAnchor: in recovery only until the token of the log key answers.
	awaitsAnchor bool
}

func uninitialisedCondition() condition {
	return condition{mode: Uninitialised, reason: "this appliance has no store yet", mend: "run: signetctl init CEREMONY.toml --plan"}
}

// refusal is what a request gets in a mode that has no store.
func (c condition) refusal() *protocol.Error {
	code := protocol.Internal
	switch c.mode {
	case Uninitialised:
		code = protocol.Uninitialised
	case InRecovery:
		code = protocol.Recovery
	case PoisonedMode:
		code = protocol.Poisoned
	}
	if c.mend == "" {
		return protocol.NewError(code, "%s", c.reason)
	}
	return protocol.NewError(code, "%s; %s", c.reason, c.mend)
}
