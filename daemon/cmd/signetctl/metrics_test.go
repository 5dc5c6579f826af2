package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/screen"
)

const served = `# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 11
# HELP signet_commit_seconds One transaction.
# TYPE signet_commit_seconds histogram
signet_commit_seconds_bucket{le="0.001"} 6
signet_commit_seconds_bucket{le="0.0025"} 10
signet_commit_seconds_bucket{le="+Inf"} 10
signet_commit_seconds_sum 0.012
signet_commit_seconds_count 10
# HELP signet_requests_total Requests.
# TYPE signet_requests_total counter
signet_requests_total{method="Sign",reason="none",result="answered"} 1.234567e+06
signet_requests_total{method="Time",reason="none",result="answered"} 0
# TYPE signet_store_growth_bytes_per_second gauge
signet_store_growth_bytes_per_second 1000
# TYPE signet_store_until_full_seconds gauge
signet_store_until_full_seconds 3.6e+06
# TYPE signet_store_used_bytes gauge
signet_store_used_bytes 3.5e+06
`

func TestMetricsPrintsWhatIsServed(t *testing.T) {
	a := newAppliance(t)
	a.metrics = served
	for _, refusing := range []string{"", "admin"} { // either group may ask
		a.refusing = refusing
		got := a.ctl("", "metrics")
		got.want(t, exitOK)
		if got.out != served {
			t.Errorf("metrics printed\n%s", got.out)
		}
	}
}

func TestMetricsTableIsForPeople(t *testing.T) {
	a := newAppliance(t)
	a.metrics = served
	for lang, want := range map[string][]string{
		"":            {"metric", "10, mean 1.2ms, half ≤ 1ms, 99% ≤ 2.5ms", "1234567", "82.4 MiB a day", "41 days", "3.34 MiB", "method=Sign"},
		"zh_CN.UTF-8": {"指标", "10 次，平均 1.2ms，半数 ≤ 1ms，99% ≤ 2.5ms", "每天 82.4 MiB", "41 天"},
	} {
		got := a.ctl(lang, "metrics", "--table")
		got.want(t, exitOK, want...)
		if strings.Contains(got.out, "go_goroutines") || strings.Contains(got.out, "method=Time") {
			t.Errorf("the table has more than what signet counted:\n%s", got.out)
		}
		for _, line := range strings.Split(got.out, "\n") {
			if screen.Width(line) > screen.Columns {
				t.Errorf("too wide: %q", line)
			}
		}
	}
}

func TestMetricsJSONHasEverySample(t *testing.T) {
	a := newAppliance(t)
	a.metrics = served + "# TYPE signet_x gauge\nsignet_x +Inf\n"
	got := a.ctl("", "metrics", "--json")
	got.want(t, exitOK)
	var out metricFamilies
	if err := json.Unmarshal([]byte(got.out), &out); err != nil {
		t.Fatal(err)
	}
	samples := map[string]string{}
	for _, f := range out.Metrics {
		for _, s := range f.Samples {
			samples[f.Type+" "+s.Name+" "+s.Labels["method"]+s.Labels["le"]] = s.Value
		}
	}
	for sample, want := range map[string]string{
		"counter signet_requests_total Sign": "1.234567e+06", "counter signet_requests_total Time": "0",
		"histogram signet_commit_seconds_bucket 0.001": "6", "histogram signet_commit_seconds_sum ": "0.012", "gauge signet_x ": "+Inf",
	} {
		if samples[sample] != want {
			t.Errorf("%s = %q, want %q", sample, samples[sample], want)
		}
	}
}

func TestMetricsSaysWhatIsWrong(t *testing.T) {
	a := newAppliance(t)
	a.metrics = "<html>"
	a.ctl("", "metrics", "--table").want(t, exitUnexpected, "line 1")
	a.ctl("", "metrics", "--json", "--table").want(t, exitUsage, "--json", "--table")
	a.ctl("", "metrics", "now").want(t, exitUsage, "now")
	a.refusing = "both"
	a.ctl("", "metrics").want(t, exitRefused, "code 600")
}

func TestQuantitiesHaveTheUnitOfTheirName(t *testing.T) {
	p := newProgram(nil, nil, nil, func(string) string { return "" })
	for _, c := range []struct {
		name string
		v    float64
		want string
	}{
		{"x_seconds", .0000123, "12.3µs"}, {"x_seconds", .25, "250ms"}, {"x_seconds", 2.5, "2.5s"}, {"x_seconds", 1234, "1234s"},
		{"x_bytes", 512, "512 B"}, {"x_bytes", 1536, "1.5 KiB"}, {"x_bytes", 8 << 30, "8 GiB"}, {"x_bytes", 1 << 51, "2048 TiB"},
		{"x_until_full_seconds", 86400 * 29.9, "29 days"}, {"x_until_full_seconds", math.Inf(1), "+Inf"},
		{"x_total", 12345678, "12345678"}, {"x", .5, "0.5"},
	} {
		if got := p.quantity(c.name, c.v); got != c.want {
			t.Errorf("%s of %v is %q, want %q", c.name, c.v, got, c.want)
		}
	}
}
