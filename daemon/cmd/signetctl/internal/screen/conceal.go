package screen

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Conceal has a terminal not show what is typed, until the function it returns
// is called.
func Conceal(r any) (restore func(), err error) {
	f, ok := r.(*os.File)
	if !ok {
		return nil, errors.New("concealing what is typed: not a terminal")
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	concealed := *before
	concealed.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETSW, &concealed); err != nil {
		return nil, err
	}
	return func() { unix.IoctlSetTermios(fd, unix.TCSETSW, before) }, nil
}
