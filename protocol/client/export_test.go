package client

import (
	"context"
	"net"
)

// DialWith has c connect by dial, for instance as another user.
func (c *Client) DialWith(dial func(ctx context.Context, path string) (net.Conn, error)) {
	c.dial = dial
}
