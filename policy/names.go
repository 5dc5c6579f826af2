package policy

import "slices"

// Names tells whether the policy's callers include the peer, by uid or by one
// of its groups. It is the first rule of Decide.
func (b Bound) Names(uid uint32, gids []uint32) bool {
	if _, named := b.uids[uid]; named {
		return true
	}
	return slices.ContainsFunc(gids, func(gid uint32) bool {
		_, named := b.gids[gid]
		return named
	})
}
