package daemon

import "time"

// Timeouts are part of the protocol, not of the configuration. The zero value
// stands for the usual ones; only tests set others.
type timeouts struct {
	frame time.Duration // a peer may take over one frame, once it has begun
	write time.Duration // and over reading an answer

	webHeader time.Duration // a person may take over the head of a request
	webBody   time.Duration // over all of it
	webWrite  time.Duration // and over reading what is written at once
	upload    time.Duration // a backup that is handed in may stand still
}

func (t timeouts) orUsual() timeouts {
	if t != (timeouts{}) {
		return t
	}
	return timeouts{
		frame: 5 * time.Second, write: 5 * time.Second,
		webHeader: 5 * time.Second, webBody: 10 * time.Second, webWrite: 10 * time.Second,
		upload: time.Minute,
	}
}
