package testsofthsm_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
	"signet/testsoftHSM/need"
)

// TestMain is also the second process of the tests that need one: what it does
// stands in TESTSOFTHSM_CHILD, and it reads the PIN from stdin.
func TestMain(m *testing.M) {
	if job := os.Getenv("TESTSOFTHSM_CHILD"); job != "" {
		if err := child(job); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs "initialise SHIM" or "sign SHIM LABEL E", and prints the signature.
func child(job string) error {
	words := strings.Fields(job)
	ctx := pkcs11.New(words[1])
	if ctx == nil {
		return errors.New("the module could not be loaded")
	}
	if err := ctx.Initialize(); err != nil {
		return err
	}
	if words[0] == "initialise" {
		return ctx.Finalize()
	}
	e, err := hex.DecodeString(words[3])
	if err != nil {
		return err
	}
	var pin string
	if _, err := fmt.Scan(&pin); err != nil {
		return err
	}
	sig, err := signWithOnlyKey(ctx, words[2], pin, e)
	if err != nil {
		return err
	}
	fmt.Printf("%x\n", sig)
	return ctx.Finalize()
}

func signWithOnlyKey(ctx *pkcs11.Ctx, label, pin string, e []byte) ([]byte, error) {
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(slots, func(slot uint) bool {
		info, err := ctx.GetTokenInfo(slot)
		return err == nil && strings.TrimRight(info.Label, " ") == label
	})
	if i < 0 {
		return nil, fmt.Errorf("no token %q", label)
	}
	s, err := ctx.OpenSession(slots[i], pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, err
	}
	if err := ctx.Login(s, pkcs11.CKU_USER, pin); err != nil {
		return nil, err
	}
	err = ctx.FindObjectsInit(s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, ckkSM2),
	})
	if err != nil {
		return nil, err
	}
	keys, _, err := ctx.FindObjects(s, 2)
	if err := errors.Join(err, ctx.FindObjectsFinal(s)); err != nil {
		return nil, err
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("found %d keys, want 1", len(keys))
	}
	if err := ctx.SignInit(s, mech(ckmDER), keys[0]); err != nil {
		return nil, err
	}
	return ctx.Sign(s, e)
}

func childCommand(k *testsofthsm.Token, job ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(k.Environ(), "TESTSOFTHSM_CHILD="+strings.Join(job, " "))
	cmd.Stdin = strings.NewReader(k.PIN + "\n")
	return cmd
}

func TestSecondProcessSignsWithTheSameKey(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	pub := d.sm2Public(d.generateSM2("a").pub)
	e := randomE(t)
	out, err := childCommand(k, "sign", k.Shim, k.Label, hex.EncodeToString(e)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sig, err := hex.DecodeString(strings.TrimSpace(string(out)))
	d.must(err)
	if !sm2.VerifyASN1(pub, e, sig) {
		t.Errorf("signature %x does not verify", sig)
	}
}

func TestCrashTakesTheProcessDown(t *testing.T) {
	k := testsofthsm.New(t)
	d := open(t, k, k.Shim)
	d.generateSM2("a")
	k.Control(t, "C_Sign=crash")
	out, err := childCommand(k, "sign", k.Shim, k.Label, hex.EncodeToString(randomE(t))).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !bytes.Contains(out, []byte("SIGSEGV")) {
		t.Errorf("child ended with %v, want a SIGSEGV: %s", err, out)
	}
}

// Outside of tests the shim must be of no use, and must say so instead of
// crashing its caller.
func TestShimRefusesToLoad(t *testing.T) {
	k := testsofthsm.New(t)
	for _, c := range []struct {
		name, env, says string
	}{
		{"without its guard", "SIGNET_SHIM_TEST_ONLY=", "is for tests only"},
		{"with another guard", "SIGNET_SHIM_TEST_ONLY=yes", "is for tests only"},
		{"without its backend", "SIGNET_SHIM_BACKEND=/nonexistent.so", "cannot load backend /nonexistent.so"},
		{"without its control file", "SIGNET_SHIM_CONTROL=/nonexistent", "cannot read control file /nonexistent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := childCommand(k, "initialise", k.Shim)
			cmd.Env = append(cmd.Env, c.env)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("CKR_GENERAL_ERROR")) || !bytes.Contains(out, []byte(c.says)) {
				t.Errorf("child ended with %v, want CKR_GENERAL_ERROR and %q: %s", err, c.says, out)
			}
		})
	}
	if out, err := childCommand(k, "initialise", k.Shim).CombinedOutput(); err != nil {
		t.Errorf("with all of them: %v: %s", err, out)
	}
}

func TestControlFileMistakeIsNamed(t *testing.T) {
	k := testsofthsm.New(t)
	k.Control(t, "# a comment", "C_Sing=0x30")
	out, _ := childCommand(k, "initialise", k.Shim).CombinedOutput()
	want := "control file " + k.Env["SIGNET_SHIM_CONTROL"] + ", line 2, key \"C_Sing\": want a PKCS#11 function"
	if !bytes.Contains(out, []byte(want)) {
		t.Errorf("child says %q, want %q", out, want)
	}
}

func TestOnlyGetFunctionListIsExported(t *testing.T) {
	k := testsofthsm.New(t)
	out, err := exec.Command("nm", "-D", "--defined-only", k.Shim).Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		names = append(names, strings.Fields(line)[2])
	}
	if !slices.Equal(names, []string{"C_GetFunctionList"}) {
		t.Errorf("exports %v", names)
	}
}

func TestAnotherUserWorksWithATokenGivenAway(t *testing.T) {
	need.Root(t, "gives files away")
	const nobody = 65534
	k := testsofthsm.New(t)
	func() {
		d := open(t, k, k.Shim)
		d.generateSM2("a")
		d.must(d.Finalize())
	}()
	if err := k.Chown(nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := k.Chown(nobody, nobody); err != nil {
		t.Errorf("second time: %v", err)
	}
	cmd := childCommand(k, "sign", k.Shim, k.Label, hex.EncodeToString(randomE(t)))
	cmd.Path = copyBinary(t, filepath.Dir(k.Shim))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if logins := k.Logins(t); len(logins) != 2 || logins[1].Result != 0 || !logins[1].Returned {
		t.Errorf("logins = %+v, want the second to be the other user's", logins)
	}
}

// copyBinary puts the test's binary where the other user can run it.
func copyBinary(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "child")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
