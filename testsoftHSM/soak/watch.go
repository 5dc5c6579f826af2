package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"signet/protocol/admin"
	"signet/testsoftHSM/stage"
)

const (
	sampleEach = 250 * time.Millisecond
	sayEach    = 40 // samples
)

// A sample is what the daemon has at one moment.
type sample struct {
	at          time.Duration
	rss         float64 // RssAnon, bytes: bbolt's mapping of the file is not in it
	descriptors float64
	goroutines  float64
}

// A watch samples the daemon while it is loaded.
type watch struct {
	*stage.Stage
	http    *http.Client
	out     io.Writer
	began   time.Time
	samples []sample
}

func newWatch(s *stage.Stage, out io.Writer) *watch {
	return &watch{Stage: s, http: stage.HTTPAs(stage.AuditUID, []uint32{stage.AuditGID}, s.Socket("audit")), out: out, began: time.Now()}
}

// flood loads the daemon and watches it.
func (w *watch) flood(ctx context.Context, all callers, capacity float64, length time.Duration) (signed, offered float64, err error) {
	watching := make(chan error, 1)
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { watching <- w.run(watchCtx) }()
	signed, offered, err = all.flood(ctx, capacity, length)
	stop()
	return signed, offered, errors.Join(err, <-watching)
}

func (w *watch) run(ctx context.Context) error {
	tick := time.NewTicker(sampleEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s, err := w.sample(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watching signetd: %w", err)
		}
		s.at = time.Since(w.began)
		w.samples = append(w.samples, s)
		if len(w.samples)%sayEach == 0 {
			fmt.Fprintf(w.out, "soak: %3.0f s: RssAnon %.1f MiB, %.0f descriptors, %.0f goroutines\n", s.at.Seconds(), s.rss/(1<<20), s.descriptors, s.goroutines)
		}
	}
}

func (w *watch) sample(ctx context.Context) (s sample, err error) {
	if s.rss, err = w.rssAnon(); err != nil {
		return s, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.PID()))
	if err != nil {
		return s, err
	}
	s.descriptors = float64(len(open))
	s.goroutines, err = w.metric(ctx, "go_goroutines")
	return s, err
}

// rssAnon reads RssAnon of proc_pid_status(5), in bytes.
func (w *watch) rssAnon() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("no RssAnon in the status of process %d", w.PID())
}

// metric asks an auditor's question: metrics are no event of the log.
func (w *watch) metric(ctx context.Context, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://signetd"+admin.PathMetrics, nil)
	if err != nil {
		return 0, err
	}
	answer, err := w.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no %s in the answer to %s: %s", name, admin.PathMetrics, answer.Status)
}

// slopes are by how much of its mean each has grown over the second half.
type slopes struct{ rss, descriptors, goroutines float64 }

// maxSlope is what an appliance that stays up may show of noise.
const maxSlope = 0.02

func (w *watch) slopes() (slopes, error) {
	half := w.samples[len(w.samples)/2:]
	if len(half) < 10 {
		return slopes{}, fmt.Errorf("only %d samples: no slope can be told", len(w.samples))
	}
	s := slopes{
		growth(half, func(s sample) float64 { return s.rss }),
		growth(half, func(s sample) float64 { return s.descriptors }),
		growth(half, func(s sample) float64 { return s.goroutines }),
	}
	for _, one := range []struct {
		what  string
		slope float64
	}{{"RssAnon", s.rss}, {"the number of descriptors", s.descriptors}, {"the number of goroutines", s.goroutines}} {
		if !(one.slope <= maxSlope) { // NaN is no proof either
			return s, fmt.Errorf("%s %w by %.1f %% over the second half, want at most %.0f %%", one.what, errSlope, 100*one.slope, 100*maxSlope)
		}
	}
	return s, nil
}

// growth fits a line by least squares and returns its rise over the samples,
// as a part of their mean.
func growth(samples []sample, of func(sample) float64) float64 {
	var t, y, ty, tt float64
	n := float64(len(samples))
	for _, s := range samples {
		t += s.at.Seconds() / n
		y += of(s) / n
	}
	for _, s := range samples {
		ty += (s.at.Seconds() - t) * (of(s) - y)
		tt += (s.at.Seconds() - t) * (s.at.Seconds() - t)
	}
	if y == 0 || tt == 0 {
		return math.NaN()
	}
	return ty / tt * (samples[len(samples)-1].at - samples[0].at).Seconds() / y
}
