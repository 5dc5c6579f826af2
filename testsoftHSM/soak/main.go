// Command soak offers signetd twice what it can sign, for a minute or more,
// and holds it to what an appliance must do for months: memory, descriptors and
// goroutines stay where they are, what is too much is answered busy, and the
// log has an event for each signature that was given out, and no other.
//
// It needs root: the daemon and its callers run as uids of their own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"signet/testsoftHSM/stage"
)

func main() { stage.Main("soak", run) }

// controlSeconds is how long the build that leaks is loaded, and leakSlope what
// its goroutines must grow by at least over the second half of that.
const (
	controlSeconds = 12
	leakSlope      = 0.25
)

// longest is how many times as long the load goes on where something grows: what
// leaks rises by more of its mean then, and what is noise by less.
const longest = 3

// errSlope is wrapped by the fault of something that grows.
var errSlope = errors.New("grows")

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	seconds := flags.Int("seconds", 60, "of twice the load that the daemon can sign")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *seconds < 10 {
		return fmt.Errorf("want no arguments and at least 10 seconds; see -help")
	}
	if os.Geteuid() != 0 {
		return stage.ErrNotRoot // before a build, not after
	}
	if err := control(ctx); err != nil {
		fmt.Fprintln(out, "controls: 0/1 caught")
		return err
	}
	fmt.Fprintln(out, "controls: 1/1 caught")
	done, err := soak(ctx, "", time.Duration(*seconds)*time.Second, out)
	if errors.Is(err, errSlope) {
		return fmt.Errorf("%w (%v)", err, done)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "soak: ok %v\n", done)
	return nil
}

// control loads a daemon that keeps a goroutine for every request that it
// refuses. A harness that does not see that sees nothing.
func control(ctx context.Context) error {
	done, err := soak(ctx, "broken_leak", controlSeconds*time.Second, io.Discard)
	if err != nil && !errors.Is(err, errSlope) {
		return fmt.Errorf("control broken_leak: %w", err)
	}
	// Far from what noise could do: any slope would be seen by a fit that sees
	// nothing else.
	if done.slopes.goroutines < leakSlope {
		return fmt.Errorf("control broken_leak: it keeps a goroutine for every refused request, and their slope was %.0f %%", 100*done.slopes.goroutines)
	}
	return nil
}

// A result is what a run has seen.
type result struct {
	capacity, offered float64 // signatures a second
	signed, busy      int
	slopes            slopes
}

func (r result) String() string {
	return fmt.Sprintf("capacity=%.0f offered=%.0f signed=%d busy=%d rss_slope=%+.2f%% fd_slope=%+.2f%% goroutine_slope=%+.2f%%",
		r.capacity, r.offered, r.signed, r.busy, 100*r.slopes.rss, 100*r.slopes.descriptors, 100*r.slopes.goroutines)
}

// soak puts up an appliance of programs with that build tag and loads it.
func soak(ctx context.Context, tag string, length time.Duration, out io.Writer) (done result, err error) {
	s, err := stage.NewBuilt(ctx, tag)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	keys, err := initialise(ctx, s)
	if err != nil {
		return result{}, fmt.Errorf("initialising: %w", err)
	}
	if done, err = load(ctx, s, keys, length, out); err != nil && !errors.Is(err, errSlope) {
		said, unread := s.Said() // goes with the stage
		return result{}, errors.Join(fmt.Errorf("%w\nsignetd said:\n%s", err, said), unread)
	}
	return done, err
}

// load measures the capacity, offers twice as much, and judges.
func load(ctx context.Context, s *stage.Stage, keys []key, length time.Duration, out io.Writer) (done result, err error) {
	callers, err := newCallers(s, keys)
	if err != nil {
		return result{}, err
	}
	if done.capacity, err = callers.measure(ctx, measuring); err != nil {
		return result{}, fmt.Errorf("measuring the capacity: %w", err)
	}
	fmt.Fprintf(out, "soak: capacity %.0f signatures a second; offering %.0f for %v\n", done.capacity, 2*done.capacity, length)
	var slope error
	for watch, rounds := newWatch(s, out), 1; ; rounds++ {
		if done.capacity, done.offered, err = watch.flood(ctx, callers, done.capacity, length); err != nil {
			return result{}, err
		}
		if done.slopes, slope = watch.slopes(); slope == nil || rounds == longest {
			break
		}
		fmt.Fprintf(out, "soak: %v: going on, to tell growth from noise\n", slope)
	}
	tally, err := callers.end()
	if err != nil {
		return result{}, err
	}
	done.signed, done.busy = len(tally.signed), tally.busy
	if err := judge(ctx, s, keys, tally, done); err != nil {
		return result{}, err
	}
	return done, slope
}

// judge holds the answers to each other and to the log.
func judge(ctx context.Context, s *stage.Stage, keys []key, t tally, done result) error {
	switch {
	case t.busy == 0:
		return errors.New("nothing was answered busy under twice the load that can be signed")
	case done.offered < 1.8*done.capacity:
		return fmt.Errorf("only %.0f requests a second were offered, with a capacity of %.0f: the load did not keep up", done.offered, done.capacity)
	}
	if err := verifySample(keys, t.signed); err != nil {
		return err
	}
	return compareLog(ctx, s, t.signed)
}
