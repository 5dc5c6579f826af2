package testsofthsm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// A Login is one call of C_Login through the shim, in any process.
type Login struct {
	PID      int
	Call     uint64 // number of the call in its process, from 1
	User     uint   // CKU_SO 0, CKU_USER 1, CKU_CONTEXT_SPECIFIC 2
	Returned bool   // false: still inside, or the process ended there
	Result   uint   // CKR code; 0 is success only if Returned
}

// Logins returns the logins since the store was made, in the order in which
// they were called.
func (k *Token) Logins(t testing.TB) []Login {
	t.Helper()
	logins, err := k.ReadLogins()
	if err != nil {
		t.Fatal(err)
	}
	return logins
}

// ReadLogins is Logins outside of tests.
func (k *Token) ReadLogins() ([]Login, error) {
	text, err := os.ReadFile(k.Env["SIGNET_SHIM_LOGIN_LOG"])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading login log: %w", err)
	}
	return parseLogins(string(text))
}

// parseLogins joins the two lines of each call; the second belongs to the
// newest first with its numbers.
func parseLogins(text string) ([]Login, error) {
	var logins []Login
	if text == "" {
		return nil, nil
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		login, err := parseLogin(line)
		if err != nil {
			return nil, fmt.Errorf("login log, line %d: %w", i+1, err)
		}
		if !login.Returned {
			logins = append(logins, login)
			continue
		}
		open := lastOpen(logins, login)
		if open < 0 {
			return nil, fmt.Errorf("login log, line %d: call %d of process %d returns but was not made", i+1, login.Call, login.PID)
		}
		logins[open] = login
	}
	return logins, nil
}

func lastOpen(logins []Login, l Login) int {
	for i := len(logins) - 1; i >= 0; i-- {
		if o := logins[i]; o.PID == l.PID && o.Call == l.Call && o.User == l.User && !o.Returned {
			return i
		}
	}
	return -1
}

// parseLogin takes a line only if it is exactly what the shim writes.
func parseLogin(line string) (Login, error) {
	var called, returned Login
	if _, err := fmt.Sscanf(line, calledLine, &called.PID, &called.Call, &called.User); err == nil && called.line() == line {
		return called, nil
	}
	returned.Returned = true
	if _, err := fmt.Sscanf(line, returnedLine, &returned.PID, &returned.Call, &returned.User, &returned.Result); err == nil && returned.line() == line {
		return returned, nil
	}
	return Login{}, fmt.Errorf("%q is neither %q nor %q", line, calledLine, returnedLine)
}

const (
	calledLine   = "%d %d user=%d called"
	returnedLine = "%d %d user=%d rv=0x%x"
)

func (l Login) line() string {
	if l.Returned {
		return fmt.Sprintf(returnedLine, l.PID, l.Call, l.User, l.Result)
	}
	return fmt.Sprintf(calledLine, l.PID, l.Call, l.User)
}
