package client

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"signet/protocol"
)

// An Advice is what a program may do about an error.
type Advice struct {
	// Retry is NEVER, AFTER or NOW: never the zero value.
	Retry protocol.Retry

	// After is with AFTER how long to wait from now; 0 if nobody said. Then
	// one second is right, and twice as long each time up to a minute.
	After time.Duration

	// Unspent says that nothing was carried out: the request may be repeated
	// even without a request_id. Where it is false, only the same request_id
	// makes sure that a repetition is not a second use.
	Unspent bool
}

// Advise tells what may be done about an error of this package, or about one
// that is the result of an input. An error that it does not know, and nil,
// are for NEVER.
func Advise(err error) Advice {
	var said *protocol.Error
	switch {
	case errors.As(err, &said):
		return adviceOf(said)
	case errors.Is(err, ErrClosed), errors.Is(err, ErrBadAnswer):
		return Advice{protocol.Retry_NEVER, 0, errors.Is(err, ErrNotTaken)}
	case errors.Is(err, ErrUnreachable) && errors.Is(err, fs.ErrPermission):
		return Advice{protocol.Retry_NEVER, 0, true}
	case errors.Is(err, ErrUnreachable):
		return Advice{protocol.Retry_AFTER, 0, true}
	case errors.Is(err, ErrNotTaken):
		return Advice{protocol.Retry_NOW, 0, true}
	case errors.Is(err, ErrConnectionLost), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Advice{protocol.Retry_NOW, 0, false}
	}
	return Advice{Retry: protocol.Retry_NEVER}
}

// adviceOf goes by retry, not by the code: codes of later versions are advice,
// too.
func adviceOf(said *protocol.Error) Advice {
	a := Advice{Retry: said.GetRetry(), Unspent: spendsNothing(protocol.Code(said.GetCode()))}
	switch {
	case a.Retry != protocol.Retry_AFTER && a.Retry != protocol.Retry_NOW:
		a.Retry = protocol.Retry_NEVER
	case a.Retry == protocol.Retry_AFTER && said.GetAfterMs() != 0:
		a.After = time.Duration(said.GetAfterMs()) * time.Millisecond
	case a.Retry == protocol.Retry_AFTER && said.GetAfter() != nil:
		a.After = max(time.Until(said.GetAfter().AsTime()), time.Millisecond)
	}
	return a
}

// spendsNothing is true of what is refused before anything is signed. After
// changed (223) the log may have the uses; so it may after deadline (301) and
// internal (900).
func spendsNothing(c protocol.Code) bool {
	switch c {
	case protocol.Busy, protocol.ShuttingDown, protocol.TooManyConnections:
		return true
	case protocol.Changed:
		return false
	}
	return c >= protocol.Malformed && c < protocol.Busy && c.Valid()
}
