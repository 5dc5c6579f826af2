package algo_test

import (
	"slices"
	"strings"
	"testing"

	"signet/protocol/algo"
)

// promised is the table that callers, log and policies rely on: number, name,
// length of what the key signs, and the keys that fit.
var promised = []struct {
	number algo.Algorithm
	name   string
	digest int
	keys   string
}{
	{1, "SM2-SM3", 32, "SM2"},
	{2, "ECDSA-P256-SHA256", 32, "EC-P256"},
	{3, "ECDSA-P384-SHA384", 48, "EC-P384"},
	{4, "RSA-PKCS1-SHA256", 32, "RSA-2048 RSA-3072 RSA-4096"},
	{5, "RSA-PKCS1-SHA384", 48, "RSA-2048 RSA-3072 RSA-4096"},
	{6, "RSA-PKCS1-SHA512", 64, "RSA-2048 RSA-3072 RSA-4096"},
	{7, "RSA-PSS-SHA256", 32, "RSA-2048 RSA-3072 RSA-4096"},
	{8, "RSA-PSS-SHA384", 48, "RSA-2048 RSA-3072 RSA-4096"},
	{9, "RSA-PSS-SHA512", 64, "RSA-2048 RSA-3072 RSA-4096"},
	{10, "ED25519", 0, "ED25519"},
}

var promisedKeyTypes = []string{1: "SM2", 2: "EC-P256", 3: "EC-P384", 4: "RSA-2048", 5: "RSA-3072", 6: "RSA-4096", 7: "ED25519"}

func TestAlgorithmsAreThePromisedTable(t *testing.T) {
	if got := len(algo.All()); got != len(promised) {
		t.Fatalf("All() has %d algorithms, the table %d", got, len(promised))
	}
	for i, want := range promised {
		a, err := algo.Parse(want.name)
		if err != nil || a != want.number || algo.All()[i] != a || a.String() != want.name {
			t.Errorf("Parse(%q) = %d, %v, want %d", want.name, a, err, want.number)
		}
		if a.DigestSize() != want.digest {
			t.Errorf("%v.DigestSize() = %d, want %d", a, a.DigestSize(), want.digest)
		}
		if h := a.NewHash(); (h == nil) != (want.digest == 0) || h != nil && h.Size() != want.digest {
			t.Errorf("%v.NewHash() does not have %d bytes", a, want.digest)
		}
		var fits []string
		for _, k := range algo.KeyTypes() {
			if a.Fits(k) {
				fits = append(fits, k.String())
			}
		}
		if got := strings.Join(fits, " "); got != want.keys {
			t.Errorf("%v fits keys %q, want %q", a, got, want.keys)
		}
	}
}

func TestKeyTypesAreThePromisedTable(t *testing.T) {
	if got := len(algo.KeyTypes()); got != len(promisedKeyTypes)-1 {
		t.Fatalf("KeyTypes() has %d, the table %d", got, len(promisedKeyTypes)-1)
	}
	for number, name := range promisedKeyTypes[1:] {
		k, err := algo.ParseKeyType(name)
		if err != nil || int(k) != number+1 || k.String() != name {
			t.Errorf("ParseKeyType(%q) = %d, %v, want %d", name, k, err, number+1)
		}
	}
}

func TestForIsTheOtherSideOfFits(t *testing.T) {
	for _, k := range algo.KeyTypes() {
		if len(algo.For(k)) == 0 {
			t.Errorf("no algorithm for %v", k)
		}
		for _, a := range algo.All() {
			if slices.Contains(algo.For(k), a) != a.Fits(k) {
				t.Errorf("For(%v) and %v.Fits disagree", k, a)
			}
		}
	}
}

func TestNumbersOutsideTheTableAreNothing(t *testing.T) {
	for _, a := range []algo.Algorithm{0, 11, 255} {
		if a.Valid() || a.DigestSize() != 0 || a.NewHash() != nil || a.Fits(algo.KeySM2) {
			t.Errorf("algorithm %d is taken for one", a)
		}
		if !strings.HasPrefix(a.String(), "algorithm(") {
			t.Errorf("algorithm %d is named %q", a, a)
		}
	}
	for _, k := range []algo.KeyType{0, 8, 255} {
		if k.Valid() || len(algo.For(k)) != 0 || !strings.HasPrefix(k.String(), "key type(") {
			t.Errorf("key type %d is taken for one, named %q", k, k)
		}
	}
}

func TestParseWantsTheExactName(t *testing.T) {
	for _, name := range []string{"", "sm2-sm3", "SM2", " SM2-SM3", "algorithm(1)", "RSA-PKCS1-SHA1"} {
		if a, err := algo.Parse(name); err == nil {
			t.Errorf("Parse(%q) = %v", name, a)
		}
	}
	for _, name := range []string{"", "sm2", "RSA", "RSA-1024", "EC-P521"} {
		if k, err := algo.ParseKeyType(name); err == nil {
			t.Errorf("ParseKeyType(%q) = %v", name, k)
		}
	}
}
