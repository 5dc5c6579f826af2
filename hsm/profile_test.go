package hsm

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"signet/protocol/algo"
)

// The example of profile.md is what it says it is.
func TestExampleOfTheGuide(t *testing.T) {
	guide, err := os.ReadFile("profile.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```toml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("profile.md has no example")
	}
	got, err := ParseProfile(strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sources) != 11 {
		t.Errorf("sources %v: want eleven", got.Sources)
	}
	got.Sources = nil
	want := Profile{
		Name: "sansec", Description: "Sansec cards and HSMs, library libswsds", Production: true,
		Manufacturer: "sansec", Exclude: []string{"CKA_DERIVE"}, Unlisted: []uint{0x80008105}, MaxSessions: 64,
		SM2:        SM2Profile{KeyType: 0x80000004, KeyGen: 0x80008001, SignRawE: 0x80008105, PrivateECPoint: true},
		ECDSA:      algo.FormatRaw,
		Deadlines:  Deadlines{5 * time.Second, 30 * time.Second, 10 * time.Minute},
		Unverified: []string{"match.manufacturer", "sm2.private_ec_point"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("profile of the example:\n%+v\nwant\n%+v", got, want)
	}
}

func TestSmallestProfileDoesNoSM2(t *testing.T) {
	p, err := ParseProfile(strings.NewReader(`name = "plain"`))
	if err != nil {
		t.Fatal(err)
	}
	if p.SM2.Supported() || p.Production || p.ECDSA != algo.FormatAuto || p.Deadlines.Sign != 5*time.Second {
		t.Errorf("profile %+v", p)
	}
}

// Each file of testdata/profiles has faults, and beside it all of them, line
// by line.
func TestFaultsOfProfilesAreAllNamed(t *testing.T) {
	files, err := filepath.Glob("testdata/profiles/*.toml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d bad profiles, %v", len(files), err)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, got := ParseProfile(f)
		want, err := os.ReadFile(strings.TrimSuffix(file, ".toml") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		if got == nil || got.Error()+"\n" != string(want) {
			t.Errorf("%s: error\n%v\nwant\n%s", file, got, want)
		}
		if p.Name != "" {
			t.Errorf("%s: a profile came with the error", file)
		}
	}
}

func TestProfileIsBounded(t *testing.T) {
	long := `name = "x"` + "\n#" + strings.Repeat("x", 64<<10)
	if _, err := ParseProfile(strings.NewReader(long)); err == nil {
		t.Error("a profile beyond the bound was read")
	}
}

func FuzzProfile(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile(strings.NewReader(text))
		if err != nil {
			if p.Name != "" {
				t.Errorf("a profile came with the error %v", err)
			}
			return
		}
		if !profileName.MatchString(p.Name) || p.Deadlines.Sign <= 0 || p.SM2.Supported() && (p.SM2.KeyGen == 0 || p.SM2.SignRawE == 0) {
			t.Errorf("accepted %+v", p)
		}
	})
}
