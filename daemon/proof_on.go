//go:build !broken_proof

package daemon

// holdRecords is false only in the build that the tests must catch.
const holdRecords = true
