package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
	"signet/protocol/algo"
)

// documents writes that many files, each with its name as its text.
func documents(t *testing.T, names ...string) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return dir, paths
}

// verifySM2 checks that the file of a signature is the key's over the text.
func verifySM2(t *testing.T, pub algo.PublicKey, text, signature string) {
	t.Helper()
	data, err := os.ReadFile(signature)
	if err != nil {
		t.Error(err)
		return
	}
	e, err := algo.SM2E(pub, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.Verify(algo.SM2SM3, e, data); err != nil {
		t.Errorf("%s: %v", signature, err)
	}
}

func TestManyFilesAreOneRequestAndEachGetsItsSignature(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	dir, paths := documents(t, "a.ofd", "b.ofd", "c.ofd")
	a.ctl("", append([]string{"sign", "contract", "--request-id", "r"}, paths...)...).want(t, exitOK, "3 of 3", "b.ofd.sig", "42", "43")
	if len(a.asked) != 1 || len(a.asked[0].Inputs) != 3 || a.asked[0].RequestId != "r" || a.asked[0].Partial {
		t.Errorf("asked for %v", a.asked)
	}
	for _, path := range paths {
		verifySM2(t, pub, filepath.Base(path), path+".sig")
	}
	onlyFiles(t, dir, "a.ofd", "a.ofd.sig", "b.ofd", "b.ofd.sig", "c.ofd", "c.ofd.sig")
	// Beside each file, or in another place that a pattern names.
	out := t.TempDir()
	args := []string{"sign", "contract", "-o", out + "/{/}.der", "--file", paths[0], "--file", paths[1]}
	a.ctl("", args...).want(t, exitOK)
	onlyFiles(t, out, "a.ofd.der", "b.ofd.der")
	verifySM2(t, pub, "b.ofd", filepath.Join(out, "b.ofd.der"))
}

// With one file a shell's *.ofd means what it means with two.
func TestAFileNamedAsArgumentIsSignedBesideItself(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	dir, paths := documents(t, "a.ofd")
	got := a.ctl("", "sign", "contract", paths[0])
	got.want(t, exitOK, "a.ofd.sig")
	verifySM2(t, pub, "a.ofd", paths[0]+".sig")
	onlyFiles(t, dir, "a.ofd", "a.ofd.sig")
	a.ctl("", "sign", "contract", paths[0]).want(t, exitUsage, "exists", "--force")
}

func TestManySignaturesAsJSONAreALineEach(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	_, paths := documents(t, "a", "b")
	got := a.ctl("", append([]string{"sign", "contract", "--json"}, paths...)...)
	got.want(t, exitOK)
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	for i, line := range lines {
		var answer signatureJSON
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.File != paths[i] || answer.Written != paths[i]+".sig" || answer.Receipt.Event != uint64(41+i) {
			t.Errorf("line %d is %+v", i, answer)
		}
	}
	if len(lines) != 2 {
		t.Errorf("%d lines", len(lines))
	}
}

// The limits are the daemon's: by number, and by bytes of a request.
func TestMoreThanARequestTakesIsCutTheSameWayEachTime(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	a.health = protocol.HealthReply{BatchMax: 2, FrameMax: 4096}
	dir := t.TempDir()
	var args []string
	sizes := []int{10, 10, 3000, 3000, 10, 10}
	for i, size := range sizes {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, []byte(strings.Repeat("m", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--message", path)
	}
	a.ctl("", append([]string{"sign", "contract", "--request-id", "r"}, args...)...).want(t, exitOK, "6 of 6")
	a.ctl("", append([]string{"sign", "contract", "--request-id", "r", "--force"}, args...)...).want(t, exitOK)
	want := []string{"r.1 2", "r.2 1", "r.3 2", "r.4 1"}
	var cut []string
	for _, r := range a.asked {
		cut = append(cut, r.RequestId+" "+strconv.Itoa(len(r.Inputs)))
		if size := proto.Size(r); size > 4096 {
			t.Errorf("a request has %d bytes", size)
		}
	}
	if strings.Join(cut, ",") != strings.Join(append(want, want...), ",") {
		t.Errorf("the requests were %q, want twice %q", cut, want)
	}
	for i, size := range sizes {
		verifySM2(t, pub, strings.Repeat("m", size), filepath.Join(dir, strconv.Itoa(i)+".sig"))
	}
	// An id that leaves no room for the number is refused before anything.
	asked := len(a.asked)
	a.ctl("", append([]string{"sign", "contract", "--force", "--request-id", strings.Repeat("r", protocol.MaxRequestID)}, args...)...).want(t, exitUsage, "at most 62")
	large := writeFile(t, "large", strings.Repeat("m", 5000))
	a.ctl("", append([]string{"sign", "contract", "--force", "--message", large}, args...)...).want(t, exitUsage, large, "4096")
	if len(a.asked) != asked {
		t.Error("something was asked for with ids that do not fit")
	}
}

// The HSM fails at the second: the first is recorded, so it is written.
func TestWhatWasSignedBeforeAFaultIsWritten(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	good, n := a.sign, 0
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		if n++; n > 1 {
			return nil, protocol.NewError(protocol.HSMFailed, "CKR_DEVICE_ERROR")
		}
		return good(r)
	}
	dir, paths := documents(t, "a", "b", "c")
	got := a.ctl("", append([]string{"sign", "contract"}, paths...)...)
	got.want(t, exitHSM, paths[1]+" was not signed; 1 of 3 are signed and written", "401 hsm_failed", "next: signetctl token list")
	verifySM2(t, pub, "a", paths[0]+".sig")
	onlyFiles(t, dir, "a", "a.sig", "b", "c")
	a.ctl("zh_CN.UTF-8", append([]string{"sign", "contract", "--force"}, paths...)...).want(t, exitHSM, "未签名；共已签名并写出 0 / 3 个")
}

// refusingItem has the daemon refuse the whole request for its item of that index.
func (a *appliance) refusingItem(i int) {
	a.refusal = protocol.NewError(protocol.PurposeRefused, "want contract").WithField(fmt.Sprintf("inputs[%d]", i)).WithRule("purposes")
}

// None of a request is signed if one item is refused, and that one is named.
func TestARefusalOfManyNamesTheItemItIsOf(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	a.refusingItem(1)
	dir, paths := documents(t, "a", "b", "c")
	got := a.ctl("", append([]string{"sign", "contract"}, paths...)...)
	got.want(t, exitRefused, "none of the 3 of this request was signed: refused for item 2 ("+paths[1]+")", "field inputs[1]")
	if strings.Contains(got.err, paths[0]) || strings.Contains(got.err, "before") {
		t.Errorf("it names another file:\n%s", got.err)
	}
	a.ctl("zh_CN.UTF-8", append([]string{"sign", "contract"}, paths...)...).want(t, exitRefused, "本次请求的 3 个均未签名：因第 2 个（"+paths[1]+"）被拒绝")
	onlyFiles(t, dir, "a", "b", "c")
	// Of the second request the first item is the third of the run.
	a.health = protocol.HealthReply{BatchMax: 2}
	a.refusal = nil
	good := a.sign
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		a.refusingItem(0)
		return good(r)
	}
	a.ctl("", append([]string{"sign", "contract"}, paths...)...).want(t, exitRefused, "none of the 1 of this request was signed: refused for item 3 ("+paths[2]+")", "2 of 3 were signed and written before")
	onlyFiles(t, dir, "a", "a.sig", "b", "b.sig", "c")
}

// Nobody knows what a daemon signed whose answer did not come, or was withheld.
func TestWhatIsNotKnownToBeUnsignedIsNotSaidToBe(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	a.refusal = protocol.NewError(protocol.Changed, "withheld")
	_, paths := documents(t, "a", "b")
	got := a.ctl("", append([]string{"sign", "contract"}, paths...)...)
	got.want(t, exitLater, "0 of 2 are signed and written")
	if strings.Contains(got.err, "none of") {
		t.Errorf("it says\n%s", got.err)
	}
}

// With --partial each file is judged for itself.
func TestWhatIsAllowedOfManyIsSigned(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	good, n := a.sign, 0
	codes := []protocol.Code{protocol.QuotaSpent, 0, protocol.PurposeRefused}
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		code := codes[n%3]
		n++
		if code != 0 {
			said := protocol.NewError(code, "no").WithRule("a.rule")
			said.Event = proto.Uint64(77)
			if code == protocol.QuotaSpent {
				said = said.RetryIn(time.Minute)
			}
			return nil, said
		}
		return good(r)
	}
	dir, paths := documents(t, "a", "b", "c")
	args := append([]string{"sign", "contract", "--partial"}, paths...)
	a.ctl("", args...).want(t, exitRefused, "1 of 3", "209 quota, rule a.rule", "205 purpose, rule a.rule", "77", paths[2]+" was not signed; 1 of 3 are signed and written")
	verifySM2(t, pub, "b", paths[1]+".sig")
	onlyFiles(t, dir, "a", "b", "b.sig", "c")
	if !a.asked[0].Partial {
		t.Error("the request does not say that it may be granted in part")
	}
	got := a.ctl("zh_CN.UTF-8", append(args, "--json", "--force")...)
	got.want(t, exitRefused, `"code":209`, `"code":205`, `"written":"`+paths[1]+`.sig"`)
	if lines := strings.Count(got.out, "\n"); lines != 3 {
		t.Errorf("%d lines:\n%s", lines, got.out)
	}
	codes = []protocol.Code{protocol.QuotaSpent, 0, 0}
	n = 0
	a.ctl("", append(args, "--force")...).want(t, exitLater, "2 of 3")
}

// A bad signature among good ones is kept back alone.
func TestABadSignatureAmongManyIsNotGivenOut(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	good, n := a.sign, 0
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		signed, fault := good(r)
		if n++; n == 2 {
			signed.Signature[len(signed.Signature)-1] ^= 1
		}
		return signed, fault
	}
	dir, paths := documents(t, "a", "b", "c")
	a.ctl("", append([]string{"sign", "contract"}, paths...)...).want(t, exitVerification, "not given out", paths[1], "signetctl log show 42")
	onlyFiles(t, dir, "a", "a.sig", "b", "c", "c.sig")
}

func TestNothingIsAskedIfOneFileOfManyIsMissing(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	dir, paths := documents(t, "a", "b")
	a.ctl("", "sign", "contract", paths[0], filepath.Join(dir, "absent"), paths[1]).want(t, exitUsage, "absent")
	if err := os.WriteFile(paths[1]+".sig", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a.ctl("", "sign", "contract", paths[0], paths[1]).want(t, exitUsage, "b.sig exists")
	if len(a.asked) != 0 {
		t.Errorf("a use was spent: %v", a.asked)
	}
	onlyFiles(t, dir, "a", "b", "b.sig")
}

func TestAllThatIsSaidOfADocumentIsSent(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	file := writeFile(t, "f", "m")
	a.ctl("", "sign", "contract", "--file", file, "--purpose", "p", "--doc-id", "i", "--doc-no", "n", "--doc-title", "t", "--doc-sm3", aHash,
		"--doc-pages", "7", "--user-id", "u", "--user-name", "张三", "--dept", "d", "--client-ip", "10.0.0.1", "--approval-ref", "a",
		"--deadline", "1500ms").want(t, exitOK)
	hash, _ := hex.DecodeString(aHash)
	want := &protocol.Context{Purpose: "p", DocId: "i", DocNo: "n", DocTitle: "t", DocSm3: hash, Pages: 7, UserId: "u", UserName: "张三", Dept: "d", ClientIp: "10.0.0.1", ApprovalRef: "a"}
	if asked := a.asked[0]; !proto.Equal(asked.Context, want) || asked.DeadlineMs != 1500 {
		t.Errorf("sent %v, deadline %d ms", asked.Context, asked.DeadlineMs)
	}
	// No field of the message lacks a flag.
	fields := want.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		if !want.ProtoReflect().Has(fields.Get(i)) {
			t.Errorf("no flag says %s", fields.Get(i).Name())
		}
	}
}

func TestAMessageIsSentWhole(t *testing.T) {
	a := newAppliance(t)
	pub := a.withSM2Key()
	file := writeFile(t, "f", "the whole of it")
	a.ctl("", "sign", "contract", "--message", file, "-o", file+".sig").want(t, exitOK)
	if got := string(a.asked[0].Inputs[0].GetMessage()); got != "the whole of it" {
		t.Errorf("sent %q", got)
	}
	verifySM2(t, pub, "the whole of it", file+".sig")
	for _, size := range []int{0, protocol.MaxMessage + 1} {
		a.ctl("", "sign", "contract", "--message", writeFile(t, "f", strings.Repeat("m", size))).want(t, exitUsage, "1 to 49152 bytes")
	}
	if len(a.asked) != 1 {
		t.Error("what is no message was sent")
	}
}
