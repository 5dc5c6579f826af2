//go:build !broken_reservation

package daemon

// keepsReservations: a use that is being signed counts as one.
const keepsReservations = true
