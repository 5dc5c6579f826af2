package client_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/client"
	"signet/testsoftHSM/need"
	"signet/testsoftHSM/stage"
)

const patience = 60 * time.Second

// newStage is an appliance with an entry that the caller may use.
func newStage(t *testing.T) *stage.Stage {
	t.Helper()
	need.Root(t, "plays several users")
	s, err := stage.NewBuilt(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if said, err := s.Said(); t.Failed() {
			t.Logf("signetd said (%v):\n%s", err, said)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	initialise(t, s)
	return s
}

func initialise(t *testing.T, s *stage.Stage) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	policy := fmt.Sprintf("callers = { users = [%d] }\noperations = [\"digest\"]\nalgorithms = [\"ECDSA-P256-SHA256\"]\npurposes = [\"contract\"]\n", stage.CallerUID)
	if err := os.WriteFile(filepath.Join(s.Dir, "policy.toml"), []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{
		"init --crypto mixed", "key create contract --token " + stage.TokenName + " --type EC-P256",
		"policy set contract policy.toml", "key activate contract",
	} {
		cmd := s.Command(t.Context(), stage.AdminUID, []uint32{stage.AdminGID}, "signetctl", strings.Fields(verb)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("signetctl %s: %v\n%s", verb, err, out)
		}
		if _, err := s.WaitMode(t.Context(), "serving"); err != nil {
			t.Fatal(err)
		}
	}
}

// asCaller is a Client that connects as the caller each time.
func asCaller(t *testing.T, s *stage.Stage) *client.Client {
	c := client.New(s.Socket("sign"))
	c.DialWith(func(ctx context.Context, path string) (raw net.Conn, err error) {
		stage.As(stage.CallerUID, []uint32{stage.ClientsGID}, func() { raw, err = new(net.Dialer).DialContext(ctx, "unix", path) })
		if err != nil {
			return nil, fmt.Errorf("%w: %w", client.ErrUnreachable, err)
		}
		return raw, nil
	})
	t.Cleanup(func() { c.Close() })
	return c
}

func signRequest(id string) *protocol.SignRequest {
	return &protocol.SignRequest{
		Entry: "contract", Algorithm: protocol.Algorithm_ECDSA_P256_SHA256, Form: protocol.SignForm_RAW, RequestId: id,
		Inputs:  []*protocol.Input{{Value: &protocol.Input_Digest{Digest: make([]byte, 32)}}},
		Context: &protocol.Context{Purpose: "contract"},
	}
}

// A load is callers that sign until they are told to stop.
type load struct {
	client  *client.Client
	callers sync.WaitGroup
	stop    chan struct{}
	moved   chan struct{} // an answer came

	mu       sync.Mutex
	answered map[string]string // request_id -> signature in base64
	plain    int               // answers to requests without one
	lost     int               // of those, requests that may have been carried out
	faults   []error
}

func startLoad(c *client.Client, callers int) *load {
	l := &load{client: c, stop: make(chan struct{}), moved: make(chan struct{}, 1), answered: map[string]string{}}
	for caller := range callers {
		l.callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				id := fmt.Sprintf("caller-%d.%d", caller, n)
				if caller%2 == 0 {
					id = ""
				}
				l.sign(id)
			}
		})
	}
	return l
}

func (l *load) sign(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := l.client.SignRetry(ctx, signRequest(id))
	if err == nil && reply.Results[0].GetError() != nil {
		err = reply.Results[0].GetError()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && id == "":
		l.plain++
	case err == nil:
		l.answered[id] = base64.StdEncoding.EncodeToString(reply.Results[0].GetSigned().Signature)
	case id == "" && !client.Advise(err).Unspent && client.Advise(err).Retry == protocol.Retry_NOW:
		l.lost++
	case id == "" && errors.Is(err, protocol.HSMUnavailable): // the result of an input, while the token comes up
	default:
		l.faults = append(l.faults, fmt.Errorf("request %q: %w", id, err))
	}
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

// answers waits for that many answers more.
func (l *load) answers(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.answered)
	}
	deadline := time.After(patience)
	for until := count() + n; count() < until; {
		select {
		case <-l.moved:
		case <-deadline:
			t.Fatalf("%d answers did not come in %v", n, patience)
		}
	}
}

// Callers sign over one Client while the daemon is stopped and killed under
// them. Every request with a request_id is answered, and stands in the log as
// allowed exactly once, with the signature that was answered.
func TestEveryRequestIsAnsweredOnceAcrossRestarts(t *testing.T) {
	s := newStage(t)
	c := asCaller(t, s)
	l := startLoad(c, 8)
	stop := func() error { _, err := s.Stop(); return err }
	for _, end := range []func() error{stop, s.Kill, s.Kill} {
		l.answers(t, 100)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.answers(t, 100)
	close(l.stop)
	l.callers.Wait()
	for _, err := range l.faults {
		t.Error(err)
	}
	l.compare(t, uses(t, s))
	t.Logf("%d requests with a request_id, %d without; of these %d lost", len(l.answered), l.plain, l.lost)

	between(t, s, c)
}

// between restarts the daemon while nothing is in flight.
func between(t *testing.T, s *stage.Stage, c *client.Client) {
	t.Helper()
	if _, err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WaitMode(t.Context(), "serving"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Sign(ctx, signRequest("")); err != nil {
		t.Errorf("Sign after a restart that nobody noticed = %v", err)
	}
}

// A use is what the log says of one input.
type use struct {
	Kind, Result, Sig string
	RequestID         string `json:"request_id"`
}

// compare holds the answers to the log.
func (l *load) compare(t *testing.T, log []use) {
	t.Helper()
	allowed, plain := map[string][]string{}, 0
	for _, u := range log {
		switch {
		case u.Kind != "sign" || u.Result != "allowed":
		case u.RequestID == "":
			plain++
		default:
			allowed[u.RequestID] = append(allowed[u.RequestID], u.Sig)
		}
	}
	for id, sig := range l.answered {
		if got := allowed[id]; len(got) != 1 || got[0] != sig {
			t.Errorf("request %s stands in the log %d times, or with another signature", id, len(got))
		}
		delete(allowed, id)
	}
	for id, sigs := range allowed {
		t.Errorf("request %s stands in the log %d times and was not answered", id, len(sigs))
	}
	if plain < l.plain || plain > l.plain+l.lost {
		t.Errorf("%d requests without a request_id were answered and %d lost; the log has %d", l.plain, l.lost, plain)
	}
}

// uses reads the whole log, as an auditor.
func uses(t *testing.T, s *stage.Stage) []use {
	t.Helper()
	auditor := stage.HTTPAs(stage.AuditUID, []uint32{stage.AuditGID}, s.Socket("audit"))
	var log []use
	for {
		page := readPage(t, auditor, len(log))
		for _, line := range page.Lines {
			var u use
			if err := json.Unmarshal([]byte(line), &u); err != nil {
				t.Fatal(err)
			}
			log = append(log, u)
		}
		if uint64(len(log)) >= page.Size || len(page.Lines) == 0 {
			return log
		}
	}
}

func readPage(t *testing.T, auditor *http.Client, from int) (page admin.Events) {
	t.Helper()
	answer, err := auditor.Get(fmt.Sprintf("http://signetd%s?from=%d&limit=%d", admin.PathEvents, from, admin.MaxEvents))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("reading the log: %s: %v", answer.Status, err)
	}
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	return page
}
