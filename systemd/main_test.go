package systemd

import (
	"fmt"
	"os"
	"testing"
)

// childRole names the part that a re-executed test binary plays: sockets
// arrive at descriptor 3 and the journal is told by descriptor 2, so both need
// a process of their own.
const childRole = "SIGNET_TEST_CHILD"

func TestMain(m *testing.M) {
	role := os.Getenv(childRole)
	if role == "" {
		os.Exit(m.Run())
	}
	children := map[string]func() error{
		"listeners": listenersChild,
		"journald":  journaldChild,
	}
	if err := children[role](); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}
