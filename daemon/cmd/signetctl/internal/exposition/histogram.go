package exposition

import (
	"math"
	"slices"
	"strconv"
)

// A Histogram is what the buckets of one series of a histogram say.
type Histogram struct {
	Labels []Label // without le
	Count  float64
	Sum    float64
	bounds []bound
}

type bound struct{ le, count float64 }

// Histograms gathers the samples of a histogram into one for each series, in
// the order in which they were written.
func (f Family) Histograms() []Histogram {
	var all []Histogram
	for _, s := range f.Samples {
		labels := slices.DeleteFunc(slices.Clone(s.Labels), func(l Label) bool { return l.Name == "le" })
		if len(all) == 0 || !slices.Equal(all[len(all)-1].Labels, labels) {
			all = append(all, Histogram{Labels: labels})
		}
		h := &all[len(all)-1]
		switch s.Name {
		case f.Name + "_sum":
			h.Sum = s.Value
		case f.Name + "_count":
			h.Count = s.Value
		default:
			if le, err := strconv.ParseFloat(s.Label("le"), 64); err == nil {
				h.bounds = append(h.bounds, bound{le, s.Value})
			}
		}
	}
	return all
}

// Mean is NaN where nothing was counted.
func (h Histogram) Mean() float64 { return h.Sum / h.Count }

// Quantile is the smallest bound that a share q of what was counted does not
// exceed: the true quantile is at most that. It is NaN where nothing was
// counted and +Inf above the largest bound.
func (h Histogram) Quantile(q float64) float64 {
	if h.Count == 0 {
		return math.NaN()
	}
	for _, b := range h.bounds {
		if b.count >= q*h.Count {
			return b.le
		}
	}
	return math.Inf(1)
}
