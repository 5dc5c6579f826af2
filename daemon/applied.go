package daemon

import (
	"fmt"

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

func readFacts(st *store.Store, hash string) (register.Facts, error) {
	data, err := st.Blob(hash)
	if err != nil {
		return register.Facts{}, err
	}
	return register.ParseFacts(data, hash)
}
