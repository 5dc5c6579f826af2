package protocol

import "fmt"

// A Code says why a request was not answered as asked. It goes over the wire
// and into events: append only. Zero is never sent.
//
// A Code is an error, so that callers write errors.Is(err, protocol.Busy).
type Code uint32

const (
	// The request itself.
	Malformed         Code = 100
	TooLarge          Code = 101
	UnknownField      Code = 102
	Unsupported       Code = 103
	DigestLength      Code = 104
	AlgorithmMismatch Code = 105
	RequestIDReused   Code = 106
	BatchTooLarge     Code = 107
	InputKindRequired Code = 108
	SignTime          Code = 109
	NotASCII          Code = 110

	// The decision. policy.Reason has the same numbers and names.
	UnknownEntry          Code = 200
	NotACaller            Code = 201
	OperationRefused      Code = 202
	AlgorithmRefused      Code = 203
	VersionRefused        Code = 204
	PurposeRefused        Code = 205
	NotActive             Code = 206
	OutsideValidity       Code = 207
	OutsideHours          Code = 208
	QuotaSpent            Code = 209
	RateExceeded          Code = 210
	ApprovalNeeded        Code = 211
	ApprovalDenied        Code = 212
	CertInvalid           Code = 213
	SealOutlivesCert      Code = 214
	KeyMismatch           Code = 215
	ClockBehind           Code = 216
	SignerNotInSeal       Code = 217
	OpNotForSeal          Code = 218
	SESStructureInMessage Code = 219
	ContextRequired       Code = 220
	SealMustBeRemade      Code = 221
	CertIsEncryption      Code = 222
	Changed               Code = 223
	RecordUnproven        Code = 224
	ClockJumped           Code = 225
	ContainerRefused      Code = 226

	// Load.
	Busy               Code = 300
	DeadlineExceeded   Code = 301
	ShuttingDown       Code = 302
	TooManyConnections Code = 303

	// Device.
	HSMUnavailable Code = 400
	HSMFailed      Code = 401
	BadSignature   Code = 402
	PINLatched     Code = 403

	// Store.
	StoreFull     Code = 500
	Poisoned      Code = 501
	Recovery      Code = 502
	Uninitialised Code = 503

	// Acts.
	RoleRefused       Code = 600
	TooFew            Code = 601
	DuplicateSigner   Code = 602
	ActExpired        Code = 603
	ActReplayed       Code = 604
	OtherAppliance    Code = 605
	BadActSignature   Code = 606
	IllegalTransition Code = 607
	Conflict          Code = 608

	Internal Code = 900
)

// retries of the table: A*N is after a time where one is known, else never.
const (
	retryNever   = Retry_NEVER
	retryAfter   = Retry_AFTER
	retryNow     = Retry_NOW
	retryByAfter = Retry_RETRY_UNSPECIFIED
)

var codes = map[Code]struct {
	name  string
	retry Retry
}{
	Malformed:         {"malformed", retryNever},
	TooLarge:          {"too_large", retryNever},
	UnknownField:      {"unknown_field", retryNever},
	Unsupported:       {"unsupported", retryNever},
	DigestLength:      {"digest_length", retryNever},
	AlgorithmMismatch: {"algorithm_mismatch", retryNever},
	RequestIDReused:   {"request_id_reused", retryNever},
	BatchTooLarge:     {"batch_too_large", retryNever},
	InputKindRequired: {"input_kind_required", retryNever},
	SignTime:          {"sign_time", retryAfter},
	NotASCII:          {"not_ascii", retryNever},

	UnknownEntry:          {"unknown_entry", retryNever},
	NotACaller:            {"not_a_caller", retryNever},
	OperationRefused:      {"operation", retryNever},
	AlgorithmRefused:      {"algorithm", retryNever},
	VersionRefused:        {"version", retryNever},
	PurposeRefused:        {"purpose", retryNever},
	NotActive:             {"not_active", retryNever},
	OutsideValidity:       {"outside_validity", retryByAfter},
	OutsideHours:          {"outside_hours", retryAfter},
	QuotaSpent:            {"quota", retryByAfter},
	RateExceeded:          {"rate", retryAfter},
	ApprovalNeeded:        {"approval_needed", retryAfter},
	ApprovalDenied:        {"approval_denied", retryNever},
	CertInvalid:           {"cert_invalid", retryNever},
	SealOutlivesCert:      {"seal_outlives_cert", retryNever},
	KeyMismatch:           {"key_mismatch", retryNever},
	ClockBehind:           {"clock_behind", retryAfter},
	SignerNotInSeal:       {"signer_not_in_seal", retryNever},
	OpNotForSeal:          {"op_not_for_seal", retryNever},
	SESStructureInMessage: {"ses_structure_in_message", retryNever},
	ContextRequired:       {"context_required", retryNever},
	SealMustBeRemade:      {"seal_must_be_remade", retryNever},
	CertIsEncryption:      {"cert_is_encryption", retryNever},
	Changed:               {"changed", retryNow},
	RecordUnproven:        {"record_unproven", retryNever},
	ClockJumped:           {"clock_jumped", retryAfter},
	ContainerRefused:      {"container", retryNever},

	Busy:               {"busy", retryAfter},
	DeadlineExceeded:   {"deadline", retryNow},
	ShuttingDown:       {"shutting_down", retryNow},
	TooManyConnections: {"too_many_connections", retryAfter},

	HSMUnavailable: {"hsm_unavailable", retryAfter},
	HSMFailed:      {"hsm_failed", retryNow},
	BadSignature:   {"bad_signature", retryNow},
	PINLatched:     {"pin_latched", retryNever},

	StoreFull:     {"store_full", retryAfter},
	Poisoned:      {"poisoned", retryNever},
	Recovery:      {"recovery", retryNever},
	Uninitialised: {"uninitialised", retryNever},

	RoleRefused:       {"role", retryNever},
	TooFew:            {"too_few", retryNow},
	DuplicateSigner:   {"duplicate_signer", retryNever},
	ActExpired:        {"expired", retryNever},
	ActReplayed:       {"replayed", retryNever},
	OtherAppliance:    {"other_appliance", retryNever},
	BadActSignature:   {"bad_signature", retryNever},
	IllegalTransition: {"illegal_transition", retryNever},
	Conflict:          {"conflict", retryNever},

	Internal: {"internal", retryNow},
}

// String returns the name of the table, "code(n)" for a number that is not in it.
func (c Code) String() string {
	if row, ok := codes[c]; ok {
		return row.name
	}
	return fmt.Sprintf("code(%d)", uint32(c))
}

// Error makes a Code a target for errors.Is.
func (c Code) Error() string { return c.String() }

// Valid tells whether c is in the table.
func (c Code) Valid() bool { _, ok := codes[c]; return ok }
