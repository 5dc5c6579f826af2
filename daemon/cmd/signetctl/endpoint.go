package main

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/client"
)

// An endpoint is one socket of the daemon.
type endpoint struct {
	path     string
	group    string // whose members may connect, as shipped
	flag     string
	variable string
	about    text
}

var (
	signEndpoint  = endpoint{"/run/signet/sign/sign.sock", "signet-clients", "sign-socket", "SIGNET_SIGN_SOCKET", flagSignSocket}
	adminEndpoint = endpoint{"/run/signet/admin/admin.sock", "signet-admin", "admin-socket", "SIGNET_ADMIN_SOCKET", flagAdminSocket}
	auditEndpoint = endpoint{"/run/signet/audit/audit.sock", "signet-audit", "audit-socket", "SIGNET_AUDIT_SOCKET", flagAuditSocket}
)

// from takes the path of the environment where it has one.
func (e endpoint) from(getenv func(string) string) endpoint {
	if path := getenv(e.variable); path != "" {
		e.path = path
	}
	return e
}

func (e *endpoint) addFlag(p *program, flags *pflag.FlagSet) {
	flags.StringVar(&e.path, e.flag, e.path, p.tr(e.about))
}

// unreachable says why a socket gave no answer, and what helps. An error of
// another kind, the daemon's word included, stays what it is.
func (e endpoint) unreachable(err error) error {
	if !errors.Is(err, admin.ErrUnreachable) && !errors.Is(err, client.ErrUnreachable) {
		return err
	}
	said := &fault{status: exitUnreachable, what: msgUnreachable, args: []any{e.path, cause(err)}, next: hintService}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		said.what, said.args = msgNoAnswer, []any{e.path}
	case errors.Is(err, fs.ErrNotExist):
		said.what, said.args = msgNoSocket, []any{e.path}
	case errors.Is(err, syscall.ECONNREFUSED):
		said.what, said.args = msgNobodyListens, []any{e.path}
	case errors.Is(err, fs.ErrPermission):
		group := e.groupNow()
		said.what, said.args = msgNotPermitted, []any{e.path, group}
		said.next, said.nextArgs = hintGroup, []any{group, account()}
	}
	return said
}

// cause is what the kernel said, where it said something.
func cause(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// groupNow is the group that the socket has, or the one it is shipped with if
// that cannot be told or is root's: so a socket is for the moment between its
// making and its being given to the group.
func (e endpoint) groupNow() string {
	info, err := os.Stat(e.path)
	if err != nil {
		return e.group
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Gid == 0 {
		return e.group
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(stat.Gid), 10))
	if err != nil {
		return e.group
	}
	return g.Name
}

func account() string {
	u, err := user.Current()
	if err != nil {
		return "ACCOUNT"
	}
	return u.Username
}

// Bounds of an answer. An act may make a key, for which a module gets ten
// minutes.
const (
	readTimeout = 30 * time.Second
	signTimeout = time.Minute
	actTimeout  = 12 * time.Minute
)

// read asks one question; see readEither.
func read[T any](ctx context.Context, p *program, ask func(context.Context, *admin.Client) (T, error)) (T, error) {
	ctx, cancel := p.within(ctx, readTimeout)
	defer cancel()
	defer p.waiting()()
	return readEither(ctx, p, ask)
}

// readEither asks admin.sock, or audit.sock if this account may not use that
// one or it does not answer. Both give the same answers.
func readEither[T any](ctx context.Context, p *program, ask func(context.Context, *admin.Client) (T, error)) (T, error) {
	answer, adminErr := askOf(ctx, p.admin, ask)
	switch {
	case errors.Is(adminErr, context.DeadlineExceeded): // no time is left for the other
		return answer, p.admin.unreachable(adminErr)
	case !errors.Is(adminErr, admin.ErrUnreachable) && !errors.Is(adminErr, protocol.RoleRefused):
		return answer, adminErr
	}
	answer, err := askOf(ctx, p.audit, ask)
	switch {
	case errors.Is(adminErr, fs.ErrPermission) && errors.Is(err, fs.ErrPermission):
		return answer, p.neitherPermitted()
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission): // the other one's reason is the one to act on
		return answer, p.admin.unreachable(adminErr)
	}
	return answer, p.audit.unreachable(err)
}

func (p *program) neitherPermitted() error {
	officers, auditors, me := p.admin.groupNow(), p.audit.groupNow(), account()
	return &fault{
		status: exitUnreachable, what: msgNeitherSocket, args: []any{p.admin.path, p.audit.path, officers, auditors},
		next: hintGroups, nextArgs: []any{officers, me, auditors, me},
	}
}

func askOf[T any](ctx context.Context, e endpoint, ask func(context.Context, *admin.Client) (T, error)) (T, error) {
	c := admin.NewClient(e.path)
	defer c.Close()
	return ask(ctx, c)
}

// dialSign connects to sign.sock.
func (p *program) dialSign(ctx context.Context) (*client.Conn, error) {
	c, err := client.Connect(ctx, p.sign.path)
	if err != nil {
		return nil, p.sign.unreachable(err)
	}
	return c, nil
}

// outcomeUnknown tells whether a request may have been carried out although
// no answer came: anything after the connection stood.
func outcomeUnknown(err error) bool {
	var op *net.OpError
	dialling := errors.As(err, &op) && op.Op == "dial"
	return errors.Is(err, admin.ErrUnreachable) && !dialling
}
