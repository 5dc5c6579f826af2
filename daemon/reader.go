package daemon

import (
	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/protocol"
)

// mayReadLog tells whether the visitor may read the log, and as whom. Under
// development the groups of the sockets may; where there are officers, it is
// those whose record has the visitor's uid. The zero officer reads all.
func (a *appliance) mayReadLog(who Peer) (authority.Officer, *protocol.Error) {
	if a.genesis.Authority == authority.Development {
		return authority.Officer{}, nil
	}
	o, ok := a.roster.roll().Reader(who.UID)
	if !ok {
		return authority.Officer{}, protocol.NewError(protocol.RoleRefused,
			"uid %d is that of no officer: the log is for auditors and officers, by the uid of their record (signetctl officer list)", who.UID)
	}
	return o, nil
}

// shown leaves of the lines what the officer may see: a custodian sees the
// events of what he keeps.
func (a *appliance) shown(lines []string, o authority.Officer) []string {
	if o.Role != authority.Custodian {
		return lines
	}
	kept := []string{}
	for _, line := range lines {
		e, err := audit.ParseEvent([]byte(line))
		if err != nil {
			continue // shown to auditors, who can judge it
		}
		if a.showsTo(o, e.Entry) {
			kept = append(kept, line)
		}
	}
	return kept
}
