package algo_test

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"testing"

	"signet/protocol/algo"
)

// raw is r || s, each padded to size bytes.
func raw(r, s *big.Int, size int) []byte {
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// TestEncodeRepairsTheRealMalformedDER: a module was measured to strip the
// leading zero octets of r and s and not to pad them where the top bit is
// set, `02 1F EC A4 ...`, so that a strict reader sees a negative number.
func TestEncodeRepairsTheRealMalformedDER(t *testing.T) {
	r := number(t, "00ECA4"+exampleR[6:]) // 31 octets, the top bit set
	s := number(t, exampleS)
	malformed := append([]byte{0x30, 2 + 31 + 2 + 32, 0x02, 31}, r.Bytes()...)
	malformed = append(append(malformed, 0x02, 32), s.Bytes()...)
	if !bytes.HasPrefix(malformed[2:], []byte{0x02, 0x1F, 0xEC, 0xA4}) {
		t.Fatalf("not the measured form: %x", malformed)
	}
	for _, f := range []algo.Format{algo.FormatAuto, algo.FormatDER} {
		got, err := algo.Encode(algo.SM2SM3, algo.KeySM2, f, malformed)
		if want := der(t, r, s); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Encode(format %d) = %x, %v, want %x", f, got, err, want)
		}
	}
}

// TestRepairedSignatureVerifies: the repair gives back the signature, not
// only its form.
func TestRepairedSignatureVerifies(t *testing.T) {
	malformed := append([]byte{0x30, 2 + 32 + 2 + 32, 0x02, 32}, number(t, exampleR).Bytes()...)
	malformed = append(append(malformed, 0x02, 32), number(t, exampleS).Bytes()...)
	pub, e := exampleKey(t), unhex(t, exampleE)
	if pub.Verify(algo.SM2SM3, e, malformed) == nil {
		t.Error("the malformed form verifies: Verify is not strict")
	}
	repaired, err := algo.Encode(algo.SM2SM3, algo.KeySM2, algo.FormatAuto, malformed)
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.Verify(algo.SM2SM3, e, repaired); err != nil {
		t.Errorf("repaired: %v", err)
	}
}

func TestEncodeReadsRawAndDER(t *testing.T) {
	for _, c := range []struct {
		a    algo.Algorithm
		k    algo.KeyType
		size int
	}{
		{algo.SM2SM3, algo.KeySM2, 32}, {algo.ECDSAP256SHA256, algo.KeyP256, 32}, {algo.ECDSAP384SHA384, algo.KeyP384, 48},
	} {
		for _, r := range []*big.Int{big.NewInt(1), big.NewInt(0x80), new(big.Int).Lsh(big.NewInt(1), uint(8*c.size)-1)} {
			s := big.NewInt(0x7f)
			want := der(t, r, s)
			for name, form := range map[string]struct {
				f      algo.Format
				answer []byte
			}{
				"raw, named": {algo.FormatRaw, raw(r, s, c.size)},
				"raw, auto":  {algo.FormatAuto, raw(r, s, c.size)},
				"DER, named": {algo.FormatDER, want},
				"DER, auto":  {algo.FormatAuto, want},
			} {
				if got, err := algo.Encode(c.a, c.k, form.f, form.answer); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v, %s: Encode(%x) = %x, %v, want %x", c.a, name, form.answer, got, err, want)
				}
			}
		}
	}
}

// TestFormatDecidesAtEqualLength: a DER form of exactly 64 bytes is also a
// raw one. Auto takes it for raw, the form that modules give; a profile that
// says DER is believed.
func TestFormatDecidesAtEqualLength(t *testing.T) {
	r := new(big.Int).Lsh(big.NewInt(0x55), 8*28) // 29 octets
	s := new(big.Int).Lsh(big.NewInt(0x66), 8*28)
	short := der(t, r, s)
	if len(short) != 64 {
		t.Fatalf("%d bytes, want a DER form of 64", len(short))
	}
	asRaw := der(t, new(big.Int).SetBytes(short[:32]), new(big.Int).SetBytes(short[32:]))
	for f, want := range map[algo.Format][]byte{algo.FormatAuto: asRaw, algo.FormatRaw: asRaw, algo.FormatDER: short} {
		got, err := algo.Encode(algo.SM2SM3, algo.KeySM2, f, short)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("format %d: Encode = %x, %v, want %x", f, got, err, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	one, good := big.NewInt(1), exampleSignature(t)
	large := new(big.Int).Lsh(one, 256)
	for name, c := range map[string]struct {
		f      algo.Format
		answer []byte
	}{
		"nothing":              {algo.FormatAuto, nil},
		"raw r = 0":            {algo.FormatRaw, raw(new(big.Int), one, 32)},
		"raw s = 0":            {algo.FormatRaw, raw(one, new(big.Int), 32)},
		"DER r = 0":            {algo.FormatDER, der(t, new(big.Int), one)},
		"DER r of 257 bits":    {algo.FormatDER, der(t, large, one)},
		"DER s of 257 bits":    {algo.FormatDER, der(t, one, large)},
		"63 bytes":             {algo.FormatAuto, make([]byte, 63)},
		"65 bytes":             {algo.FormatAuto, make([]byte, 65)},
		"raw of another curve": {algo.FormatRaw, bytes.Repeat([]byte{1}, 96)},
		"DER said to be raw":   {algo.FormatRaw, good},
		"raw said to be DER":   {algo.FormatDER, bytes.Repeat([]byte{1}, 64)},
		"bytes after":          {algo.FormatDER, append(append([]byte(nil), good...), 0)},
		"cut":                  {algo.FormatDER, good[:len(good)-1]},
		"BER length":           {algo.FormatDER, append([]byte{0x30, 0x81}, good[1:]...)},
		"empty SEQUENCE":       {algo.FormatDER, []byte{0x30, 0}},
		"unknown format, DER":  {algo.Format(9), good[:10]},
	} {
		if got, err := algo.Encode(algo.SM2SM3, algo.KeySM2, c.f, c.answer); err == nil {
			t.Errorf("%s: Encode = %x, want an error", name, got)
		}
	}
}

func TestEncodeHoldsRawSignaturesToTheirLength(t *testing.T) {
	for k, size := range map[algo.KeyType]int{
		algo.KeyRSA2048: 256, algo.KeyRSA3072: 384, algo.KeyRSA4096: 512, algo.KeyEd25519: 64,
	} {
		a := algo.For(k)[0]
		answer := bytes.Repeat([]byte{7}, size)
		got, err := algo.Encode(a, k, algo.FormatAuto, answer)
		if err != nil || !bytes.Equal(got, answer) {
			t.Errorf("%v: %v", k, err)
		}
		if len(got) > 0 {
			if got[0] = 8; answer[0] == 8 {
				t.Errorf("%v: the answer of the module is shared, not copied", k)
			}
		}
		for _, n := range []int{0, size - 1, size + 1} {
			if _, err := algo.Encode(a, k, algo.FormatAuto, make([]byte, n)); err == nil {
				t.Errorf("%v: %d bytes accepted, want %d only", k, n, size)
			}
		}
	}
}

func TestToBeSignedIsWhatTheTableSays(t *testing.T) {
	message := []byte("to be signed")
	sum := sha256.Sum256(message)
	for a, want := range map[algo.Algorithm][]byte{algo.ECDSAP256SHA256: sum[:], algo.RSAPSSSHA256: sum[:], algo.Ed25519: message} {
		for _, k := range algo.KeyTypes() {
			if !a.Fits(k) {
				continue
			}
			got, err := algo.ToBeSigned(a, opensslKey(t, k.String()), message)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("ToBeSigned(%v, %v) = %x, %v, want %x", a, k, got, err, want)
			}
		}
	}
}
