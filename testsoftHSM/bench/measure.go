package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// A bench is one run of the program.
type bench struct {
	plan
	out   io.Writer
	lines []string // machine-readable, printed last
}

func (b *bench) run(ctx context.Context) error {
	for _, alg := range b.algs {
		if err := b.algorithm(ctx, alg); err != nil {
			return fmt.Errorf("%s: %w", alg.name, err)
		}
	}
	if b.million > 0 {
		if err := b.memory(ctx); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
	}
	if b.commit {
		if err := b.bareCommit(ctx); err != nil {
			return fmt.Errorf("the bare commit: %w", err)
		}
	}
	fmt.Fprintln(b.out)
	for _, line := range b.lines {
		fmt.Fprintln(b.out, line)
	}
	_, err := fmt.Fprintf(b.out, "bench: ok lines=%d\n", len(b.lines))
	return err
}

// algorithm measures one algorithm, in an appliance of its own.
func (b *bench) algorithm(ctx context.Context, alg algorithm) (err error) {
	a, err := newAppliance(ctx, b.bin, alg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := b.table(ctx, a, alg); err != nil || b.null == "" {
		return err
	}
	if err := b.withoutSigning(ctx, a, alg); err != nil {
		return fmt.Errorf("the path without signing: %w", err)
	}
	return nil
}

// A way is one arrangement of the runs in process.
type way struct{ processes, threads int }

var ways = []way{{1, 1}, {1, 2}, {1, 4}, {2, 1}}

// searchRounds is how often each way is tried to find the best one.
const searchRounds = 3

// best finds the fastest way to do it in process, and says what each did.
func (b *bench) best(ctx context.Context, a *appliance, alg algorithm, what string) (way, error) {
	rates := map[way][]float64{}
	for range searchRounds {
		for _, w := range ways {
			t, err := b.inProcess(ctx, a, alg, w, what, b.window/3)
			if err != nil {
				return way{}, err
			}
			rates[w] = append(rates[w], t.rate())
		}
	}
	best, bestRate := way{}, 0.0
	for _, w := range ways {
		slices.Sort(rates[w])
		rate := quantile(rates[w], 0.5)
		b.line("limit alg=%s do=%s processes=%d threads=%d rate=%.0f", alg.name, what, w.processes, w.threads, rate)
		if rate > bestRate {
			best, bestRate = w, rate
		}
	}
	return best, nil
}

func (b *bench) inProcess(ctx context.Context, a *appliance, alg algorithm, w way, what string, window time.Duration) (t tally, err error) {
	var all []*child
	defer func() { err = errors.Join(err, stopAll(all)) }()
	for range w.processes {
		c, err := a.inProcess(ctx, alg, w.threads, what == signVerify, window)
		if err != nil {
			return tally{}, err
		}
		all = append(all, c)
	}
	return measureTogether(all)
}

// An arrangement is how many callers there are, and how many inputs their
// requests have.
type arrangement struct{ callers, batch int }

// arrangements: single requests at each number of callers, then batches from
// batchCallers, so that one is being signed while another's answer is read.
func (p plan) arrangements() []arrangement {
	var all []arrangement
	for _, n := range p.callers {
		all = append(all, arrangement{n, 1})
	}
	if p.batch > 0 {
		all = append(all, arrangement{batchCallers, p.batch})
	}
	return all
}

const batchCallers = 4

// table measures one algorithm.
func (b *bench) table(ctx context.Context, a *appliance, alg algorithm) error {
	best := map[string]way{}
	for _, what := range []string{signOnly, signVerify} {
		w, err := b.best(ctx, a, alg, what)
		if err != nil {
			return err
		}
		best[what] = w
	}
	base := best[alg.limit]
	fmt.Fprintf(b.out, "\n%s, against the best in-process rate of %s (%d process(es) of %d thread(s))\n", alg.name, alg.limit, base.processes, base.threads)
	fmt.Fprintln(b.out, "callers  batch  signatures/s  in process  ratio  quartiles     p50        p99        CPU")
	for _, r := range b.arrangements() {
		pairs, err := b.pairsOf(ctx, a, alg, base, r)
		if err != nil {
			return err
		}
		f := figureOf(pairs)
		fmt.Fprintf(b.out, "%7d  %5d  %12.0f  %10.0f   %.2f  %.2f - %.2f  %-9v  %-9v  %v\n", r.callers, r.batch, f.rate, f.base, f.ratio, f.q1, f.q3,
			f.p50.Round(time.Microsecond), f.p99.Round(time.Microsecond), f.cpu.Round(time.Microsecond))
		b.line("alg=%s callers=%d batch=%d rate=%.0f base=%.0f ratio=%.3f q1=%.3f q3=%.3f p50=%d p99=%d cpu_us=%.1f against=%s",
			alg.name, r.callers, r.batch, f.rate, f.base, f.ratio, f.q1, f.q3, f.p50.Microseconds(), f.p99.Microseconds(), micros(f.cpu), alg.limit)
	}
	return nil
}

func (b *bench) pairsOf(ctx context.Context, a *appliance, alg algorithm, base way, r arrangement) ([]pair, error) {
	load, err := a.callers(ctx, alg, r.callers, r.batch, b.window)
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for range b.pairs {
		var p pair
		if p.base, err = b.inProcess(ctx, a, alg, base, alg.limit, b.window); err != nil {
			break
		}
		if p.run, p.cpu, err = underLoad(a, load); err != nil {
			break
		}
		pairs = append(pairs, p)
	}
	return pairs, errors.Join(err, load.stop())
}

// underLoad runs the callers once and returns what that cost the daemon.
func underLoad(a *appliance, load *child) (tally, time.Duration, error) {
	before, err := a.cpu()
	if err != nil {
		return tally{}, 0, err
	}
	t, err := measureTogether([]*child{load})
	if err != nil {
		return tally{}, 0, err
	}
	after, err := a.cpu()
	return t, after - before, err
}

func (b *bench) line(format string, args ...any) {
	b.lines = append(b.lines, "bench "+fmt.Sprintf(format, args...))
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// withoutSigning compares one caller's path with the same path over a driver
// that has every signature ready: what is left is transport, decision,
// verification and the durable record.
func (b *bench) withoutSigning(ctx context.Context, a *appliance, alg algorithm) (err error) {
	null, err := newAppliance(ctx, b.null, alg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, null.Close()) }()
	var loads []*child
	defer func() { err = errors.Join(err, stopAll(loads)) }()
	for _, one := range []*appliance{null, a} {
		c, err := one.callers(ctx, alg, 1, 1, b.window, "-same")
		if err != nil {
			return err
		}
		loads = append(loads, c)
	}
	var ratios, p50 []float64
	for range b.pairs {
		bare, err := measureTogether(loads[:1])
		if err != nil {
			return err
		}
		full, err := measureTogether(loads[1:])
		if err != nil {
			return err
		}
		ratios = append(ratios, float64(full.P50)/float64(bare.P50))
		p50 = append(p50, float64(bare.P50))
	}
	slices.Sort(ratios)
	slices.Sort(p50)
	ratio, bare := quantile(ratios, 0.5), time.Duration(quantile(p50, 0.5))
	fmt.Fprintf(b.out, "\n%s, one caller: p50 is %.2f times that of the path without signing (%v)\n", alg.name, ratio, bare.Round(time.Microsecond))
	b.line("null alg=%s callers=1 p50=%d ratio=%.3f q1=%.3f q3=%.3f", alg.name, bare.Microseconds(), ratio, quantile(ratios, 0.25), quantile(ratios, 0.75))
	return nil
}

// memory signs a million times with request ids and says what the daemon
// then holds of its own.
func (b *bench) memory(ctx context.Context) (err error) {
	alg := b.algs[0]
	a, err := newAppliance(ctx, b.bin, alg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	load, err := a.callers(ctx, alg, 64, 1, b.window, "-request-ids")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, load.stop()) }()
	signed, peak := 0, int64(0)
	for signed < b.million {
		t, err := measureTogether([]*child{load})
		if err != nil {
			return err
		}
		signed += t.Signatures
		rss, err := a.rssAnon()
		if err != nil {
			return err
		}
		peak = max(peak, rss)
		if isTerminal() {
			fmt.Fprintf(os.Stderr, "\rmemory: %d of %d signatures, RssAnon %.1f MiB ", signed, b.million, mebi(rss))
		}
	}
	rss, err := a.rssAnon()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "\nRssAnon after %d signatures: %.1f MiB, at most %.1f MiB seen between\n", signed, mebi(rss), mebi(peak))
	b.line("memory alg=%s signatures=%d rss_anon=%d peak=%d", alg.name, signed, rss, peak)
	return nil
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

func isTerminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
