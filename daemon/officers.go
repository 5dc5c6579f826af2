package daemon

import (
	"slices"
	"time"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/protocol"
	"signet/protocol/admin"
)

// getOfficers says who signs acts, and how many of them.
func (s *Server) getOfficers(visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	out := admin.Officers{Authority: string(a.genesis.Authority), Officers: []admin.Officer{}, Thresholds: map[string]int{}}
	staff := a.roster.staffNow()
	for _, o := range a.roster.roll().Officers {
		out.Officers = append(out.Officers, describeOfficer(o, staff[o.ID]))
	}
	if a.genesis.Authority == authority.Officers {
		t := a.roster.roll().Thresholds
		out.Thresholds = map[string]int{"administrator": t.Administrator, "security": t.Security, "many": t.Many, "auditor": t.Auditor}
	}
	return out, nil
}

func describeOfficer(o authority.Officer, r register.OfficerRecord) admin.Officer {
	out := admin.Officer{
		ID: o.ID, Name: o.Name, Role: o.Role.String(), UID: o.UID, Keys: []string{}, Entries: append([]string{}, o.Entries...),
		Owner: o.Owner, Event: r.Proof.Event,
	}
	for _, k := range o.Keys {
		out.Keys = append(out.Keys, k.Describe())
	}
	return out
}

// custodians are the ids of those who keep an entry.
func (a *appliance) custodians(e register.Entry) []string {
	ids := []string{}
	for _, o := range a.roster.roll().Officers {
		if o.Keeps(authority.Target{Entry: e.ID, Owner: e.Owner}) {
			ids = append(ids, o.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// endingWithin is how long before an officer's last certificate ends status
// says so: a certificate and the signatures under officer.change take weeks.
const endingWithin = 60 * 24 * time.Hour

// endingOfficers has a sentence for each officer who cannot sign, or soon will
// not.
func endingOfficers(roll authority.Roll, now time.Time) []string {
	var list []string
	for _, o := range roll.Officers {
		switch until := o.Until(); {
		case !o.CanSign(now):
			list = append(list, "officer "+o.ID+" cannot sign: none of the certificates is valid now; other officers give a new one: signetctl officer change")
		case !until.IsZero() && until.Sub(now) <= endingWithin:
			list = append(list, "officer "+o.ID+" can sign until "+until.UTC().Format(time.DateOnly)+", when the last certificate ends: give a new one before: signetctl officer change")
		}
	}
	return list
}
