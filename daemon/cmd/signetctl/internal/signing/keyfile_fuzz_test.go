package signing

import (
	"testing"

	"signet/daemon/internal/authority"
)

// FuzzKeyFile: no file panics, and one that is signed for elsewhere names a
// key that a roll could hold.
func FuzzKeyFile(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		key, elsewhere, err := heldElsewhere(data)
		if err != nil {
			return
		}
		if elsewhere != (key.Check() == nil) || elsewhere && key.Form != authority.SSH {
			t.Fatalf("elsewhere %v with %+v", elsewhere, key)
		}
	})
}
