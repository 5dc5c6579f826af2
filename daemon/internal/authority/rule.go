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

// A Role is what a person is on this appliance. The zero value is no role.
type Role uint8

const (
	Administrator Role = iota + 1
	SecurityOfficer
	Auditor
	Custodian
	AdminGroup // any member of group signet-admin: may only stop or note
)

func (r Role) String() string {
	switch r {
	case Administrator:
		return "administrator"
	case SecurityOfficer:
		return "security officer"
	case Auditor:
		return "auditor"
	case Custodian:
		return "custodian"
	case AdminGroup:
		return "group signet-admin"
	}
	return "no role"
}

// A Need is how many persons of a role must sign.
type Need struct {
	Role    Role
	Persons int // Threshold: the M set at init
}

// Threshold stands for the number of security officers set at init for
// changing officers and destroying keys.
const Threshold = -1

// A Rule says who signs one kind of act. Any one of Options suffices; all
// needs of an option must be met.
type Rule struct {
	Kind    Kind
	Options [][]Need
}

func one(needs ...Need) [][]Need { return [][]Need{needs} }

var (
	security1 = Need{SecurityOfficer, 1}
	security2 = Need{SecurityOfficer, 2}
	securityM = Need{SecurityOfficer, Threshold}
	admin1    = Need{Administrator, 1}
	auditor1  = Need{Auditor, 1}
	custodian = Need{Custodian, 1}
	group     = Need{AdminGroup, 1}
)

// rules is the matrix of roles and acts with its default numbers. Init is
// signed by every officer that its content names, which no row can say.
var rules = []Rule{
	{Init, nil},
	{OfficerChange, one(securityM, admin1)},
	{TokenAdd, one(admin1, security2)},
	{TokenReload, one(admin1)},
	{TokenMaintenance, one(admin1)},
	{TokenSealPIN, one(admin1)},
	{TokenClearPIN, one(admin1)},
	{KeyCreate, one(admin1, security2)},
	{KeyAdopt, one(security2)},
	{KeyDestroy, one(securityM)},
	{SealMake, one(security2)},
	{SealImport, one(security2)},
	{EntryActivate, one(security2)},
	{EntrySuspend, [][]Need{{security1}, {custodian}}},
	{EntryResume, one(security2)},
	{EntryCancel, one(security2)},
	{EntryInvalidate, one(security2)},
	{EntrySupersede, one(security2)},
	{CertRequest, one(security2)},
	{CertImport, one(security2)},
	{CRLImport, one(group)},
	{OrderImport, one(group)},
	{PolicySet, one(security2)},
	{PolicyNarrow, [][]Need{{security1}, {custodian}}},
	{ApprovalGrant, [][]Need{{custodian}, {security1}}},
	{ApprovalDeny, [][]Need{{custodian}, {security1}}},
	{ApprovalRevoke, [][]Need{{security1}, {custodian}}},
	{Backup, one(admin1)},
	{Restore, one(security2, auditor1)},
	{StoreAccept, one(security2, auditor1)},
	{ClockAccept, one(security2, auditor1)},
	{ModeClear, one(admin1)},
	{LogReanchor, one(security2, auditor1)},
	{LogRotateKey, one(security2)},
	{SelfTest, one(group)},
	{FilingAck, one(group)},
}

// RuleOf returns the rule of k; false for a kind that is not in the table.
func RuleOf(k Kind) (Rule, bool) {
	for _, r := range rules {
		if r.Kind == k {
			return r, true
		}
	}
	return Rule{}, false
}

// AboutEntry tells whether the target of an act of this kind is an entry.
func AboutEntry(k Kind) bool {
	area, _, _ := strings.Cut(string(k), ".")
	switch area {
	case "entry", "key", "seal", "cert", "policy", "approval":
		return true
	}
	return false
}

// Rules returns the table.
func Rules() []Rule { return append([]Rule(nil), rules...) }
