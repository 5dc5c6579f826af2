//go:build !man

// Signetctl is the command line of signet's officers, auditors, operations
// and callers. It speaks to signetd on its three sockets and needs neither
// cgo nor a crypto module.
package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() { os.Exit(mainWithStatus()) }

// mainWithStatus returns where main would exit, so that what is deferred runs.
func mainWithStatus() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	// The second signal ends a process that waits where no context reaches:
	// for somebody to type, or for a file system that hangs.
	context.AfterFunc(ctx, stop)
	return newProgram(os.Stdin, os.Stdout, os.Stderr, os.Getenv).run(ctx, os.Args[1:])
}
