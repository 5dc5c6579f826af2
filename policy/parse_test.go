package policy

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol/algo"
	"signet/protocol/stricttoml"
)

const contracts = `
callers    = { users = ["oa", 20001], groups = ["docs", 30001] }
operations = ["digest", "message"]
algorithms = ["SM2-SM3", "ECDSA-P256-SHA256"]
purposes   = ["contract", "invoice-2026"]
not_before = 2026-01-01T00:00:00+08:00
not_after  = 2026-12-31T23:59:59+08:00
batch      = 16
`

func mustParse(t *testing.T, text string) Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return p
}

func TestParseReadsEveryField(t *testing.T) {
	p := mustParse(t, contracts)
	checks := []struct {
		name      string
		got, want any
	}{
		{"Users", p.Users(), []string{"oa", "20001"}},
		{"Groups", p.Groups(), []string{"docs", "30001"}},
		{"Operations", p.Operations(), []Operation{Digest, Message}},
		{"Algorithms", p.Algorithms(), []algo.Algorithm{algo.SM2SM3, algo.ECDSAP256SHA256}},
		{"Purposes", p.Purposes(), []string{"contract", "invoice-2026"}},
		{"NotBefore", p.NotBefore(), time.Date(2025, 12, 31, 16, 0, 0, 0, time.UTC)},
		{"NotAfter", p.NotAfter(), time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC)},
		{"Batch", p.Batch(), 16},
		{"Text", p.Text(), contracts},
		{"Hash", p.Hash(), sm3.Sum([]byte(contracts))},
	}
	for _, c := range checks {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestPolicyIsImmutable(t *testing.T) {
	text := []byte(contracts)
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	clear(p.Users())
	clear(p.Groups())
	clear(p.Operations())
	clear(p.Algorithms())
	clear(p.Purposes())
	if !reflect.DeepEqual(p, mustParse(t, contracts)) {
		t.Error("a change of what was given or handed out changed the policy")
	}
}

func TestBadPolicyNamesItsFault(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d bad policies, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			text, want := readPair(t, file)
			p, err := Parse(text)
			if err == nil || err.Error() != want {
				t.Errorf("Parse:\n%v\nwant:\n%s", err, want)
			}
			if !reflect.DeepEqual(p, Policy{}) {
				t.Error("a refused policy is not the zero policy")
			}
		})
	}
}

func readPair(t *testing.T, file string) (text []byte, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile(strings.TrimSuffix(file, ".toml") + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return text, strings.TrimSuffix(string(message), "\n")
}

func TestAllFaultsComeAtOnce(t *testing.T) {
	_, err := Parse([]byte(`callers = { users = [0], group = ["docs"] }
operations = ["stamp", "sign"]
purposes = ["Contract"]
batch = 0
quotas = { day = 3 }
`))
	var faults stricttoml.Faults
	if !errors.As(err, &faults) || len(faults) != 6 {
		t.Errorf("faults:\n%v\nwant 6", err)
	}
}

func TestLongPolicyIsRefused(t *testing.T) {
	if _, err := Parse([]byte(strings.Repeat("#", MaxText))); err != nil {
		t.Errorf("Parse of %d bytes: %v", MaxText, err)
	}
	if _, err := Parse([]byte(strings.Repeat("#", MaxText+1))); err == nil {
		t.Errorf("%d bytes were parsed", MaxText+1)
	}
}
