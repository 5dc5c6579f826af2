package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/systemd"
)

// A socket of people: the same reading on both, acts on the first.
type peopleSocket uint8

const (
	adminSocket peopleSocket = iota + 1
	auditSocket
)

// Bounds of an HTTP exchange, with those of timeouts.
const (
	webIdleTimeout = 60 * time.Second
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 5 << 20 // an act with the longest content, and its signatures
)

// web is the two HTTP servers over the people's sockets.
type web struct {
	daemon  *Server
	mu      sync.Mutex
	servers []*http.Server
}

func (s *Server) newWeb() *web { return &web{daemon: s} }

// serve answers on one listener until drain.
func (w *web) serve(l *net.UnixListener, which peopleSocket) error {
	server := &http.Server{
		Handler:           w.daemon.routes(which),
		ReadHeaderTimeout: w.daemon.limits.times.webHeader,
		ReadTimeout:       w.daemon.limits.times.webBody,
		IdleTimeout:       webIdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // faults of peers; ours are sent to the journal
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return withVisitor(ctx, c) },
	}
	w.mu.Lock()
	w.servers = append(w.servers, server)
	w.mu.Unlock()
	if err := server.Serve(&doorkeeper{l, w.daemon, w.daemon.doorOf(which), which}); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) doorOf(which peopleSocket) *door {
	if which == auditSocket {
		return s.doors.audit
	}
	return s.doors.admin
}

// drain lets exchanges in flight end and closes what is idle.
func (w *web) drain(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, server := range w.servers {
		// Its listener is closed already: no socket takes a connection by now.
		if err := server.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("draining: %w", err))
		}
	}
	return errors.Join(errs...)
}

// close cuts off what did not drain.
func (w *web) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, server := range w.servers {
		if err := server.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// A visitor is who holds one connection, and what of his reading is recorded
// already: one event per connection and kind.
type visitor struct {
	peer Peer
	err  error

	mu   sync.Mutex
	read map[string]bool
}

type visitorKey struct{}

func withVisitor(ctx context.Context, c net.Conn) context.Context {
	v := &visitor{read: map[string]bool{}}
	if known, ok := c.(*person); ok {
		v.peer = known.peer
	} else {
		v.err = errors.New("identifying peer: not a connection of ours")
	}
	return context.WithValue(ctx, visitorKey{}, v)
}

// A visit is one exchange.
type visit struct {
	*http.Request
	answer  http.ResponseWriter
	visitor *visitor
	inAdmin bool // on admin.sock and a member of its group
}

type handler func(visit) (any, *protocol.Error)

// streamed is the answer of a handler that has written it itself.
var streamed any = new(struct{ _ byte })

func (s *Server) routes(which peopleSocket) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h handler) { mux.Handle(pattern, s.guard(which, h)) }
	handle("GET "+admin.PathStatus, s.getStatus)
	handle("GET "+admin.PathMetrics, s.getMetrics)
	handle("GET "+admin.PathTokens, s.getTokens)
	handle("GET "+admin.PathEntries, s.getEntries)
	handle("GET "+admin.PathEntries+"/{id}", s.getEntry)
	handle("GET "+admin.PathEntries+"/{id}/policy", s.getPolicy)
	handle("GET "+admin.PathEvents, s.inTurn(s.getEvents))
	handle("GET "+admin.PathContents+"/{sm3}", s.getContent)
	handle("GET "+admin.PathActContext, s.getActContext)
	handle("GET "+admin.PathOfficers, s.getOfficers)
	handle("GET "+admin.PathCRLs, s.getCRLs)
	handle("GET "+admin.PathApprovals, s.inTurn(s.getApprovals))
	handle("GET "+admin.PathApprovals+"/{id}", s.getApproval)
	if which == adminSocket {
		handle("POST "+admin.PathActs, s.postAct)
		handle("POST "+admin.PathEntries+"/{id}/policy/test", s.postPolicyTest)
		handle("GET "+admin.PathActs, s.getProposals)
		handle("GET "+admin.PathActs+"/{nonce}", s.getProposal)
		handle("GET "+admin.PathBackups+"/{nonce}", s.getBackup)
		handle("POST "+admin.PathRestore, s.postRestore)
		handle("POST "+admin.PathTokens+"/{name}/mechanisms", s.postMechanisms)
	}
	handle("/", func(v visit) (any, *protocol.Error) {
		return nil, protocol.NewError(protocol.Unsupported, "%s %s is not part of this socket's interface", v.Method, v.URL.Path)
	})
	return s.counted(which, mux)
}

// pagesAtOnce is how many pages of the log are made at a time: auditors who
// read all they can must not take the processors from who signs or suspends.
const pagesAtOnce = 2

// inTurn has the uids that wait take turns. What must be answered whatever else
// goes on (status, metrics, acts) does not wait here.
func (s *Server) inTurn(h handler) handler {
	return func(v visit) (any, *protocol.Error) {
		n, err := s.pages.enter(v.Context(), v.visitor.peer.UID, 1)
		if err != nil {
			return nil, protocol.NewError(protocol.DeadlineExceeded, "the request ended before its turn to read came")
		}
		defer s.pages.leave(n)
		return h(v)
	}
}

// guard knows the peer, holds him to the socket's group, and writes the
// answer. A fault of ours ends the exchange, not the daemon.
func (s *Server) guard(which peopleSocket, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == http.ErrAbortHandler {
				panic(p) // an answer that was cut on purpose
			}
			if p != nil {
				s.journal.Send(systemd.InternalError, fmt.Sprintf("answering %s %s panicked", r.Method, r.URL.Path), systemd.Cause(fmt.Errorf("%v\n%s", p, debug.Stack())))
				s.writeFault(w, protocol.NewError(protocol.Internal, ""))
			}
		}()
		v := r.Context().Value(visitorKey{}).(*visitor)
		if fault := s.mayVisit(which, v); fault != nil {
			s.writeFault(w, fault)
			return
		}
		answer, fault := h(visit{r, w, v, which == adminSocket})
		switch {
		case fault != nil:
			s.writeFault(w, fault)
		case answer != streamed:
			s.writeAnswer(w, answer)
		}
	})
}

func (s *Server) mayVisit(which peopleSocket, v *visitor) *protocol.Error {
	if v.err != nil {
		s.journal.Send(systemd.InternalError, "a peer could not be identified and was refused", systemd.Cause(v.err))
		return protocol.NewError(protocol.RoleRefused, "the kernel did not say who you are")
	}
	group, name := s.groups.Admin, "signet-admin"
	if which == auditSocket {
		group, name = s.groups.Audit, "signet-audit"
	}
	if !v.peer.In(group) {
		return protocol.NewError(protocol.RoleRefused, "uid %d is not in group %s (gid %d)", v.peer.UID, name, group)
	}
	return nil
}

// noteRead records that somebody reads, before he does.
func (a *appliance) noteRead(v *visitor, what string) *protocol.Error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.read[what] {
		return nil
	}
	uid := v.peer.UID
	e := &audit.Event{
		Kind: audit.KindRead, Op: what, UID: &uid, GID: &v.peer.GIDs[0], GIDs: v.peer.GIDs[1:], PID: v.peer.PID, Unit: v.peer.Unit,
		Clock: a.clock.syncState(), Result: audit.Allowed,
	}
	if err := a.store.Record(&store.Commit{Events: []*audit.Event{e}}); err != nil {
		return storeError(err)
	}
	v.read[what] = true
	return nil
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.journal.Send(systemd.InternalError, "encoding an answer", systemd.Cause(err))
		http.Error(w, `{"error":{"code":900,"name":"internal","message":"","retry":"now"}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(data, '\n')) // a peer that has gone is no fault of ours
}

func (s *Server) writeFault(w http.ResponseWriter, fault *protocol.Error) {
	s.writeJSON(w, httpStatus(protocol.Code(fault.Code)), admin.Fault{Error: admin.NewError(fault)})
}

// httpStatus is for programs that look at nothing else; the code is in the
// body.
func httpStatus(c protocol.Code) int {
	switch {
	case c == protocol.TooLarge:
		return http.StatusRequestEntityTooLarge
	case c < 200:
		return http.StatusBadRequest
	case c == protocol.UnknownEntry:
		return http.StatusNotFound
	case c == protocol.IllegalTransition || c == protocol.Conflict:
		return http.StatusConflict
	case c == protocol.Busy || c == protocol.TooManyConnections:
		return http.StatusTooManyRequests
	case c < 300 || (c >= 600 && c < 700):
		return http.StatusForbidden
	case c < 600:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
