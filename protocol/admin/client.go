package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// maxAnswer bounds one answer in bytes: 1,000 events with room to spare.
const maxAnswer = 8 << 20

// ErrUnreachable is wrapped when no daemon answers on the socket.
var ErrUnreachable = errors.New("signetd cannot be reached")

// A Client speaks to one socket. It is safe for concurrent use.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client of the socket at that path. It does not connect.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for the state of the appliance.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, PathStatus)
}

// Metrics asks for the metrics, in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	data, err := c.fetch(ctx, http.MethodGet, PathMetrics, nil)
	return string(data), err
}

// Tokens lists the tokens.
func (c *Client) Tokens(ctx context.Context) (Tokens, error) {
	return get[Tokens](ctx, c, PathTokens)
}

// TryMechanisms has a token show what it does. It may take minutes; ending ctx
// ends the trial.
func (c *Client) TryMechanisms(ctx context.Context, token string) (Trial, error) {
	return call[Trial](ctx, c, http.MethodPost, PathTokens+"/"+url.PathEscape(token)+"/mechanisms", nil)
}

// Entries lists the register.
func (c *Client) Entries(ctx context.Context) (Entries, error) {
	return get[Entries](ctx, c, PathEntries)
}

// Entry asks for one record.
func (c *Client) Entry(ctx context.Context, id string) (Entry, error) {
	return get[Entry](ctx, c, PathEntries+"/"+url.PathEscape(id))
}

// Policy asks for the policy of an entry.
func (c *Client) Policy(ctx context.Context, id string) (Policy, error) {
	return get[Policy](ctx, c, PathEntries+"/"+url.PathEscape(id)+"/policy")
}

// TestPolicy asks what would be decided about a use. For admin.sock.
func (c *Client) TestPolicy(ctx context.Context, id string, q PolicyQuestion) (PolicyAnswer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return PolicyAnswer{}, fmt.Errorf("encoding question: %w", err)
	}
	return call[PolicyAnswer](ctx, c, http.MethodPost, PathEntries+"/"+url.PathEscape(id)+"/policy/test", bytes.NewReader(body))
}

// Approvals lists what callers asked custodians for; entry and state may be
// empty: all.
func (c *Client) Approvals(ctx context.Context, entry, state string) (Approvals, error) {
	q := url.Values{}
	for key, value := range map[string]string{"entry": entry, "state": state} {
		if value != "" {
			q.Set(key, value)
		}
	}
	return get[Approvals](ctx, c, PathApprovals+"?"+q.Encode())
}

// Approval asks for one by its id.
func (c *Client) Approval(ctx context.Context, id string) (Approval, error) {
	return get[Approval](ctx, c, PathApprovals+"/"+url.PathEscape(id))
}

// Events reads up to limit lines of the log from an index on.
func (c *Client) Events(ctx context.Context, from uint64, limit int) (Events, error) {
	q := url.Values{"from": {strconv.FormatUint(from, 10)}, "limit": {strconv.Itoa(limit)}}
	return get[Events](ctx, c, PathEvents+"?"+q.Encode())
}

// Content asks for the content whose SM3 (lower-case hex) that is. It does not
// check the hash: compare it with the one that you asked for, over the content.
func (c *Client) Content(ctx context.Context, hash string) (Content, error) {
	return get[Content](ctx, c, PathContents+"/"+url.PathEscape(hash))
}

// Officers asks who signs acts, and how many of them.
func (c *Client) Officers(ctx context.Context) (Officers, error) {
	return get[Officers](ctx, c, PathOfficers)
}

// CRLs lists the newest list of revoked certificates of each issuer.
func (c *Client) CRLs(ctx context.Context) (CRLs, error) {
	return get[CRLs](ctx, c, PathCRLs)
}

// Proposals lists the acts that wait for signatures. For admin.sock.
func (c *Client) Proposals(ctx context.Context) (Proposals, error) {
	return get[Proposals](ctx, c, PathActs)
}

// Proposal asks for an act that waits, with its bytes. For admin.sock.
func (c *Client) Proposal(ctx context.Context, nonce string) (Proposal, error) {
	return get[Proposal](ctx, c, PathActs+"/"+url.PathEscape(nonce))
}

// Backup fetches the backup that the act of that nonce permits, once. It is
// whole when reading it ends in io.EOF; the caller closes it. For admin.sock.
func (c *Client) Backup(ctx context.Context, nonce string) (io.ReadCloser, error) {
	return c.open(ctx, http.MethodGet, PathBackups+"/"+url.PathEscape(nonce), "", nil)
}

// Restore hands in a backup: its header in clear as a backup begins with it,
// then its records, decrypted. An error of r ends the request, and nothing is
// restored from what came before it. For admin.sock.
func (c *Client) Restore(ctx context.Context, r io.Reader) (Staged, error) {
	var answer Staged
	data, err := c.exchange(ctx, http.MethodPost, PathRestore, "application/octet-stream", r)
	if err != nil {
		return answer, err
	}
	return answer, decode(PathRestore, data, &answer)
}

// ActContext asks what an act has to name.
func (c *Client) ActContext(ctx context.Context) (ActContext, error) {
	return get[ActContext](ctx, c, PathActContext)
}

// Submit hands in an act.
func (c *Client) Submit(ctx context.Context, act ActRequest) (ActResult, error) {
	body, err := json.Marshal(act)
	if err != nil {
		return ActResult{}, fmt.Errorf("encoding act: %w", err)
	}
	return call[ActResult](ctx, c, http.MethodPost, PathActs, bytes.NewReader(body))
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	return call[T](ctx, c, http.MethodGet, path, nil)
}

func call[T any](ctx context.Context, c *Client, method, path string, body io.Reader) (T, error) {
	var answer T
	data, err := c.fetch(ctx, method, path, body)
	if err != nil {
		return answer, err
	}
	return answer, decode(path, data, &answer)
}

func decode(path string, data []byte, answer any) error {
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}

// fetch exchanges JSON.
func (c *Client) fetch(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	return c.exchange(ctx, method, path, "application/json", body)
}

// exchange returns the body of an answer of status 200.
func (c *Client) exchange(ctx context.Context, method, path, contentType string, body io.Reader) ([]byte, error) {
	res, err := c.open(ctx, method, path, contentType, body)
	if err != nil {
		return nil, err
	}
	defer res.Close()
	return c.readAnswer(path, res)
}

// open returns the body of an answer of status 200, to be read and closed.
func (c *Client) open(ctx context.Context, method, path, contentType string, body io.Reader) (io.ReadCloser, error) {
	// The host names no machine: the connection is the socket's.
	req, err := http.NewRequestWithContext(ctx, method, "http://signetd"+path, body)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrUnreachable, c.socket, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	data, err := c.readAnswer(path, res.Body)
	if err != nil {
		return nil, err
	}
	return nil, faultOf(res.StatusCode, data)
}

func (c *Client) readAnswer(path string, body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("%w on %s: reading the answer: %w", ErrUnreachable, c.socket, err)
	}
	if len(data) > maxAnswer {
		return nil, fmt.Errorf("reading the answer of %s: more than %d bytes", path, maxAnswer)
	}
	return data, nil
}

func faultOf(status int, data []byte) error {
	var fault Fault
	if err := json.Unmarshal(data, &fault); err != nil || fault.Error.Code == 0 {
		return fmt.Errorf("unexpected answer: HTTP status %d", status)
	}
	return fault.Error.Protocol()
}
