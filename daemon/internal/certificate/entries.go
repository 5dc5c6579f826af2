package certificate

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A RevocationReason is a CRLReason of RFC 5280 5.3.1.
type RevocationReason int

var reasonNames = map[RevocationReason]string{
	0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
	5: "cessationOfOperation", 6: "certificateHold", 9: "privilegeWithdrawn", 10: "aACompromise",
}

// removeFromCRL takes an entry of an earlier list back; only delta lists may.
const removeFromCRL RevocationReason = 8

func (r RevocationReason) String() string {
	if name, ok := reasonNames[r]; ok {
		return name
	}
	return fmt.Sprintf("reason(%d)", int(r))
}

// An Entry is one revoked certificate.
type Entry struct {
	Serial string // as Certificate.Serial
	At     time.Time
	Reason RevocationReason
}

// entries are the revoked certificates of a list as they stand in its DER,
// and their offsets in the order of serial numbers: 4 bytes each, where
// decoded ones would take hundreds.
type entries struct {
	der   []byte // content of revokedCertificates
	order []uint32
}

// readEntries reads every entry once, so that a later look-up cannot fail.
func readEntries(revoked []byte) (entries, error) {
	if len(revoked) == 0 {
		return entries{}, nil
	}
	in := cryptobyte.String(revoked)
	in.ReadASN1(&in, cbasn1.SEQUENCE)
	e := entries{der: in, order: make([]uint32, 0, len(in)/32)}
	for !in.Empty() {
		e.order = append(e.order, uint32(len(e.der)-len(in)))
		if _, _, err := readEntry(&in); err != nil {
			return entries{}, fmt.Errorf("entry %d: %w", len(e.order), err)
		}
	}
	slices.SortFunc(e.order, func(a, b uint32) int {
		return cmp.Or(bytes.Compare(e.serialAt(a), e.serialAt(b)), cmp.Compare(a, b))
	})
	return e, nil
}

// serialAt returns the serial number of the entry at offset, without leading
// zeros. The order is that of these octets, not of the numbers: any will do.
func (e entries) serialAt(offset uint32) (serial []byte) {
	in := cryptobyte.String(e.der[offset:])
	in.ReadASN1(&in, cbasn1.SEQUENCE)
	in.ReadASN1Integer(&serial)
	return serial
}

// Revoked looks a serial number up, in hex as Certificate.Serial gives it. Of
// a number that stands more than once the earliest entry counts. Whether the
// list speaks of the certificate at all is for Covers.
func (l CRL) Revoked(serial string) (Entry, bool) {
	wanted, err := hex.DecodeString(serial)
	if err != nil {
		return Entry{}, false
	}
	wanted = bytes.TrimLeft(wanted, "\x00")
	if len(wanted) == 0 {
		wanted = []byte{0}
	}
	first, found := slices.BinarySearchFunc(l.entries.order, wanted, func(offset uint32, wanted []byte) int {
		return bytes.Compare(l.entries.serialAt(offset), wanted)
	})
	if !found {
		return Entry{}, false
	}
	earliest := l.entries.entryAt(l.entries.order[first])
	for _, offset := range l.entries.order[first+1:] {
		if !bytes.Equal(l.entries.serialAt(offset), wanted) {
			break
		}
		if e := l.entries.entryAt(offset); e.At.Before(earliest.At) {
			earliest = e
		}
	}
	return earliest, true
}

func (e entries) entryAt(offset uint32) Entry {
	in := cryptobyte.String(e.der[offset:])
	at, reason, _ := readEntry(&in) // it was read before
	return Entry{hexSerial(e.serialAt(offset)), at, reason}
}

// readEntry reads { serial, date, extensions OPTIONAL }.
func readEntry(in *cryptobyte.String) (at time.Time, reason RevocationReason, err error) {
	var entry cryptobyte.String
	var serial []byte
	if !in.ReadASN1(&entry, cbasn1.SEQUENCE) || !entry.ReadASN1Integer(&serial) {
		return at, 0, errors.New("is damaged, or its serial number is negative")
	}
	utc := entry.PeekASN1Tag(cbasn1.UTCTime)
	if utc && !entry.ReadASN1UTCTime(&at) || !utc && !entry.ReadASN1GeneralizedTime(&at) {
		return at, 0, errors.New("has no date")
	}
	if entry.Empty() {
		return at, 0, nil
	}
	var extensions cryptobyte.String
	if !entry.ReadASN1(&extensions, cbasn1.SEQUENCE) || !entry.Empty() {
		return at, 0, errors.New("is damaged")
	}
	reason, err = readReason(extensions)
	return at, reason, err
}

// The extensions of entries, 2.5.29.x by the content of their OID: a million
// entries are compared with these.
const (
	idReason            = "\x55\x1d\x15" // 21
	idInvalidityDate    = "\x55\x1d\x18" // 24
	idCertificateIssuer = "\x55\x1d\x1d" // 29
)

func readReason(extensions cryptobyte.String) (reason RevocationReason, err error) {
	for !extensions.Empty() {
		var extension, oid, value cryptobyte.String
		critical := false
		if !extensions.ReadASN1(&extension, cbasn1.SEQUENCE) || !extension.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
			extension.PeekASN1Tag(cbasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) ||
			!extension.ReadASN1(&value, cbasn1.OCTET_STRING) || !extension.Empty() {
			return 0, errors.New("has a damaged extension")
		}
		switch string(oid) {
		case idReason:
			number := 0
			if !value.ReadASN1Enum(&number) || !value.Empty() {
				return 0, errors.New("has a damaged reason")
			}
			reason = RevocationReason(number)
		case idInvalidityDate:
		case idCertificateIssuer:
			return 0, errors.New("names another issuer: the list is indirect, want that of the CA itself")
		default:
			if critical {
				return 0, fmt.Errorf("has the critical extension %x, which signet does not know", []byte(oid))
			}
		}
	}
	if reason == removeFromCRL {
		return 0, errors.New("says removeFromCRL, which only a delta list may")
	}
	if _, known := reasonNames[reason]; !known {
		return 0, fmt.Errorf("has the unknown %v", reason)
	}
	return reason, nil
}
