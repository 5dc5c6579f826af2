//go:build !broken_quota

package policy

// beyondLimit is how many uses more than its limit a quota grants.
const beyondLimit uint64 = 0
