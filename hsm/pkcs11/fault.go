package pkcs11

import (
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// A fault is an error with its class, on its way up to the method that turns
// it into an hsm.Error.
type fault struct {
	class hsm.Class
	err   error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// refuse makes a fault of our own.
func refuse(class hsm.Class, format string, args ...any) error {
	return &fault{class, fmt.Errorf(format, args...)}
}

// called gives the answer of a C function its class and the function's name.
func called(function string, err error) error {
	if err == nil {
		return nil
	}
	code, ok := errors.AsType[p11.Error](err)
	if !ok {
		return &fault{hsm.ClassUnknown, fmt.Errorf("%s: %w", function, err)}
	}
	return &fault{classify(code), fmt.Errorf("%s: %w", function, ckr{code})}
}

func classOf(err error) hsm.Class {
	if f, ok := errors.AsType[*fault](err); ok {
		return f.class
	}
	return hsm.ClassUnknown
}

// codeOf returns the module's answer, CKR_OK if err is not one.
func codeOf(err error) p11.Error {
	code, _ := errors.AsType[p11.Error](err)
	return code
}

// hasCode tells whether err is one of these answers of the module.
func hasCode(err error, codes ...p11.Error) bool {
	got := codeOf(err)
	for _, code := range codes {
		if got == code {
			return true
		}
	}
	return false
}

// ckr prints a code by its name. The library has no name for some.
type ckr struct{ code p11.Error }

func (c ckr) Unwrap() error { return c.code }

func (c ckr) Error() string {
	if name := codeNames[c.code]; name != "" {
		return fmt.Sprintf("%s (0x%X)", name, uint(c.code))
	}
	if c.code >= p11.CKR_VENDOR_DEFINED {
		return fmt.Sprintf("vendor-defined CKR 0x%X", uint(c.code))
	}
	return fmt.Sprintf("unknown CKR 0x%X", uint(c.code))
}
