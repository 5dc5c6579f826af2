package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/exposition"
	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol/admin"
)

func (p *program) metrics() *cobra.Command {
	table := false
	cmd := p.command("metrics", helpMetrics, func(ctx context.Context, _ []string) error {
		if p.json && table {
			return usage(msgNotTogether, "json", "table")
		}
		text, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (string, error) { return c.Metrics(ctx) })
		if err != nil {
			return err
		}
		if !p.json && !table {
			return p.printMetrics(text)
		}
		families, err := exposition.Parse(text)
		if err != nil {
			return fmt.Errorf("reading the metrics: %w", err)
		}
		if p.json {
			return p.printJSON(metricsJSON(families))
		}
		return p.metricsTable(families)
	})
	cmd.Flags().BoolVar(&table, "table", false, p.tr(flagTable))
	return cmd
}

// printMetrics writes the text as it came, except to a terminal.
func (p *program) printMetrics(text string) error {
	if !screen.IsTerminal(p.out) {
		_, err := io.WriteString(p.out, text)
		return err
	}
	for line := range strings.Lines(text) {
		if _, err := fmt.Fprintln(p.out, screen.Clean(strings.TrimSuffix(line, "\n"))); err != nil {
			return err
		}
	}
	return nil
}

// The JSON form. Values are strings, as in Prometheus's own interface: JSON
// has no +Inf.
type metricFamilies struct {
	Metrics []metricFamily `json:"metrics"`
}

type metricFamily struct {
	Name    string         `json:"name"`
	Type    string         `json:"type"`
	Help    string         `json:"help"`
	Samples []metricSample `json:"samples"`
}

type metricSample struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Value  string            `json:"value"`
}

func metricsJSON(families []exposition.Family) metricFamilies {
	out := metricFamilies{Metrics: []metricFamily{}}
	for _, f := range families {
		family := metricFamily{f.Name, f.Type, f.Help, []metricSample{}}
		for _, s := range f.Samples {
			labels := map[string]string{}
			for _, l := range s.Labels {
				labels[l.Name] = l.Value
			}
			family.Samples = append(family.Samples, metricSample{s.Name, labels, formatValue(s.Value)})
		}
		out.Metrics = append(out.Metrics, family)
	}
	return out
}

// formatValue writes a value as the text format does.
func formatValue(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// metricsTable shows signet's own metrics to people, without those that are
// zero.
func (p *program) metricsTable(families []exposition.Family) error {
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headMetric)}, {Heading: p.tr(headLabels)}, {Heading: p.tr(headValue), Whole: true},
	}}
	row := func(f exposition.Family, labels []exposition.Label, value string) {
		t.Row(screen.Cell{Text: strings.TrimPrefix(f.Name, ownMetrics)}, screen.Cell{Text: labelList(labels)}, screen.Cell{Text: value})
	}
	for _, f := range families {
		switch {
		case !strings.HasPrefix(f.Name, ownMetrics):
		case f.Type == "histogram":
			for _, h := range f.Histograms() {
				if h.Count > 0 {
					row(f, h.Labels, p.distribution(f.Name, h))
				}
			}
		default:
			for _, s := range f.Samples {
				if s.Value != 0 {
					row(f, s.Labels, p.quantity(f.Name, s.Value))
				}
			}
		}
	}
	return t.Write(p.out, p.outPaint)
}

// ownMetrics begins the names of what is signet's, not the Go runtime's.
const ownMetrics = "signet_"

func labelList(labels []exposition.Label) string {
	parts := make([]string, len(labels))
	for i, l := range labels {
		parts[i] = l.Name + "=" + l.Value
	}
	return strings.Join(parts, " ")
}

func (p *program) distribution(name string, h exposition.Histogram) string {
	return p.tr(msgDistribution, formatValue(h.Count), p.quantity(name, h.Mean()),
		p.quantity(name, h.Quantile(.5)), p.quantity(name, h.Quantile(.99)))
}

// quantity writes a value with the unit that its metric's name says.
func (p *program) quantity(name string, v float64) string {
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		return formatValue(v)
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return clock(time.Unix(0, int64(v*1e9)))
	case strings.HasSuffix(name, "_bytes_per_second"):
		return p.tr(msgPerDay, bytesText(v*24*60*60))
	case strings.HasSuffix(name, "_until_full_seconds"):
		return p.tr(msgDays, strconv.FormatFloat(math.Floor(v/(24*60*60)), 'f', 0, 64))
	case strings.HasSuffix(name, "_seconds"):
		return secondsText(v)
	case strings.HasSuffix(name, "_bytes"):
		return bytesText(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// secondsText writes three digits: 1.23ms.
func secondsText(v float64) string {
	switch {
	case v < 1e-3:
		return threeDigits(v*1e6) + "µs"
	case v < 1:
		return threeDigits(v*1e3) + "ms"
	}
	return threeDigits(v) + "s"
}

func bytesText(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	return threeDigits(v) + " " + units[0]
}

func threeDigits(v float64) string {
	decimals := 2
	for bound := 10.0; decimals > 0 && v >= bound; bound *= 10 {
		decimals--
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
