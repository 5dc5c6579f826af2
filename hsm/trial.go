package hsm

import (
	"time"

	"signet/protocol/algo"
)

// SelfTestText is what a trial has a token sign. It does not begin with 0x30,
// so no signature over it can be taken for one over a DER SEQUENCE, which is
// what a stamp is.
const SelfTestText = "signet self-test: what a token really does. This is no document, no seal and no stamp.\n"

// A Trial is what a token did when it was asked for everything that signet
// might ask of it.
type Trial struct {
	Keys       []KeyTrial // in the order of algo.KeyTypes
	Signatures uint64     // C_Sign calls that were begun, each with a key of the trial
}

// A KeyTrial is what became of one type of key.
type KeyTrial struct {
	Type       algo.KeyType
	Generation Attempt
	Algorithms []AlgorithmTrial // in the order of algo.For
}

// An AlgorithmTrial is one way to sign, tried with a key of the type above it.
type AlgorithmTrial struct {
	Algorithm algo.Algorithm
	Attempt
	Encoding   Encoding // of the answer, also where that is the fault
	MaxMessage int      // bytes: the longest message that was tried and signed; 0 where a digest is signed
}

// An Attempt is one mechanism as listed and as tried.
type Attempt struct {
	Mechanism string        // "CKM_EDDSA (0x1057)"; empty: the profile names none
	Claim     Claim         // of the token, before it was tried
	ClaimWhy  string        // where it claims not to do it: what it says
	Finding   Finding       //
	Why       string        // where it is not Does: the CKR code, or what was wrong with the answer
	Took      time.Duration // of the calls that do the work; 0: none was made
}

// Contradicts tells whether the token does other than it claims.
func (a Attempt) Contradicts() bool {
	return a.Claim == Claimed && a.Finding == DoesNot || a.Claim == Disclaimed && a.Finding == Does
}

// A Claim is what a token's list of mechanisms says. The zero value claims
// nothing.
type Claim string

const (
	Claimed    Claim = "listed"
	Disclaimed Claim = "not listed" // or listed for another use, or for keys of other sizes
	Untold     Claim = "not told"   // the token gives no list
)

// A Finding is what a trial showed. The zero value showed nothing.
type Finding string

const (
	Does     Finding = "does"
	DoesNot  Finding = "does not"
	NotKnown Finding = "not known" // it could not be tried; Why says what stood in the way
)

// An Encoding is the form in which a token gives a signature.
type Encoding string

const (
	EncodingRaw    Encoding = "raw"    // r‖s; RSA and Ed25519 have no other
	EncodingDER    Encoding = "DER"    // SEQUENCE of two INTEGERs, as DER has it
	EncodingNotDER Encoding = "loose"  // the same with INTEGERs that DER does not allow
	EncodingOther  Encoding = "unread" // none of these
)
