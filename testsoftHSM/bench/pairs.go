package main

import (
	"slices"
	"time"
)

// A figure is the outcome of some pairs.
type figure struct {
	rate, base    float64 // medians, signatures a second
	ratio, q1, q3 float64 // of the pairs' ratios
	p50, p99      time.Duration
	cpu           time.Duration // of the daemon, for one signature
}

// A pair is one run in process and one of the daemon, one after the other: what
// the machine does meanwhile strikes both.
type pair struct {
	base, run tally
	cpu       time.Duration // of the daemon in its run
}

func figureOf(pairs []pair) figure {
	of := func(value func(pair) float64) []float64 {
		var all []float64
		for _, p := range pairs {
			all = append(all, value(p))
		}
		slices.Sort(all)
		return all
	}
	ratios := of(func(p pair) float64 { return p.run.rate() / p.base.rate() })
	return figure{
		rate:  quantile(of(func(p pair) float64 { return p.run.rate() }), 0.5),
		base:  quantile(of(func(p pair) float64 { return p.base.rate() }), 0.5),
		ratio: quantile(ratios, 0.5), q1: quantile(ratios, 0.25), q3: quantile(ratios, 0.75),
		p50: time.Duration(quantile(of(func(p pair) float64 { return float64(p.run.P50) }), 0.5)),
		p99: time.Duration(quantile(of(func(p pair) float64 { return float64(p.run.P99) }), 0.5)),
		cpu: time.Duration(quantile(of(func(p pair) float64 { return float64(p.cpu) / float64(p.run.Signatures) }), 0.5)),
	}
}

// quantile interpolates between the two nearest of sorted values.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
