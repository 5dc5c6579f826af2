package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"signet/protocol/admin"
	"signet/protocol/algo"
)

const document = "the document"

// A signed document in a directory of its own: document, its signature and the public key.
type signedDocument struct {
	dir, file, signature, key string
	pub                       algo.PublicKey
}

func newSigned(t *testing.T, public crypto.PublicKey, signature []byte) signedDocument {
	t.Helper()
	pub, err := algo.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d := signedDocument{dir, filepath.Join(dir, "f"), filepath.Join(dir, "f.sig"), filepath.Join(dir, "k.pem"), pub}
	for path, data := range map[string][]byte{d.file: []byte(document), d.signature: signature, d.key: pub.PEM()} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// verifyOffline runs verify where there is no daemon: to ask one would show.
func verifyOffline(t *testing.T, lang string, args ...string) run {
	t.Helper()
	none := &appliance{t: t, dir: filepath.Join(t.TempDir(), "none")}
	return none.ctl(lang, append([]string{"verify"}, args...)...)
}

func sm2Key(t *testing.T) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signSM2(t *testing.T, key *sm2.PrivateKey, e []byte) []byte {
	t.Helper()
	signature, err := sm2.SignASN1(rand.Reader, key, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func eOf(t *testing.T, key *sm2.PrivateKey, message string) []byte {
	t.Helper()
	e, err := sm2.CalculateSM2Hash(&key.PublicKey, []byte(message), []byte(algo.SM2ID))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSignatureOfEveryAlgorithmVerifiesOffline(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sm2Key := sm2Key(t)
	for _, a := range algo.All() {
		t.Run(a.String(), func(t *testing.T) {
			var public crypto.PublicKey
			var signature []byte
			var err error
			switch {
			case a == algo.SM2SM3:
				public, signature = &sm2Key.PublicKey, signSM2(t, sm2Key, eOf(t, sm2Key, document))
			case a == algo.Ed25519:
				public, signature = edKey.Public(), ed25519.Sign(edKey, []byte(document))
			case strings.HasPrefix(a.String(), "ECDSA"):
				curve := map[int]elliptic.Curve{32: elliptic.P256(), 48: elliptic.P384()}[a.DigestSize()]
				key, genErr := ecdsa.GenerateKey(curve, rand.Reader)
				if genErr != nil {
					t.Fatal(genErr)
				}
				public = &key.PublicKey
				signature, err = key.Sign(rand.Reader, digestOf(a), nil)
			default:
				public = &rsaKey.PublicKey
				hash := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[a.DigestSize()]
				var options crypto.SignerOpts = hash
				if strings.Contains(a.String(), "PSS") {
					options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
				}
				signature, err = rsaKey.Sign(rand.Reader, digestOf(a), options)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkVerifies(t, a, newSigned(t, public, signature), signature)
		})
	}
}

func digestOf(a algo.Algorithm) []byte {
	h := a.NewHash()
	h.Write([]byte(document))
	return h.Sum(nil)
}

// checkVerifies verifies in every way there is to say it, then with one thing
// changed.
func checkVerifies(t *testing.T, a algo.Algorithm, d signedDocument, signature []byte) {
	t.Helper()
	want := "passed"
	verifyOffline(t, "", "--public-key", d.key, "--signature", d.signature, "--file", d.file).want(t, exitOK, want, a.String())
	verifyOffline(t, "", "--public-key", d.key, d.file, "--algorithm", a.String()).want(t, exitOK, want)
	verifyOffline(t, "zh_CN.UTF-8", "--public-key", d.key, d.file).want(t, exitOK, "验证通过")
	for name, text := range map[string]string{"b64": base64.StdEncoding.EncodeToString(signature) + "\n", "hex": hex.EncodeToString(signature)} {
		path := filepath.Join(d.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		verifyOffline(t, "", "--public-key", d.key, d.file, "--signature", path).want(t, exitOK, want)
	}
	if a != algo.SM2SM3 && a != algo.Ed25519 {
		verifyOffline(t, "", "--public-key", d.key, "--digest", hex.EncodeToString(digestOf(a)), "--signature", d.signature).want(t, exitOK, a.String())
	}
	if err := os.WriteFile(d.file, []byte(document+"."), 0o600); err != nil {
		t.Fatal(err)
	}
	verifyOffline(t, "", "--public-key", d.key, d.file).want(t, exitVerification, "failed", "do not belong together", "1 of 1", "next: signetctl key show")
	verifyOffline(t, "zh_CN.UTF-8", "--public-key", d.key, d.file).want(t, exitVerification, "验证不通过", "下一步：")
}

// Each way in which a signature is often wrong is named, and none is taken
// for good.
func TestABadSignatureSaysWhatItIs(t *testing.T) {
	key := sm2Key(t)
	e, plain := eOf(t, key, document), sm3.Sum([]byte(document))
	good := signSM2(t, key, e)
	changed := append([]byte(nil), good...)
	changed[len(changed)-1] ^= 1
	other := sm2Key(t)
	for want, signature := range map[string][]byte{
		"plain_sm3":         signSM2(t, key, plain[:]),
		"digest_as_message": signSM2(t, key, eOf(t, key, string(plain[:]))),
		"raw_r_s":           rawOf(t, good),
		"not_der":           append(append([]byte(nil), good...), 0),
		"no_match":          signSM2(t, other, e),
		"no_match ":         changed,
		"not_der ":          {},
		"not_der  ":         []byte("MEQC no base64 either"),
	} {
		want = strings.TrimSpace(want)
		t.Run(want, func(t *testing.T) {
			d := newSigned(t, &key.PublicKey, signature)
			got := verifyOffline(t, "", "--public-key", d.key, d.file, "--json")
			got.want(t, exitVerification, `"exit":8`)
			var answer verdictJSON
			if err := json.Unmarshal([]byte(got.out), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Result != "failed" || string(answer.Cause) != want || answer.Reason == "" {
				t.Errorf("verify said %+v, want the cause %s", answer, want)
			}
			if answer.Value != hex.EncodeToString(e) || answer.SM3 != hex.EncodeToString(plain[:]) {
				t.Errorf("e and SM3 are %s and %s", answer.Value, answer.SM3)
			}
			if zh := verifyOffline(t, "zh_CN.UTF-8", "--public-key", d.key, d.file); zh.status != exitVerification || !strings.Contains(zh.out, "原因") {
				t.Errorf("in Chinese: %d, %s", zh.status, zh.out)
			}
		})
	}
	// By its value alone, which says nothing of the file.
	d := newSigned(t, &key.PublicKey, good)
	verifyOffline(t, "", "--public-key", d.key, "--sm2-e", hex.EncodeToString(e), "--signature", d.signature).want(t, exitOK)
	verifyOffline(t, "", "--public-key", d.key, "--sm2-e", hex.EncodeToString(plain[:]), "--signature", d.signature).want(t, exitVerification)
}

// rawOf is a DER signature as r and s of 32 bytes each.
func rawOf(t *testing.T, der []byte) []byte {
	t.Helper()
	r, s := new(big.Int), new(big.Int)
	input := cryptobyte.String(der)
	var inner cryptobyte.String
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(r) || !inner.ReadASN1Integer(s) {
		t.Fatal("no DER")
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func TestAnAlgorithmThatIsNamedMustBeTheOne(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.Sign(rand.Reader, digestOf(algo.RSAPSSSHA384), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384})
	if err != nil {
		t.Fatal(err)
	}
	d := newSigned(t, &key.PublicKey, signature)
	verifyOffline(t, "", "--public-key", d.key, d.file, "--algorithm", "RSA-PSS-SHA256").
		want(t, exitVerification, "made with RSA-PSS-SHA384, not with the algorithm that was asked for")
	verifyOffline(t, "", "--public-key", d.key, d.file, "--algorithm", "SM2-SM3").want(t, exitUsage, "whose key is RSA-2048")
}

// What cannot be judged has not passed, and does not count as bad either.
func TestWhatCannotBeJudgedIsIndeterminate(t *testing.T) {
	key := sm2Key(t)
	d := newSigned(t, &key.PublicKey, signSM2(t, key, eOf(t, key, document)))
	for name, test := range map[string]struct {
		status int
		args   []string
	}{
		"no file":          {exitUsage, []string{"--public-key", d.key, d.file + "x", "--signature", d.signature}},
		"no signature":     {exitUsage, []string{"--public-key", d.key, d.key}},
		"not in that form": {exitUsage, []string{"--public-key", d.key, d.file, "--format", "hex"}},
		"no key":           {exitUsage, []string{"--public-key", d.file, d.file}},
		"a digest for SM2": {exitUsage, []string{"--public-key", d.key, "--digest", aHash, "--signature", d.signature}},
		"no daemon":        {exitUnreachable, []string{"contract", d.file}},
	} {
		got := verifyOffline(t, "", test.args...)
		got.want(t, test.status, "indeterminate", "next: ")
		verifyOffline(t, "zh_CN.UTF-8", test.args...).want(t, test.status, "无法判定", "下一步：")
		if strings.Contains(got.out, "passed") || strings.Contains(got.out, "failed") {
			t.Errorf("%s: %s", name, got.out)
		}
	}
}

// One bad among several: all are judged, and the worst decides the status.
func TestEveryFileIsJudged(t *testing.T) {
	key := sm2Key(t)
	d := newSigned(t, &key.PublicKey, signSM2(t, key, eOf(t, key, document)))
	for name, data := range map[string]string{"g": "another", "g.sig": string(signSM2(t, key, eOf(t, key, document))), "h": document} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g, h := filepath.Join(d.dir, "g"), filepath.Join(d.dir, "h")
	got := verifyOffline(t, "", "--public-key", d.key, "--json", g, d.file, h)
	got.want(t, exitVerification, "1 of 3")
	var results []string
	for _, line := range strings.Split(strings.TrimSpace(got.out), "\n") {
		var answer verdictJSON
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		results = append(results, answer.Result)
	}
	if strings.Join(results, " ") != "failed passed indeterminate" {
		t.Errorf("results are %q", results)
	}
	verifyOffline(t, "", "--public-key", d.key, d.file, h).want(t, exitUsage, "indeterminate")
}

// The key is the register's: as a caller is told it, or an officer.
func TestTheKeyOfAnEntryComesFromTheDaemon(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	file := writeFile(t, "f", document)
	a.ctl("", "sign", "contract", file).want(t, exitOK)
	a.ctl("", "verify", "contract", file).want(t, exitOK, "passed", "contract")
	// Somebody who may not use the entry, and may read the register.
	a.entries = nil
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", PublicKey: string(pub.PEM())}
	a.ctl("", "verify", "contract", file).want(t, exitOK, "passed")
	delete(a.answer, admin.PathEntries+"/contract")
	a.ctl("", "verify", "contract", file).want(t, exitNotFound, "indeterminate", "next: signetctl key list")
	// Somebody who may do neither.
	a.refusing = "both"
	a.ctl("", "verify", "contract", file).want(t, exitNotFound, "indeterminate", "signetctl policy show contract")
	// An officer where no caller may connect.
	if err := os.Remove(a.socket("sign")); err != nil {
		t.Fatal(err)
	}
	a.refusing = ""
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", PublicKey: string(pub.PEM())}
	a.ctl("", "verify", "contract", file).want(t, exitOK, "passed")
	if len(a.asked) != 1 {
		t.Errorf("to verify, %d signatures were asked for", len(a.asked)-1)
	}
	a.ctlWith(context.Background(), "", document, "verify", "contract", "-", "--signature", file+".sig").want(t, exitOK)
}

func FuzzSignatureFile(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "00", "0", "zz", "MEQCIA==", "MEQCIA", "30440220", "3044 0220\n", "0x30", "30:44", "MEQC\r\nIA==\r\n", "\x30\x44\x02\x20", "-----BEGIN",
		"\xff\xfe", "abcd", "ABCD", "AbCd==", "====", strings.Repeat("ab", 64), strings.Repeat("A", 88), "\x00", "a b c d", "电子",
	} {
		f.Add([]byte(seed), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, form uint8) {
		format := verifyFormats[int(form)%len(verifyFormats)]
		signature, ok := decodeSignature(data, format)
		if !ok && (format == "auto" || format == "der") {
			t.Errorf("%s refuses %q", format, data)
		}
		if len(signature) > len(data) {
			t.Errorf("%q gives %d bytes", data, len(signature))
		}
	})
}

func TestSignatureIsReadInTheFormThatItHas(t *testing.T) {
	der := []byte{0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02}
	for name, test := range map[string]struct {
		data, format string
		want         []byte
	}{
		"DER":            {string(der), "auto", der},
		"hex":            {"3006020101020102", "auto", der},
		"hex in lines":   {"30060201\n01020102\n", "auto", der},
		"base64":         {"MAYCAQECAQI=\n", "auto", der},
		"hex, named der": {"3006", "der", []byte("3006")},
		"base64, named":  {"3006", "base64", []byte{0xdf, 0x4d, 0x3a}},
		"no hex":         {"300", "hex", nil},
		"no base64":      {"%%%%", "base64", nil},
		"neither":        {"what is this?", "auto", []byte("what is this?")},
	} {
		if got, ok := decodeSignature([]byte(test.data), test.format); ok != (test.want != nil) || ok && string(got) != string(test.want) {
			t.Errorf("%s: %x, %v, want %x", name, got, ok, test.want)
		}
	}
}
