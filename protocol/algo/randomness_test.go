package algo

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

type draw = func(n int) ([]byte, error)

func generator(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func from(r interface{ Read([]byte) (int, error) }) draw {
	return func(n int) ([]byte, error) {
		b := make([]byte, n)
		_, err := r.Read(b)
		return b, err
	}
}

// endless gives one text after the other, cut to what is asked for.
func endless(next func() []byte) draw {
	var rest []byte
	return func(n int) ([]byte, error) {
		for len(rest) < n {
			rest = append(rest, next()...)
		}
		out := bytes.Clone(rest[:n])
		rest = rest[n:]
		return out, nil
	}
}

func always(b []byte) draw { return endless(func() []byte { return b }) }

func counter(step func(n uint64) []byte) draw {
	n := generator(7).Uint64()
	return endless(func() []byte { n++; return step(n) })
}

// biased sets a bit with that probability.
func biased(one float64) draw {
	r := rand.New(generator(3))
	return endless(func() []byte {
		var b byte
		for i := range 8 {
			if r.Float64() < one {
				b |= 1 << i
			}
		}
		return []byte{b}
	})
}

func TestRandomBytesPass(t *testing.T) {
	for seed := range byte(200) {
		if err := CheckRandom(from(generator(seed))); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func TestWhatIsNotRandomIsRefused(t *testing.T) {
	block := make([]byte, 1000)
	generator(1).Read(block)
	prefix := block[:12]
	for name, draw := range map[string]draw{
		"zeros":                       always([]byte{0}),
		"ones":                        always([]byte{0xff}),
		"alternating bits":            always([]byte{0x55}),
		"one byte":                    always([]byte{0x3c}),
		"one block of 16 bytes":       always(block[:16]),
		"one block of 1,000 bytes":    always(block),
		"every call the same":         func(n int) ([]byte, error) { return block[:n], nil },
		"one repetition of 6 bytes":   repeating(6),
		"all bytes in turn":           counter(func(n uint64) []byte { return []byte{byte(n)} }),
		"all bytes in turn, backward": counter(func(n uint64) []byte { return []byte{byte(-n)} }),
		"a counter of 16 bits":        counter(func(n uint64) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }),
		"a counter of 32 bits":        counter(func(n uint64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }),
		"its other byte order":        counter(func(n uint64) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }),
		"a counter of 64 bits":        counter(func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }),
		"a counter of 128 bits":       counter(func(n uint64) []byte { return binary.BigEndian.AppendUint32(bytes.Clone(prefix), uint32(n)) }),
		"a counter in decimal":        counter(func(n uint64) []byte { return strconv.AppendUint(nil, n, 10) }),
		"random bytes in hex":         coded(hex.EncodeToString),
		"random bytes in base64":      coded(base64.StdEncoding.EncodeToString),
		"53 % ones":                   biased(0.53),
		"47 % ones":                   biased(0.47),
		"one bit of 8 is stuck":       stuck(0x20),
	} {
		if err := CheckRandom(draw); !errors.Is(err, ErrNotRandom) {
			t.Errorf("%s: %v, want ErrNotRandom", name, err)
		}
	}
}

// repeating is random but for n bytes of its second call, which were in its first.
func repeating(n int) draw {
	next := from(generator(5))
	var first []byte
	return func(size int) ([]byte, error) {
		b, err := next(size)
		if first == nil {
			first = b
		} else {
			copy(b[100:], first[33:33+n])
		}
		return b, err
	}
}

func coded(encode func([]byte) string) draw {
	g := generator(9)
	return endless(func() []byte {
		b := make([]byte, 30)
		g.Read(b)
		return []byte(encode(b))
	})
}

func stuck(bit byte) draw {
	next := from(generator(11))
	return func(n int) ([]byte, error) {
		b, err := next(n)
		for i := range b {
			b[i] |= bit
		}
		return b, err
	}
}

func TestShorterRepetitionsAreChance(t *testing.T) {
	if err := CheckRandom(repeating(repeatSize - 1)); err != nil {
		t.Error(err)
	}
}

// TestOneBadSampleIsDrawnAgain: chance may fail one sample, a fault fails two.
func TestOneBadSampleIsDrawnAgain(t *testing.T) {
	for bad, refused := range []bool{false, false, true} {
		good, skewed, n := from(generator(13)), biased(0.6), 0
		err := CheckRandom(func(size int) ([]byte, error) {
			n += size
			if n <= bad*sampleSize {
				return skewed(size)
			}
			return good(size)
		})
		if errors.Is(err, ErrNotRandom) != refused {
			t.Errorf("%d bad sample(s): %v, refused should be %t", bad, err, refused)
		}
		if want := min(bad+1, 2) * sampleSize; n != want {
			t.Errorf("%d bad sample(s): %d bytes were drawn, want %d", bad, n, want)
		}
	}
}

func TestGeneratorThatFailsIsNoBadGenerator(t *testing.T) {
	broken := errors.New("the token is gone")
	err := CheckRandom(func(int) ([]byte, error) { return nil, broken })
	if !errors.Is(err, broken) || errors.Is(err, ErrNotRandom) {
		t.Errorf("%v, want the generator's own error", err)
	}
	for _, size := range []int{0, drawSize - 1, drawSize + 1} {
		if err := CheckRandom(func(int) ([]byte, error) { return make([]byte, size), nil }); err == nil || errors.Is(err, ErrNotRandom) {
			t.Errorf("%d bytes of %d: %v, want an error that is not ErrNotRandom", size, drawSize, err)
		}
	}
}

func TestOnesAreHeldToThePublishedLimits(t *testing.T) {
	for n, refused := range map[int]bool{9653: true, 9654: true, 9655: false, 10000: false, 10345: false, 10346: true, 10347: true} {
		sample := make([]byte, sampleSize)
		generator(17).Read(sample)
		for i := 0; ones(sample) != n; i++ { // spread over the bits, for the digits' sake
			at, bit := i%len(sample), byte(1)<<(i%8)
			if set := sample[at]&bit != 0; set == (ones(sample) > n) {
				sample[at] ^= bit
			}
		}
		if err := statistics(sample); errors.Is(err, ErrNotRandom) != refused {
			t.Errorf("%d ones: %v, refused should be %t", n, err, refused)
		}
	}
}

// TestDigitsAreHeldToThePublishedLimits begins with every digit as often as
// every other and moves some from 0110 to 1001, which leaves the ones alone:
// each moved adds to X as its square does.
func TestDigitsAreHeldToThePublishedLimits(t *testing.T) {
	for moved, want := range map[int]struct {
		x       float64
		refused bool
	}{
		0:  {0.01, true},
		12: {0.93, true},
		13: {1.09, false},
		94: {56.56, false},
		95: {57.77, true},
	} {
		var digits []byte
		for d, n := range counts(moved) {
			digits = append(digits, bytes.Repeat([]byte{byte(d)}, n)...)
		}
		sample := make([]byte, sampleSize)
		for i := range sample {
			sample[i] = digits[i]<<4 | digits[i+sampleSize]
		}
		if x := poker(sample); math.Abs(x-want.x) > 0.005 {
			t.Errorf("%d moved: X = %.3f, want %.2f", moved, x, want.x)
		}
		if err := statistics(sample); errors.Is(err, ErrNotRandom) != want.refused {
			t.Errorf("%d moved: %v, refused should be %t", moved, err, want.refused)
		}
	}
}

// counts is how often each digit comes: 5,000 in all, as many ones as zeros.
func counts(moved int) (n [16]int) {
	for d := range n {
		n[d] = 312
		if d%2 == 0 == (d < 8) { // 8 of them, each with its complement
			n[d]++
		}
	}
	n[0b0110] -= moved
	n[0b1001] += moved
	return n
}

// TestFalseAlarmsAreRarerThanOneInAMillion computes the rate at which good
// generators are refused: exactly for the ones, by the chi-squared law for the
// digits, as an upper bound for repetitions. Squared, the first two are so far
// below that no error of the law matters.
func TestFalseAlarmsAreRarerThanOneInAMillion(t *testing.T) {
	byOnes := 2 * binomialUpTo(8*sampleSize, onesAbove)
	byDigits := 1 - chiSquaredAbove15(pokerAbove) + chiSquaredAbove15(pokerBelow)
	places := 2 * float64(sampleSize-repeatSize+1)
	byRepetition := places * (places - 1) / 2 * math.Pow(2, -8*repeatSize)
	t.Logf("ones %.2g, digits %.2g, repetition %.2g", byOnes, byDigits, byRepetition)
	for name, p := range map[string]float64{"ones": byOnes, "digits": byDigits} {
		if p < 1e-7 || p > 1e-5 {
			t.Errorf("%s: %.2g of good samples are refused, published is about one in a million", name, p)
		}
	}
	if rate := math.Pow(byOnes+byDigits, 2) + byRepetition; rate >= 1e-6 {
		t.Errorf("%.2g of good generators are refused, want less than 1e-6", rate)
	}
}

// binomialUpTo is the probability of at most k ones in n bits.
func binomialUpTo(n, k int) float64 {
	sum := 0.0
	for i := range k + 1 {
		sum += math.Exp(logFactorial(n) - logFactorial(i) - logFactorial(n-i) - float64(n)*math.Ln2)
	}
	return sum
}

func logFactorial(n int) float64 {
	log, _ := math.Lgamma(float64(n) + 1)
	return log
}

// chiSquaredAbove15 is the probability that chi-squared with 15 degrees of
// freedom exceeds x, Abramowitz and Stegun 26.4.4.
func chiSquaredAbove15(x float64) float64 {
	root := math.Sqrt(x)
	sum, term := 0.0, root
	for r := 1; r <= 13; r += 2 {
		sum += term
		term *= x / float64(r+2)
	}
	return math.Erfc(root/math.Sqrt2) + 2*math.Exp(-x/2)/math.Sqrt(2*math.Pi)*sum
}
