package client

import (
	"errors"
	"fmt"
)

var (
	// ErrUnreachable is wrapped when nobody listens at the path, or this
	// process may not connect to it. The kernel's reason is in the chain, too.
	ErrUnreachable = errors.New("signetd cannot be reached")

	// ErrConnectionLost is wrapped when the connection ended before the
	// answer. Unless ErrNotTaken is wrapped beside it, whether a Sign was
	// carried out is unknown; the same request_id sent again gives the
	// recorded answer and spends nothing.
	ErrConnectionLost = errors.New("connection to signetd lost")

	// ErrNotTaken is wrapped, beside what happened, when the daemon has
	// certainly not taken the request: it was never sent whole, or its
	// connection was turned away unread. Nothing was decided or spent.
	ErrNotTaken = errors.New("request not taken")

	// ErrBadAnswer is wrapped when an answer is not what the protocol
	// promises. Nothing of it is given to the caller.
	ErrBadAnswer = errors.New("bad answer from signetd")

	// ErrClosed is wrapped by calls after Close, and by calls that Close
	// ended.
	ErrClosed = errors.New("client is closed")
)

// errCut ends a connection that stopped within a frame. That is how a daemon
// that was killed looks: a loss, not a bad answer.
var errCut = errors.New("closed by signetd within a frame")

// errDone ends a connection on which nothing is waited for and nothing new is
// taken.
var errDone = fmt.Errorf("%w: done with", ErrConnectionLost)

func notTaken(err error) error { return fmt.Errorf("%w: %w", ErrNotTaken, err) }

// violated is a breach of the protocol by the daemon. It ends the connection.
func violated(format string, args ...any) error {
	return fmt.Errorf("%w: %w: "+format, append([]any{ErrConnectionLost, ErrBadAnswer}, args...)...)
}
