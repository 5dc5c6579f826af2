package pkcs11

import (
	"errors"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// The table of what may be done about which answer. A code that is not listed
// here and has a name is about one request.
func TestEveryCodeHasItsClass(t *testing.T) {
	for code, want := range map[p11.Error]hsm.Class{
		p11.CKR_DATA_LEN_RANGE:             hsm.ClassRequest,
		p11.CKR_MECHANISM_INVALID:          hsm.ClassRequest,
		p11.CKR_KEY_TYPE_INCONSISTENT:      hsm.ClassRequest,
		p11.CKR_KEY_FUNCTION_NOT_PERMITTED: hsm.ClassRequest,
		p11.CKR_SESSION_HANDLE_INVALID:     hsm.ClassSession,
		p11.CKR_SESSION_CLOSED:             hsm.ClassSession,
		p11.CKR_OPERATION_ACTIVE:           hsm.ClassSession,
		p11.CKR_OPERATION_NOT_INITIALIZED:  hsm.ClassSession,
		p11.CKR_OBJECT_HANDLE_INVALID:      hsm.ClassHandle,
		p11.CKR_KEY_HANDLE_INVALID:         hsm.ClassHandle,
		p11.CKR_USER_NOT_LOGGED_IN:         hsm.ClassLogin,
		p11.CKR_DEVICE_ERROR:               hsm.ClassDevice,
		p11.CKR_DEVICE_REMOVED:             hsm.ClassDevice,
		p11.CKR_TOKEN_NOT_PRESENT:          hsm.ClassDevice,
		p11.CKR_GENERAL_ERROR:              hsm.ClassDevice,
		p11.CKR_CRYPTOKI_NOT_INITIALIZED:   hsm.ClassDevice,
		p11.CKR_FUNCTION_FAILED:            hsm.ClassDevice,
		p11.CKR_PIN_INCORRECT:              hsm.ClassPIN,
		p11.CKR_PIN_LOCKED:                 hsm.ClassPIN,
		p11.CKR_PIN_EXPIRED:                hsm.ClassPIN,
		p11.CKR_SESSION_COUNT:              hsm.ClassBusy,
		p11.CKR_VENDOR_DEFINED + 7:         hsm.ClassDevice,
		0x7777:                             hsm.ClassUnknown,
	} {
		if got := classOf(called("C_Sign", code)); got != want {
			t.Errorf("%v: class %v, want %v", ckr{code}, got, want)
		}
	}
	for code := range codeClasses {
		if codeNames[code] == "" {
			t.Errorf("code 0x%X has a class and no name", uint(code))
		}
	}
}

func TestErrorsNameFunctionAndCode(t *testing.T) {
	for code, want := range map[p11.Error]string{
		p11.CKR_DEVICE_ERROR:        "C_Sign: CKR_DEVICE_ERROR (0x30)",
		p11.CKR_CURVE_NOT_SUPPORTED: "C_Sign: CKR_CURVE_NOT_SUPPORTED (0x140)",
		0x80000123:                  "C_Sign: vendor-defined CKR 0x80000123",
		0x7777:                      "C_Sign: unknown CKR 0x7777",
	} {
		err := called("C_Sign", code)
		if err.Error() != want || !errors.Is(err, code) {
			t.Errorf("%v: want %q with the code in its chain", err, want)
		}
	}
	if called("C_Sign", nil) != nil {
		t.Error("success became an error")
	}
}

// A token that counts wrong PINs is not given the last one.
func TestNoLoginThatCouldLockTheToken(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags uint
		want  string // "": may log in
	}{
		{"no count", p11.CKF_TOKEN_INITIALIZED, ""},
		{"wrong before", p11.CKF_USER_PIN_COUNT_LOW, ""},
		{"last try", p11.CKF_USER_PIN_COUNT_LOW | p11.CKF_USER_PIN_FINAL_TRY, "one more wrong PIN locks it"},
		{"locked", p11.CKF_USER_PIN_LOCKED, "CKR_PIN_LOCKED"},
		{"security officer's last try", p11.CKF_SO_PIN_FINAL_TRY | p11.CKF_SO_PIN_LOCKED, ""},
	} {
		err := judgeCount(c.flags)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || classOf(err) != hsm.ClassPIN) {
			t.Errorf("%s: %v: want %q", c.name, err, c.want)
		}
	}
}

func TestMendNamesTheNextCommand(t *testing.T) {
	for _, err := range []error{
		called("C_Login", p11.Error(p11.CKR_PIN_INCORRECT)), judgeCount(p11.CKF_USER_PIN_LOCKED), errClosed,
		called("C_Sign", p11.Error(p11.CKR_DEVICE_ERROR)), called("C_OpenSession", p11.Error(p11.CKR_SESSION_COUNT)),
		refuse(hsm.ClassAbsent, "x"), refuse(hsm.ClassMismatch, "x"), refuse(hsm.ClassDeadline, "x"), errors.New("x"),
	} {
		text := mend("seals", err)
		if !strings.Contains(text, "signetctl ") && !strings.Contains(text, "systemctl ") && !strings.Contains(text, "restart signetd") {
			t.Errorf("mending %v: %q names no command", err, text)
		}
	}
}

func TestLibraryVersionOfAURI(t *testing.T) {
	for want, ok := range map[string]bool{"": true, "2.6": true, "2": false, "2.60": false, "26": false} {
		if got := versionFits(want, p11.Version{Major: 2, Minor: 6}); got != ok {
			t.Errorf("library-version=%s on 2.6: %v, want %v", want, got, ok)
		}
	}
	if !versionFits("3", p11.Version{Major: 3}) {
		t.Error("library-version=3 is 3.0")
	}
}
