package daemon

import (
	"fmt"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
)

// An applied is an act as the log holds it, with all that its event binds.
type applied struct {
	register.Applied
	signatures []authority.Signature
}

// caseOn is what decided whether the act was authorised. That a member of the
// admin group brought it was found out then; the log says which uid.
func (a applied) caseOn(on authority.Target) authority.Case {
	return authority.Case{
		Act: a.Act, Raw: a.Proof.Act, Content: a.Content, Signatures: a.signatures, On: on, At: a.At, InAdminGroup: true,
	}
}

// factsInput is the input of the event of an act that has facts; its value is
// their hash.
const factsInput = "facts"

// readApplied reads what the event of an act binds and holds each part to its
// hash.
func readApplied(st *store.Store, e *audit.Event) (applied, error) {
	act, err := authority.ParseAct([]byte(e.Act))
	if err != nil {
		return applied{}, err
	}
	if string(act.Kind) != e.Op || (authority.AboutEntry(act.Kind) && act.Target != e.Entry) || e.Decided == nil {
		return applied{}, fmt.Errorf("the event says %s on %q, its act says %s on %q", e.Op, e.Entry, act.Kind, act.Target)
	}
	if err := heldThen(st, e, act); err != nil {
		return applied{}, err
	}
	content, err := st.Blob(act.ContentSHA)
	if err != nil {
		return applied{}, err
	}
	if err := act.CheckContent(content); err != nil {
		return applied{}, err
	}
	a := applied{Applied: register.Applied{Act: act, Content: content, At: e.Decided.Time()}}
	if e.Input == factsInput {
		if a.Facts, err = readFacts(st, e.Value); err != nil {
			return applied{}, err
		}
	}
	if a.signatures, err = authority.ParseSignatures(e.ActSigs); err != nil {
		return applied{}, err
	}
	a.Proof = register.Proof{Act: e.Act, Signatures: a.signatures, Event: e.Seq}
	return a, nil
}

// heldThen holds an act in the log to what the daemon judged when it was
// carried out: it was for this appliance, over a log that was there, and had
// not expired. Signatures alone would let whoever writes the file use what
// officers signed for another appliance, or long ago.
func heldThen(st *store.Store, e *audit.Event, act authority.Act) error {
	if act.Kind == authority.Init {
		return nil
	}
	expiry, err := act.Expiry()
	if err != nil {
		return err
	}
	switch at := e.Recorded.Time(); {
	case act.Appliance != st.Appliance():
		return fmt.Errorf("%w: it names %.16s…", authority.ErrOtherAppliance, act.Appliance)
	case act.LogSize == 0 || act.LogSize > e.Seq:
		return fmt.Errorf("%w: it is for a log of %d events and stands at %d", authority.ErrOtherAppliance, act.LogSize, e.Seq)
	case at.After(expiry.Add(actTimeout)): // judged when it came, recorded when it was carried out
		return fmt.Errorf("%w: not_after was %s, it was recorded on %s", authority.ErrExpired, act.NotAfter, at.Format(time.RFC3339))
	}
	return nil
}

func readFacts(st *store.Store, hash string) (register.Facts, error) {
	data, err := st.Blob(hash)
	if err != nil {
		return register.Facts{}, err
	}
	return register.ParseFacts(data, hash)
}
