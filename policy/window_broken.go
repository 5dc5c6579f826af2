//go:build broken_window

package policy

import "time"

// A control: this build begins every window a quarter of an hour late. The model test must find it.
const windowsLate time.Duration = 15 * time.Minute
