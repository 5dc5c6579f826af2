package policy

import "fmt"

// A Reason says why a request was refused, or Allowed.
//
// The zero value, Unjudged, is a refusal: a decision nobody made cannot
// authorise a signature. The numbers stand in the log and, as error codes, on
// the wire. Append to the list, never reorder it.
type Reason uint16

const (
	Unjudged Reason = 0
	Allowed  Reason = 1

	// BatchTooLarge has the number of a request error: a caller mends it by
	// asking for less at once.
	BatchTooLarge Reason = 107

	UnknownEntry          Reason = 200
	NotACaller            Reason = 201
	OperationRefused      Reason = 202
	AlgorithmRefused      Reason = 203
	VersionRefused        Reason = 204
	PurposeRefused        Reason = 205
	NotActive             Reason = 206
	OutsideValidity       Reason = 207
	OutsideHours          Reason = 208
	QuotaSpent            Reason = 209
	RateExceeded          Reason = 210
	ApprovalNeeded        Reason = 211
	ApprovalDenied        Reason = 212
	CertInvalid           Reason = 213
	SealOutlivesCert      Reason = 214
	KeyMismatch           Reason = 215
	ClockBehind           Reason = 216
	SignerNotInSeal       Reason = 217
	OpNotForSeal          Reason = 218
	SESStructureInMessage Reason = 219
	ContextRequired       Reason = 220
	SealMustBeRemade      Reason = 221
	CertIsEncryption      Reason = 222
	Changed               Reason = 223
	RecordUnproven        Reason = 224
	ClockJumped           Reason = 225
	ContainerRefused      Reason = 226
)

var reasons = map[Reason]string{
	Unjudged:      "unjudged",
	Allowed:       "allowed",
	BatchTooLarge: "batch_too_large",

	UnknownEntry:          "unknown_entry",
	NotACaller:            "not_a_caller",
	OperationRefused:      "operation",
	AlgorithmRefused:      "algorithm",
	VersionRefused:        "version",
	PurposeRefused:        "purpose",
	NotActive:             "not_active",
	OutsideValidity:       "outside_validity",
	OutsideHours:          "outside_hours",
	QuotaSpent:            "quota",
	RateExceeded:          "rate",
	ApprovalNeeded:        "approval_needed",
	ApprovalDenied:        "approval_denied",
	CertInvalid:           "cert_invalid",
	SealOutlivesCert:      "seal_outlives_cert",
	KeyMismatch:           "key_mismatch",
	ClockBehind:           "clock_behind",
	SignerNotInSeal:       "signer_not_in_seal",
	OpNotForSeal:          "op_not_for_seal",
	SESStructureInMessage: "ses_structure_in_message",
	ContextRequired:       "context_required",
	SealMustBeRemade:      "seal_must_be_remade",
	CertIsEncryption:      "cert_is_encryption",
	Changed:               "changed",
	RecordUnproven:        "record_unproven",
	ClockJumped:           "clock_jumped",
	ContainerRefused:      "container",
}

func (r Reason) String() string {
	if name, ok := reasons[r]; ok {
		return name
	}
	return fmt.Sprintf("reason(%d)", uint16(r))
}

// ParseReason returns the reason of that exact name.
func ParseReason(name string) (Reason, error) {
	for r, n := range reasons {
		if n == name {
			return r, nil
		}
	}
	return Unjudged, fmt.Errorf("unknown reason %q: want a name of the error table", name)
}
