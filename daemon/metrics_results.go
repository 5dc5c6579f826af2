package daemon

import (
	"errors"

	"signet/daemon/internal/store"
	"signet/protocol"
)

// A resultClass sorts answers by who has to do something about them; the
// reason beside it is the name of the code. The zero value is an answer that
// nobody classed, and reads internal.
type resultClass uint8

const (
	resultInternal    resultClass = iota // a fault of the daemon
	resultAnswered                       // as asked
	resultMalformed                      // 100-199: the caller's program is wrong
	resultRefused                        // 200-299: by the rules
	resultBusy                           // 300-399: too much at once, too late, stopping
	resultFailed                         // 400-499: the HSM
	resultUnavailable                    // 500-599: the store, or a mode without one
	resultClasses
)

var resultNames = [resultClasses]string{
	resultInternal: "internal", resultAnswered: "answered", resultMalformed: "malformed", resultRefused: "refused",
	resultBusy: "busy", resultFailed: "failed", resultUnavailable: "unavailable",
}

func (r resultClass) String() string { return resultNames[r] }

// resultOf returns the class of an error; those of acts are refusals.
func resultOf(c protocol.Code) resultClass {
	switch {
	case c < 100:
		return resultInternal
	case c < 200:
		return resultMalformed
	case c < 300:
		return resultRefused
	case c < 400:
		return resultBusy
	case c < 500:
		return resultFailed
	case c < 600:
		return resultUnavailable
	case c < 700:
		return resultRefused
	}
	return resultInternal
}

// noReason stands where there is nothing to explain.
const noReason = "none"

// reasonLabel is the name of a code.
func reasonLabel(c protocol.Code) string {
	if !c.Valid() {
		return protocol.Internal.String()
	}
	return c.String()
}

func commitFault(err error) string {
	switch {
	case errors.Is(err, store.ErrFull):
		return "full"
	case errors.Is(err, store.ErrPoisoned):
		return "poisoned"
	}
	return "other"
}
