//go:build broken_revision

package store

// A control: this build lets a use leave behind its suspension. The test of
// overtaken signatures must fail on it.
const checkRevision = false
