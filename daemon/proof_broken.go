//go:build broken_proof

package daemon

// A control: this build takes records and officers as they lie in the file.
// The test that edits them as root must fail on it.
const holdRecords = false
