package audit_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"signet/daemon/internal/audit"
)

func TestPrivateOpensItsOwnCommitmentOnly(t *testing.T) {
	commitment, private := audit.Conceal("王小明")
	if !private.Opens(commitment) || private.Value != "王小明" {
		t.Errorf("%+v does not open %s", private, commitment)
	}
	if strings.Contains(commitment, private.Value) || len(commitment) != 64 {
		t.Errorf("commitment %q: want 64 hex digits", commitment)
	}
	other, second := audit.Conceal("王小明")
	if other == commitment || second.Salt == private.Salt {
		t.Error("two uses of one value have one commitment: they can be linked")
	}
	for name, wrong := range map[string]audit.Private{
		"other value":  {Salt: private.Salt, Value: "王小红"},
		"other salt":   {Salt: second.Salt, Value: private.Value},
		"no salt":      {Value: private.Value},
		"salt not hex": {Salt: "zz" + private.Salt[2:], Value: private.Value},
		"salt cut":     {Salt: private.Salt[:30], Value: private.Value},
		// The same bytes are hashed, split elsewhere: another value for one leaf.
		"salt into value": {Salt: private.Salt[:30], Value: lastByte(t, private.Salt) + private.Value},
		"zero value":      {},
	} {
		if wrong.Opens(commitment) {
			t.Errorf("%s opens the commitment", name)
		}
	}
	if private.Opens("") || private.Opens(strings.ToUpper(commitment)) {
		t.Error("opens another text than its commitment")
	}
}

func lastByte(t *testing.T, salt string) string {
	t.Helper()
	b, err := hex.DecodeString(salt[30:])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestCommitmentIsTheDocumentedHash: another program has to open it. The hash
// is of openssl: (printf '\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17'; printf
// '192.0.2.7') | openssl dgst -sm3.
func TestCommitmentIsTheDocumentedHash(t *testing.T) {
	private := audit.Private{Salt: "000102030405060708090a0b0c0d0e0f", Value: "192.0.2.7"}
	if !private.Opens("c723ab6ff830e7bbe59c4a2c16da4e6a879c9a3b55222c70fd350ce1d1181d77") {
		t.Error("not SM3(salt || value)")
	}
	if salt, err := hex.DecodeString(private.Salt); err != nil || len(salt) != audit.SaltSize {
		t.Errorf("salt of %d bytes, %v, want %d", len(salt), err, audit.SaltSize)
	}
}
