package systemd

import (
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// managerSocket stands for PID 1's notification socket.
func managerSocket(t *testing.T) *net.UnixConn {
	t.Helper()
	path := shortDir(t) + "/notify"
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return c
}

func TestNotificationsReachTheManager(t *testing.T) {
	manager := managerSocket(t)
	for _, tt := range []struct {
		name string
		send func() error
		want string
	}{
		{"ready", func() error { return Ready("serving, 2 tokens") }, "READY=1\nSTATUS=serving, 2 tokens"},
		{"status", func() error { return Status("degraded: 令牌 seals") }, "STATUS=degraded: 令牌 seals"},
		{"status of one line only", func() error { return Status("x\nMAINPID=1\r\x00\xff") }, `STATUS=x\nMAINPID=1\r\x00\xff`},
		{"stopping", Stopping, "STOPPING=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			if got := datagram(t, manager); got != tt.want {
				t.Errorf("manager read %q, want %q", got, tt.want)
			}
		})
	}
}

func datagram(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(buf)
	if err != nil {
		t.Fatalf("reading a datagram: %v", err)
	}
	return string(buf[:n])
}

func TestWithoutAManagerNotificationsDoNothing(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	for name, err := range map[string]error{"Ready": Ready("x"), "Status": Status("x"), "Stopping": Stopping()} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnreachableManagerIsAnError(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", shortDir(t)+"/nobody")
	if err := Ready("x"); err == nil {
		t.Error("Ready to a socket that is not there = nil, want an error")
	}
}

func TestWatchdogInterval(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, tt := range []struct {
		name, usec, pid string
		want            time.Duration
		bad             bool
	}{
		{name: "not wanted"},
		{name: "wanted", usec: "20000000", pid: self, want: 20 * time.Second},
		{name: "of another process", usec: "20000000", pid: "1"},
		{name: "not a number", usec: "soon", pid: self, bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("WATCHDOG_USEC", tt.usec)
			t.Setenv("WATCHDOG_PID", tt.pid)
			got, err := Watchdog()
			if got != tt.want || (err != nil) != tt.bad {
				t.Errorf("Watchdog() = %v, %v, want %v, error %v", got, err, tt.want, tt.bad)
			}
		})
	}
}
