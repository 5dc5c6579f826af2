package daemon

import (
	"context"
	"strconv"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/algo"
)

func uidText(uid int) string { return strconv.Itoa(myUID(uid)) }

// The whole of a life under officers: init, a key, its use, a suspension by
// one, and everything proven again after a restart.
func TestOfficersMakeAnApplianceAndAKey(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("contract", "SM2")
	reply, err := r.caller(callerUID).Sign(context.Background(), signRequest("contract", algo.SM2SM3, 1))
	if err != nil || reply.Results[0].GetSigned() == nil {
		t.Fatalf("signing: %v, %v", reply, err)
	}
	r.must(authority.EntrySuspend, "contract", authority.Suspend{Basis: "lost"}, "sun")
	if code := r.try(authority.EntryResume, "contract", authority.Resume{}, "sun"); code != protocol.TooFew {
		t.Errorf("resume by one: %v, want too_few", code)
	}
	r.must(authority.EntryResume, "contract", authority.Resume{}, "sun", "sara")
	r.stop()
	r.start()
	r.waitMode(Serving)
	if reply, err = r.caller(callerUID).Sign(context.Background(), signRequest("contract", algo.SM2SM3, 1)); err != nil || reply.Results[0].GetSigned() == nil {
		t.Errorf("signing after a restart: %v, %v", reply, err)
	}
}
