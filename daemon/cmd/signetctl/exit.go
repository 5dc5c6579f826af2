package main

import (
	"context"
	"errors"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// Exit statuses. Append only: scripts rely on them.
const (
	exitOK           = 0
	exitUnexpected   = 1
	exitUsage        = 2  // usage, bad input
	exitRefused      = 3  // refused for good
	exitLater        = 4  // refused, later
	exitMore         = 5  // more signatures needed
	exitNotFound     = 6  // no such entry, token or event
	exitUnreachable  = 7  // daemon not reachable, or gone before it answered
	exitVerification = 8  // verification failed
	exitHSM          = 9  // HSM not available
	exitConflict     = 10 // with the state as it is now
)

// exceptions are the codes whose status does not follow from their retry.
var exceptions = map[protocol.Code]int{
	protocol.UnknownEntry:      exitNotFound,
	protocol.HSMUnavailable:    exitHSM,
	protocol.HSMFailed:         exitHSM,
	protocol.PINLatched:        exitHSM,
	protocol.TooFew:            exitMore,
	protocol.IllegalTransition: exitConflict,
	protocol.Conflict:          exitConflict,
	protocol.Internal:          exitUnexpected,
}

// statusOf returns the exit status of err.
func statusOf(err error) int {
	var own *fault
	var dry *dryRefusal
	var said *protocol.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &dry):
		return dry.status()
	case errors.As(err, &own):
		return own.status
	case errors.As(err, &said):
		return statusOfCode(said)
	case errors.Is(err, client.ErrConnectionLost) || errors.Is(err, context.DeadlineExceeded):
		return exitUnreachable
	case errors.Is(err, algo.ErrSignature):
		return exitVerification
	}
	return exitUnexpected
}

func statusOfCode(e *protocol.Error) int {
	code := protocol.Code(e.GetCode())
	if status, ok := exceptions[code]; ok {
		return status
	}
	switch {
	case code >= 100 && code < 200: // the request itself is wrong
		return exitUsage
	case e.GetRetry() == protocol.Retry_AFTER || e.GetRetry() == protocol.Retry_NOW:
		return exitLater
	}
	return exitRefused
}
