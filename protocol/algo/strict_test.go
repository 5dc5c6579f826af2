package algo

import (
	"encoding/hex"
	"testing"
)

// TestIsStrictDER holds our own check, which stands before the libraries':
// whether they stay strict is not ours to say.
func TestIsStrictDER(t *testing.T) {
	for sig, want := range map[string]bool{
		"3006020101020102":       true,
		"300702020080020101":     true,
		"":                       false,
		"3000":                   false,
		"3003020101":             false, // s missing
		"30060201000201ff":       false, // r = 0, s = -1
		"3006020101020100":       false, // s = 0
		"3006020180020101":       false, // r negative
		"300702020001020101":     false, // r padded
		"308106020101020102":     false, // BER length
		"30800201010201020000":   false, // indefinite length
		"300602010102010200":     false, // byte after
		"3009020101020102020103": false, // third INTEGER
		"3106020101020102":       false, // SET
		"30050200020101":         false, // INTEGER without octets
	} {
		b, err := hex.DecodeString(sig)
		if err != nil {
			t.Fatal(err)
		}
		if got := isStrictDER(b); got != want {
			t.Errorf("isStrictDER(%s) = %v, want %v", sig, got, want)
		}
	}
}
