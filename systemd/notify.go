package systemd

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Ready tells systemd that start-up is over and sets the status line. It does
// nothing when NOTIFY_SOCKET is unset, as do Status and Stopping.
func Ready(status string) error {
	return notify(daemon.SdNotifyReady, statusLine(status))
}

// Status sets the one line that systemctl status shows.
func Status(text string) error {
	return notify(statusLine(text))
}

// Stopping tells systemd that the daemon drains and will end.
func Stopping() error {
	return notify(daemon.SdNotifyStopping)
}

// Watchdog returns the interval at which systemd wants a sign of life
// (WatchdogSec=), 0 when it wants none from this process. A pinger has to send
// at half of it.
func Watchdog() (time.Duration, error) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0, fmt.Errorf("reading the watchdog interval: %w", err)
	}
	return interval, nil
}

// statusLine keeps to one line: in this protocol a line break starts the next
// assignment, and a status holds texts from modules and peers that could then
// say MAINPID=. (sd_notify(3))
func statusLine(text string) string {
	return "STATUS=" + printable(text)
}

func notify(lines ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}
