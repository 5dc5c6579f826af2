package authority

import "strings"

// A Kind is what an act does. Append only: kinds stand in signed acts.
type Kind string

const (
	Init             Kind = "init"
	OfficerChange    Kind = "officer.change"
	TokenAdd         Kind = "token.add"
	TokenReload      Kind = "token.reload"
	TokenMaintenance Kind = "token.maintenance"
	TokenSealPIN     Kind = "token.seal-pin"
	TokenClearPIN    Kind = "token.clear-pin"
	KeyCreate        Kind = "key.create"
	KeyAdopt         Kind = "key.adopt"
	KeyDestroy       Kind = "key.destroy"
	SealMake         Kind = "seal.make"
	SealImport       Kind = "seal.import"
	EntryActivate    Kind = "entry.activate"
	EntrySuspend     Kind = "entry.suspend"
	EntryResume      Kind = "entry.resume"
	EntryCancel      Kind = "entry.cancel"
	EntryInvalidate  Kind = "entry.invalidate"
	EntrySupersede   Kind = "entry.supersede"
	CertRequest      Kind = "cert.request"
	CertImport       Kind = "cert.import"
	CRLImport        Kind = "crl.import"
	OrderImport      Kind = "order.import"
	PolicySet        Kind = "policy.set"    // widens, or cannot be shown to narrow
	PolicyNarrow     Kind = "policy.narrow" // only narrows
	ApprovalGrant    Kind = "approval.grant"
	ApprovalDeny     Kind = "approval.deny"
	ApprovalRevoke   Kind = "approval.revoke"
	Backup           Kind = "backup"
	Restore          Kind = "restore"
	StoreAccept      Kind = "store.accept" // an older database
	ClockAccept      Kind = "clock.accept"
	ModeClear        Kind = "mode.clear"
	LogReanchor      Kind = "log.reanchor"
	LogRotateKey     Kind = "log.rotate-key"
	SelfTest         Kind = "selftest"
	FilingAck        Kind = "filing.ack"
)

// A Count is how many persons must sign: a number, or one of the thresholds
// that were set at init.
type Count int

const (
	One   Count = 1  // whatever the thresholds
	Usual Count = -1 // the threshold of the role
	Many  Count = -2 // security officers for officers, thresholds and the destruction of keys
)

// A Need is how many persons of a role must sign.
type Need struct {
	Role    Role
	Persons Count
}

// A Rule says who signs one kind of act. Any one of Options suffices; all
// needs of an option must be met.
type Rule struct {
	Kind    Kind
	Opcode  string // of GB/T 33560-2017 clause 7, for whoever collects logs; empty where it has none
	Options [][]Need

	// Unsigned acts are taken from any member of group signet-admin: they can
	// only stop or note.
	Unsigned bool
}

func one(needs ...Need) [][]Need { return [][]Need{needs} }

var (
	security  = Need{SecurityOfficer, One}
	securityN = Need{SecurityOfficer, Usual}
	securityM = Need{SecurityOfficer, Many}
	admin     = Need{Administrator, Usual}
	auditor   = Need{Auditor, Usual}
	custodian = Need{Custodian, One} // of the target
)

// rules is the matrix of roles and acts. Init is signed by every officer that
// its content names, which no row can say; a change of auditors needs an
// auditor too (changesAuditors), and a security officer decides uses only of
// an entry that has no custodian (decidesUse).
var rules = []Rule{
	{Kind: Init, Opcode: opInit},
	{Kind: OfficerChange, Opcode: opModify, Options: one(securityM, admin)},
	{Kind: TokenAdd, Opcode: opCreate, Options: one(admin, securityN)},
	{Kind: TokenReload, Opcode: opRestart, Options: one(admin)},
	{Kind: TokenMaintenance, Opcode: opModify, Options: one(admin)},
	{Kind: TokenSealPIN, Opcode: opPassword, Options: one(admin)},
	{Kind: TokenClearPIN, Opcode: opPassword, Options: one(admin)},
	{Kind: KeyCreate, Opcode: opKeyGenerate, Options: one(admin, securityN)},
	{Kind: KeyAdopt, Opcode: opKeyImport, Options: one(securityN)},
	{Kind: KeyDestroy, Opcode: opKeyDestroy, Options: one(securityM)},
	{Kind: SealMake, Opcode: opCreate, Options: one(securityN)},
	{Kind: SealImport, Opcode: opCreate, Options: one(securityN)},
	{Kind: EntryActivate, Opcode: opAuthorise, Options: one(securityN)},
	{Kind: EntrySuspend, Opcode: opModify, Options: [][]Need{{security}, {custodian}}},
	{Kind: EntryResume, Opcode: opAuthorise, Options: one(securityN)},
	{Kind: EntryCancel, Opcode: opDelete, Options: one(securityN)},
	{Kind: EntryInvalidate, Opcode: opDelete, Options: one(securityN)},
	{Kind: EntrySupersede, Opcode: opKeyRenew, Options: one(securityN)},
	{Kind: CertRequest, Opcode: opModify, Options: one(securityN)},
	{Kind: CertImport, Opcode: opModify, Options: one(securityN)},
	{Kind: CRLImport, Opcode: opModify, Unsigned: true},
	{Kind: OrderImport, Opcode: opModify, Unsigned: true},
	{Kind: PolicySet, Opcode: opAuthorise, Options: one(securityN)},
	{Kind: PolicyNarrow, Opcode: opAuthorise, Options: [][]Need{{security}, {custodian}}},
	{Kind: ApprovalGrant, Opcode: opAuthorise, Options: [][]Need{{custodian}, {security}}},
	{Kind: ApprovalDeny, Opcode: opAuthorise, Options: [][]Need{{custodian}, {security}}},
	{Kind: ApprovalRevoke, Opcode: opAuthorise, Options: [][]Need{{security}, {custodian}}},
	{Kind: Backup, Opcode: opBackup, Options: one(admin)},
	{Kind: Restore, Opcode: opRestore, Options: one(securityN, auditor)},
	{Kind: StoreAccept, Opcode: opRestore, Options: one(securityN, auditor)},
	{Kind: ClockAccept, Opcode: opModify, Options: one(securityN, auditor)},
	{Kind: ModeClear, Opcode: opRestart, Options: one(admin)},
	{Kind: LogReanchor, Opcode: opModify, Options: one(securityN, auditor)},
	{Kind: LogRotateKey, Opcode: opKeyRenew, Options: one(securityN)},
	{Kind: SelfTest, Opcode: opQuery, Unsigned: true},
	{Kind: FilingAck, Opcode: opModify, Unsigned: true},
}

// Operations of GB/T 33560-2017: 7.2.2 of roles, 7.3.2 of keys, 7.4 of the
// system.
const (
	opCreate      = "0x3"
	opDelete      = "0x4"
	opModify      = "0x5"
	opPassword    = "0x6"
	opAuthorise   = "0x7"
	opKeyGenerate = "0x101"
	opKeyImport   = "0x103"
	opKeyRenew    = "0x107"
	opKeyDestroy  = "0x10A"
	opInit        = "0x201"
	opRestart     = "0x204"
	opQuery       = "0x205"
	opBackup      = "0x206"
	opRestore     = "0x207"
)

// RuleOf returns the rule of k; false for a kind that is not in the table.
func RuleOf(k Kind) (Rule, bool) {
	for _, r := range rules {
		if r.Kind == k {
			return r, true
		}
	}
	return Rule{}, false
}

// decidesUse tells whether an act of this kind decides a single use of an
// entry, which is its custodian's business.
func decidesUse(k Kind) bool { return k == ApprovalGrant || k == ApprovalDeny }

// AboutEntry tells whether the target of an act of this kind is an entry.
func AboutEntry(k Kind) bool {
	area, _, _ := strings.Cut(string(k), ".")
	switch area {
	case "entry", "key", "seal", "cert", "policy", "approval":
		return true
	}
	return false
}

// hasTarget tells whether an act of this kind names what it changes.
func hasTarget(k Kind) bool { return AboutEntry(k) || strings.HasPrefix(string(k), "token.") }

// Rules returns the table.
func Rules() []Rule { return append([]Rule(nil), rules...) }
