//go:build !bench_null

package main

import "signet/hsm"

// measured is the driver itself. Only the build that the bench holds this one
// against puts something in front of it.
func measured(d hsm.Driver) hsm.Driver { return d }
