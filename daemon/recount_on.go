//go:build !broken_recount

package daemon

// holdCounts is false only in the build that the tests must catch.
const holdCounts = true
