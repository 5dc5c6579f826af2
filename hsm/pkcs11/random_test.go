package pkcs11_test

import (
	"bytes"
	"math/bits"
	"testing"

	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol/algo"
)

func TestRandomIsBoundedAndOfThatLength(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, n := range []int{1, 32, hsm.MaxRandom} {
		if b, err := d.Random(r.context(), "seals", n); err != nil || len(b) != n {
			t.Errorf("Random(%d) = %d bytes, %v", n, len(b), err)
		}
	}
	for _, n := range []int{-1, 0, hsm.MaxRandom + 1} {
		if _, err := d.Random(r.context(), "seals", n); hsm.ClassOf(err) != hsm.ClassRequest {
			t.Errorf("Random(%d): %v, want class request", n, err)
		}
	}
}

// sample is what a caller would judge: 16 draws of the largest size, 524288
// bits.
func (r *rig) sample(d *pkcs11.Driver) [][]byte {
	r.Helper()
	var draws [][]byte
	for range 16 {
		b, err := d.Random(r.context(), "seals", hsm.MaxRandom)
		if err != nil {
			r.Fatal(err)
		}
		draws = append(draws, b)
	}
	return draws
}

// ones is the share of ones in per cent, rounded.
func ones(draws [][]byte) int {
	n := 0
	for _, b := range bytes.Join(draws, nil) {
		n += bits.OnesCount8(b)
	}
	total := len(draws) * hsm.MaxRandom * 8
	return (n*100 + total/2) / total
}

// repeats counts the draws that are equal to the one before.
func repeats(draws [][]byte) int {
	n := 0
	for i := 1; i < len(draws); i++ {
		if bytes.Equal(draws[i], draws[i-1]) {
			n++
		}
	}
	return n
}

// The driver hands on what the generator gives, good or not, so that a test
// above the seam sees a generator that has failed. Of half a million good bits
// the share of ones is 50 %, with a standard deviation of 0.07.
func TestRandomShowsAGeneratorThatFailed(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	for _, c := range []struct {
		fault         string
		ones, repeats int
	}{
		{"", 50, 0},
		{"random=constant", 50, 15}, // 0x5A: half of its bits are ones
		{"random=repeat", 50, 15},
		{"random=biased", 75, 0},
	} {
		r.token.Control(t, c.fault)
		draws := r.sample(d)
		if got := ones(draws); got != c.ones {
			t.Errorf("%q: %d %% ones, want %d", c.fault, got, c.ones)
		}
		if got := repeats(draws); got != c.repeats {
			t.Errorf("%q: %d repeated draws, want %d", c.fault, got, c.repeats)
		}
		constant := bytes.Count(draws[0], draws[0][:1]) == hsm.MaxRandom
		if constant != (c.fault == "random=constant") {
			t.Errorf("%q: all bytes of a draw are the same: %t", c.fault, constant)
		}
	}
}

// A ceremony draws the CKA_ID from the token: a generator that repeats itself
// must not give two keys the same one.
func TestRepeatedRandomGivesNoSecondKeyOfOneID(t *testing.T) {
	r := newRig(t, 1)
	d := r.up()
	r.token.Control(t, "random=repeat")
	first := r.key(d, algo.KeyP256)
	_, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: algo.KeyP256, Label: "second"})
	if hsm.ClassOf(err) != hsm.ClassRequest {
		t.Errorf("second key: %v, want class request", err)
	}
	r.signs(d, first, algo.ECDSAP256SHA256)
}
