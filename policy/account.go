package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"signet/protocol/stricttoml"
)

// An account is a user or a group as a policy names it: by name, or by id
// where name is "".
type account struct {
	name string
	id   uint32
}

func (a account) String() string {
	if a.name != "" {
		return a.name
	}
	return strconv.FormatUint(uint64(a.id), 10)
}

// accountForm is wider than what useradd takes, for directory services:
// DOMAIN\user and user@example.org. No colon, comma or slash, and no blank.
var accountForm = regexp.MustCompile(`^[^\s:,/]{1,64}$`)

var allDigits = regexp.MustCompile(`^[0-9]+$`)

// accountsOf reads callers.users or callers.groups: a list in which names and
// numbers may be mixed.
func accountsOf(callers *stricttoml.Table, key string) []account {
	var all []account
	for _, v := range callers.OptionalValues(key) {
		a, problem := readAccount(v)
		switch {
		case problem != "":
			v.Faultf("%s", problem)
		case slices.Contains(all, a):
			v.Faultf("%s is listed twice", a)
		default:
			all = append(all, a)
		}
	}
	return all
}

func readAccount(v stricttoml.Value) (a account, problem string) {
	if id, ok := v.Int(); ok {
		if id < 0 || id > lastID {
			return a, fmt.Sprintf("%d is no id: want 1 to %d", id, int64(lastID))
		}
		return account{id: uint32(id)}, nobodys(uint32(id))
	}
	name, ok := v.Text()
	switch {
	case !ok:
		return a, fmt.Sprintf("is %s: want a name in quotes or a numeric id", v.Kind())
	case allDigits.MatchString(name):
		return a, fmt.Sprintf("%s is a number in quotes: want the id without quotes, or a name", stricttoml.Quote(name))
	case !accountForm.MatchString(name):
		return a, fmt.Sprintf("%s is no account name: want 1 to 64 characters without blanks, colon, comma or slash", stricttoml.Quote(name))
	}
	return account{name: name}, ""
}

const (
	// lastID is the last id that means an account: (uid_t)-1 means "none" in
	// setresuid(2).
	lastID = 1<<32 - 2

	// overflowID is what the kernel shows for an id that has no number in the
	// daemon's user namespace (/proc/sys/kernel/overflowuid): to allow it is
	// to allow everybody whose identity is not known.
	overflowID = 65534
)

// nobodys says why an id cannot stand for one caller, "" if it can. Root is
// refused so that the zero id is never a caller; who is root can become any
// caller anyway, and then the log names that account.
func nobodys(id uint32) string {
	switch id {
	case 0:
		return "0 is root: want an account of its own for each caller"
	case overflowID:
		return "65534 is what the kernel shows for every caller it cannot name: want an account of its own for each caller"
	}
	return ""
}
