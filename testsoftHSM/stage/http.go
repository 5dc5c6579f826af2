package stage

import (
	"context"
	"net"
	"net/http"
)

// HTTPAs is a client of admin.sock or audit.sock as another user of this
// process, whatever host its URLs name. Each request has a connection of its
// own, so that none outlives a daemon that was killed.
func HTTPAs(uid uint32, groups []uint32, socket string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		As(uid, groups, func() { conn, err = new(net.Dialer).DialContext(ctx, "unix", socket) })
		return conn, err
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}
