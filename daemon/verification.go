//go:build !broken_verify

package daemon

// verifySignatures is false only in the build that the tests must catch.
const verifySignatures = true
