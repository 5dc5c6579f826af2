//go:build broken_leak

package daemon

// A control: this build keeps a goroutine for every request that it answers
// busy. The soak (testsoftHSM/soak) must see the slope.
const keepsRefused = true
