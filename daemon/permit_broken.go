//go:build broken_permit

package daemon

// A control: this build lets recorded signatures leave after their entry's
// suspension was answered. The test of the reader that waits must fail on it.
const checkPermit = false
