package testsofthsm_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	testsofthsm "signet/testsoftHSM"
)

func TestLoginsAreCounted(t *testing.T) {
	k := testsofthsm.New(t)
	if logins := k.Logins(t); len(logins) != 0 {
		t.Errorf("logins of a new token: %+v", logins)
	}
	d := open(t, k, k.Shim)
	wantCKR(t, "second login", d.Login(d.s, pkcs11.CKU_USER, k.PIN), pkcs11.CKR_USER_ALREADY_LOGGED_IN)
	d.must(d.Logout(d.s))
	wantCKR(t, "wrong PIN", d.Login(d.s, pkcs11.CKU_USER, "wrong"), pkcs11.CKR_PIN_INCORRECT)
	k.Control(t, "C_Login=0xA4")
	wantCKR(t, "injected", d.Login(d.s, pkcs11.CKU_SO, k.SOPIN), pkcs11.CKR_PIN_LOCKED)

	logins := k.Logins(t)
	want := []uint{pkcs11.CKR_OK, pkcs11.CKR_USER_ALREADY_LOGGED_IN, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LOCKED}
	if len(logins) != len(want) {
		t.Fatalf("%d logins, want %d: %+v", len(logins), len(want), logins)
	}
	for i, l := range logins {
		if l.Result != want[i] || !l.Returned {
			t.Errorf("login %d: %+v, want result %#x", i, l, want[i])
		}
	}
	if logins[0].User != pkcs11.CKU_USER || logins[3].User != pkcs11.CKU_SO {
		t.Errorf("users of the logins: %+v", logins)
	}
}

// Until a login returns, or if it never does, it has been made all the same.
func TestLoginThatHangsIsCounted(t *testing.T) {
	k := testsofthsm.New(t)
	d := load(t, k, k.Shim)
	d.slot = d.findSlot(k.Label)
	s := d.session()
	k.Control(t, "C_Login=hang")
	done := make(chan error, 1)
	go func() { done <- d.Login(s, pkcs11.CKU_USER, k.PIN) }()
	waitUntil(t, "the login is logged", func() bool { return len(k.Logins(t)) == 1 })
	if l := k.Logins(t)[0]; l.Returned {
		t.Errorf("login %+v has returned", l)
	}
	k.Control(t)
	d.must(receive(t, "the released login", done))
	if l := k.Logins(t)[0]; !l.Returned || l.Result != pkcs11.CKR_OK {
		t.Errorf("login %+v, want one that succeeded", l)
	}
}

func TestLoginLogThatCannotBeWrittenFailsTheLogin(t *testing.T) {
	k := testsofthsm.New(t)
	d := load(t, k, k.Shim)
	d.slot = d.findSlot(k.Label)
	s := d.session()
	t.Setenv("SIGNET_SHIM_LOGIN_LOG", "/nonexistent/log")
	wantCKR(t, "C_Login", d.Login(s, pkcs11.CKU_USER, k.PIN), pkcs11.CKR_GENERAL_ERROR)
}

func TestTokensOfOneStoreHaveTheirOwnPINs(t *testing.T) {
	k := testsofthsm.New(t)
	other, err := k.Add("other")
	if err != nil {
		t.Fatal(err)
	}
	if other.PIN == k.PIN || other.SOPIN == k.SOPIN || k.PIN == k.SOPIN {
		t.Error("PINs are not different")
	}
	d := load(t, k, k.Shim)
	for _, token := range []*testsofthsm.Token{k, other} {
		s, err := d.OpenSession(d.findSlot(token.Label), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		d.must(err)
		d.must(d.Login(s, pkcs11.CKU_USER, token.PIN))
	}
}

// Versions that nobody read must not make two others look alike: the file
// system may give the third the inode of the first, in the same clock tick.
func TestEveryVersionOfTheControlFileIsSeen(t *testing.T) {
	k := testsofthsm.New(t)
	other, err := k.Add("other")
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, k, k.Shim)
	for range 200 {
		k.Control(t, "C_GenerateRandom=0x30")
		_, err := d.GenerateRandom(d.s, 1)
		wantCKR(t, "first version", err, pkcs11.CKR_DEVICE_ERROR)
		other.Control(t, "C_GenerateRandom=0x32")
		k.Control(t, "C_GenerateRandom=0x31")
		_, err = d.GenerateRandom(d.s, 1)
		wantCKR(t, "third version", err, pkcs11.CKR_DEVICE_MEMORY)
	}
}

func TestCreateRefusesWhatIsThereAlready(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := testsofthsm.Create(dir, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := testsofthsm.Create(dir, "a"); err == nil || !strings.Contains(err.Error(), "file exists") {
		t.Errorf("second Create: %v, want: file exists", err)
	}
}

func TestCreateRefusesBadLabels(t *testing.T) {
	for _, label := range []string{"", strings.Repeat("x", 33)} {
		if _, err := testsofthsm.Create(filepath.Join(t.TempDir(), "store"), label); err == nil {
			t.Errorf("label %q is accepted", label)
		}
	}
}

func TestSetControlRefusesTwoLinesInOne(t *testing.T) {
	k := testsofthsm.New(t)
	if err := k.SetControl("C_Sign=0x30\nC_Login=0x30"); err == nil {
		t.Error("a line with a line break is accepted")
	}
}
