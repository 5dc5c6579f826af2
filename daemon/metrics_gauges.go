package daemon

import (
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"signet/daemon/internal/register"
	"signet/policy"
)

// What is read off when metrics are asked for, as status is: nothing here
// waits for a token, a disk, or a lock that is held over one.

// A gaugeSet is the families of one subject, with the function that reads
// them.
type gaugeSet struct {
	descs []*prometheus.Desc
	read  func(report)
}

func (g *gaugeSet) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range g.descs {
		ch <- d
	}
}

func (g *gaugeSet) Collect(ch chan<- prometheus.Metric) { g.read(report{ch}) }

// desc adds a family to the set.
func (g *gaugeSet) desc(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(name, help, labels, nil)
	g.descs = append(g.descs, d)
	return d
}

// A report takes the values of one scrape.
type report struct{ ch chan<- prometheus.Metric }

func (r report) gauge(d *prometheus.Desc, v float64, labels ...string) {
	r.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (r report) counter(d *prometheus.Desc, v float64, labels ...string) {
	r.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// timestamp leaves out a time that is not known.
func (r report) timestamp(d *prometheus.Desc, at time.Time) {
	if !at.IsZero() {
		r.gauge(d, float64(at.UnixMicro())/1e6)
	}
}

// oneOf reports 1 for the state that holds and 0 for the others, so that each
// state is a series of its own; the last label is the state.
func (r report) oneOf(d *prometheus.Desc, states []string, now string, labels ...string) {
	for _, state := range states {
		v := 0.0
		if state == now {
			v = 1
		}
		r.gauge(d, v, append(slices.Clone(labels), state)...)
	}
}

// The states that one-hot families have a series for.
var (
	modeStates  = modeNames[Uninitialised:]
	syncStates  = syncNames[:]
	clockStates = []string{clockNames[policy.SaneClock], clockNames[policy.BehindClock], clockNames[policy.JumpedClock], clockName(policy.UnknownClock)}
	entryStates = []string{
		string(register.Pending), string(register.Active), register.Suspended, string(register.Superseded),
		string(register.Cancelled), string(register.Invalid),
	}
)

// applianceGauges are what status says at the top.
func (s *Server) applianceGauges() *gaugeSet {
	g := &gaugeSet{}
	var (
		build    = g.desc("signet_build_info", "Always 1; its labels name the program.", "version", "go_version")
		started  = g.desc("signet_started_timestamp_seconds", "When the process started.")
		mode     = g.desc("signet_mode", "1 for the mode that the appliance is in, 0 for the others.", "mode")
		clock    = g.desc("signet_clock_state", "1 for what the daemon holds of its clock, 0 for the others.", "state")
		sync     = g.desc("signet_clock_sync", "1 for the kernel's word on its clock, 0 for the others.", "state")
		entries  = g.desc("signet_entries", "Entries of the register.", "status")
		warnings = g.desc("signet_warnings", "Warnings that signetctl status shows.")
	)
	g.read = func(r report) {
		now := s.status()
		r.gauge(build, 1, now.Version, runtime.Version())
		r.timestamp(started, now.Started)
		r.oneOf(mode, modeStates, now.Mode)
		r.oneOf(clock, clockStates, now.Clock)
		r.oneOf(sync, syncStates, now.Sync)
		counts := map[string]int{}
		for _, c := range now.Entries {
			counts[c.Status] = c.Count
		}
		for _, status := range entryStates {
			r.gauge(entries, float64(counts[status]), status)
		}
		r.gauge(warnings, float64(len(now.Warnings)))
	}
	return g
}

// loadGauges are what is in hand now.
func (s *Server) loadGauges() *gaugeSet {
	g := &gaugeSet{}
	var (
		connections = g.desc("signet_connections", "Connections that are open.", "socket")
		places      = g.desc("signet_connections_limit", "Connections that the socket takes.", "socket")
		inHand      = g.desc("signet_requests_in_hand", "Requests on sign.sock that are not answered yet.")
		unread      = g.desc("signet_answers_unread_bytes", "Answers on sign.sock that their callers have not read.")
		lost        = g.desc("signet_journal_lost_total", "Entries of the journal that were lost because journald did not take them.")
	)
	g.read = func(r report) {
		for _, socket := range []struct {
			name string
			door *door
		}{{"sign", s.doors.sign}, {"admin", s.doors.admin}, {"audit", s.doors.audit}} {
			r.gauge(connections, float64(socket.door.open()), socket.name)
			r.gauge(places, float64(socket.door.all), socket.name)
		}
		requests, bytes := s.inHand()
		r.gauge(inHand, float64(requests))
		r.gauge(unread, float64(bytes))
		r.counter(lost, float64(s.journal.Lost()))
	}
	return g
}

// inHand adds up the load of all uids.
func (s *Server) inHand() (requests, unread int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.perUID {
		requests += l.requests
		unread += l.unread
	}
	return requests, unread
}

// open is how many places are taken.
func (d *door) open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.taken
}
