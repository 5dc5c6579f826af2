package hsm

import (
	"errors"
	"fmt"
)

// A Class says what kind of thing went wrong, and so what may be done about
// it. The zero value is not classified: do not retry it.
type Class uint8

const (
	ClassUnknown     Class = iota
	ClassRequest           // this request is wrong for this token or key; another may do
	ClassSession           // the session is lost or stuck; a new one cures it
	ClassHandle            // the object handle is stale; finding the key again cures it
	ClassLogin             // the token says that nobody is logged in
	ClassDevice            // the device failed; whether it signed is not known
	ClassPIN               // the PIN was refused, or is latched because it was
	ClassAbsent            // no such token or key here
	ClassMismatch          // the key found is not the one of the record, or more than one was found
	ClassAnswer            // the module answered with something that cannot be right
	ClassUnavailable       // the token is not up: nothing was sent to it
	ClassBusy              // the time ran out before a session was free: nothing was sent
	ClassDeadline          // the time ran out inside the module: whether it signed is not known
	ClassUnsupported       // the token or the profile lacks the mechanism, or has it not for keys of this size; or the token keeps no data objects
)

var classNames = [...]string{
	ClassUnknown:     "unknown",
	ClassRequest:     "request",
	ClassSession:     "session",
	ClassHandle:      "handle",
	ClassLogin:       "login",
	ClassDevice:      "device",
	ClassPIN:         "pin",
	ClassAbsent:      "absent",
	ClassMismatch:    "mismatch",
	ClassAnswer:      "answer",
	ClassUnavailable: "unavailable",
	ClassBusy:        "busy",
	ClassDeadline:    "deadline",
	ClassUnsupported: "unsupported",
}

func (c Class) String() string {
	if int(c) >= len(classNames) {
		return classNames[ClassUnknown]
	}
	return classNames[c]
}

// ParseClass returns the class of that name, ClassUnknown for any other.
func ParseClass(name string) Class {
	for c, n := range classNames {
		if n == name {
			return Class(c)
		}
	}
	return ClassUnknown
}

// Error is the error of every method of a Driver. Err keeps the chain: where
// the module answered with a CKR code, the text has its name and errors.As
// finds the library's own error. No text ever holds a PIN.
type Error struct {
	Class Class
	Token string // configured name
	Op    string // what was being done: "signing", "C_Login"
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("token %s: %s: %v", e.Token, e.Op, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of the first *Error in the chain.
func ClassOf(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ClassUnknown
}
