package daemon

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"signet/protocol"
	"signet/systemd"
)

// An exposition is an answer in the text format of Prometheus, version 0.0.4.
type exposition struct {
	contentType string
	text        []byte
}

// getMetrics answers in every mode, and is no event: it says nothing of what
// was signed for whom.
func (s *Server) getMetrics(v visit) (any, *protocol.Error) {
	page := &page{header: http.Header{}, status: http.StatusOK}
	// Without the visitor's headers: the contract has one format.
	plain, err := http.NewRequestWithContext(v.Context(), http.MethodGet, v.URL.Path, nil)
	if err != nil {
		return nil, s.noMetrics(err)
	}
	options := promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError, DisableCompression: true}
	promhttp.HandlerFor(s.metrics.registry, options).ServeHTTP(page, plain)
	if page.status != http.StatusOK {
		return nil, s.noMetrics(errors.New(page.body.String()))
	}
	return exposition{page.header.Get("Content-Type"), page.body.Bytes()}, nil
}

func (s *Server) noMetrics(err error) *protocol.Error {
	s.journal.Send(systemd.InternalError, "gathering metrics", systemd.Cause(err))
	return protocol.NewError(protocol.Internal, "")
}

// A page keeps an answer, so that one that fails half-way becomes a fault.
type page struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) WriteHeader(status int)      { p.status = status }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }

// counted counts the exchanges of one of the people's sockets by the route
// that they took; what is no route is "other".
func (s *Server) counted(which peopleSocket, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		route := r.Pattern // set by the mux
		if route == "" || route == "/" {
			route = "other"
		}
		s.metrics.web.WithLabelValues(which.String(), route, strconv.Itoa(seen.status)).Inc()
	})
}

func (p peopleSocket) String() string {
	if p == adminSocket {
		return "admin"
	}
	return "audit"
}

// A statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (s *Server) writeAnswer(w http.ResponseWriter, answer any) {
	text, ok := answer.(exposition)
	if !ok {
		s.writeJSON(w, http.StatusOK, answer)
		return
	}
	w.Header().Set("Content-Type", text.contentType)
	w.Write(text.text) // a peer that has gone is no fault of ours
}
