// Command signetd is the daemon of a signing appliance. It wires: the
// configuration, the modules, the sockets and the server; what they do is in
// their packages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"signet/daemon/internal/store"
	firmwareconfig "signet/firmware-config"
	"signet/systemd"
)

// Exit status; the rest of what can be wrong is a mode.
const (
	exitOK            = 0
	exitUnexpected    = 1
	exitUsage         = 2
	exitConfiguration = 10
	exitEnvironment   = 11
	exitLocked        = 20
)

const defaultConfig = "/etc/signet/signetd.toml"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, diagnostics io.Writer) int {
	flags := flag.NewFlagSet("signetd", flag.ContinueOnError)
	flags.SetOutput(diagnostics)
	path := flags.String("config", defaultConfig, "the configuration")
	check := flags.Bool("check", false, "check the configuration, say every fault, and exit")
	version := flags.Bool("version", false, "say the version and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(diagnostics, "signetd: unexpected argument %q; see signetd -help\n", flags.Arg(0))
		return exitUsage
	}
	if *version {
		fmt.Fprintln(out, "signetd", buildVersion())
		return exitOK
	}
	config, err := loadConfig(*path)
	if err != nil {
		fmt.Fprintf(diagnostics, "signetd: %v\n", err)
		return exitConfiguration
	}
	if *check {
		fmt.Fprintf(out, "signetd: %s: ok, %d module(s)\n", *path, len(config.Modules))
		return exitOK
	}
	return serve(config, diagnostics)
}

// loadConfig reads the file and all that it names but PINs and modules, which
// may come and go.
func loadConfig(path string) (firmwareconfig.Config, error) {
	config, err := firmwareconfig.Load(path, judgeTrust)
	if err != nil {
		return firmwareconfig.Config{}, err
	}
	_, err = trustOf(config)
	return config, errors.Join(checkModules(config), err)
}

func serve(config firmwareconfig.Config, diagnostics io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	tuneProcessors()
	go tuneMemory(ctx)
	journal := systemd.Open(diagnostics)
	code := serveUntil(ctx, config, journal, diagnostics)
	if err := journal.Close(); err != nil {
		fmt.Fprintf(diagnostics, "signetd: %v\n", err)
	}
	return code
}

func serveUntil(ctx context.Context, config firmwareconfig.Config, journal *systemd.Journal, diagnostics io.Writer) int {
	err := start(ctx, config, journal)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(diagnostics, "signetd: %v\n", err)
	var env environmentError
	switch {
	case errors.Is(err, store.ErrLocked):
		return exitLocked
	case errors.As(err, &env):
		return exitEnvironment
	}
	return exitUnexpected
}

// environmentError is a fault of what surrounds the process: its user, the
// modes of its directories, its sockets.
type environmentError struct{ error }

func (e environmentError) Unwrap() error { return e.error }

func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision, modified := info.Main.Version, "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = " " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " with local changes"
		}
	}
	return version + revision + modified
}
