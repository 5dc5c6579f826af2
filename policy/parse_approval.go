package policy

import (
	"fmt"
	"regexp"
	"time"

	"signet/protocol/stricttoml"
)

// Bounds of what a policy may ask of an approval.
const (
	maxPersons  = 8
	maxMost     = 1_000_000
	longestMost = 31 * 24 * time.Hour
)

// approvalsOf reads [approvals], nil if the table is absent. Without forms it
// is one that nobody can satisfy, as for every absent list of what is allowed.
func approvalsOf(root *stricttoml.Table) *Approvals {
	table := root.OptionalTable("approvals")
	custodians := table.OptionalValues("custodians")
	a := Approvals{
		Persons:    int(table.IntOr("persons", 1, 1, maxPersons)),
		Custodians: uniqueOf(custodians, parseOfficer),
		Forms:      unique(table, "forms", ParseForm),
		Most:       uint32(table.IntOr("most", 1, 1, maxMost)),
		Longest:    table.DurationOr("longest", 24*time.Hour, time.Minute, longestMost),
	}
	// An empty list would read as nobody and mean everybody. Ids that were
	// refused count: their fault says already what is to be mended.
	if n := len(custodians); custodians != nil && n < a.Persons {
		table.Faultf("custodians", "lists %d: want at least %d as persons says, or no list, for every custodian of the entry", n, a.Persons)
	}
	if !root.Has("approvals") {
		return nil
	}
	return &a
}

var officerForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func parseOfficer(text string) (string, error) {
	if !officerForm.MatchString(text) {
		return "", fmt.Errorf("%s is no id of an officer: want 1 to 32 of a-z, 0-9 and -", stricttoml.Quote(text))
	}
	return text, nil
}
