package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol"
	"signet/protocol/algo"
)

func TestFileIsSignedVerifiedAndWritten(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	document := strings.Repeat("合同", 50_000)
	file := writeFile(t, "contract.ofd", document)
	out := file + ".sig"
	a.ctl("", "sign", "contract", "--file", file, "--purpose", "contract", "--doc-no", "HT-7", "--doc-id", "9", "--doc-title", "采购",
		"--user-id", "zhang", "--request-id", "r1", "-o", out).want(t, exitOK, out, "SM2-SM3", "41", "42 events")
	signature, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	e, err := algo.SM2E(pub, []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.Verify(algo.SM2SM3, e, signature); err != nil {
		t.Error(err)
	}
	asked, hash := a.asked[0], sm3.Sum([]byte(document))
	if !bytes.Equal(asked.Inputs[0].GetSm2E(), e) || !bytes.Equal(asked.Inputs[0].DocumentHash, hash[:]) {
		t.Errorf("asked for %v", asked.Inputs[0])
	}
	c := asked.Context
	if c.Purpose != "contract" || c.DocNo != "HT-7" || c.DocId != "9" || c.DocTitle != "采购" || c.UserId != "zhang" || asked.RequestId != "r1" {
		t.Errorf("the request says %v, request_id %q", c, asked.RequestId)
	}
	onlyFiles(t, filepath.Dir(out), "contract.ofd", "contract.ofd.sig")
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		names = append(names, f.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the directory has %q, want %q", names, want)
	}
}

func TestSignatureGoesToStandardOutputAlone(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	e, err := algo.SM2E(pub, []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	decode := map[string]func(string) ([]byte, error){
		"base64": base64.StdEncoding.DecodeString, "hex": hex.DecodeString,
		"der": func(s string) ([]byte, error) { return []byte(s), nil },
	}
	for format, decoded := range decode {
		got := a.ctlWith(context.Background(), "", "m", "sign", "contract", "--file", "-", "--format", format)
		got.want(t, exitOK)
		signature, err := decoded(strings.TrimSuffix(got.out, "\n"))
		if format == "der" {
			signature = []byte(got.out)
		}
		if err != nil || pub.Verify(algo.SM2SM3, e, signature) != nil {
			t.Errorf("%s: standard output %q is no signature: %v", format, got.out, err)
		}
		if !strings.Contains(got.err, "event") {
			t.Errorf("%s: no receipt on standard error: %q", format, got.err)
		}
	}
	got := a.ctlWith(context.Background(), "", "m", "sign", "contract", "--file", "-", "--json")
	var answer signatureJSON
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(answer.Signature)
	if err != nil || pub.Verify(algo.SM2SM3, e, signature) != nil {
		t.Errorf("JSON signature does not verify: %v", err)
	}
	if answer.Receipt.Event != 41 || answer.Receipt.Size != 42 || answer.Input != "sm2_e" || answer.Value != hex.EncodeToString(e) {
		t.Errorf("JSON is %+v", answer)
	}
}

func TestSignatureThatDoesNotVerifyIsNotGivenOut(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	good := a.sign
	for name, spoil := range map[string]func(*protocol.Signed){
		"another signature": func(s *protocol.Signed) { s.Signature[len(s.Signature)-1] ^= 1 },
		"none":              func(s *protocol.Signed) { s.Signature = nil },
		"trailing byte":     func(s *protocol.Signed) { s.Signature = append(s.Signature, 0) },
	} {
		a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
			signed, fault := good(r)
			spoil(signed)
			return signed, fault
		}
		file := writeFile(t, "f", "m")
		got := a.ctl("", "sign", "contract", "--file", file, "-o", file+".sig")
		got.want(t, exitVerification, "not given out", "event 41")
		onlyFiles(t, filepath.Dir(file), "f")
		if got := a.ctl("", "sign", "contract", "--file", file); got.out != "" || got.status != exitVerification {
			t.Errorf("%s: standard output is %q, status %d", name, got.out, got.status)
		}
	}
}

func TestRefusalLeavesNoFile(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	file := writeFile(t, "f", "m")
	for code, status := range map[protocol.Code]int{
		protocol.PurposeRefused: exitRefused, protocol.Busy: exitLater, protocol.HSMUnavailable: exitHSM, protocol.Malformed: exitUsage,
	} {
		a.sign = func(*protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
			return nil, protocol.NewError(code, "no")
		}
		a.ctl("", "sign", "contract", "--file", file, "-o", file+".sig").want(t, status, code.String())
		onlyFiles(t, filepath.Dir(file), "f")
	}
}

func TestExistingFileIsKept(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	file := writeFile(t, "f", "m")
	a.ctl("", "sign", "contract", "--file", file, "-o", file).want(t, exitUsage, "exists", "--force")
	if len(a.asked) != 0 {
		t.Error("a use was spent on a file that could not be written")
	}
	a.ctl("", "sign", "contract", "--file", file, "-o", file, "--force").want(t, exitOK)
	if data, err := os.ReadFile(file); err != nil || string(data) == "m" {
		t.Errorf("--force left %q, %v", data, err)
	}
	onlyFiles(t, filepath.Dir(file), "f")
}

// Somebody makes the file while the daemon signs.
func TestFileThatComesInBetweenIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := createFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.discard()
	if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.commit([]byte("ours")); statusOf(err) != exitUnexpected {
		t.Errorf("commit = %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "theirs" {
		t.Errorf("the file is %q, %v", data, err)
	}
	f.discard()
	onlyFiles(t, filepath.Dir(path), "out")
}

func TestEntryThatIsNotListed(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	listed := a.entries
	a.entries = nil
	large := writeFile(t, "large", strings.Repeat("m", protocol.MaxMessage+1))
	a.ctl("", "sign", "contract", "--file", large).want(t, exitNotFound, "signetctl policy show contract")
	if len(a.asked) != 0 {
		t.Error("a file was signed with a key that is not known")
	}
	// The refusal is the daemon's wherever it can be asked, so that the log
	// has it.
	sign := a.sign
	a.sign = func(*protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		return nil, protocol.NewError(protocol.NotACaller, "no")
	}
	file, e := writeFile(t, "f", "m"), strings.Repeat("ab", 32)
	a.ctl("", "sign", "contract", "--file", file).want(t, exitRefused, "not_a_caller")
	a.ctl("", "sign", "contract", "--file", file, "--algorithm", "SM2-SM3").want(t, exitRefused, "not_a_caller")
	a.ctl("", "sign", "contract", "--sm2-e", e).want(t, exitRefused, "not_a_caller")
	// What it grants all the same cannot be verified.
	a.sign = sign
	if got := a.ctl("", "sign", "contract", "--sm2-e", e); got.status != exitVerification || got.out != "" {
		t.Errorf("an unverifiable signature gave status %d, %q", got.status, got.out)
	}
	// Unless the entry is listed by then.
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		a.entries = listed
		return sign(r)
	}
	got := a.ctl("", "sign", "contract", "--sm2-e", e, "--format", "hex")
	got.want(t, exitOK)
	value, _ := hex.DecodeString(e)
	signature, _ := hex.DecodeString(strings.TrimSpace(got.out))
	if err := pub.Verify(algo.SM2SM3, value, signature); err != nil {
		t.Error(err)
	}
}

func TestAlgorithmIsNotGuessed(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	a.entries[0].Algorithms = append(a.entries[0].Algorithms, protocol.Algorithm_ECDSA_P256_SHA256)
	file := writeFile(t, "f", "m")
	a.ctl("", "sign", "contract", "--file", file).want(t, exitUsage, "--algorithm", "SM2-SM3 ECDSA-P256-SHA256")
	a.ctl("", "sign", "contract", "--file", file, "--algorithm", "SM2-SM3").want(t, exitOK)
	a.ctl("", "sign", "contract", "--file", file, "--algorithm", "ECDSA-P256-SHA256").want(t, exitUsage, "whose key is SM2")
	a.ctl("", "sign", "contract", "--digest", "zz").want(t, exitUsage)
	a.entries[0].Algorithms = nil
	a.ctl("", "sign", "contract", "--file", file).want(t, exitRefused, "allows no algorithm")
}

func TestPublicKeyIsWrittenOnce(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	a.answer["/v1/entries/contract"] = map[string]any{"id": "contract", "public_key": string(pub.PEM())}
	if got := a.ctl("", "key", "show", "contract", "--public-key", "-"); got.out != string(pub.PEM()) || got.status != exitOK {
		t.Errorf("key show --public-key - wrote %q, status %d", got.out, got.status)
	}
	path := filepath.Join(t.TempDir(), "k.pem")
	a.ctl("", "key", "show", "contract", "--public-key", path).want(t, exitOK, path)
	a.ctl("", "key", "show", "contract", "--public-key", path).want(t, exitUsage, "exists")
	if data, err := os.ReadFile(path); err != nil || !bytes.Equal(data, pub.PEM()) {
		t.Errorf("the file is %q, %v", data, err)
	}
	a.answer["/v1/entries/contract"] = map[string]any{"id": "contract", "public_key": "no key"}
	if got := a.ctl("", "key", "show", "contract", "--public-key", "-"); got.out != "" || got.status != exitUnexpected {
		t.Errorf("what is no key was written: %q, status %d", got.out, got.status)
	}
}

func TestInterruptedSigningSaysSo(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	a.sign = func(*protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		cancel()
		<-over
		return nil, protocol.NewError(protocol.Internal, "")
	}
	file := writeFile(t, "f", "m")
	got := a.ctlWith(ctx, "", "", "sign", "contract", "--file", file, "-o", file+".sig")
	close(over)
	got.want(t, exitUnexpected, "interrupted")
	onlyFiles(t, filepath.Dir(file), "f")
}
