package algo

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// answers are the names that records of the self-test hold: append only.
var answers = []string{
	"sm3", "sm2-za", "sm2-e", "sm2-verify",
	"sm4-encrypt", "sm4-decrypt", "sm4-gcm-seal", "sm4-gcm-open",
	"sha256", "sha384", "sha512",
	"ecdsa-p256-verify", "ecdsa-p384-verify", "ed25519-verify",
	"rsa-pkcs1-sha256-verify", "rsa-pkcs1-sha384-verify", "rsa-pkcs1-sha512-verify",
	"rsa-pss-sha256-verify", "rsa-pss-sha384-verify", "rsa-pss-sha512-verify",
}

func TestEveryKnownAnswerComesOut(t *testing.T) {
	var names []string
	for _, known := range KnownAnswers() {
		names = append(names, known.Name)
		if known.Err != nil {
			t.Errorf("%s: %v", known.Name, known.Err)
		}
		if known.Took <= 0 {
			t.Errorf("%s took %v", known.Name, known.Took)
		}
	}
	if !slices.Equal(names, answers) {
		t.Errorf("tests %q, want %q", names, answers)
	}
}

// TestKnownAnswersAreQuick: the best of a few runs, since others use this
// machine too.
func TestKnownAnswersAreQuick(t *testing.T) {
	best := time.Hour
	for range 5 {
		var took time.Duration
		for _, known := range KnownAnswers() {
			took += known.Took
		}
		best = min(best, took)
	}
	t.Logf("all of them: %v", best)
	if best >= 50*time.Millisecond {
		t.Errorf("the known answers take %v, want less than 50ms: a start waits for them", best)
	}
}

// TestEachBrokenAlgorithmIsReported breaks every test of the table in turn, in
// each way that code can be wrong, and wants that one and no other reported.
func TestEachBrokenAlgorithmIsReported(t *testing.T) {
	breaks := []struct {
		how   string
		spoil func(k *knownAnswer)
		want  error
	}{
		{"another answer comes out", func(k *knownAnswer) { k.answer = changed(k.answer) }, errKnownAnswer},
		{"refuses everything", func(k *knownAnswer) { k.holds = func(_, _ []byte) bool { return false } }, errKnownAnswer},
		{"takes everything", func(k *knownAnswer) { k.holds = func(_, _ []byte) bool { return true } }, errAnswerChanged},
		{"looks at the input only", func(k *knownAnswer) {
			input := k.input
			k.holds = func(in, _ []byte) bool { return bytes.Equal(in, input) }
		}, errAnswerChanged},
		{"looks at the answer only", func(k *knownAnswer) {
			answer := k.answer
			k.holds = func(_, out []byte) bool { return bytes.Equal(out, answer) }
		}, errInputChanged},
		{"has no vector", func(k *knownAnswer) { k.input, k.answer = nil, nil }, errKnownAnswer},
	}
	for _, b := range breaks {
		for i, name := range answers {
			table := knownAnswers()
			b.spoil(&table[i])
			for j, got := range outcomes(table) {
				var want error
				if j == i {
					want = b.want
				}
				if !errors.Is(got.Err, want) {
					t.Errorf("%s %s: %s is reported as %v, want %v", name, b.how, got.Name, got.Err, want)
				}
			}
		}
	}
}

// TestOpensslComputesTheKnownAnswers: the vectors are those of their standards,
// or openssl has the same misprint. It has no command for SM4-GCM, nor for ZA,
// which is part of e.
func TestOpensslComputesTheKnownAnswers(t *testing.T) {
	table := knownAnswers()
	for name, args := range map[string][]string{
		"sm3":         {"dgst", "-sm3", "-binary"},
		"sha256":      {"dgst", "-sha256", "-binary"},
		"sha384":      {"dgst", "-sha384", "-binary"},
		"sha512":      {"dgst", "-sha512", "-binary"},
		"sm4-encrypt": {"enc", "-sm4-ecb", "-nopad", "-K", sm4Key, "-e"},
		"sm4-decrypt": {"enc", "-sm4-ecb", "-nopad", "-K", sm4Key, "-d"},
	} {
		k := table[slices.Index(answers, name)]
		if got := opensslSays(t, k.input, args...); !bytes.Equal(got, k.answer) {
			t.Errorf("%s: openssl says %x, the table %x", name, got, k.answer)
		}
	}
}

func TestOpensslVerifiesTheKnownAnswers(t *testing.T) {
	pss := []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest", "-sigopt"}
	table := knownAnswers()
	for name, by := range map[string]struct {
		pub  PublicKey
		args []string
	}{
		"sm2-verify":              {sm2Example(), []string{"dgst", "-sm3", "-sigopt", "distid:" + SM2ID}},
		"ecdsa-p256-verify":       {p256Example(), []string{"dgst", "-sha256"}},
		"ecdsa-p384-verify":       {p384Example(), []string{"dgst", "-sha384"}},
		"ed25519-verify":          {ed25519Example(), nil}, // dgst cannot: it wants to hash
		"rsa-pkcs1-sha256-verify": {rsaExample(), []string{"dgst", "-sha256"}},
		"rsa-pkcs1-sha384-verify": {rsaExample(), []string{"dgst", "-sha384"}},
		"rsa-pkcs1-sha512-verify": {rsaExample(), []string{"dgst", "-sha512"}},
		"rsa-pss-sha256-verify":   {rsaExample(), slices.Concat([]string{"dgst", "-sha256"}, pss, []string{"rsa_mgf1_md:sha256"})},
		"rsa-pss-sha384-verify":   {rsaExample(), slices.Concat([]string{"dgst", "-sha384"}, pss, []string{"rsa_mgf1_md:sha384"})},
		"rsa-pss-sha512-verify":   {rsaExample(), slices.Concat([]string{"dgst", "-sha512"}, pss, []string{"rsa_mgf1_md:sha512"})},
	} {
		k := table[slices.Index(answers, name)]
		pub, sig, message := save(t, by.pub.PEM()), save(t, k.answer), save(t, k.input)
		args := slices.Concat(by.args, []string{"-verify", pub, "-signature", sig, message})
		if by.args == nil {
			args = []string{"pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", pub, "-sigfile", sig, "-in", message}
		}
		if said := opensslSays(t, nil, args...); !strings.Contains(string(said), "Verified") {
			t.Errorf("%s: openssl says %q", name, said)
		}
	}
}

func opensslSays(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("openssl %v (apt-get install openssl): %v", args, err)
	}
	return out
}

func save(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
