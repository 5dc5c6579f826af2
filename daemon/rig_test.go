package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/replay"
	"signet/daemon/internal/store"
	firmwareconfig "signet/firmware-config"
	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
	"signet/protocol/canonical"
	"signet/protocol/client"
	"signet/systemd"
	testsofthsm "signet/testsoftHSM"
	"signet/testsoftHSM/need"
	"signet/testsoftHSM/stage"
)

// patience bounds every wait of these tests. It is reached only by a fault.
const patience = 20 * time.Second

// Who is who. The numbers name nobody on the machine.
const (
	daemonUID = 20000
	callerUID = 20001
	otherUID  = 20002

	clientsGID = 30001
	adminGID   = 30002
	auditGID   = 30003
)

// A rig is an appliance on real parts: a token of its own behind the SM2
// shim, a store file, sockets. Its end checks the whole log.
type rig struct {
	testing.TB
	dir     string
	token   *testsofthsm.Token
	journal *journalBuffer
	clock   *testClock
	limits  Limits
	wrap    func(hsm.Driver) hsm.Driver // breaks the driver on purpose

	logToken string            // of [log]
	trust    certificate.Trust // CAs
	selfTest time.Duration     // how often; 0: on command only

	server *Server
	stop   func()

	edited bool // the store was edited as root does: its log need not replay
}

type journalBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *journalBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *journalBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// newRig prepares a rig that is not started yet.
func newRig(t testing.TB) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "signet-") // short: a socket path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{TB: t, dir: dir, token: testsofthsm.New(t), journal: &journalBuffer{}, clock: newTestClock()}
	r.limits = Limits{Connections: 64, ConnectionsPerUID: 32, Frame: protocol.MaxRequest, Batch: 256, QueuePerUID: 128, Deadline: 10 * time.Second, Idle: time.Minute}
	for _, sub := range []string{"state", "run", "latch", "sign", "admin", "audit"} {
		mode := os.FileMode(0o700)
		if sub == "sign" || sub == "admin" || sub == "audit" {
			mode = 0o755
		}
		if err := os.Mkdir(filepath.Join(dir, sub), mode); err != nil {
			t.Fatal(err)
		}
		if isRoot() {
			if err := os.Chown(filepath.Join(dir, sub), daemonUID, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

// startedRig is a rig in mode serving, initialised.
func startedRig(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.start()
	r.init()
	r.waitMode(Serving)
	return r
}

func isRoot() bool { return os.Geteuid() == 0 }

func needRoot(t testing.TB) {
	t.Helper()
	need.Root(t, "speaks as several uids")
}

// as runs f with other credentials, or as this user where there is no choice.
func as(uid int, groups []int, f func()) {
	if !isRoot() {
		f()
		return
	}
	list := make([]uint32, len(groups))
	for i, g := range groups {
		list[i] = uint32(g)
	}
	stage.As(uint32(uid), list, f)
}

func (r *rig) path(parts ...string) string {
	return filepath.Join(append([]string{r.dir}, parts...)...)
}

func (r *rig) groups() Groups {
	if isRoot() {
		return Groups{clientsGID, adminGID, auditGID}
	}
	gid := uint32(os.Getgid())
	return Groups{gid, gid, gid}
}

// openDriver opens the shim in this process.
func (r *rig) openDriver(changed func()) hsm.Driver {
	r.Helper()
	text, err := firmwareconfig.Profile("softhsm-shim")
	if err != nil {
		r.Fatal(err)
	}
	profile, err := hsm.ParseProfile(bytes.NewReader(text))
	if err != nil {
		r.Fatal(err)
	}
	d, err := pkcs11.Open(pkcs11.Config{
		Name: "m", Path: r.token.Shim, Env: r.token.Env, Profile: profile, LatchDir: r.path("latch"), Changed: changed,
		Backoff: func(int) time.Duration { return 10 * time.Millisecond },
		Tokens: []pkcs11.Token{{
			Name: "seals", URI: hsm.URI{Token: r.token.Label}, Sessions: 4,
			PIN: func() (hsm.Secret, error) { return hsm.NewSecret([]byte(r.token.PIN)), nil },
		}},
	})
	if err != nil {
		r.Fatal(err)
	}
	if r.wrap != nil {
		return r.wrap(d)
	}
	return d
}

func (r *rig) options(d hsm.Driver) Options {
	return Options{
		Name: "seal-a.example.org", State: r.path("state"), Runtime: r.path("run"), AnchorEach: time.Hour, Limits: r.limits,
		Groups: r.groups(), Drivers: []hsm.Driver{d}, Journal: systemd.Open(r.journal), Sources: r.clock.sources(), Version: "test",
		LogToken: r.logToken, Trust: r.trust, SelfTest: r.selfTest,
	}
}

// start runs the daemon until the test ends or halts it.
func (r *rig) start() {
	r.Helper()
	var server atomic.Pointer[Server]
	d := r.openDriver(func() {
		if s := server.Load(); s != nil {
			s.TokensChanged()
		}
	})
	options := r.options(d)
	r.own(r.path("state"), r.path("run"))
	var err error
	as(daemonUID, nil, func() {
		if options.Lock, err = Claim(options.State, options.Runtime); err == nil {
			r.server, err = New(options)
		}
	})
	if err != nil {
		r.Fatalf("New: %v", err)
	}
	server.Store(r.server)
	g := r.groups()
	sockets, err := Listen(SocketPath{r.path("sign", "sign.sock"), g.Clients}, SocketPath{r.path("admin", "admin.sock"), g.Admin}, SocketPath{r.path("audit", "audit.sock"), g.Audit})
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.server.Run(ctx, sockets) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				r.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			r.Error("the daemon did not stop")
		}
		if err := options.Journal.Close(); err != nil {
			r.Errorf("journal: %v", err)
		}
	})
	r.Cleanup(func() {
		r.stop()
		r.checkLog()
		if r.Failed() {
			r.Logf("journal:\n%s", r.journal)
		}
	})
}

// own gives what an earlier run left to the daemon's uid: in a test only New
// runs as it, the goroutines that it starts are root's.
func (r *rig) own(dirs ...string) {
	r.Helper()
	if !isRoot() {
		return
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, daemonUID, -1))
		})
		if err != nil {
			r.Fatal(err)
		}
	}
}

// checkLog reads back the whole store, as every test of it ends.
func (r *rig) checkLog() {
	r.Helper()
	if _, err := os.Stat(r.path("state", storeName)); errors.Is(err, os.ErrNotExist) {
		return
	}
	s, err := store.Open(r.path("state", storeName), store.Options{Now: time.Now})
	if err != nil {
		if !errors.Is(err, store.ErrForeign) && !errors.Is(err, store.ErrDamaged) {
			r.Errorf("opening the store at the end: %v", err)
		}
		return
	}
	err = s.Check(context.Background())
	if !r.edited {
		r.checkReplay(s)
		r.checkCounts(s)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		r.Errorf("the log at the end: %v", err)
	}
}

// checkCounts holds what the store counts to its log.
func (r *rig) checkCounts(s *store.Store) {
	r.Helper()
	if wrong, err := s.Recount(context.Background()); err != nil || len(wrong) > 0 {
		r.Errorf("the counts at the end: %+v, %v", wrong, err)
	}
}

// checkReplay decides anew what the log says was decided.
func (r *rig) checkReplay(s *store.Store) {
	r.Helper()
	again := replay.New(contents{s})
	for from := uint64(0); from < s.Position().Size; {
		lines, err := s.Events(from, 500)
		if err != nil {
			r.Errorf("replay: %v", err)
			return
		}
		for _, line := range lines {
			if err := again.Line(line); err != nil {
				r.Errorf("replay: %v", err)
				return
			}
		}
		from += uint64(len(lines))
	}
	for _, d := range again.Differences() {
		r.Errorf("replay: event %d, %s, entry %q: %s", d.Event, d.Class, d.Entry, d.Text)
	}
}

// contents are those that a store has, by their SM3.
type contents struct{ *store.Store }

func (c contents) Content(hash string) ([]byte, error) { return c.Blob(hash) }

func (r *rig) waitMode(want Mode) {
	r.Helper()
	r.waitFor(func() bool { return r.server.condition().mode == want }, "mode "+want.String())
}

// waitFor polls a condition: the tests wait for what happens, not for time.
func (r *rig) waitFor(holds func() bool, what string) {
	r.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			r.Fatalf("waited %v for %s; journal:\n%s", patience, what, r.journal)
		}
		runtime.Gosched()
	}
}

// dial connects to a socket as somebody.
func (r *rig) dial(socket string, uid int, groups ...int) net.Conn {
	r.Helper()
	var conn net.Conn
	var err error
	as(uid, groups, func() { conn, err = net.Dial("unix", r.path(socket, socket+".sock")) })
	if err != nil {
		r.Fatalf("connecting to %s as %d: %v", socket, uid, err)
	}
	r.Cleanup(func() { conn.Close() })
	return conn
}

// caller is a client of sign.sock with a uid of the group of callers.
func (r *rig) caller(uid int) *client.Conn {
	r.Helper()
	var c *client.Conn
	var err error
	as(uid, []int{clientsGID}, func() { c, err = client.Connect(context.Background(), r.path("sign", "sign.sock")) })
	if err != nil {
		r.Fatalf("connecting as %d: %v", uid, err)
	}
	r.Cleanup(func() { c.Close() })
	return c
}

// officer speaks HTTP over one connection of admin.sock or audit.sock.
type officer struct {
	*rig
	http *http.Client
}

func (r *rig) officer(socket string, uid int, groups ...int) *officer {
	r.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) {
		var conn net.Conn
		var err error
		as(uid, groups, func() { conn, err = net.Dial("unix", r.path(socket, socket+".sock")) })
		return conn, err
	}
	transport := &http.Transport{DialContext: dial, MaxConnsPerHost: 1}
	r.Cleanup(transport.CloseIdleConnections)
	return &officer{r, &http.Client{Transport: transport}}
}

func (r *rig) administrator() *officer { return r.officer("admin", daemonUID+10, adminGID) }

// call returns status and body.
func (o *officer) call(method, path, body string) (int, string) {
	o.Helper()
	req, err := http.NewRequest(method, "http://signetd"+path, strings.NewReader(body))
	if err != nil {
		o.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := o.http.Do(req)
	if err != nil {
		o.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		o.Fatalf("%s %s: %v", method, path, err)
	}
	return res.StatusCode, string(data)
}

// act builds an act over the log as it is now.
func (o *officer) act(kind authority.Kind, target string, content any) admin.ActRequest {
	o.Helper()
	data, err := canonical.Marshal(content)
	if err != nil {
		o.Fatal(err)
	}
	a := authority.Act{
		V: authority.ActVersion, Kind: kind, Target: target, ContentSHA: authority.ContentHash(data), Nonce: authority.NewNonce(),
		NotAfter: o.clock.real().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339),
	}
	if m, err := o.logNow(); err == nil {
		a.Appliance, a.LogSize, a.LogRoot = m.Appliance, m.Size, m.Root
	}
	if kind == authority.Init {
		a.Appliance, a.LogSize, a.LogRoot = "", 0, ""
	}
	return o.request(a, data)
}

func (o *officer) request(a authority.Act, content []byte) admin.ActRequest {
	o.Helper()
	raw, err := a.Bytes()
	if err != nil {
		o.Fatal(err)
	}
	return admin.ActRequest{Act: string(raw), Content: string(content)}
}

func (r *rig) logNow() (marker, error) {
	if a := r.server.appliance(); a != nil {
		return markerOf(a.store), nil
	}
	m, err := readMarker(r.path("state"))
	if err != nil || m == nil {
		return marker{}, errors.New("no log")
	}
	return *m, nil
}

// submit hands an act in and returns the error code, 0 for success.
func (o *officer) submit(req admin.ActRequest) (admin.ActResult, protocol.Code) {
	o.Helper()
	status, body := o.call("POST", admin.PathActs, mustJSON(o, req))
	if status == http.StatusOK {
		return fromJSON[admin.ActResult](o, body), 0
	}
	fault := fromJSON[admin.Fault](o, body)
	o.Logf("act refused: %d %s", status, body)
	return admin.ActResult{}, protocol.Code(fault.Error.Code)
}

func (o *officer) must(kind authority.Kind, target string, content any) admin.ActResult {
	o.Helper()
	result, code := o.submit(o.act(kind, target, content))
	if code != 0 {
		o.Fatalf("%s %s: refused with %v", kind, target, code)
	}
	return result
}

func (r *rig) init() {
	r.Helper()
	r.administrator().must(authority.Init, "", authority.Genesis{Appliance: "seal-a.example.org", Authority: authority.Development, Crypto: "mixed", Deployment: "owner"})
}

// myUID is the uid that a test's caller has: its own where there is only one.
func myUID(uid int) int {
	if isRoot() {
		return uid
	}
	return os.Getuid()
}

const policyText = `
callers = { users = [%d] }
operations = ["digest", "message"]
algorithms = ["SM2-SM3", "ECDSA-P256-SHA256", "RSA-PKCS1-SHA256"]
purposes = ["contract"]
`

// entry makes an active entry whose key callerUID may use.
func (r *rig) entry(id, keyType string) algo.PublicKey {
	r.Helper()
	o := r.administrator()
	o.must(authority.KeyCreate, id, authority.CreateKey{Type: keyType, Token: "seals"})
	o.must(authority.PolicySet, id, authority.SetPolicy{Text: fmt.Sprintf(policyText, myUID(callerUID))})
	o.must(authority.EntryActivate, id, authority.Nothing{})
	return r.server.appliance().book.find(id).key.Public
}

// signRequest asks for signatures of n random values that fit a.
func signRequest(entry string, a algo.Algorithm, n int) *protocol.SignRequest {
	req := &protocol.SignRequest{Entry: entry, Algorithm: protocol.Algorithm(a), Form: protocol.SignForm_RAW, Context: &protocol.Context{Purpose: "contract"}}
	for range n {
		req.Inputs = append(req.Inputs, digestInput(a))
	}
	return req
}

func digestInput(a algo.Algorithm) *protocol.Input {
	value := make([]byte, a.DigestSize())
	rand.Read(value)
	if a == algo.SM2SM3 {
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: value}}
	}
	return &protocol.Input{Value: &protocol.Input_Digest{Digest: value}}
}

// events returns the log as it is.
func (r *rig) events() []*audit.Event {
	r.Helper()
	a := r.server.appliance()
	if a == nil {
		r.Fatal("no store is open")
	}
	var events []*audit.Event
	for {
		lines, err := a.store.Events(uint64(len(events)), 1000)
		if err != nil {
			r.Fatal(err)
		}
		if len(lines) == 0 {
			return events
		}
		for _, line := range lines {
			e, err := audit.ParseEvent(line)
			if err != nil {
				r.Fatal(err)
			}
			events = append(events, e)
		}
	}
}

// lastEvent returns the newest event.
func (r *rig) lastEvent() *audit.Event {
	events := r.events()
	return events[len(events)-1]
}

// checkSigned holds a result to key and event: it verifies over value, and
// the log has exactly that signature at the receipt's index.
func (r *rig) checkSigned(pub algo.PublicKey, a algo.Algorithm, value []byte, res *protocol.Result) {
	r.Helper()
	s := res.GetSigned()
	if s == nil {
		r.Fatalf("result = %v, want a signature", res.GetError())
	}
	if err := pub.Verify(a, value, s.Signature); err != nil {
		r.Errorf("%v signature: %v", a, err)
	}
	e := r.events()[s.Receipt.Event]
	if e.Result != audit.Allowed || e.Value != hex.EncodeToString(value) {
		r.Errorf("event %d = %+v, want the use of %x", s.Receipt.Event, e, value)
	}
}
