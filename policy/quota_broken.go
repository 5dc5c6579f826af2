//go:build broken_quota

package policy

// A control: this build grants one use more than a quota allows. The model test must find it.
const beyondLimit uint64 = 1
