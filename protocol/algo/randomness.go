package algo

import (
	"errors"
	"fmt"
	"math/bits"
)

// ErrNotRandom is wrapped by what CheckRandom says of bytes that it refuses.
var ErrNotRandom = errors.New("the random generator does not give random bytes")

// The sample of FIPS 140-1 4.11.1, 20,000 bits, and its limits for the number
// of ones and for the poker statistic over 4 bits; AIS 20/31 has the same as
// tests T1 and T2. Each refuses about one random sample in a million.
const (
	sampleSize = 2500 // bytes

	onesAbove, onesBelow   = 9654, 10346
	pokerAbove, pokerBelow = 1.03, 57.4
)

// drawSize is what one call is asked for, so that a generator which begins
// anew with each call is seen. It divides sampleSize.
const drawSize = 250 // bytes

// repeatSize is the length of a string of bytes that may not come twice. Two
// given places hold the same with probability 2^-48, and two samples have 12.5
// million pairs of places: 4.4e-8 in all. One byte less would be 256 times that.
const repeatSize = 6

// CheckRandom tells whether a generator gives what looks like random bytes:
// draw returns n of them. It refuses what is stuck, repeats itself, counts, or
// prefers some bits or digits over others. It cannot see a generator whose
// seed is known to somebody.
//
// A repetition is refused at once. A sample that fails by its statistics is
// followed by another, and two such are refused. The periodic test of
// GM/T 0062-2018 repeats too, by what others say of it: its text was not seen.
// Of good generators fewer than one in ten million is refused.
//
// The error wraps ErrNotRandom, or is that of draw.
func CheckRandom(draw func(n int) ([]byte, error)) error {
	seen := places{}
	var first error
	for range 2 {
		sample, err := drawSample(draw)
		if err != nil {
			return err
		}
		if err := seen.add(sample); err != nil {
			return err
		}
		err = statistics(sample)
		if err == nil {
			return nil
		}
		first = errors.Join(first, err)
	}
	return first
}

func drawSample(draw func(n int) ([]byte, error)) ([]byte, error) {
	sample := make([]byte, 0, sampleSize)
	for len(sample) < sampleSize {
		got, err := draw(drawSize)
		if err != nil {
			return nil, fmt.Errorf("drawing random bytes: %w", err)
		}
		if len(got) != drawSize {
			return nil, fmt.Errorf("drawing random bytes: asked for %d, got %d", drawSize, len(got))
		}
		sample = append(sample, got...)
	}
	return sample, nil
}

// places holds each string of repeatSize bytes that was seen.
type places map[[repeatSize]byte]bool

func (p places) add(sample []byte) error {
	for i := range len(sample) - repeatSize + 1 {
		at := [repeatSize]byte(sample[i:])
		if p[at] {
			return fmt.Errorf("%w: %d bytes in a row came twice", ErrNotRandom, repeatSize)
		}
		p[at] = true
	}
	return nil
}

func statistics(sample []byte) error {
	if n := ones(sample); n <= onesAbove || n >= onesBelow {
		return fmt.Errorf("%w: %d of %d bits are 1, want between %d and %d", ErrNotRandom, n, 8*len(sample), onesAbove, onesBelow)
	}
	if x := poker(sample); x <= pokerAbove || x >= pokerBelow {
		return fmt.Errorf("%w: the poker statistic over 4 bits is %.2f, want between %.2f and %.2f", ErrNotRandom, x, pokerAbove, pokerBelow)
	}
	return nil
}

func ones(sample []byte) int {
	n := 0
	for _, b := range sample {
		n += bits.OnesCount8(b)
	}
	return n
}

// poker is the statistic X = 16/k * sum of f(i)^2 - k over the k groups of 4
// bits, FIPS 140-1 4.11.1: chi-squared with 15 degrees of freedom.
func poker(sample []byte) float64 {
	var count [16]int
	for _, b := range sample {
		count[b>>4]++
		count[b&15]++
	}
	squares := 0
	for _, n := range count {
		squares += n * n
	}
	groups := 2 * len(sample)
	return 16*float64(squares)/float64(groups) - float64(groups)
}
