package policy

import "slices"

// Names tells whether the policy's callers include the peer, by uid or by one
// of its groups. It is the first rule of Decide.
func (b Bound) Names(uid uint32, gids []uint32) bool {
	return b.uids[uid] || slices.ContainsFunc(gids, func(gid uint32) bool { return b.gids[gid] })
}
