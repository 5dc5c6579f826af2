package client

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// After all tests no goroutine of a connection may be left: each has closed
// what it opened.
func TestMain(m *testing.M) {
	status := m.Run()
	if left := awaitNoGoroutines(); left != "" {
		fmt.Printf("goroutines of connections are left:\n%s\n", left)
		status = 1
	}
	os.Exit(status)
}

// awaitNoGoroutines returns the stacks of those that do not end.
func awaitNoGoroutines() (left string) {
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	deadline := time.Now().Add(patience)
	for {
		if left = goroutines(); left == "" || time.Now().After(deadline) {
			return left
		}
		<-poll.C
	}
}

func goroutines() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var ours []string
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(stack, "protocol/client.(*Conn)") || strings.Contains(stack, "protocol/client.(*Client)") {
			ours = append(ours, stack)
		}
	}
	return strings.Join(ours, "\n\n")
}
