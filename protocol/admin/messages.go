// Package admin is what crosses admin.sock and audit.sock: HTTP/1.1 with JSON
// under /v1. openapi.yaml in the folder above is the contract; these are its
// types for Go, with a client.
//
// Reading is the same on both sockets; acts are taken on admin.sock only.
package admin

import (
	"time"

	"signet/protocol"
)

// Paths of the interface.
const (
	PathStatus     = "/v1/status"
	PathEntries    = "/v1/entries" // and /v1/entries/{id}, /v1/entries/{id}/policy, /v1/entries/{id}/policy/test
	PathMetrics    = "/v1/metrics" // Prometheus text, not JSON
	PathTokens     = "/v1/tokens"  // and /v1/tokens/{name}/mechanisms
	PathActContext = "/v1/act-context"
	PathActs       = "/v1/acts" // and /v1/acts/{nonce}, of one that waits for signatures
	PathOfficers   = "/v1/officers"
	PathCRLs       = "/v1/crls"
	PathApprovals  = "/v1/approvals" // ?entry=ID&state=STATE, and /v1/approvals/{id}
	PathBackups    = "/v1/backups"   // /v1/backups/{nonce} of an act of kind backup, once
	PathRestore    = "/v1/restore"
	PathEvents     = "/v1/events"   // ?from=SEQ&limit=N
	PathContents   = "/v1/contents" // /v1/contents/{sm3}
)

// MaxApprovals is the most approvals of one answer.
const MaxApprovals = 1000

// MaxEvents is the largest limit of one request for events.
const MaxEvents = 1000

// A Status is what operations look at first.
type Status struct {
	Mode       string    `json:"mode"`             // uninitialised recovery poisoned degraded serving
	Reason     string    `json:"reason,omitempty"` // why not serving
	Mend       string    `json:"mend,omitempty"`   // what to do next
	Name       string    `json:"name"`             // of signetd.toml
	Appliance  string    `json:"appliance,omitempty"`
	Authority  string    `json:"authority,omitempty"`
	Crypto     string    `json:"crypto,omitempty"`
	Deployment string    `json:"deployment,omitempty"`
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Now        time.Time `json:"now"`
	Clock      string    `json:"clock"` // sane behind jumped unknown
	Sync       string    `json:"sync"`  // the kernel's word on its clock: synced unsynced unknown
	Events     uint64    `json:"events"`
	Root       string    `json:"root,omitempty"`
	Entries    []Count   `json:"entries"` // by status
	Tokens     []Token   `json:"tokens"`
	Warnings   []string  `json:"warnings"`
}

// A Count is a number of entries of one status.
type Count struct {
	Status string `json:"status"`
	Count  int    `json:"count"`
}

// A Token is one token as the daemon sees it now.
type Token struct {
	Name         string    `json:"name"`
	Module       string    `json:"module"`
	URI          string    `json:"uri"`
	State        string    `json:"state"` // connecting up down latched
	Since        time.Time `json:"since"`
	LastError    string    `json:"last_error,omitempty"`
	Mend         string    `json:"mend,omitempty"`
	Open         int       `json:"sessions_open"`
	Configured   int       `json:"sessions_configured"`
	Hung         int       `json:"sessions_hung"`
	Manufacturer string    `json:"manufacturer,omitempty"`
	Model        string    `json:"model,omitempty"`
	Serial       string    `json:"serial,omitempty"`
	Firmware     string    `json:"firmware,omitempty"`
	Profile      string    `json:"profile"`
	Pinned       bool      `json:"pinned"`
	Production   bool      `json:"production"`
	Notices      []string  `json:"notices"`
}

// Tokens answers PathTokens.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

// A Trial answers PathTokens/{name}/mechanisms: what the token did when it was
// asked for everything, with keys that ended with their session.
type Trial struct {
	Token      string     `json:"token"`
	Event      uint64     `json:"event"`      // that records it
	Signatures uint64     `json:"signatures"` // that the module was asked for
	TookMS     uint64     `json:"took_ms"`
	Keys       []KeyTrial `json:"keys"`
}

// A KeyTrial is what became of one type of key.
type KeyTrial struct {
	Type       string           `json:"type"`
	Generation Attempt          `json:"generation"`
	Algorithms []AlgorithmTrial `json:"algorithms"`
}

// An AlgorithmTrial is one way to sign with a key of the type above it.
type AlgorithmTrial struct {
	Algorithm  string  `json:"algorithm"`
	Signs      string  `json:"signs"` // what the module is given: e digest message
	Signing    Attempt `json:"signing"`
	Encoding   string  `json:"encoding,omitempty"`    // of the answer: raw DER loose unread
	MaxMessage int     `json:"max_message,omitempty"` // bytes: the longest message tried that was signed
}

// An Attempt is one mechanism as the token lists it and as it was tried.
type Attempt struct {
	Mechanism   string `json:"mechanism,omitempty"` // "CKM_EDDSA (0x1057)"; absent: the profile has none
	Claim       string `json:"claim"`               // listed, not listed, not told
	ClaimWhy    string `json:"claim_why,omitempty"`
	Finding     string `json:"finding"` // does, does not, not known
	Why         string `json:"why,omitempty"`
	Contradicts bool   `json:"contradicts"` // the finding is not the claim
	TookUS      uint64 `json:"took_us"`     // 0: the module was not asked
}

// An Entry is one record of the register.
type Entry struct {
	ID         string   `json:"id"`
	Class      string   `json:"class"`  // key or seal
	Status     string   `json:"status"` // pending active suspended superseded cancelled invalid
	Stage      string   `json:"stage"`  // the status without holds
	Rev        uint64   `json:"rev"`
	Title      string   `json:"title,omitempty"`
	KeyType    string   `json:"key_type,omitempty"`
	Algorithms []string `json:"algorithms"`
	Token      string   `json:"token,omitempty"`
	KeyID      string   `json:"key_id,omitempty"`     // CKA_ID in hex
	PublicKey  string   `json:"public_key,omitempty"` // PEM
	Origin     string   `json:"origin,omitempty"`     // ceremony or adopted
	PolicyRev  uint32   `json:"policy_rev"`           // 0: none
	Holds      []Hold   `json:"holds"`
	Created    string   `json:"created"`
	LastAct    uint64   `json:"last_act"` // event that recorded the last change
	Transcript string   `json:"transcript,omitempty"`

	Owner        string        `json:"owner,omitempty"`     // id of whom it belongs to
	Destroyed    string        `json:"destroyed,omitempty"` // when its key was removed from the token
	Ended        string        `json:"ended,omitempty"`     // why its life ended
	Certificates []Certificate `json:"certificates"`        // oldest first: the last is in use
	Proof        string        `json:"proof"`               // proven, unproven, or pending: not looked at yet
	Unproven     string        `json:"unproven,omitempty"`  // why
	Custodians   []string      `json:"custodians"`          // ids of officers
}

// A Certificate is one of an entry's key.
type Certificate struct {
	Hash        string   `json:"hash"` // hex of SM3 over its DER
	Subject     string   `json:"subject"`
	Issuer      string   `json:"issuer"`
	Serial      string   `json:"serial"` // hex
	NotBefore   string   `json:"not_before"`
	NotAfter    string   `json:"not_after"`
	CA          string   `json:"ca"` // kind of the trust anchor: egov licensed internal
	Licence     string   `json:"licence,omitempty"`
	Revoked     string   `json:"revoked,omitempty"`
	Imported    string   `json:"imported"`
	PEM         string   `json:"pem"`
	Chain       []string `json:"chain"`       // PEM of its issuers, root last
	Attachments []string `json:"attachments"` // standard base64: what else the CA answered
}

// A CRL is the newest list of revoked certificates of one issuer.
type CRL struct {
	Issuer     string `json:"issuer"`
	Number     string `json:"number"`
	ThisUpdate string `json:"this_update"`
	NextUpdate string `json:"next_update,omitempty"`
	Hash       string `json:"hash"`
}

// CRLs answers PathCRLs.
type CRLs struct {
	CRLs []CRL `json:"crls"`
}

// A Hold is one reason why an entry is suspended.
type Hold struct {
	ID        uint32 `json:"id"`
	Authority string `json:"authority"`
	Basis     string `json:"basis"`
	From      string `json:"from"`
	LiftBy    string `json:"lift_by"`
}

// Entries answers PathEntries.
type Entries struct {
	Entries []Entry `json:"entries"`
}

// A Policy answers PathEntries/{id}/policy.
type Policy struct {
	Entry  string      `json:"entry"`
	Rev    uint32      `json:"rev"`
	Text   string      `json:"text"`
	Hash   string      `json:"hash"` // hex of SM3(text)
	Users  []Principal `json:"users"`
	Groups []Principal `json:"groups"`
	Stale  []string    `json:"stale"` // names that no longer mean whom they meant: they allow nobody
	Event  uint64      `json:"event"` // that recorded it

	Zone  string      `json:"zone,omitempty"` // in which hours, days and quotas are counted
	Usage []UsageItem `json:"usage"`          // of each quota of the whole entry, now
}

// A UsageItem is how far one quota is used up in the window that runs.
type UsageItem struct {
	Rule     string     `json:"rule"` // the quota's key in the policy: "quotas.day"
	Scope    string     `json:"scope"`
	Period   string     `json:"period"`
	Start    *time.Time `json:"start,omitempty"` // of the window; a lifetime has none
	End      *time.Time `json:"end,omitempty"`   // the first instant of the next one
	Spent    uint64     `json:"spent"`           // uses in the log
	Reserved uint64     `json:"reserved"`        // uses that are being signed
	Limit    uint32     `json:"limit"`
	Unknown  bool       `json:"unknown,omitempty"` // what was used before a restore is not known: counts as full
}

// A PolicyQuestion is a use that nobody asks for: a POST of it to
// PathEntries/{id}/policy/test is answered with what would be decided. What is
// left out is "nothing said", but for UID and what stands below it.
type PolicyQuestion struct {
	Text string `json:"text,omitempty"` // a policy that is not set; empty: the one in force

	User string  `json:"user,omitempty"` // the caller by name, or else
	UID  *uint32 `json:"uid,omitempty"`  // by number; his groups are those of the user database

	Operation string     `json:"operation,omitempty"` // empty: the policy's first
	Algorithm string     `json:"algorithm,omitempty"` // empty: the policy's first that fits the key
	Purpose   string     `json:"purpose,omitempty"`   // empty: the policy's first
	Version   string     `json:"version,omitempty"`   // empty: the policy's first, for a stamp
	Container string     `json:"container,omitempty"` // empty: the policy's first, for a stamp
	Carries   []string   `json:"carries"`             // names of context fields that the request would have
	Batch     int        `json:"batch,omitempty"`     // 0: one item
	Approval  string     `json:"approval,omitempty"`  // id of one; whether it fits the document is taken as yes
	At        *time.Time `json:"at,omitempty"`        // nil: now
}

// A PolicyAnswer says what would be decided, rule by rule.
type PolicyAnswer struct {
	Entry     string `json:"entry"`
	PolicyRev uint32 `json:"policy_rev"` // 0: the text of the question
	Engine    int    `json:"engine"`

	At        time.Time `json:"at"`
	Local     string    `json:"local,omitempty"` // the same by the clock of the policy's zone, RFC 3339
	Zone      string    `json:"zone,omitempty"`
	UID       uint32    `json:"uid"`
	GIDs      []uint32  `json:"gids"`
	Operation string    `json:"operation,omitempty"`
	Algorithm string    `json:"algorithm,omitempty"`
	Purpose   string    `json:"purpose,omitempty"`
	Version   string    `json:"version,omitempty"`
	Container string    `json:"container,omitempty"`

	Allowed bool          `json:"allowed"`
	Rules   []RuleVerdict `json:"rules"` // in the order in which they are asked; the first that refuses is the answer
	Usage   []UsageItem   `json:"usage"`
}

// A RuleVerdict is what one rule says.
type RuleVerdict struct {
	Rule   string     `json:"rule"`
	Pass   bool       `json:"pass"`
	Reason string     `json:"reason,omitempty"` // of a refusal: a name of the table of errors
	Code   uint32     `json:"code,omitempty"`
	Why    string     `json:"why"`             // the values that were compared
	Need   string     `json:"need,omitempty"`  // of a refusal: what would be right
	After  *time.Time `json:"after,omitempty"` // of a refusal: when to ask again, if anybody can say
}

// An Approval is what a caller asked custodians for, and what became of it.
type Approval struct {
	ID    string `json:"id"`
	Entry string `json:"entry"`
	State string `json:"state"` // pending granted denied revoked, and expired of one that was never ended
	UID   uint32 `json:"uid"`   // of the caller who asked
	Event uint64 `json:"event"` // of the request

	Purpose       string `json:"purpose"`
	Justification string `json:"justification"`
	Person        string `json:"person"` // on whose behalf
	Dept          string `json:"dept,omitempty"`
	DocID         string `json:"doc_id,omitempty"`
	DocNo         string `json:"doc_no,omitempty"`
	Pages         uint32 `json:"pages,omitempty"`

	Form    string   `json:"form"` // document references digests count: what it is bound to
	DocSM3  string   `json:"doc_sm3,omitempty"`
	RefsSM3 string   `json:"refs_sm3,omitempty"`
	Digests []string `json:"digests"`

	Made    time.Time       `json:"made"`
	From    time.Time       `json:"from"`
	Until   time.Time       `json:"until"` // the last instant
	Count   uint32          `json:"count"` // uses that it is for
	Used    uint32          `json:"used"`
	Persons int             `json:"persons"` // who must grant
	Grants  []ApprovalGrant `json:"grants"`
	Ended   *ApprovalEnd    `json:"ended,omitempty"`

	Request string `json:"request"` // SM3 of the content, which PathContents has: an act that decides names it
}

// An ApprovalGrant is one act that grants.
type ApprovalGrant struct {
	By    []string `json:"by"` // ids of officers
	Event uint64   `json:"event"`
}

// An ApprovalEnd is the act that denied or revoked.
type ApprovalEnd struct {
	By    []string `json:"by"`
	Basis string   `json:"basis"`
	Event uint64   `json:"event"`
}

// Approvals answers PathApprovals: those that run, the soonest to end first, at
// most MaxApprovals. Those that ended more than an hour ago are found by their
// ids.
type Approvals struct {
	Approvals []Approval `json:"approvals"`
	More      bool       `json:"more"` // there are others: ask for one entry or state
}

// A Principal is whom a name of a policy meant when the policy was set.
type Principal struct {
	Name string `json:"name,omitempty"`
	ID   uint32 `json:"id"`
}

// An ActContext is what an act has to name besides what it does.
type ActContext struct {
	Appliance string    `json:"appliance"` // empty before init
	Name      string    `json:"name"`
	Authority string    `json:"authority"` // development, officers; empty before init
	Mode      string    `json:"mode"`
	Staged    bool      `json:"staged"` // the log named is that of a backup that was handed in
	LogSize   uint64    `json:"log_size"`
	LogRoot   string    `json:"log_root"`
	Epoch     uint64    `json:"epoch"` // that an act of kind restore or store.accept names; 0 in other modes than recovery
	Now       time.Time `json:"now"`
}

// An Officer is a person who signs acts.
type Officer struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Role    string   `json:"role"` // administrator security-officer auditor custodian
	UID     *uint32  `json:"uid,omitempty"`
	Keys    []string `json:"keys"`    // each in a few words, with its fingerprint
	Entries []string `json:"entries"` // that a custodian keeps
	Owner   string   `json:"owner,omitempty"`
	Event   uint64   `json:"event"` // of the act that made the record so
}

// Officers answers PathOfficers.
type Officers struct {
	Authority  string         `json:"authority"`
	Officers   []Officer      `json:"officers"`
	Thresholds map[string]int `json:"thresholds"` // administrator security many auditor
}

// A Proposal is an act that some have signed and that waits for more. It is
// kept in memory: a restart forgets it, and the act can be handed in again.
type Proposal struct {
	Nonce    string   `json:"nonce"`
	Kind     string   `json:"kind"`
	Target   string   `json:"target"`
	NotAfter string   `json:"not_after"`
	Signers  []string `json:"signers"` // role:id
	Missing  string   `json:"missing"` // who else, in words

	Act        string      `json:"act,omitempty"` // only of one that is asked for by its nonce
	Content    string      `json:"content,omitempty"`
	Signatures []Signature `json:"signatures,omitempty"`
}

// Proposals answers a GET of PathActs.
type Proposals struct {
	Proposals []Proposal `json:"proposals"`
}

// A Staged answers PathRestore: the backup that was handed in, as the daemon
// rebuilt it. An act of kind restore names it and puts it in place.
type Staged struct {
	Appliance string    `json:"appliance"`
	Size      uint64    `json:"size"`
	Root      string    `json:"root"`
	Recorded  time.Time `json:"recorded"` // of the last event
	Entries   int       `json:"entries"`
}

// An ActRequest submits an act with its content and signatures.
type ActRequest struct {
	Act        string      `json:"act"`     // canonical JSON, the bytes that are signed
	Content    string      `json:"content"` // canonical JSON whose SM3 the act names
	Signatures []Signature `json:"signatures"`
}

// A Signature is one officer's signature on an act.
type Signature struct {
	Form  string `json:"form"`
	Value string `json:"value"`
}

// An ActResult says what an act has become.
type ActResult struct {
	Appliance string `json:"appliance"`
	Event     uint64 `json:"event"`
	Kind      string `json:"kind"`
	Target    string `json:"target"`
	Unsigned  bool   `json:"unsigned"` // authority: development
	Mode      string `json:"mode"`
	Entry     *Entry `json:"entry,omitempty"`

	Signers []string `json:"signers"`           // role:id
	Request string   `json:"request,omitempty"` // hash of the content that is a certificate request, PEM
	Made    string   `json:"made,omitempty"`    // hash of the content that came of the act: a transcript, a report
	Held    []string `json:"held"`              // entries that a list of revoked certificates holds from now on
}

// Events answers PathEvents. Lines are the exact leaves of the log.
type Events struct {
	Lines   []string `json:"lines"`
	Partial bool     `json:"partial"` // a custodian's: events between these are left out
	Next    uint64   `json:"next"`    // from of the next page
	Size    uint64   `json:"size"`    // of the log
	Root    string   `json:"root"`    // at that size
}

// A Content answers PathContents/{sm3}: what an act binds by its content_sha,
// or the transcript of a ceremony. Believe it when SM3(content) is the hash
// that you have from elsewhere: the daemon's word on it proves nothing.
type Content struct {
	Hash    string `json:"hash"`    // hex of SM3(content)
	Content string `json:"content"` // the exact bytes, UTF-8
}

// A Fault is the body of every answer that is not 200.
type Fault struct {
	Error Error `json:"error"`
}

// An Error is protocol.Error as JSON.
type Error struct {
	Code    uint32     `json:"code"`
	Name    string     `json:"name"`
	Message string     `json:"message"`
	Field   string     `json:"field,omitempty"`
	Rule    string     `json:"rule,omitempty"`
	Retry   string     `json:"retry"` // never after now
	After   *time.Time `json:"after,omitempty"`
	AfterMS uint32     `json:"after_ms,omitempty"`
	Event   *uint64    `json:"event,omitempty"`
	Counted bool       `json:"counted,omitempty"`
}

var retryNames = map[protocol.Retry]string{
	protocol.Retry_NEVER: "never", protocol.Retry_AFTER: "after", protocol.Retry_NOW: "now",
}

// NewError returns e as JSON says it.
func NewError(e *protocol.Error) Error {
	out := Error{
		Code: e.GetCode(), Name: e.GetName(), Message: e.GetMessage(), Field: e.GetField(), Rule: e.GetRule(),
		Retry: retryNames[e.GetRetry()], AfterMS: e.GetAfterMs(), Event: e.Event, Counted: e.GetCounted(),
	}
	if e.GetAfter() != nil {
		at := e.GetAfter().AsTime()
		out.After = &at
	}
	return out
}

// Protocol returns the error as the type that callers compare codes with.
func (e Error) Protocol() *protocol.Error {
	out := protocol.NewError(protocol.Code(e.Code), "%s", e.Message).WithField(e.Field).WithRule(e.Rule)
	for retry, name := range retryNames { // the answer's word, which may be newer than this table
		if name == e.Retry {
			out.Retry = retry
		}
	}
	if e.After != nil {
		out = out.RetryAt(*e.After)
	}
	if e.AfterMS != 0 {
		out = out.RetryIn(time.Duration(e.AfterMS) * time.Millisecond)
	}
	out.Event, out.Counted = e.Event, e.Counted
	return out
}
