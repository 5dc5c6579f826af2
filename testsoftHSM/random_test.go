package testsofthsm_test

import (
	"bytes"
	"testing"

	testsofthsm "signet/testsoftHSM"
)

// Lengths beside the shim's own buffer.
func TestBrokenGeneratorIsBrokenInItsOwnWay(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	for _, c := range []struct {
		fault             string
		constant, repeats bool
	}{
		{"", false, false},
		{"random=constant", true, true},
		{"random=repeat", false, true},
		{"random=biased", false, false},
	} {
		k.Control(t, c.fault)
		for _, n := range []int{32, 256, 257, 1000} {
			first, err := d.GenerateRandom(d.s, n)
			d.must(err)
			second, err := d.GenerateRandom(d.s, n)
			d.must(err)
			if len(first) != n || len(second) != n {
				t.Fatalf("%q: %d and %d bytes, want %d", c.fault, len(first), len(second), n)
			}
			if got := bytes.Count(first, first[:1]) == n; got != c.constant {
				t.Errorf("%q: %d bytes are all the same: %t", c.fault, n, got)
			}
			if got := bytes.Equal(first, second); got != c.repeats {
				t.Errorf("%q: two draws of %d bytes are the same: %t", c.fault, n, got)
			}
		}
	}
}
