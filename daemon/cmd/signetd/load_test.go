package main_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/daemon/internal/audit"
	"signet/protocol"
	"signet/protocol/client"
	"signet/testsoftHSM/stage"
)

// A load is callers that sign until the daemon is gone, and what they were
// answered.
type load struct {
	callers sync.WaitGroup

	mu    sync.Mutex
	acks  map[uint64]string // event of the receipt -> signature in base64
	fault error             // of a caller while the daemon still answered
	moved chan struct{}     // has room for one; sent to at each answer
}

// load CALLERS ANSWERS starts callers of entry contract and returns when they
// have had that many answers. They go on until the daemon is gone.
func startLoad(ts *testscript.TestScript, args []string) error {
	callers, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	answers, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	p := playOf(ts)
	p.load = &load{acks: map[uint64]string{}, moved: make(chan struct{}, 1)}
	for range callers {
		conn, err := stage.DialAs(context.Background(), stage.CallerUID, []uint32{stage.ClientsGID}, p.Socket("sign"))
		if err != nil {
			return err
		}
		p.load.callers.Go(func() { p.load.call(conn) })
	}
	return p.load.reach(answers)
}

// reach waits for that many answers.
func (l *load) reach(answers int) error {
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		n, fault := len(l.acks), l.fault
		l.mu.Unlock()
		if fault != nil || n >= answers {
			return fault
		}
		select {
		case <-l.moved:
		case <-deadline:
			return fmt.Errorf("waited %v for %d answers and had %d", patience, answers, n)
		}
	}
}

func (l *load) call(conn *client.Conn) {
	defer conn.Close()
	for {
		e := make([]byte, 32)
		rand.Read(e)
		reply, err := conn.Sign(context.Background(), &protocol.SignRequest{
			Entry: "contract", Algorithm: protocol.Algorithm(1), Form: protocol.SignForm_RAW,
			Inputs:  []*protocol.Input{{Value: &protocol.Input_Sm2E{Sm2E: e}}},
			Context: &protocol.Context{Purpose: "contract"},
		})
		if err != nil && errors.Is(err, client.ErrConnectionLost) {
			return
		}
		l.note(reply, err)
		if err != nil {
			return
		}
	}
}

func (l *load) note(reply *protocol.SignReply, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.fault = err
	case reply.Results[0].GetSigned() == nil:
		l.fault = reply.Results[0].GetError()
	default:
		signed := reply.Results[0].GetSigned()
		l.acks[signed.Receipt.Event] = base64.StdEncoding.EncodeToString(signed.Signature)
	}
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

func (l *load) wait() { l.callers.Wait() }

// recorded holds the whole log to what the load was answered: no index is
// missing, and each answer stands at the index of its receipt.
func recorded(ts *testscript.TestScript, _ []string) error {
	l := playOf(ts).load
	l.wait()
	if l.fault != nil {
		return fmt.Errorf("a caller of the load: %w", l.fault)
	}
	lines := strings.Split(strings.TrimSuffix(string(signetctl(ts, "audit", "log", "list", "--json")), "\n"), "\n")
	found := 0
	for i, line := range lines {
		e, err := audit.ParseEvent([]byte(line))
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		if e.Seq != uint64(i) {
			return fmt.Errorf("event %d stands where %d belongs", e.Seq, i)
		}
		sig, answered := l.acks[e.Seq]
		if !answered {
			continue
		}
		if e.Result != audit.Allowed || e.Sig != sig {
			return fmt.Errorf("event %d is not the use that was answered: %s", i, line)
		}
		found++
	}
	if found != len(l.acks) {
		return fmt.Errorf("%d uses were answered, the log of %d events has %d of them", len(l.acks), len(lines), found)
	}
	ts.Logf("%d events, %d of them uses of the load", len(lines), found)
	return nil
}
