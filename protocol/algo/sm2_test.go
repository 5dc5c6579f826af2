package algo_test

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"

	"signet/protocol/algo"
)

// The example of GM/T 0003.5-2012 annex A (GB/T 32918.5-2017 annex A), with
// the signer's identity 1234567812345678.
const (
	exampleMessage = "message digest"
	exampleD       = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
	exampleX       = "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
	exampleY       = "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
	exampleE       = "F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"
	exampleR       = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
	exampleS       = "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func number(t *testing.T, s string) *big.Int {
	t.Helper()
	return new(big.Int).SetBytes(unhex(t, s))
}

// der encodes r and s whatever they are, negative and zero too.
func der(t *testing.T, r, s *big.Int) []byte {
	t.Helper()
	b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func exampleKey(t *testing.T) algo.PublicKey {
	t.Helper()
	key, err := sm2.NewPublicKey(unhex(t, "04"+exampleX+exampleY))
	if err != nil {
		t.Fatal(err)
	}
	return wrap(t, key)
}

func exampleSignature(t *testing.T) []byte {
	t.Helper()
	return der(t, number(t, exampleR), number(t, exampleS))
}

func TestSM3PublishedExamples(t *testing.T) {
	// GB/T 32905-2016 annex A.
	for message, want := range map[string]string{
		"abc":                      "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
		strings.Repeat("abcd", 16): "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
	} {
		h := algo.SM2SM3.NewHash()
		h.Write([]byte(message))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("SM3(%q) = %s, want %s", message, got, want)
		}
	}
}

func TestSM2PublishedExample(t *testing.T) {
	pub := exampleKey(t)
	e, err := algo.SM2E(pub, []byte(exampleMessage))
	if err != nil || !bytes.Equal(e, unhex(t, exampleE)) {
		t.Fatalf("SM2E = %X, %v, want %s", e, err, exampleE)
	}
	if err := pub.Verify(algo.SM2SM3, e, exampleSignature(t)); err != nil {
		t.Errorf("published signature: %v", err)
	}
	key, err := sm2.NewPrivateKey(unhex(t, exampleD))
	if err != nil || !pub.Equal(wrap(t, &key.PublicKey)) {
		t.Errorf("published private key is not that of the public key (%v)", err)
	}
}

func wrap(t *testing.T, key any) algo.PublicKey {
	t.Helper()
	pub, err := algo.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// TestSM2NegativeSet holds what a verifier must refuse though it looks right.
func TestSM2NegativeSet(t *testing.T) {
	pub := exampleKey(t)
	e, r, s := unhex(t, exampleE), number(t, exampleR), number(t, exampleS)
	n, zero := sm2.P256().Params().N, new(big.Int)
	plus := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	minus := func(a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }
	plain := sm3.Sum([]byte(exampleMessage))
	good := exampleSignature(t)
	if err := pub.Verify(algo.SM2SM3, e, good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for _, c := range []struct {
		name   string
		e, sig []byte
	}{
		{"r = 0", e, der(t, zero, s)},
		{"s = 0", e, der(t, r, zero)},
		{"r = n", e, der(t, n, s)},
		{"s = n", e, der(t, r, n)},
		{"r + n", e, der(t, plus(r, n), s)},
		{"s + n", e, der(t, r, plus(s, n))},
		{"r + s = n, so that t = 0", e, der(t, r, minus(n, r))},
		{"s = n - s", e, der(t, r, minus(n, s))},
		{"r and s exchanged", e, der(t, s, r)},
		{"r negative", e, der(t, minus(zero, r), s)},
		{"s negative", e, der(t, r, minus(zero, s))},
		{"r - 2^256: the stripped sign octet", e, der(t, minus(r, new(big.Int).Lsh(big.NewInt(1), 256)), s)},
		{"another e", append([]byte{e[0] ^ 1}, e[1:]...), good},
		{"SM3(M) instead of e", plain[:], good},
		{"e of 31 bytes", e[1:], good},
		{"e of 33 bytes", append([]byte{0}, e...), good},
		{"the message instead of e", []byte(exampleMessage), good},
		{"no e", nil, good},
		{"raw r || s", e, append(r.Bytes(), s.Bytes()...)},
		{"empty", e, nil},
	} {
		if err := pub.Verify(algo.SM2SM3, c.e, c.sig); !errors.Is(err, algo.ErrSignature) {
			t.Errorf("%s: Verify = %v, want ErrSignature", c.name, err)
		}
	}
}

// TestOnlyStrictDERVerifies: two encodings of one signature would be two log
// entries for one use.
func TestOnlyStrictDERVerifies(t *testing.T) {
	pub, e, good := exampleKey(t), unhex(t, exampleE), exampleSignature(t)
	body := good[2:]
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	r, s := body[:2+int(body[1])], body[2+int(body[1]):]
	for name, sig := range map[string][]byte{
		"BER long length":          join([]byte{0x30, 0x81, byte(len(body))}, body),
		"BER longer length":        join([]byte{0x30, 0x82, 0, byte(len(body))}, body),
		"BER indefinite length":    join([]byte{0x30, 0x80}, body, []byte{0, 0}),
		"BER length of an INTEGER": join([]byte{0x30, byte(len(body) + 1), 0x02, 0x81}, body[1:]),
		"padded r":                 join([]byte{0x30, byte(len(body) + 1), 0x02, r[1] + 1, 0}, r[2:], s),
		"padded s":                 join([]byte{0x30, byte(len(body) + 1)}, r, []byte{0x02, s[1] + 1, 0}, s[2:]),
		"stripped sign octet":      join([]byte{0x30, byte(len(body) - 1), 0x02, r[1] - 1}, r[3:], s),
		"bytes after":              join(good, []byte{0}),
		"bytes inside":             join([]byte{0x30, byte(len(body) + 1)}, body, []byte{0}),
		"third INTEGER":            join([]byte{0x30, byte(len(body) + 3)}, body, []byte{2, 1, 1}),
		"s missing":                join([]byte{0x30, byte(len(r))}, r),
		"SET":                      join([]byte{0x31, byte(len(body))}, body),
		"OCTET STRING for r":       join([]byte{0x30, byte(len(body)), 0x04}, body[1:]),
		"constructed INTEGER":      join([]byte{0x30, byte(len(body)), 0x22}, body[1:]),
		"cut":                      good[:len(good)-1],
	} {
		if err := pub.Verify(algo.SM2SM3, e, sig); !errors.Is(err, algo.ErrSignature) {
			t.Errorf("%s: Verify = %v, want ErrSignature", name, err)
		}
	}
}

// TestOpensslIsTheJudge: what verifies here verifies there, and a signature
// over SM3(file), which pkeyutl takes and nobody else, is told apart.
func TestOpensslIsTheJudge(t *testing.T) {
	pub := exampleKey(t)
	key, err := sm2.NewPrivateKey(unhex(t, exampleD))
	if err != nil {
		t.Fatal(err)
	}
	plain := sm3.Sum([]byte(exampleMessage))
	wrong, err := sm2.SignASN1(rand.Reader, key, plain[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "message", []byte(exampleMessage))
	write(t, dir, "pub.pem", pub.PEM())
	write(t, dir, "good", exampleSignature(t))
	write(t, dir, "wrong", wrong)
	write(t, dir, "plain", plain[:])
	dgst := func(sig string) bool {
		return openssl(t, dir, "dgst", "-sm3", "-verify", "pub.pem", "-sigopt", "distid:"+algo.SM2ID, "-signature", sig, "message")
	}
	if !dgst("good") {
		t.Error("openssl dgst refuses the published signature")
	}
	if dgst("wrong") {
		t.Error("openssl dgst takes a signature over SM3(M)")
	}
	if !openssl(t, dir, "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-in", "plain", "-sigfile", "wrong") {
		t.Error("openssl pkeyutl refuses a signature over SM3(M): this test no longer shows the trap")
	}
	if err := pub.Verify(algo.SM2SM3, unhex(t, exampleE), wrong); !errors.Is(err, algo.ErrSignature) {
		t.Errorf("a signature over SM3(M) as e: %v, want ErrSignature", err)
	}
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// openssl tells whether the command succeeded.
func openssl(t *testing.T, dir string, args ...string) bool {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running openssl (apt-get install openssl): %v", err)
	}
	t.Logf("openssl %v: %s", args, bytes.TrimSpace(out))
	return err == nil
}
