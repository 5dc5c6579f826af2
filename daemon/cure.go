package daemon

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
)

// errMarker is wrapped when the marker is there and cannot be read. It says
// nothing against the store.
var errMarker = errors.New("reading marker")

// cure says what a person does about a store that cannot be used: of several
// that fit, the first.
func (s *Server) cure(err error) string {
	const again = "; then: systemctl restart signetd"
	anew := fmt.Sprintf("move %s away as a whole and begin anew as another appliance", s.stateDir)
	for _, row := range []struct {
		is   func(error) bool
		cure string
	}{
		{target(errHalfMade), "the store is there with the key of its log: systemctl restart signetd opens it, and signetctl status then says what it lacks"},
		{target(store.ErrNewer), "install the version of signet that wrote it" + again},
		{target(store.ErrLocked), fmt.Sprintf("end the program that holds %s (fuser -v names it): the store itself is not at fault%s", s.storePath(), again)},
		{target(fs.ErrPermission), fmt.Sprintf("give %s and what is in it back to signetd's user, files with mode 0600: the store itself is not at fault%s", s.stateDir, again)},
		{target(errLogToken), "name the token of the log key in [log] of signetd.toml" + again},
		{target(errMarker), fmt.Sprintf("move %s/%s away: the store is then judged without it, and its log says so%s", s.stateDir, markerName, again)},
		{anyOf(unix.ELOOP, unix.EISDIR), fmt.Sprintf("put the file itself at %s, no link or directory%s", s.storePath(), again)},
		{target(errOlder), fmt.Sprintf("put back the newest copy of the store: this one lacks events that the marker knows of%s; without one, officers accept the loss: signetctl mode clear --accept-older", again)},
		{target(errBehindAnchor), fmt.Sprintf("put back the newest copy of the store: this one lacks events that the token's anchor knows of%s; without one, officers accept the loss: signetctl mode clear --accept-older", again)},
		{target(errOtherAnchor), fmt.Sprintf("put back the store of the appliance that the token knows%s; a token that signetd.toml names by mistake is taken out of it; without that store, keep %s as evidence, move it away and restore the newest backup: signetctl restore FILE", again, s.storePath())},
		{anyOfErrors(errOther, errOtherLog), fmt.Sprintf("put back the store of the appliance that marker and token know%s; without one, keep %s as evidence, move it away and restore the newest backup: signetctl restore FILE", again, s.storePath())},
		{target(errAnchor), "install the version of signet that wrote what the token has" + again},
		{target(errMissing), "restore the newest backup: signetctl restore FILE; without one, " + anew},
		{target(register.ErrUnproven), fmt.Sprintf("somebody changed the store: keep %s as evidence, move it away and restore the newest backup: signetctl restore FILE", s.storePath())},
	} {
		if row.is(err) {
			return row.cure
		}
	}
	return fmt.Sprintf("put back the newest whole copy of the store%s; without one, move %s away and restore the newest backup: signetctl restore FILE; without either, %s", again, s.storePath(), anew)
}

func target(t error) func(error) bool {
	return func(err error) bool { return errors.Is(err, t) }
}

func anyOfErrors(list ...error) func(error) bool {
	return func(err error) bool { return isOneOf(err, list) }
}

func anyOf(errnos ...unix.Errno) func(error) bool {
	return func(err error) bool {
		for _, errno := range errnos {
			if errors.Is(err, errno) {
				return true
			}
		}
		return false
	}
}
