//go:build broken_reservation

package daemon

// A control: this build forgets what is being signed while it decides, and so
// grants the last use of a window twice. The model test must find it.
const keepsReservations = false
