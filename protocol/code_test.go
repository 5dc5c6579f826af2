package protocol_test

import (
	"testing"

	"signet/policy"
	"signet/protocol"
)

// promised is the append-only table of errors: number, name, and when the
// same request may be sent again: N never, A after a time, R right away, and
// A/N after a time where one is known, else never.
var promised = []struct {
	code        protocol.Code
	name, retry string
}{
	{100, "malformed", "N"}, {101, "too_large", "N"}, {102, "unknown_field", "N"}, {103, "unsupported", "N"},
	{104, "digest_length", "N"}, {105, "algorithm_mismatch", "N"}, {106, "request_id_reused", "N"}, {107, "batch_too_large", "N"},
	{108, "input_kind_required", "N"}, {109, "sign_time", "A"}, {110, "not_ascii", "N"},
	{200, "unknown_entry", "N"}, {201, "not_a_caller", "N"}, {202, "operation", "N"}, {203, "algorithm", "N"}, {204, "version", "N"},
	{205, "purpose", "N"}, {206, "not_active", "N"}, {207, "outside_validity", "A/N"}, {208, "outside_hours", "A"}, {209, "quota", "A/N"},
	{210, "rate", "A"}, {211, "approval_needed", "A"}, {212, "approval_denied", "N"}, {213, "cert_invalid", "N"},
	{214, "seal_outlives_cert", "N"}, {215, "key_mismatch", "N"}, {216, "clock_behind", "A"}, {217, "signer_not_in_seal", "N"},
	{218, "op_not_for_seal", "N"}, {219, "ses_structure_in_message", "N"}, {220, "context_required", "N"}, {221, "seal_must_be_remade", "N"},
	{222, "cert_is_encryption", "N"}, {223, "changed", "R"}, {224, "record_unproven", "N"}, {225, "clock_jumped", "A"},
	{226, "container", "N"},
	{300, "busy", "A"}, {301, "deadline", "R"}, {302, "shutting_down", "R"}, {303, "too_many_connections", "A"},
	{400, "hsm_unavailable", "A"}, {401, "hsm_failed", "R"}, {402, "bad_signature", "R"}, {403, "pin_latched", "N"},
	{500, "store_full", "A"}, {501, "poisoned", "N"}, {502, "recovery", "N"}, {503, "uninitialised", "N"},
	{600, "role", "N"}, {601, "too_few", "R"}, {602, "duplicate_signer", "N"}, {603, "expired", "N"}, {604, "replayed", "N"},
	{605, "other_appliance", "N"}, {606, "bad_signature", "N"}, {607, "illegal_transition", "N"}, {608, "conflict", "N"},
	{900, "internal", "R"},
}

// retryOf is what an error without a time says. A/N is never then.
var retryOf = map[string]protocol.Retry{
	"N": protocol.Retry_NEVER, "A": protocol.Retry_AFTER, "R": protocol.Retry_NOW, "A/N": protocol.Retry_NEVER,
}

func TestCodesAreThePromisedTable(t *testing.T) {
	rows := map[protocol.Code]bool{}
	for _, row := range promised {
		rows[row.code] = true
		if !row.code.Valid() || row.code.String() != row.name || row.code.Error() != row.name {
			t.Errorf("code %d is %q, valid %v, want %q", uint32(row.code), row.code, row.code.Valid(), row.name)
		}
		if e := protocol.NewError(row.code, "m"); e.Code != uint32(row.code) || e.Name != row.name || e.Retry != retryOf[row.retry] {
			t.Errorf("NewError(%d) = %d %q retry %v, want %q retry %v", uint32(row.code), e.Code, e.Name, e.Retry, row.name, retryOf[row.retry])
		}
	}
	for c := range protocol.Code(1000) {
		if c.Valid() != rows[c] {
			t.Errorf("code %d (%v): valid is %v, in the table %v", uint32(c), c, c.Valid(), rows[c])
		}
	}
}

// TestNamesAreUniqueInTheirRange: the CLI and policies name codes; the ranges
// say of what.
func TestNamesAreUniqueInTheirRange(t *testing.T) {
	seen := map[string]protocol.Code{}
	for _, row := range promised {
		key := string(rune('0'+row.code/100)) + row.name
		if other, ok := seen[key]; ok {
			t.Errorf("%q is %d and %d", row.name, uint32(other), uint32(row.code))
		}
		seen[key] = row.code
	}
}

// TestReasonsOfThePolicyAreCodes: a decision's reason goes over the wire as
// it is, number and name.
func TestReasonsOfThePolicyAreCodes(t *testing.T) {
	n := 0
	for c := range protocol.Code(1000) {
		reason := policy.Reason(c)
		known, err := policy.ParseReason(reason.String())
		isReason := err == nil && known == reason && reason != policy.Unjudged && reason != policy.Allowed
		if wants := c == protocol.BatchTooLarge || c >= 200 && c < 300 && c.Valid(); isReason != wants {
			t.Errorf("%d: policy has %v (%v), the table %v", uint32(c), reason, isReason, c)
		}
		if isReason {
			n++
			if reason.String() != c.String() {
				t.Errorf("%d: policy says %q, the table %q", uint32(c), reason, c)
			}
		}
	}
	if n != 28 {
		t.Errorf("%d reasons, want 28", n)
	}
}

func TestNothingUnnamedLeaves(t *testing.T) {
	for _, c := range []protocol.Code{0, 1, 99, 111, 227, 999, 1 << 31} {
		if e := protocol.NewError(c, "m"); e.Code != uint32(protocol.Internal) || e.Retry == protocol.Retry_RETRY_UNSPECIFIED {
			t.Errorf("NewError(%d) = %d, retry %v, want internal", uint32(c), e.Code, e.Retry)
		}
	}
}
