package protocol

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// NewError returns the Error of c with a message for people. A code that is
// not in the table becomes Internal: nothing unnamed leaves.
func NewError(c Code, format string, args ...any) *Error {
	if !c.Valid() {
		c = Internal
	}
	// Text from a module or the system may be any bytes; protobuf has UTF-8.
	message := strings.ToValidUTF8(fmt.Sprintf(format, args...), "\uFFFD")
	e := &Error{Code: uint32(c), Name: c.String(), Message: message, Retry: codes[c].retry}
	if e.Retry == retryByAfter {
		e.Retry = Retry_NEVER
	}
	return e
}

// fieldError is NewError for a fault of one field of the request.
func fieldError(c Code, field, format string, args ...any) *Error {
	e := NewError(c, format, args...)
	e.Field = field
	return e
}

// WithField names the field of the request that is at fault.
func (e *Error) WithField(field string) *Error {
	e.Field = field
	return e
}

// WithRule names the rule of the policy that refused.
func (e *Error) WithRule(rule string) *Error {
	e.Rule = rule
	return e
}

// RetryAt says that the same request may be allowed from then on. The zero
// time changes nothing.
func (e *Error) RetryAt(at time.Time) *Error {
	if !at.IsZero() {
		e.Retry, e.After = Retry_AFTER, timestamppb.New(at)
	}
	return e
}

// RetryIn says that the same request may be tried again after d.
func (e *Error) RetryIn(d time.Duration) *Error {
	e.Retry = Retry_AFTER
	e.AfterMs = uint32(min(max(d.Milliseconds(), 1), 1<<31))
	return e
}

// Error says code, message, field and when to try again, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d)", e.GetName(), e.GetCode())
	if e.GetField() != "" {
		fmt.Fprintf(&b, ": %s", e.GetField())
	}
	if e.GetMessage() != "" {
		fmt.Fprintf(&b, ": %s", e.GetMessage())
	}
	switch {
	case e.GetAfter() != nil:
		fmt.Fprintf(&b, " (try again after %s)", e.GetAfter().AsTime().Format(time.RFC3339))
	case e.GetAfterMs() != 0:
		fmt.Fprintf(&b, " (try again in %s)", time.Duration(e.GetAfterMs())*time.Millisecond)
	}
	return b.String()
}

// Is compares codes, so that errors.Is(err, protocol.Busy) holds whatever the
// message says.
func (e *Error) Is(target error) bool {
	switch t := target.(type) {
	case Code:
		return Code(e.GetCode()) == t
	case *Error:
		return e.GetCode() == t.GetCode()
	}
	return false
}
