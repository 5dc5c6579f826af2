// Package backup is the file that a backup is: the records of a store,
// encrypted to people who can restore it elsewhere. It knows no store: the
// program that opens a backup on another machine uses the same code.
//
// A backup begins in clear:
//
//	signet-backup-v1\n
//	u32     length of the header, at most 4096; numbers are big endian
//	header  RFC 8785 JSON: appliance, created, name, root, schema, scheme, size
//
// The scheme says what follows to the end.
//
//	age       an age file (age-encryption.org/v1) to X25519 recipients
//	gmt35275  u32    length of the envelope, at most 1 MiB
//	          DER    GB/T 35275 EnvelopedData to SM2 certificates, content SM4-CBC:
//	                 the SM4 key of the chunks, 16 bytes
//	          chunks SM4-GCM of 64 KiB each, the last one of 1 byte to 64 KiB
//
// The nonce of a chunk is its number from 0 in 11 bytes, then 1 if it is the
// last and else 0, as in age: chunks that are dropped, moved or added do not
// decrypt. The additional data of each is SM3 of all that stands before the
// first. What is encrypted is, under both schemes,
//
//	32 bytes SM3 of all from the magic line to the header's end
//	records, see Encoder
//
// which binds the header to an age file too. Under age, all behind the header
// is what `age -d` reads.
//
// Encryption to a public key says nothing of who made a backup. That it is of
// this appliance shows in its log, whose root the token's anchor knows, and in
// the officers' signatures, which every record carries.
package backup

import "errors"

const (
	magic = "signet-backup-v1\n"
	// family is how the magic lines of all versions begin.
	family = "signet-backup-v"
)

// What a backup may be instead of whole. Each error of this package that is
// not of the reader or writer below it wraps one of these.
var (
	ErrForeign   = errors.New("not a signet backup")
	ErrNewer     = errors.New("the backup was written by a newer version")
	ErrMalformed = errors.New("the backup is malformed")
	ErrTruncated = errors.New("the backup is cut off")
	ErrAltered   = errors.New("the backup was altered")
	ErrExtended  = errors.New("the backup has data behind its end")
	// ErrIdentity is returned where the backup is whole as far as is known,
	// and encrypted to somebody else.
	ErrIdentity = errors.New("the backup is not encrypted to this key")
)
