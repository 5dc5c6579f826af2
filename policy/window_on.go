//go:build !broken_window

package policy

import "time"

// windowsLate is how long after its calendar a window begins.
const windowsLate time.Duration = 0
