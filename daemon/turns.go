//go:build !broken_fair

package daemon

// turnsByUID is false only in the build that the tests must catch.
const turnsByUID = true
