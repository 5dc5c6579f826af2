package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"signet/daemon/internal/audit"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

const trialPath = admin.PathTokens + "/seals/mechanisms"

func countSelfTests(events []*audit.Event) (n int, last *audit.Event) {
	for _, e := range events {
		if e.Kind == audit.KindSelfTest {
			n, last = n+1, e
		}
	}
	return n, last
}

// A trial answers with what was found, and the log has one event with the
// number of signatures.
func TestTrialIsOneEventWithItsCount(t *testing.T) {
	r := startedRig(t)
	r.token.Control(t, "undone=0", "undone=0x1057")
	status, body := r.administrator().call("POST", trialPath, "")
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	found := fromJSON[admin.Trial](t, body)
	n, e := countSelfTests(r.events())
	if n != 1 || found.Event != e.Seq || e.Count != found.Signatures || e.Count != 3 || e.Token != "seals" || e.Op != "mechanisms" ||
		e.Result != audit.Allowed || *e.UID != uint32(myUID(daemonUID+10)) || e.Entry != "" || e.Sig != "" {
		t.Errorf("%d events of trials, the last %+v; the answer says %+v", n, e, found)
	}
	of := map[string]admin.AlgorithmTrial{}
	for _, k := range found.Keys {
		for _, a := range k.Algorithms {
			of[k.Type+" "+a.Algorithm] = a
		}
	}
	if len(of) != 22 {
		t.Errorf("%d pairs of key and algorithm, want 22", len(of))
	}
	if a := of["SM2 SM2-SM3"]; a.Signing.Finding != "does" || a.Signs != "e" || a.Encoding != "raw" || a.Signing.Mechanism != "0x80008105" {
		t.Errorf("SM2: %+v", a)
	}
	if a := of["ED25519 ED25519"]; a.Signing.Finding != "does not" || a.Signs != "message" || !a.Signing.Contradicts || !strings.Contains(a.Signing.Why, "CKR_MECHANISM_INVALID") {
		t.Errorf("ED25519: %+v", a)
	}
	if a := of["RSA-2048 RSA-PSS-SHA256"]; a.Signing.Finding != "not known" || a.Signs != "digest" || a.Signing.Contradicts {
		t.Errorf("RSA: %+v", a)
	}
	if keys, err := r.server.tokens.byName["seals"].driver.Keys(context.Background(), "seals"); err != nil || len(keys) != 0 {
		t.Errorf("%d keys are left on the token, %v", len(keys), err)
	}
}

// What the module signed is in the log also when the trial ended badly.
func TestTrialThatFailsIsRecordedIfAnythingWasSigned(t *testing.T) {
	r := startedRig(t)
	o := r.administrator()
	r.token.Control(t, "C_Sign=0x30")
	status, body := o.call("POST", trialPath, "")
	fault := fromJSON[admin.Fault](t, body).Error
	n, e := countSelfTests(r.events())
	if status != http.StatusServiceUnavailable || fault.Name != "hsm_failed" || !strings.Contains(fault.Message, "CKR_DEVICE_ERROR") ||
		n != 1 || e.Count != 1 || e.Result != audit.Failed || e.Reason != "hsm_failed" || fault.Event == nil || *fault.Event != e.Seq {
		t.Errorf("%d %s; %d events, the last %+v", status, body, n, e)
	}
	r.token.Control(t, "C_OpenSession=0x30", "C_Sign=0x30")
	if status, body = o.call("POST", trialPath, ""); status == http.StatusOK {
		t.Errorf("trial without sessions: %s", body)
	}
	if n, _ := countSelfTests(r.events()); n != 1 {
		t.Errorf("%d events after a trial that signed nothing, want the first one", n)
	}
	r.token.Control(t)
}

// A trial is for those of the admin group on their socket, of a token that
// there is, and needs a log.
func TestTrialIsRefusedToOthers(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	for _, c := range []struct {
		who  *officer
		path string
		want protocol.Code
	}{
		{o, trialPath, protocol.Uninitialised},
		{r.officer("audit", daemonUID+11, auditGID), trialPath, protocol.Unsupported},
	} {
		_, body := c.who.call("POST", c.path, "")
		if got := fromJSON[admin.Fault](t, body).Error; got.Code != uint32(c.want) {
			t.Errorf("%s: %s, want %v", c.path, body, c.want)
		}
	}
	r.init()
	r.waitMode(Serving)
	_, body := o.call("POST", admin.PathTokens+"/nope/mechanisms", "")
	if got := fromJSON[admin.Fault](t, body).Error; got.Code != uint32(protocol.Malformed) || got.Field != "name" || !strings.Contains(got.Message, "nope") {
		t.Errorf("a token that there is not: %s", body)
	}
	if n, _ := countSelfTests(r.events()); n != 0 {
		t.Errorf("%d events of trials that were refused", n)
	}
}

// Callers go on while a trial hangs in the module; a second trial is told when
// to come again, and whoever hangs up ends his.
func TestTrialStandsInNobodysWay(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.token.Control(t, "C_GenerateKeyPair=hang")
	ctx, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	answers := make(chan string, 2) // of two trials, one of which is in the other's way
	for range 2 {
		o := r.administrator()
		go func() { answers <- o.tryUntil(ctx) }()
	}
	if got := fromJSON[admin.Fault](t, <-answers).Error; got.Code != uint32(protocol.Busy) || got.Retry != "after" || got.AfterMS == 0 {
		t.Errorf("second trial: %+v, want busy and a time", got)
	}
	c := r.caller(callerUID)
	goOn := func(n int) {
		for range n {
			if sig := r.signs(c, "sm2", algo.SM2SM3, digestInput(algo.SM2SM3)); sig == nil {
				t.Error("no signature beside a trial")
			}
		}
	}
	goOn(8)
	hangUp()
	if got := <-answers; got != context.Canceled.Error() {
		t.Errorf("the first trial: %s", got)
	}
	goOn(100) // and the daemon sees that he has gone
	r.token.Control(t, "undone=0")
	r.waitFor(func() bool {
		status, _ := r.administrator().call("POST", trialPath, "")
		return status == http.StatusOK
	}, "the next trial")
	if n, _ := countSelfTests(r.events()); n != 1 {
		t.Errorf("%d events of trials, want that of the last: the first was to end with its connection", n)
	}
}

// tryUntil asks for a trial until ctx ends, and returns the body or the error.
func (o *officer) tryUntil(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://signetd"+trialPath, nil)
	if err != nil {
		return err.Error()
	}
	res, err := o.http.Do(req)
	if errors.Is(err, context.Canceled) {
		return context.Canceled.Error()
	}
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
