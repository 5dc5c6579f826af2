//go:build broken_fair

package daemon

// A control: in this build the turnstile takes whoever came first, so that a
// flood of one uid is served before the single request of another. The test of
// fairness must fail on it.
const turnsByUID = false
