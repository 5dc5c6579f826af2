package protocol

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Bounds of a request for an approval.
const (
	MaxApprovalCount   = 1_000_000 // uses
	MaxApprovalDigests = 256
	MaxJustification   = maxText // bytes
)

// approvalIDSize is the length of an approval's id in hex digits.
const approvalIDSize = 16

// CheckApprovalID refuses what cannot name an approval.
func CheckApprovalID(field, id string) *Error {
	if len(id) != approvalIDSize || strings.Trim(id, "0123456789abcdef") != "" {
		return fieldError(Malformed, field, "not the id of an approval: want %d of 0-9 a-f", approvalIDSize)
	}
	return nil
}

// ParseApprovalRequest reads an ApprovalRequest and checks all that needs no
// state. What it returns says what is asked for in full: count is at least 1,
// and the times, where they are given, are whole seconds.
func ParseApprovalRequest(payload []byte) (*ApprovalRequest, *Error) {
	r := new(ApprovalRequest)
	if fault := decode(payload, r); fault != nil {
		return nil, fault
	}
	for _, check := range []func(*ApprovalRequest) *Error{checkApprovalHead, checkShown, checkApprovalBound, checkApprovalDigests, checkApprovalCount, checkWindow} {
		if fault := check(r); fault != nil {
			return nil, fault
		}
	}
	return r, nil
}

// ParseApprovalStatus reads an ApprovalStatusRequest, which names an approval.
func ParseApprovalStatus(payload []byte) (*ApprovalStatusRequest, *Error) {
	r := new(ApprovalStatusRequest)
	if fault := decode(payload, r); fault != nil {
		return nil, fault
	}
	if fault := CheckApprovalID("approval", r.Approval); fault != nil {
		return nil, fault
	}
	return r, nil
}

func checkApprovalHead(r *ApprovalRequest) *Error {
	if fault := CheckEntryID("entry", r.Entry); fault != nil {
		return fault
	}
	if fault := checkToken("request_id", r.RequestId, MaxRequestID); fault != nil {
		return fault
	}
	if strings.TrimSpace(r.Justification) == "" {
		return fieldError(Malformed, "justification", "missing: say in 1 to %d bytes why, custodians read it", MaxJustification)
	}
	return checkContext("context", r.Context)
}

// checkShown holds the context to what custodians are shown. That is kept in
// clear for as long as the log, so what a log holds only as a salted hash has
// no place in it.
func checkShown(r *ApprovalRequest) *Error {
	c := r.Context
	switch {
	case c.GetPurpose() == "":
		return fieldError(Malformed, "context.purpose", "missing: an approval is for one purpose")
	case strings.TrimSpace(c.GetUserId()) == "":
		return fieldError(Malformed, "context.user_id", "missing: say on whose behalf, a person or a named automatic system")
	}
	for _, absent := range []struct{ field, value string }{
		{"doc_title", c.GetDocTitle()}, {"user_name", c.GetUserName()}, {"client_ip", c.GetClientIp()}, {"approval_ref", c.GetApprovalRef()},
	} {
		if absent.value != "" {
			return fieldError(Malformed, "context."+absent.field, "not in a request for an approval, which is kept for ever in clear: leave it out")
		}
	}
	return nil
}

// checkApprovalBound: each form has what binds it, and nothing that would look
// as if it bound.
func checkApprovalBound(r *ApprovalRequest) *Error {
	if r.Form == ApprovalForm_APPROVAL_FORM_UNSPECIFIED {
		return fieldError(Malformed, "form", "missing: want BY_DOCUMENT, BY_REFERENCES, BY_DIGESTS or BY_COUNT")
	}
	for _, bound := range []struct {
		field string
		given bool
		form  ApprovalForm
	}{
		{"context.doc_sm3", len(r.Context.GetDocSm3()) != 0, ApprovalForm_BY_DOCUMENT},
		{"refs_sm3", len(r.RefsSm3) != 0, ApprovalForm_BY_REFERENCES},
		{"digests", len(r.Digests) != 0, ApprovalForm_BY_DIGESTS},
	} {
		switch {
		case bound.given && r.Form != bound.form:
			return fieldError(Malformed, bound.field, "for %v only, and form is %v: leave it out", bound.form, r.Form)
		case !bound.given && r.Form == bound.form:
			return fieldError(Malformed, bound.field, "missing: %v is bound to it", bound.form)
		}
	}
	if r.Form == ApprovalForm_BY_REFERENCES {
		return checkLength("refs_sm3", len(r.RefsSm3), 32)
	}
	return nil
}

func checkApprovalDigests(r *ApprovalRequest) *Error {
	if n := len(r.Digests); n > MaxApprovalDigests {
		return fieldError(BatchTooLarge, "digests", "%d digests: at most %d", n, MaxApprovalDigests)
	}
	first := make(map[string]int, len(r.Digests))
	for i, d := range r.Digests {
		if !slices.Contains([]int{32, 48, 64}, len(d)) {
			return fieldError(DigestLength, element("digests", i), "%d bytes: want 32, 48 or 64", len(d))
		}
		if at, twice := first[string(d)]; twice {
			return fieldError(Malformed, element("digests", i), "the same as %s: want each once", element("digests", at))
		}
		first[string(d)] = i
	}
	return nil
}

// checkApprovalCount sets the count that absence stands for.
func checkApprovalCount(r *ApprovalRequest) *Error {
	least := uint32(max(len(r.Digests), 1))
	switch {
	case r.Count == 0:
		r.Count = least
	case r.Count > MaxApprovalCount:
		return fieldError(Malformed, "count", "%d uses: at most %d", r.Count, MaxApprovalCount)
	case r.Form == ApprovalForm_BY_DIGESTS && r.Count != least:
		return fieldError(Malformed, "count", "%d uses of %d digests: want as many, or leave count out", r.Count, least)
	}
	return nil
}

// checkWindow cuts the times to whole seconds: so custodians see them, and so
// they are recorded.
func checkWindow(r *ApprovalRequest) *Error {
	for _, at := range []struct {
		field string
		time  **timestamppb.Timestamp
	}{{"not_before", &r.NotBefore}, {"not_after", &r.NotAfter}} {
		if *at.time == nil {
			continue
		}
		if !(*at.time).IsValid() {
			return fieldError(Malformed, at.field, "not a time: want seconds of the years 1 to 9999, and nanos below 1000000000")
		}
		*at.time = timestamppb.New((*at.time).AsTime().Truncate(time.Second))
	}
	if r.NotBefore != nil && r.NotAfter != nil && !r.NotAfter.AsTime().After(r.NotBefore.AsTime()) {
		return fieldError(Malformed, "not_after", "not after not_before: want at least a second later")
	}
	return nil
}
