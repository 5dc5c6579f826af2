//go:build broken_verify

package daemon

// A control: this build lets the module's word go unverified. The test with a
// module that signs wrongly must fail on it.
const verifySignatures = false
