//go:build !broken_revision

package store

// checkRevision is false only in the build that the tests must catch.
const checkRevision = true
