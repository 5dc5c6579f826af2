package daemon

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/protobuf/proto"

	"signet/daemon/internal/store"
	"signet/protocol"
)

// metrics are what operations watch. Names, labels and their values are
// promises: metrics.md has them all, a test holds it to what is served.
//
// What a request that is answered counts is resolved beforehand and costs no
// look-up; only refusals and faults are looked up by their names.
type metrics struct {
	registry *prometheus.Registry

	requests     *prometheus.CounterVec // method, result, reason
	byMethod     [len(countedMethods)]methodMetrics
	items        *prometheus.CounterVec // result, reason
	allowed      prometheus.Counter     // of items
	repeated     prometheus.Counter     // of items
	batch        *histogram
	withheld     prometheus.Counter
	verification *histogram

	callers callers
	tokens  tokenVecs
	web     *prometheus.CounterVec // socket, route, status

	turnedAway *prometheus.CounterVec // socket, reason
	cutOff     prometheus.Counter

	commitTimes  *histogram
	commitEvents *histogram
	commitFaults *prometheus.CounterVec // reason

	sample storeSample
	marked atomic.Int64 // when the marker was last written, ns since 1970; 0: not yet
}

// methodMetrics are the series of a method whose requests are answered.
type methodMetrics struct {
	answered prometheus.Counter
	times    *histogram
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.requests = m.counters("signet_requests_total", "Requests on sign.sock that got an answer.", "method", "result", "reason")
	m.items = m.counters("signet_sign_items_total", "Inputs of requests to sign that got a result of their own.", "result", "reason")
	m.batch = m.histogram("signet_sign_batch_items", "Inputs of a request to sign that got results.", sizes[:9], 1, nil)
	m.withheld = m.counter("signet_answers_withheld_total", "Recorded answers that did not leave because their entry changed meanwhile.")
	m.verification = m.durations("signet_verify_seconds", "Verification of one signature of a token.", nil)
	m.web = m.counters("signet_http_requests_total", "Exchanges on admin.sock and audit.sock.", "socket", "route", "status")
	m.turnedAway = m.counters("signet_connections_refused_total", "Connections that were turned away.", "socket", "reason")
	m.cutOff = m.counter("signet_connections_cut_total", "Connections of sign.sock that were ended because their peer did not read.")
	m.commitTimes = m.durations("signet_commit_seconds", "One transaction of the store, until it is durable.", nil)
	m.commitEvents = m.histogram("signet_commit_events", "Events of one transaction, and so of one sync.", sizes, 1, nil)
	m.commitFaults = m.counters("signet_commit_faults_total", "Transactions of the store that failed.", "reason")
	m.callers = m.newCallers()
	m.tokens = m.newTokenVecs()
	m.resolve()
	return m
}

func (m *metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

// countedMethods are the ones that this daemon answers besides unsupported.
var countedMethods = [...]protocol.Method{protocol.MethodHealth, protocol.MethodTime, protocol.MethodListEntries, protocol.MethodSign}

// resolve makes the series of every day, so that they are there from the
// first scrape on: a rate begins with a zero.
func (m *metrics) resolve() {
	for i, method := range countedMethods {
		m.byMethod[i] = methodMetrics{
			answered: m.requests.WithLabelValues(method.String(), resultAnswered.String(), noReason),
			times:    m.durations("signet_request_seconds", "From a request read to its answer ready.", prometheus.Labels{"method": method.String()}),
		}
	}
	m.allowed = m.items.WithLabelValues("allowed", noReason)
	m.repeated = m.items.WithLabelValues("repeated", noReason)
	for _, socket := range []string{"sign", "admin", "audit"} {
		m.turnedAway.WithLabelValues(socket, protocol.TooManyConnections.String())
	}
	for _, reason := range []string{"full", "poisoned", "other"} {
		m.commitFaults.WithLabelValues(reason)
	}
}

// method returns the series of a method, nil for one that is not answered.
func (m *metrics) method(of protocol.Method) *methodMetrics {
	for i, method := range countedMethods {
		if method == of {
			return &m.byMethod[i]
		}
	}
	return nil
}

// methodLabel is the method's name, "none" for numbers that are no method:
// they are the peer's choice and must not become series.
func methodLabel(of protocol.Method) string {
	if of < protocol.MethodHealth || of > protocol.MethodApprovalStatus {
		return "none"
	}
	return of.String()
}

// answered counts one request of sign.sock, which was read at began, by what
// it was answered with.
func (m *metrics) answered(c *callerMetrics, of protocol.Method, began moment, reply proto.Message, fault *protocol.Error) {
	known := m.method(of)
	if known != nil {
		known.times.since(began)
	}
	if fault != nil || known == nil {
		m.refused(c, of, fault)
		return
	}
	known.answered.Inc()
	c.results[resultAnswered].Inc()
	if signed, ok := reply.(*protocol.SignReply); ok {
		m.signed(signed)
	}
}

// refused counts a request that was answered with an error.
func (m *metrics) refused(c *callerMetrics, of protocol.Method, fault *protocol.Error) {
	code := protocol.Code(fault.GetCode())
	result := resultOf(code)
	m.requests.WithLabelValues(methodLabel(of), result.String(), reasonLabel(code)).Inc()
	c.results[result].Inc()
}

// signed counts the results of a reply.
func (m *metrics) signed(reply *protocol.SignReply) {
	var allowed, repeated int
	for _, r := range reply.Results {
		switch signed := r.GetSigned(); {
		case signed == nil:
			code := protocol.Code(r.GetError().GetCode())
			m.items.WithLabelValues(resultOf(code).String(), reasonLabel(code)).Inc()
		case signed.Repeated:
			repeated++
		default:
			allowed++
		}
	}
	m.allowed.Add(float64(allowed))
	if repeated > 0 {
		m.repeated.Add(float64(repeated))
	}
	m.batch.observe(int64(len(reply.Results)))
}

// committed counts a transaction. It runs on the committer.
func (m *metrics) committed(g store.Group) {
	if g.Err != nil {
		m.commitFaults.WithLabelValues(commitFault(g.Err)).Inc()
		return
	}
	m.commitTimes.observe(g.Took.Nanoseconds())
	m.commitEvents.observe(int64(g.Events))
}
