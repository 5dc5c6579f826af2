package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// What somebody at the terminal answers.
var answers = []struct {
	question *regexp.Regexp
	answer   string
}{
	{regexp.MustCompile(`\[y/N\] $`), "y\n"},
	{regexp.MustCompile(`(?i)passphrase[^\n]*: ?$`), "four words of nobody else\n"},
}

// onTerminal runs a command on a terminal of its own, answers what it asks, and
// returns all that was shown.
func onTerminal(cmd *exec.Cmd) (string, error) {
	master, slave, err := openTerminal()
	if err != nil {
		return "", err
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := errors.Join(cmd.Start(), slave.Close()); err != nil {
		return "", err
	}
	var said bytes.Buffer
	var reading sync.WaitGroup
	reading.Go(func() { converse(master, &said) })
	err = cmd.Wait()
	reading.Wait()
	return strings.ReplaceAll(said.String(), "\r\n", "\n"), err
}

// converse reads until nobody holds the other end.
func converse(master *os.File, said *bytes.Buffer) {
	b := make([]byte, 4096)
	answered := 0
	for {
		n, err := master.Read(b)
		said.Write(b[:n])
		for _, a := range answers {
			if a.question.Match(said.Bytes()[answered:]) {
				answered = said.Len()
				io.WriteString(master, a.answer)
			}
		}
		if err != nil { // EIO
			return
		}
	}
}

func openTerminal() (master, slave *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, master.Close())
	}
	return master, slave, nil
}
