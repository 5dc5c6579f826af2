package pkcs11

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait = 500 * time.Millisecond
	lastWait  = 30 * time.Second
)

// Backoff is the wait before reconnect n = 1, 2, ...: 0.5 s doubled each time
// up to 30 s, of which the last quarter is drawn by lot, so that the daemons
// of several appliances do not all fall upon an HSM that comes back.
func Backoff(n int) time.Duration {
	wait := lastWait
	if n < 7 { // 0.5 s << 6 is beyond lastWait
		wait = min(lastWait, firstWait<<max(n-1, 0))
	}
	return wait - rand.N(wait/4)
}

// steady is how long a connection must have lasted for its loss to be the
// first in a row. Without it a device that connects and then fails would be
// connected to, with a login each time, as fast as requests arrive.
const steady = 30 * time.Second
