//go:build !broken_leak

package daemon

// keepsRefused is true only in the build that the soak must catch.
const keepsRefused = false
