package daemon

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/policy"
)

// The model test: policy and daemon against package model, in worlds that a
// seed makes. make test-model runs it in full.
var (
	modelDecisions = flag.Int("model.decisions", 30_000, "how many decisions TestModel makes")
	modelSeed      = flag.Uint64("model.seed", 1, "what its worlds are drawn from")
	modelWorld     = flag.String("model.world", "", "run this world alone: policy/SEED or daemon/SEED")
	modelReport    = flag.Bool("model.report", false, "print what was reached")
)

const (
	perPolicyWorld = 400 // decisions
	perDaemonWorld = 800

	// worldSeeds keeps the worlds of one seed apart from those of the next.
	worldSeeds = 1_000_000

	// leastOfAMillion is how often each reason must have been given in a
	// million decisions; of fewer, as much of it.
	leastOfAMillion = 1000
)

// reached are the reasons that Decide can give.
var reached = []policy.Reason{
	policy.Allowed, policy.BatchTooLarge, policy.UnknownEntry, policy.NotACaller, policy.OperationRefused, policy.AlgorithmRefused,
	policy.VersionRefused, policy.PurposeRefused, policy.NotActive, policy.OutsideValidity, policy.OutsideHours, policy.QuotaSpent,
	policy.RateExceeded, policy.ApprovalNeeded, policy.ApprovalDenied, policy.CertInvalid, policy.KeyMismatch, policy.ClockBehind,
	policy.OpNotForSeal, policy.ContextRequired, policy.RecordUnproven, policy.ClockJumped, policy.ContainerRefused,
}

// modelStats count what the worlds of one kind reached.
type modelStats struct {
	mu       sync.Mutex
	reasons  map[string]int
	rules    map[string]int
	happened map[string]int
	total    int
}

func newModelStats() *modelStats {
	return &modelStats{reasons: map[string]int{}, rules: map[string]int{}, happened: map[string]int{}}
}

func (s *modelStats) decided(reason, rule string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	s.reasons[reason]++
	s.rules[reason+" "+rule]++
}

func (s *modelStats) note(what string) { s.add(what, 1) }

func (s *modelStats) add(what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happened[what] += n
}

// crossed counts the changes of a zone's offset between two instants.
func (s *modelStats) crossed(zone *time.Location, from, to time.Time) {
	_, before := from.In(zone).Zone()
	_, after := to.In(zone).Zone()
	switch {
	case after > before:
		s.note("clocks set forward by the zone")
	case after < before:
		s.note("clocks set back by the zone")
	}
	if d := to.In(zone); d.Month() == time.February && d.Day() == 29 {
		s.note("decisions on a leap day")
	}
	if from.In(zone).Month() != to.In(zone).Month() {
		s.note("ends of a month")
	}
}

// A modelRun is one run of the test.
type modelRun struct {
	policy, daemon *modelStats // by the kind of world
	bench          *modelBench
}

func TestModel(t *testing.T) {
	began := time.Now()
	run := &modelRun{policy: newModelStats(), daemon: newModelStats(), bench: newModelBench(t)}
	if *modelWorld != "" {
		if err := run.alone(*modelWorld); err != nil {
			t.Fatal(err)
		}
		return
	}
	ofPolicy := *modelDecisions / 2 / perPolicyWorld
	ofDaemon := (*modelDecisions - ofPolicy*perPolicyWorld + perDaemonWorld - 1) / perDaemonWorld
	for _, err := range run.all(ofPolicy, ofDaemon) {
		t.Error(err)
	}
	if t.Failed() {
		return
	}
	run.check(t, *modelDecisions)
	if *modelReport {
		run.report(ofPolicy, ofDaemon, time.Since(began))
	}
}

// alone runs the one world of that name.
func (m *modelRun) alone(name string) error {
	kind, text, _ := strings.Cut(name, "/")
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("-model.world %s: want policy/SEED or daemon/SEED: %w", name, err)
	}
	if kind == "daemon" {
		return m.daemonWorld(0, seed)
	}
	return m.policyWorld(seed)
}

func (m *modelRun) policyWorld(seed uint64) error {
	return m.world("policy", seed, func() error {
		w, err := newPolicyWorld(seed, m.policy)
		if err != nil {
			return err
		}
		return w.run(perPolicyWorld)
	})
}

func (m *modelRun) daemonWorld(worker int, seed uint64) error {
	return m.world("daemon", seed, func() error { return m.bench.run(worker, seed, m.daemon) })
}

// world says of a fault which world it is of, and how to see it alone. A panic
// in a world is a fault of it.
func (m *modelRun) world(kind string, seed uint64, run func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, stack())
		}
		if err != nil {
			err = fmt.Errorf("world %s/%d: %w\nalone: go test ./daemon -run '^TestModel$' -model.world %s/%d", kind, seed, err, kind, seed)
		}
	}()
	return run()
}

func stack() string {
	buf := make([]byte, 8<<10)
	return string(buf[:runtime.Stack(buf, false)])
}

// enoughFaults is how many worlds may part from the model before the run ends:
// most likely for one reason.
const enoughFaults = 3

// all runs the worlds, on all processors, and returns what is wrong.
func (m *modelRun) all(ofPolicy, ofDaemon int) []error {
	var next, bad atomic.Int64
	var mu sync.Mutex
	var faults []error
	var wait sync.WaitGroup
	for worker := range m.bench.workers() {
		wait.Go(func() {
			for bad.Load() < enoughFaults {
				i := int(next.Add(1)) - 1
				var err error
				switch seed := *modelSeed*worldSeeds + uint64(i); {
				case i < ofDaemon:
					err = m.daemonWorld(worker, seed)
				case i < ofDaemon+ofPolicy:
					err = m.policyWorld(seed)
				default:
					return
				}
				if err != nil {
					bad.Add(1)
					mu.Lock()
					faults = append(faults, err)
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return faults
}

// check holds the run to what it must have reached to say anything.
func (m *modelRun) check(t *testing.T, decisions int) {
	t.Helper()
	least := leastOfAMillion * decisions / 1_000_000
	for _, reason := range reached {
		if n := m.policy.reasons[reason.String()] + m.daemon.reasons[reason.String()]; n < least {
			t.Errorf("%v was given %d times in %d decisions, want at least %d", reason, n, m.policy.total+m.daemon.total, least)
		}
	}
	if n := m.daemon.happened["crashes"]; n < least {
		t.Errorf("%d crashes, want at least %d", n, least)
	}
}

// report prints what was reached.
func (m *modelRun) report(ofPolicy, ofDaemon int, took time.Duration) {
	fmt.Printf("%d decisions under %d policies by policy.Decide, %d of %d appliances by the daemon, seed %d\n\n",
		m.policy.total, ofPolicy, m.daemon.total, ofDaemon, *modelSeed)
	fmt.Printf("%-36s %10s %10s\n", "reason and rule", "policy", "daemon")
	for _, reason := range reached {
		name := reason.String()
		fmt.Printf("%-36s %10d %10d\n", name, m.policy.reasons[name], m.daemon.reasons[name])
		rules := maps.Clone(m.policy.rules)
		maps.Copy(rules, m.daemon.rules)
		for _, rule := range slices.Sorted(maps.Keys(rules)) {
			if of, by, _ := strings.Cut(rule, " "); of == name && by != "" {
				fmt.Printf("  %-34s %10d %10d\n", by, m.policy.rules[rule], m.daemon.rules[rule])
			}
		}
	}
	fmt.Println()
	happened := maps.Clone(m.daemon.happened)
	for what, n := range m.policy.happened {
		happened[what] += n
	}
	for _, what := range slices.Sorted(maps.Keys(happened)) {
		fmt.Printf("%-56s %8d\n", what, happened[what])
	}
	fmt.Printf("\ndecisions=%d reasons=%d least=%d crashes=%d overtaken=%d seed=%d seconds=%.0f\n", m.policy.total+m.daemon.total,
		len(reached), m.least(), m.daemon.happened["crashes"], m.daemon.happened["uses overtaken"], *modelSeed, took.Seconds())
}

// least is how often the reason was given that was given least.
func (m *modelRun) least() int {
	count := func(r policy.Reason) int { return m.policy.reasons[r.String()] + m.daemon.reasons[r.String()] }
	return count(slices.MinFunc(reached, func(a, b policy.Reason) int { return cmp.Compare(count(a), count(b)) }))
}
