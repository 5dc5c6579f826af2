//go:build broken_zone

package policy

import "time"

// A control: this build counts by UTC, whatever zone a policy names. The model
// test must find it.
func clockOf(*time.Location) *time.Location { return time.UTC }
