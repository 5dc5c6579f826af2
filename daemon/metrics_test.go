package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"signet/daemon/internal/register"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// A scrape is what the registry holds, by name and labels as the text format
// writes them; a histogram by its count.
type scrape map[string]float64

func (m *metrics) scrape(t testing.TB) scrape {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := scrape{}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			var labels []string
			for _, l := range s.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			v := s.GetCounter().GetValue() + s.GetGauge().GetValue()
			if h := s.GetHistogram(); h != nil {
				v = float64(h.GetSampleCount())
			}
			out[strings.Join(append([]string{f.GetName()}, labels...), " ")] = v
		}
	}
	return out
}

// want checks series; one that is missing is no zero.
func (s scrape) want(t testing.TB, series map[string]float64) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(series)) {
		if got, ok := s[name]; !ok || got != series[name] {
			t.Errorf("%s = %v (there: %v), want %v", name, got, ok, series[name])
		}
	}
}

// busyRig is an appliance of which every family has something to say.
func busyRig(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.start()
	r.server.maxSize = 1 << 30 // of the store that init opens
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 2)); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(2 * growthLeast)
	r.server.sampleStore(r.server.appliance())
	if status, body := r.administrator().call("GET", admin.PathMetrics, ""); status != http.StatusOK {
		t.Fatalf("metrics: %d %s", status, body)
	}
	return r
}

// A described family is one row of metrics.md.
type describedFamily struct{ kind, labels, help, chinese string }

var familyRow = regexp.MustCompile("(?m)^\\| `(signet_[a-z_]+)` \\| ([a-z]+) \\| ([a-z_, ]*) \\| (.+) \\| (.+) \\|$")

func describedFamilies(t *testing.T) map[string]describedFamily {
	t.Helper()
	page, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]describedFamily{}
	for _, row := range familyRow.FindAllStringSubmatch(string(page), -1) {
		described[row[1]] = describedFamily{row[2], row[3], row[4], row[5]}
	}
	return described
}

// Names, kinds and labels are promises: what is served is what metrics.md
// says, in both directions.
func TestMetricsAreThePromisedOnes(t *testing.T) {
	r := busyRig(t)
	described := describedFamilies(t)
	families, err := r.server.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "signet_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		got := describedFamily{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp(), ""}
		want, ok := described[f.GetName()]
		delete(described, f.GetName())
		if !ok || !strings.ContainsFunc(want.chinese, func(r rune) bool { return r >= 0x4e00 }) {
			t.Errorf("metrics.md has no row for %s, or none in Chinese: %+v", f.GetName(), got)
		}
		if want.chinese = ""; ok && got != want {
			t.Errorf("%s is served as\n%+v, metrics.md says\n%+v", f.GetName(), got, want)
		}
	}
	for name := range described {
		t.Errorf("metrics.md promises %s, which is not served", name)
	}
}

// The values of labels are promises too.
func TestMetricLabelsAreThePromisedOnes(t *testing.T) {
	page, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for label, values := range map[string][]string{
		"result": slices.Sorted(slices.Values(resultNames[:])), "mode": modeStates, "class": faultClasses(),
		"state of a token": tokenStates, "state of the clock": clockStates, "state of the kernel's clock": syncStates,
		"status of an entry": {string(register.Pending), string(register.Active), register.Suspended, string(register.Superseded), string(register.Cancelled), string(register.Invalid)},
	} {
		row := "\n| " + label + " | `" + strings.Join(values, "` `") + "` |"
		if !strings.Contains(string(page), row) {
			t.Errorf("metrics.md lacks the row%s", row)
		}
	}
}

var familyName = regexp.MustCompile(`\bsignet_[a-z_]+[a-z]\b`)

// The rules for alarms ask for metrics that there are: one that is misspelt
// would never sound.
func TestAlarmsAskForMetricsThatThereAre(t *testing.T) {
	page, err := os.ReadFile("metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	described, asked := describedFamilies(t), 0
	_, alarms, _ := strings.Cut(string(page), "\n## Alarms\n")
	for _, name := range familyName.FindAllString(alarms, -1) {
		asked++
		if _, ok := described[strings.TrimSuffix(name, "_bucket")]; !ok {
			t.Errorf("an alarm asks for %s", name)
		}
	}
	if asked < 10 {
		t.Errorf("found %d metrics in the alarms", asked)
	}
}

// The text keeps the rules of Prometheus for names, units and help.
func TestMetricsPassPromlint(t *testing.T) {
	r := busyRig(t)
	for _, reader := range []*officer{r.administrator(), r.officer("audit", daemonUID+11, auditGID)} {
		status, body := reader.call("GET", admin.PathMetrics, "")
		if status != http.StatusOK {
			t.Fatalf("metrics: %d %s", status, body)
		}
		problems, err := promlint.New(strings.NewReader(body)).Lint()
		if err != nil {
			t.Fatalf("promlint: %v", err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// The format is the text one, whatever is asked for: the contract has no other.
func TestMetricsAreTextWhateverIsAskedFor(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	for _, accept := range []string{"", "application/openmetrics-text", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		req, err := http.NewRequest("GET", "http://signetd"+admin.PathMetrics, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		res, err := o.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
			t.Errorf("Accept %q: Content-Type %q", accept, got)
		}
	}
}

// A scripted load is counted to the last request.
func TestMetricsCountWhatWasAnswered(t *testing.T) {
	r := newRig(t)
	r.limits.QueuePerUID = 2
	r.start()
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	uid, c, ctx := uint32(myUID(callerUID)), r.caller(callerUID), context.Background()
	before := r.server.metrics.scrape(t)
	sign := func(req *protocol.SignRequest, want error) {
		t.Helper()
		if _, err := c.Sign(ctx, req); !errors.Is(err, want) {
			t.Fatalf("Sign: %v, want %v", err, want)
		}
	}

	const allowed, refused, busy = 5, 4, 3
	for range allowed {
		sign(signRequest("sm2", algo.SM2SM3, 2), nil)
	}
	for range refused {
		sign(with(func(q *protocol.SignRequest) { q.Context.Purpose = "invoice" }), protocol.PurposeRefused)
	}
	again := with(func(q *protocol.SignRequest) { q.RequestId = "a" })
	sign(again, nil)
	sign(again, nil)
	half := signRequest("sm2", algo.SM2SM3, 2)
	half.Partial, half.Inputs[1].Context = true, &protocol.Context{Purpose: "invoice"}
	sign(half, nil)
	r.server.admit(uid) // two requests that take all their time
	r.server.admit(uid)
	for range busy {
		sign(signRequest("sm2", algo.SM2SM3, 1), protocol.Busy)
	}
	r.server.dismiss(uid)
	r.server.dismiss(uid)
	r.token.Control(t, "C_Sign=0x21") // CKR_DATA_LEN_RANGE
	sign(signRequest("sm2", algo.SM2SM3, 1), nil)
	r.token.Control(t)
	if _, err := c.Health(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.exchange(r.dial("sign", callerUID, clientsGID), bytes.Repeat([]byte{0xff}, 16)); err != nil {
		t.Fatal(err)
	}
	r.administrator().call("GET", "/v1/nonsense", "")

	const answered, signed = allowed + 2 + 1 + 1, 2*allowed + 1 + 1
	after := r.server.metrics.scrape(t)
	caller := func(result resultClass) string {
		return fmt.Sprintf("signet_caller_requests_total result=%v uid=%d", result, uid)
	}
	for series, want := range map[string]float64{
		"signet_requests_total method=Sign reason=none result=answered":       answered,
		"signet_requests_total method=Sign reason=purpose result=refused":     refused,
		"signet_requests_total method=Sign reason=busy result=busy":           busy,
		"signet_requests_total method=Health reason=none result=answered":     1,
		"signet_requests_total method=none reason=malformed result=malformed": 1,
		"signet_request_seconds method=Sign":                                  answered + refused,
		"signet_sign_items_total reason=none result=allowed":                  signed,
		"signet_sign_items_total reason=none result=repeated":                 1,
		"signet_sign_items_total reason=purpose result=refused":               1,
		"signet_sign_items_total reason=hsm_failed result=failed":             1,
		"signet_sign_batch_items":                                             answered,
		"signet_token_wait_seconds token=seals":                               signed + 1,
		"signet_token_sign_seconds algorithm=SM2-SM3 token=seals":             signed,
		"signet_token_faults_total class=request token=seals":                 1,
		"signet_token_bad_signatures_total token=seals":                       0,
		"signet_verify_seconds":                                               signed,
		"signet_http_requests_total route=other socket=admin status=400":      1,
		caller(resultAnswered):                                                answered + 1,
		caller(resultRefused):                                                 refused,
		caller(resultBusy):                                                    busy,
		caller(resultMalformed):                                               1,
	} {
		if got := after[series] - before[series]; got != want {
			t.Errorf("%s went up by %v, want %v", series, got, want)
		}
	}
	events := float64(len(r.events()))
	after.want(t, map[string]float64{"signet_log_events_total": events, "signet_entries status=active": 1, "signet_mode mode=serving": 1, "signet_mode mode=degraded": 0})
	if groups := after["signet_commit_events"]; groups == 0 || groups > events || groups != after["signet_commit_seconds"] {
		t.Errorf("%v transactions for %v events, %v timed", groups, events, after["signet_commit_seconds"])
	}
}

// A signature that does not verify is the worst that a token can do.
func TestMetricsCountBadSignatures(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.token.Control(t, "sign=wrong:1/1")
	if _, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); err != nil {
		t.Fatal(err)
	}
	r.server.metrics.scrape(t).want(t, map[string]float64{
		"signet_token_bad_signatures_total token=seals":              1,
		"signet_sign_items_total reason=bad_signature result=failed": 1,
	})
}

func TestMetricsCountConnections(t *testing.T) {
	r := newRig(t)
	r.limits.ConnectionsPerUID = 2
	r.start()
	r.caller(callerUID)
	r.caller(callerUID)
	conn := r.dial("sign", callerUID, clientsGID)
	if f, err := protocol.ReadReply(conn); err != nil || !errors.Is(r.faultOf(f), protocol.TooManyConnections) {
		t.Fatalf("third connection: %v", err)
	}
	r.server.metrics.scrape(t).want(t, map[string]float64{
		"signet_connections socket=sign":                                           2,
		"signet_connections socket=audit":                                          0,
		"signet_connections_limit socket=sign":                                     float64(r.limits.Connections),
		"signet_connections_refused_total reason=too_many_connections socket=sign": 1,
	})
}

// Whoever makes accounts must not make series.
func TestCallersAreBounded(t *testing.T) {
	m := newMetrics()
	for uid := range uint32(2 * maxCallers) {
		c := m.callers.of(uid)
		if c != m.callers.of(uid) {
			t.Fatalf("uid %d has series twice", uid)
		}
		c.results[resultBusy].Inc()
	}
	got := m.scrape(t)
	got.want(t, map[string]float64{
		"signet_caller_requests_total result=busy uid=0":     1,
		"signet_caller_requests_total result=busy uid=63":    1,
		"signet_caller_requests_total result=busy uid=other": maxCallers,
	})
	if n := got.count("signet_caller_requests_total"); n != (maxCallers+1)*int(resultClasses) {
		t.Errorf("%d series of callers", n)
	}
}

func (s scrape) count(family string) (n int) {
	for series := range s {
		if strings.HasPrefix(series, family+" ") || series == family {
			n++
		}
	}
	return n
}

// Numbers that are no method, or no code, are the peer's choice and make no
// series.
func TestWhatIsNoMethodMakesNoSeries(t *testing.T) {
	m := newMetrics()
	before := m.scrape(t).count("signet_requests_total")
	for n := range 1000 {
		m.refused(m.callers.of(1), protocol.Method(12+n), protocol.NewError(protocol.Unsupported, "x"))
	}
	if n := m.scrape(t).count("signet_requests_total"); n != before+1 {
		t.Errorf("%d more series", n-before)
	}
}

// Metrics are answered in the modes without a store, and while token, acts
// and the setting of the mode stand still.
func TestMetricsAnswerWhateverStandsStill(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	o.http.Timeout = patience
	ask := func(mode string) {
		t.Helper()
		status, body := o.call("GET", admin.PathMetrics, "")
		if status != http.StatusOK || !strings.Contains(body, "\nsignet_mode{mode=\""+mode+"\"} 1\n") {
			t.Errorf("metrics in mode %s: %d %s", mode, status, body)
		}
		if store := strings.Contains(body, "\nsignet_log_events_total "); store != (mode == "serving") {
			t.Errorf("mode %s: metrics of the store are there: %v", mode, store)
		}
	}
	ask("uninitialised")
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	r.token.Control(t, "C_Sign=hang")
	done := make(chan error)
	go func() {
		_, err := r.caller(callerUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
		done <- err
	}()
	r.waitFor(func() bool { return r.server.metrics.scrape(t)["signet_token_items_signing token=seals"] == 1 }, "the token to hang")
	a := r.server.appliance()
	for _, lock := range []sync.Locker{&a.acts, &a.leaving, &r.server.telling, &r.server.initialising} {
		lock.Lock()
		ask("serving")
		lock.Unlock()
	}
	r.token.Control(t)
	<-done
	r.server.poison(errors.New("a test"))
	ask("poisoned")
}

// Status, metrics and health are for operations: no event, however often.
func TestReadingMetricsIsNoEvent(t *testing.T) {
	r := startedRig(t)
	before := len(r.events())
	for range 3 {
		r.officer("audit", daemonUID+11, auditGID).call("GET", admin.PathMetrics, "")
	}
	if n := len(r.events()) - before; n != 0 {
		t.Errorf("%d events of reading metrics", n)
	}
}

func TestMetricsAreForOfficersAndOperations(t *testing.T) {
	needRoot(t)
	r := newRig(t)
	r.start()
	if err := os.Chmod(r.path("audit", "audit.sock"), 0o666); err != nil { // loosened by somebody
		t.Fatal(err)
	}
	if status, body := r.officer("audit", callerUID, clientsGID).call("GET", admin.PathMetrics, ""); status != http.StatusForbidden {
		t.Errorf("metrics for a caller: %d %s", status, body)
	}
}
