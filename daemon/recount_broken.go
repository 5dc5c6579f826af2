//go:build broken_recount

package daemon

// A control: this build takes what the store counts as it lies in the file. The
// tests that edit it as root must fail on it.
const holdCounts = false
