// Package need skips tests that the machine cannot run. The environment
// variable SIGNET_REQUIRE names, with commas between, what must not be skipped
// for, so that nothing is left out in silence where everything is there:
// .ci/run sets it.
package need

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Root skips a test that does as root what the words say.
func Root(t testing.TB, does string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "root", "needs root: it "+does)
	}
}

// Skip skips a test that lacks something, and fails it where that is required.
func Skip(t testing.TB, lacks, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("SIGNET_REQUIRE"), ","), lacks) {
		t.Fatalf("%s; SIGNET_REQUIRE has %q", why, lacks)
	}
	t.Skip(why)
}
