//go:build !broken_permit

package daemon

// checkPermit is false only in the build that the tests must catch.
const checkPermit = true
