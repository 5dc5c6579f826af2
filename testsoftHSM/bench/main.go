// Command bench measures what signet costs: signatures a second of a daemon
// with verification and a durable log, over its socket, against the same
// module called in process, in pairs that alternate. README.md says how and
// what was found.
//
// It needs root: the daemon and its callers run as uids of their own.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"signet/testsoftHSM/stage"
)

func main() { stage.Main("bench", run) }

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if child, ok := children[args[0]]; ok {
			return child(ctx, args[1:])
		}
	}
	return measure(ctx, args, out)
}

// A plan is what to measure.
type plan struct {
	bin     string // directory of signetd and signetctl
	null    string // the same, built with tag bench_null
	algs    []algorithm
	callers []int
	batch   int // inputs of a request in the run with batches, 0 for none
	pairs   int
	window  time.Duration
	million int // signatures of the run that watches memory, 0 for none
	commit  bool
}

func parsePlan(args []string) (plan, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	p := plan{}
	flags.StringVar(&p.bin, "bin", "build/bin", "where signetd and signetctl are")
	flags.StringVar(&p.null, "null", "", "where they are built with the tag bench_null; empty: no run without signing")
	algs := flags.String("algs", "P-256,RSA-2048,SM2", "which algorithms")
	callers := flags.String("callers", "1,4,16,64", "how many callers at a time, each with one request in flight")
	flags.IntVar(&p.batch, "batch", 64, "inputs of a request in the run with batches; 0: no such run")
	flags.IntVar(&p.pairs, "pairs", 9, "pairs of a run in process and a run of the daemon, for each figure")
	flags.DurationVar(&p.window, "window", 3*time.Second, "length of one run")
	flags.IntVar(&p.million, "signatures", 1_000_000, "signatures after which RssAnon is read; 0: no such run")
	flags.BoolVar(&p.commit, "commit", true, "also measure the bare commit")
	if err := flags.Parse(args); err != nil {
		return plan{}, err
	}
	if flags.NArg() > 0 || p.pairs < 1 || p.window < 100*time.Millisecond {
		return plan{}, fmt.Errorf("want no arguments, at least one pair, windows of at least 100ms; see -help")
	}
	return p, p.parseLists(*algs, *callers)
}

func (p *plan) parseLists(algs, callers string) error {
	for _, name := range strings.Split(algs, ",") {
		a, err := algorithmNamed(name)
		if err != nil {
			return err
		}
		p.algs = append(p.algs, a)
	}
	for _, text := range strings.Split(callers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-callers %s: want numbers of at least 1, with commas between", callers)
		}
		p.callers = append(p.callers, n)
	}
	return nil
}

func measure(ctx context.Context, args []string, out io.Writer) error {
	p, err := parsePlan(args)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return stage.ErrNotRoot
	}
	b := &bench{plan: p, out: out}
	return b.run(ctx)
}
