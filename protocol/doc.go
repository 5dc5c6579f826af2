// Package protocol is what crosses the boundary of signetd on sign.sock: the
// frames, the messages of signet.proto, the checks of a request that need no
// state, and the error codes. protocol.md is its byte-exact specification.
package protocol
