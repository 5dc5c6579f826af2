package daemon

import (
	"slices"

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
