package need_test

import (
	"fmt"
	"testing"

	"signet/testsoftHSM/need"
)

// A verdict is a test that ends with a panic that says how.
type verdict struct{ testing.TB }

func (verdict) Helper()                        {}
func (verdict) Skip(args ...any)               { panic("skipped: " + fmt.Sprint(args...)) }
func (verdict) Fatalf(format string, a ...any) { panic("failed: " + fmt.Sprintf(format, a...)) }

func TestWhatIsRequiredIsNotSkipped(t *testing.T) {
	for _, tt := range []struct{ required, want string }{
		{"", "skipped: no Java"},
		{"root,nspawn", "skipped: no Java"},
		{"javascript", "skipped: no Java"},
		{"java", `failed: no Java; SIGNET_REQUIRE has "java"`},
		{"root,java", `failed: no Java; SIGNET_REQUIRE has "java"`},
	} {
		t.Setenv("SIGNET_REQUIRE", tt.required)
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != tt.want {
					t.Errorf("SIGNET_REQUIRE=%q: %s, want %s", tt.required, got, tt.want)
				}
			}()
			need.Skip(verdict{}, "java", "no Java")
		}()
	}
}
