package policy

import (
	"time"

	"signet/protocol/algo"
)

// A Request is what a caller asks for, with the facts about the entry that
// judge it. The zero value is refused.
type Request struct {
	UID  uint32   // of the peer, given by the kernel
	GIDs []uint32 // of the peer, the primary one too

	Operation Operation
	Algorithm algo.Algorithm // zero for SealRead, which signs nothing
	Purpose   string
	BatchSize int // items asked for, 1 or more

	Version   Version   // of the stamp data; zero where nothing is stamped
	Container Container // of the document, as declared; zero where nothing is stamped
	Carries   Fields    // what the request says about the use

	Entry Entry
}

// An Entry is what the register says about the entry at the revision that is
// decided on.
type Entry struct {
	Class Class

	// Proven: the record is what the officers' acts made it.
	Proven bool

	// Active: activated, not cancelled, invalid or superseded, and no hold.
	Active bool

	// KeyMatches: the HSM's public key is that of the register's record.
	KeyMatches bool

	Validity Validity

	// Certificate is the one in use; nil if the entry has none.
	Certificate *Certificate
}

// A Certificate is what its CA says of it now. Its span is in the Validity.
type Certificate struct {
	Revoked  bool      `json:"revoked"`
	ListMade time.Time `json:"list_made,omitzero"` // thisUpdate of the CA's newest list; zero: none was imported
}

// A Validity is the span in which an entry may be used: of a seal, the later
// of the starts and the earlier of the ends of seal and certificate. Both
// ends are inside (RFC 5280 4.1.2.5). The zero value is no instant at all.
type Validity struct {
	From, Until time.Time

	// Unbounded is for an entry of class key without a certificate. A seal
	// always has a span.
	Unbounded bool
}

// A Clock is what is known of the system's clock. Only SaneClock is a time
// to sign at.
type Clock uint8

const (
	UnknownClock Clock = 0
	SaneClock    Clock = 1
	BehindClock  Clock = 2 // behind the last recorded event
	JumpedClock  Clock = 3 // ahead of the time since boot
)

// An Instant is the time of a decision.
type Instant struct {
	Time   time.Time // UTC
	Offset int       // of the policy's zone then, seconds east of UTC; 0 without a zone
	Clock  Clock
}
