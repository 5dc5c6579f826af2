// Package audit is the log without its storage: what an event says, how its
// line is written, and the tree over the lines. An auditor's program uses the
// same code as the appliance.
package audit

import (
	"fmt"
	"slices"
	"time"

	"signet/protocol/canonical"
)

// EventVersion is the v of events written by this program.
const EventVersion = 1

// A Kind says what an event is about. Append only.
type Kind string

const (
	KindGenesis     Kind = "genesis"
	KindSign        Kind = "sign"
	KindStamp       Kind = "stamp"
	KindRead        Kind = "read"
	KindRefuse      Kind = "refuse"
	KindRefusedMany Kind = "refused-many"
	KindAct         Kind = "act"
	KindStatus      Kind = "status"
	KindStart       Kind = "start"
	KindStop        Kind = "stop"
	KindLogKey      Kind = "log-key"
	KindSelfTest    Kind = "selftest"
	KindReanchor    Kind = "reanchor"
	KindApproval    Kind = "approval" // a caller asked for one
)

var kinds = []Kind{
	KindGenesis, KindSign, KindStamp, KindRead, KindRefuse, KindRefusedMany, KindAct, KindStatus, KindStart, KindStop,
	KindLogKey, KindSelfTest, KindReanchor, KindApproval,
}

// A Result is the outcome of what was asked. The zero value is no result.
type Result string

const (
	Allowed Result = "allowed"
	Refused Result = "refused"
	Failed  Result = "failed"
)

// Time is a time in UTC, written in RFC 3339 with exactly six decimals, so
// that the text has one form and sorts as the time does.
type Time time.Time

const timeLayout = "2006-01-02T15:04:05.000000Z"

// At returns t as it will be read back: in UTC, cut to microseconds.
func At(t time.Time) Time { return Time(t.UTC().Truncate(time.Microsecond)) }

// MarshalText writes the one form. A year that UnmarshalText would refuse is
// an error: such a line must not be committed.
func (t Time) MarshalText() ([]byte, error) {
	if year := time.Time(t).UTC().Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("time of the year %d: want 0 to 9999", year)
	}
	return time.Time(t).UTC().AppendFormat(make([]byte, 0, len(timeLayout)), timeLayout), nil
}

// UnmarshalText reads the one form and refuses every other.
func (t *Time) UnmarshalText(text []byte) error {
	at, err := time.Parse(timeLayout, string(text))
	if err != nil || at.Format(timeLayout) != string(text) {
		return fmt.Errorf("time %q: want the form %s", text, timeLayout)
	}
	*t = Time(at)
	return nil
}

// Time returns t as the standard library's type, in UTC.
func (t Time) Time() time.Time { return time.Time(t).UTC() }

// An Event is one line of the log. Field names are promises: append only; an
// absent field does not apply. It refers, it does not copy: entry, rev and
// signer fix certificate and key, policy_rev fixes the policy.
//
// Hashes are lower-case hex, signatures standard base64.
type Event struct {
	V        int    `json:"v"`
	Epoch    uint64 `json:"epoch"`
	Seq      uint64 `json:"seq"` // set by the committer; the index in the tree
	Kind     Kind   `json:"kind"`
	Decided  *Time  `json:"decided,omitempty"` // the time Decide used
	Recorded Time   `json:"recorded"`          // set by the committer, never before the last one
	Clock    string `json:"clock,omitempty"`   // synced, unsynced or unknown, as the kernel says

	// Who asked, as the kernel told at connect.
	UID  *uint32  `json:"uid,omitempty"`
	GID  *uint32  `json:"gid,omitempty"`
	GIDs []uint32 `json:"gids,omitempty"`
	PID  int32    `json:"pid,omitempty"` // evidence only: pids are re-used
	Unit string   `json:"unit,omitempty"`

	// What the caller said about the use.
	RequestID   string   `json:"request_id,omitempty"`
	Call        string   `json:"call,omitempty"`  // decimal: a call id may exceed 2^53
	Batch       []uint32 `json:"batch,omitempty"` // [index, size]
	Purpose     string   `json:"purpose,omitempty"`
	Container   string   `json:"container,omitempty"`
	DocID       string   `json:"doc_id,omitempty"`
	DocNo       string   `json:"doc_no,omitempty"`
	DocSM3      string   `json:"doc_sm3,omitempty"`
	RefsSM3     string   `json:"refs_sm3,omitempty"`
	Pages       uint32   `json:"pages,omitempty"`
	ApprovalRef string   `json:"approval_ref,omitempty"`
	UserID      string   `json:"user_id,omitempty"`
	Dept        string   `json:"dept,omitempty"`
	UserName    string   `json:"user_name,omitempty"` // private: SM3(salt || value)
	DocTitle    string   `json:"doc_title,omitempty"` // private
	ClientIP    string   `json:"client_ip,omitempty"` // private

	// With what.
	Entry      string `json:"entry,omitempty"`
	Rev        uint64 `json:"rev,omitempty"`
	Generation uint32 `json:"generation,omitempty"`
	Signer     string `json:"signer,omitempty"` // hash of certificate or public key
	Token      string `json:"token,omitempty"`

	// What was done.
	Op       string `json:"op,omitempty"`
	Alg      string `json:"alg,omitempty"`
	Input    string `json:"input,omitempty"`    // digest, sm2_e, message, digest_as_message; of an act: transcript
	Value    string `json:"value,omitempty"`    // what the key signed
	DocHash  string `json:"doc_hash,omitempty"` // the caller's document_hash
	Property string `json:"property,omitempty"`
	SignTime string `json:"sign_time,omitempty"`
	Version  string `json:"version,omitempty"`
	Stamps   uint32 `json:"stamps,omitempty"`

	// On what grounds.
	PolicyRev uint32   `json:"policy_rev,omitempty"`
	Engine    uint32   `json:"engine,omitempty"`
	Local     int32    `json:"local,omitempty"`    // zone offset used, in seconds
	Use       []string `json:"use,omitempty"`      // policy.Count as text, one for each quota
	Approval  string   `json:"approval,omitempty"` // id
	CRL       string   `json:"crl,omitempty"`      // hash of the list of revoked certificates relied on
	CRLMade   string   `json:"crl_made,omitempty"` // its thisUpdate, RFC 3339 in UTC

	// Given is the policy.Approval that the decision looked at, and But what
	// kept the entry from being as a use wants it: see Given and But in
	// judged.go. Neither stands in the event of a use that needed none.
	Given string   `json:"given,omitempty"`
	But   []string `json:"but,omitempty"`

	Result Result `json:"result,omitempty"`
	Reason string `json:"reason,omitempty"` // a name of the table of errors
	Rule   string `json:"rule,omitempty"`
	Sig    string `json:"sig,omitempty"`

	Zones string `json:"zones,omitempty"` // of a start: the edition of the time zones that decisions go by

	// Acts.
	Act     string   `json:"act,omitempty"` // the exact bytes that were signed
	ActSigs []string `json:"act_sigs,omitempty"`
	Role    string   `json:"role,omitempty"`
	Opcode  string   `json:"opcode,omitempty"`
	PrevAct *uint64  `json:"prev_act,omitempty"` // set by the committer

	// Counted.
	Count uint64 `json:"count,omitempty"`
	First *Time  `json:"first,omitempty"`
	Last  *Time  `json:"last,omitempty"`
}

// AppendLine appends the event's line, without a line end, to dst.
func (e *Event) AppendLine(dst []byte) ([]byte, error) {
	line, err := canonical.Append(dst, e)
	if err != nil {
		return nil, fmt.Errorf("encoding event %d: %w", e.Seq, err)
	}
	return line, nil
}

// ParseEvent reads a line and refuses every form but the one AppendLine
// writes.
func ParseEvent(line []byte) (*Event, error) {
	e := new(Event)
	if err := canonical.Unmarshal(line, e); err != nil {
		return nil, fmt.Errorf("parsing event: %w", err)
	}
	if !slices.Contains(kinds, e.Kind) {
		return nil, fmt.Errorf("parsing event %d: kind %q is not one of %v", e.Seq, e.Kind, kinds)
	}
	if e.V != EventVersion {
		return nil, fmt.Errorf("parsing event %d: v is %d, this program knows %d", e.Seq, e.V, EventVersion)
	}
	return e, nil
}

// Refuse turns an event of a use that was allowed into the refusal that it
// became: nothing of the signature stays.
func (e *Event) Refuse(reason, rule string) {
	e.Result, e.Reason, e.Rule, e.Sig = Refused, reason, rule, ""
}
