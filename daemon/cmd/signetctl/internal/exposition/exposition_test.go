package exposition_test

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/exposition"
)

const text = `# HELP signet_requests_total Requests, by "result" \\ line\nend.
# TYPE signet_requests_total counter
signet_requests_total{method="Sign",result="answered"} 12
signet_requests_total{method="Sign",result="a\"b\\c\nd",} 1.5e+06

# a comment
# TYPE signet_until_full_seconds gauge
signet_until_full_seconds +Inf
# HELP signet_wait_seconds Waiting.
# TYPE signet_wait_seconds histogram
signet_wait_seconds_bucket{token="a",le="0.5"} 3
signet_wait_seconds_bucket{token="a",le="1"} 4
signet_wait_seconds_bucket{token="a",le="+Inf"} 4
signet_wait_seconds_sum{token="a"} 2
signet_wait_seconds_count{token="a"} 4
signet_wait_seconds_bucket{token="b",le="+Inf"} 0
signet_wait_seconds_sum{token="b"} 0
signet_wait_seconds_count{token="b"} 0
`

func TestParseReadsWhatPrometheusWrites(t *testing.T) {
	got, err := exposition.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	type label = exposition.Label
	want := []exposition.Family{
		{Name: "signet_requests_total", Type: "counter", Help: "Requests, by \"result\" \\ line\nend.", Samples: []exposition.Sample{
			{"signet_requests_total", []label{{"method", "Sign"}, {"result", "answered"}}, 12},
			{"signet_requests_total", []label{{"method", "Sign"}, {"result", "a\"b\\c\nd"}}, 1.5e6},
		}},
		{Name: "signet_until_full_seconds", Type: "gauge", Samples: []exposition.Sample{{"signet_until_full_seconds", nil, math.Inf(1)}}},
	}
	if !reflect.DeepEqual(got[:2], want) {
		t.Errorf("Parse = %+v, want %+v", got[:2], want)
	}
	h := got[2].Histograms()
	if len(h) != 2 || h[0].Count != 4 || h[0].Mean() != .5 || h[0].Quantile(.5) != .5 || h[0].Quantile(.99) != 1 {
		t.Errorf("histograms are %+v", h)
	}
	if len(h) == 2 && (!math.IsNaN(h[1].Quantile(.5)) || !math.IsNaN(h[1].Mean())) {
		t.Errorf("an empty histogram has a median of %v", h[1].Quantile(.5))
	}
}

// A text that is cut off, or is none, is an error that names the line.
func TestParseRefusesWhatIsNoExposition(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"HTML":                   {"<html>\n", 1},
		"sample without family":  {"signet_mode 1\n", 1},
		"sample of another":      {"# TYPE a gauge\nb 1\n", 2},
		"bucket of a gauge":      {"# TYPE a gauge\na_bucket 1\n", 2},
		"plain histogram":        {"# TYPE a histogram\na 1\n", 2},
		"unknown type":           {"# TYPE a matrix\n", 1},
		"no name":                {"# TYPE 1a gauge\n", 1},
		"no value":               {"# TYPE a gauge\na\n", 2},
		"empty value":            {"# TYPE a gauge\na \n", 2},
		"no number":              {"# TYPE a gauge\na x\n", 2},
		"hexadecimal":            {"# TYPE a gauge\na 0x10\n", 2},
		"timestamp":              {"# TYPE a gauge\na 1 1700000000\n", 2},
		"label without value":    {"# TYPE a gauge\na{b} 1\n", 2},
		"label without quotes":   {"# TYPE a gauge\na{b=c} 1\n", 2},
		"label that goes on":     {"# TYPE a gauge\na{b=\"c} 1\n", 2},
		"labels that go on":      {"# TYPE a gauge\na{b=\"c\" 1\n", 2},
		"labels without a comma": {"# TYPE a gauge\na{b=\"c\"d=\"e\"} 1\n", 2},
		"comma alone":            {"# TYPE a gauge\na{,} 1\n", 2},
		"escape of nothing":      {"# TYPE a gauge\na{b=\"\\x\"} 1\n", 2},
		"type after samples":     {"# TYPE a gauge\na 1\n# TYPE a histogram\n", 3},
		"escape in help":         {"# HELP a \\x\n", 1},
		"cut off in a label":     {"# TYPE a gauge\na 1\na{b=\"c\\", 3},
	} {
		got, err := exposition.Parse(c.text)
		if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("line %d: ", c.line)) {
			t.Errorf("%s: Parse = %+v, %v, want a fault in line %d", name, got, err, c.line)
		}
	}
}

// FuzzParse: never a panic, and what was read reads the same when it is
// written again.
func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Fuzz(func(t *testing.T, text string) {
		families, err := exposition.Parse(text)
		if err != nil {
			return
		}
		again, err := exposition.Parse(write(families))
		if err != nil {
			t.Fatalf("%v in what was written of\n%s", err, text)
		}
		if a, b := fmt.Sprintf("%+v", families), fmt.Sprintf("%+v", again); a != b {
			t.Fatalf("read %s, then %s", a, b)
		}
		for _, family := range families {
			family.Histograms()
		}
	})
}

func write(families []exposition.Family) string {
	var b strings.Builder
	help := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	value := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	for _, f := range families {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.Name, help.Replace(f.Help), f.Name, f.Type)
		for _, s := range f.Samples {
			b.WriteString(s.Name + "{")
			for _, l := range s.Labels {
				fmt.Fprintf(&b, "%s=\"%s\",", l.Name, value.Replace(l.Value))
			}
			fmt.Fprintf(&b, "} %s\n", number(s.Value))
		}
	}
	return b.String()
}

func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
