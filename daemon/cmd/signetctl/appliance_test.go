package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/audit"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// An appliance answers on three real sockets what the test puts in. It stands
// for a daemon that says anything, a hostile one included; the real one is
// tested with this program in package daemon.
type appliance struct {
	dir string
	t   *testing.T

	mu       sync.Mutex
	answer   map[string]any             // of GET, by path
	fault    map[string]*protocol.Error // by path, before answer
	metrics  string                     // the text of PathMetrics
	refusing string                     // admin or both: the socket refuses the role
	acts     []admin.ActRequest
	needs    int                       // signatures that an act must have to be done
	waiting  map[string]admin.Proposal // acts that have fewer
	result   admin.ActResult           // of an act that is done, besides what the act says
	backup   []byte                    // what an act of kind backup permits
	restored []byte                    // what was handed in
	staged   admin.Staged
	lines    []string // of the log
	growth   int      // events that each page adds
	pages    int
	partial  bool // events are shown in part
	statuses int  // times that the status was given

	health  protocol.HealthReply
	entries []*protocol.EntryInfo
	sign    func(*protocol.SignRequest) (*protocol.Signed, *protocol.Error)
	asked   []*protocol.SignRequest
	refusal *protocol.Error // of whole requests to sign

	questions []admin.PolicyQuestion // that policies were tried with
	requests  []*protocol.ApprovalRequest
	own       *protocol.ApprovalInfo // of what callers ask for; nil: unknown
}

const applianceID = "2c3e1ac4e364ab9a6b6c1a429c7046e8b6d5541e3c8fbd4c3bd2b2ce37b78e15"

var applianceTime = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// newAppliance serves admin, audit and sign.
func newAppliance(t *testing.T) *appliance {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl") // short: sun_path holds 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	a := &appliance{t: t, dir: dir, fault: map[string]*protocol.Error{}, waiting: map[string]admin.Proposal{}, answer: map[string]any{
		admin.PathActContext: admin.ActContext{Appliance: applianceID, Name: "box", Authority: "development", Mode: "serving", LogSize: 3, LogRoot: strings.Repeat("ab", 32), Now: applianceTime},
		admin.PathStatus:     admin.Status{Mode: "serving", Name: "box", Appliance: applianceID, Clock: "sane", Sync: "synced"},
		admin.PathTokens:     admin.Tokens{Tokens: []admin.Token{{Name: "seals", State: "up", Open: 8, Configured: 8, Module: "soft"}}},
		admin.PathEntries:    admin.Entries{Entries: []admin.Entry{{ID: "contract", Class: "key", Status: "active", KeyType: "SM2"}, {ID: "official", Class: "seal", Status: "pending"}}},
	}}
	a.serveHTTP("admin")
	a.serveHTTP("audit")
	a.serveFrames()
	return a
}

func (a *appliance) socket(name string) string { return filepath.Join(a.dir, name) }

func (a *appliance) listen(name string) net.Listener {
	a.t.Helper()
	l, err := net.Listen("unix", a.socket(name))
	if err != nil {
		a.t.Fatal(err)
	}
	return l
}

func (a *appliance) serveHTTP(name string) {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(name, w, r) })}
	l := a.listen(name)
	go server.Serve(l)
	a.t.Cleanup(func() { server.Close() })
}

func (a *appliance) serve(name string, w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := r.URL.Path
	fault := a.fault[path]
	if a.refusing == name || a.refusing == "both" {
		fault = protocol.NewError(protocol.RoleRefused, "uid 0 is not in the group")
	}
	if fault != nil {
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(admin.Fault{Error: admin.NewError(fault)})
		return
	}
	switch {
	case r.Method == http.MethodPost && path == admin.PathActs:
		a.takeAct(w, r)
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/policy/test"):
		a.takeQuestion(w, r)
	case path == admin.PathActs || strings.HasPrefix(path, admin.PathActs+"/"):
		a.serveWaiting(w, strings.TrimPrefix(path, admin.PathActs))
	case strings.HasPrefix(path, admin.PathBackups+"/") && a.backup != nil:
		w.Write(a.backup)
	case path == admin.PathRestore:
		a.restored, _ = io.ReadAll(r.Body) // cut off where the client breaks off
		json.NewEncoder(w).Encode(a.staged)
	case path == admin.PathMetrics:
		io.WriteString(w, a.metrics)
	case path == admin.PathEvents:
		json.NewEncoder(w).Encode(a.events(r))
	case a.answer[path] != nil:
		if path == admin.PathStatus {
			a.statuses++
		}
		json.NewEncoder(w).Encode(a.answer[path])
	default:
		w.WriteHeader(http.StatusNotFound)
		json.NewEncoder(w).Encode(admin.Fault{Error: admin.NewError(protocol.NewError(protocol.UnknownEntry, "no entry of that id"))})
	}
}

func (a *appliance) takeQuestion(w http.ResponseWriter, r *http.Request) {
	var q admin.PolicyQuestion
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		a.t.Error(err)
	}
	a.questions = append(a.questions, q)
	json.NewEncoder(w).Encode(a.answer[r.URL.Path])
}

func (a *appliance) takeAct(w http.ResponseWriter, r *http.Request) {
	var request admin.ActRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		a.t.Error(err)
	}
	a.acts = append(a.acts, request)
	var act struct{ Kind, Target, Nonce string }
	json.Unmarshal([]byte(request.Act), &act)
	signatures := len(request.Signatures)
	if w := a.waiting[act.Nonce]; !slices.ContainsFunc(request.Signatures, func(s admin.Signature) bool { return slices.Contains(w.Signatures, s) }) {
		signatures += len(w.Signatures)
	}
	if signatures < a.needs {
		a.waiting[act.Nonce] = admin.Proposal{
			Nonce: act.Nonce, Kind: act.Kind, Target: act.Target, NotAfter: "2026-11-23T10:00:00Z", Signers: []string{"security-officer:li"}, Missing: "1 of role security-officer",
			Act: request.Act, Content: request.Content, Signatures: request.Signatures,
		}
		w.WriteHeader(http.StatusForbidden)
		json.NewEncoder(w).Encode(admin.Fault{Error: admin.NewError(protocol.NewError(protocol.TooFew, "1 of role security-officer (1 have signed)"))})
		return
	}
	result := a.result
	result.Appliance, result.Event, result.Kind, result.Target, result.Mode = applianceID, 7, act.Kind, act.Target, "serving"
	result.Unsigned = len(request.Signatures) == 0
	json.NewEncoder(w).Encode(result)
}

func (a *appliance) serveWaiting(w http.ResponseWriter, nonce string) {
	if nonce != "" {
		p, ok := a.waiting[nonce[1:]]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			json.NewEncoder(w).Encode(admin.Fault{Error: admin.NewError(protocol.NewError(protocol.UnknownEntry, "no act"))})
			return
		}
		json.NewEncoder(w).Encode(p)
		return
	}
	all := admin.Proposals{Proposals: []admin.Proposal{}}
	for _, p := range a.waiting {
		p.Act, p.Content, p.Signatures = "", "", nil
		all.Proposals = append(all.Proposals, p)
	}
	json.NewEncoder(w).Encode(all)
}

func (a *appliance) events(r *http.Request) admin.Events {
	var from uint64
	var limit int
	fmt.Sscan(r.URL.Query().Get("from"), &from)
	fmt.Sscan(r.URL.Query().Get("limit"), &limit)
	a.pages++
	out := admin.Events{Lines: []string{}, Next: from, Size: uint64(len(a.lines)), Partial: a.partial}
	for ; out.Next < out.Size && len(out.Lines) < limit; out.Next++ {
		out.Lines = append(out.Lines, a.lines[out.Next])
	}
	for range a.growth {
		a.record(audit.Event{Kind: audit.KindRead, Result: audit.Allowed})
	}
	return out
}

// record appends an event to the log.
func (a *appliance) record(e audit.Event) {
	e.V, e.Epoch, e.Seq, e.Recorded = audit.EventVersion, 1, uint64(len(a.lines)), audit.At(applianceTime)
	line, err := e.AppendLine(nil)
	if err != nil {
		a.t.Error(err)
	}
	a.lines = append(a.lines, string(line))
}

func (a *appliance) serveFrames() {
	l := a.listen("sign")
	a.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go a.serveCaller(conn)
		}
	}()
}

func (a *appliance) serveCaller(conn net.Conn) {
	defer conn.Close()
	for {
		f, err := protocol.ReadRequest(conn, protocol.MaxRequest)
		if err != nil {
			return
		}
		var reply proto.Message
		kind := protocol.KindReply
		switch f.Method {
		case protocol.MethodHealth:
			reply = &a.health
		case protocol.MethodListEntries:
			reply = &protocol.ListEntriesReply{Entries: a.entries}
		case protocol.MethodSign:
			reply, kind = a.answerSign(f)
		case protocol.MethodRequestApproval:
			reply, kind = a.answerRequest(f)
		case protocol.MethodApprovalStatus:
			reply, kind = a.answerStatus(f)
		}
		frame, err := protocol.AppendMessage(nil, kind, f.Method, f.Call, reply)
		if err != nil {
			a.t.Error(err)
		}
		conn.Write(frame)
	}
}

func (a *appliance) answerSign(f protocol.Frame) (proto.Message, protocol.Kind) {
	request, fault := protocol.ParseSign(f.Payload)
	if fault != nil {
		return fault, protocol.KindError
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, request)
	if a.refusal != nil {
		return a.refusal, protocol.KindError
	}
	reply := new(protocol.SignReply)
	for i := range request.Inputs {
		signed, fault := a.sign(&protocol.SignRequest{Entry: request.Entry, Algorithm: request.Algorithm, Inputs: request.Inputs[i : i+1]})
		switch {
		case fault != nil && len(request.Inputs) == 1:
			return fault, protocol.KindError
		case fault != nil:
			reply.Results = append(reply.Results, &protocol.Result{Of: &protocol.Result_Error{Error: fault}})
			continue
		}
		signed.Decided = timestamppb.New(applianceTime)
		signed.Receipt = &protocol.Receipt{Appliance: applianceID, Event: uint64(41 + i), LeafHash: make([]byte, 32), Size: 42, Root: make([]byte, 32)}
		reply.Results = append(reply.Results, &protocol.Result{Of: &protocol.Result_Signed{Signed: signed}})
	}
	return reply, protocol.KindReply
}

func (a *appliance) answerRequest(f protocol.Frame) (proto.Message, protocol.Kind) {
	request, fault := protocol.ParseApprovalRequest(f.Payload)
	if fault != nil {
		return fault, protocol.KindError
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, request)
	receipt := &protocol.Receipt{Appliance: applianceID, Event: 51, LeafHash: make([]byte, 32), Size: 52, Root: make([]byte, 32)}
	return &protocol.ApprovalReply{Approval: a.own, Receipt: receipt, Repeated: len(a.requests) > 1 && request.RequestId != ""}, protocol.KindReply
}

func (a *appliance) answerStatus(f protocol.Frame) (proto.Message, protocol.Kind) {
	request, fault := protocol.ParseApprovalStatus(f.Payload)
	if fault != nil {
		return fault, protocol.KindError
	}
	if a.own.GetId() != request.Approval {
		return protocol.NewError(protocol.UnknownEntry, "no approval of that id was asked for by this account"), protocol.KindError
	}
	return &protocol.ApprovalStatusReply{Approval: a.own}, protocol.KindReply
}

// withSM2Key gives the appliance an entry "contract" whose signatures are
// real.
func (a *appliance) withSM2Key() algo.PublicKey {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	pub, err := algo.NewPublicKey(&key.PublicKey)
	if err != nil {
		a.t.Fatal(err)
	}
	a.entries = []*protocol.EntryInfo{{
		Id: "contract", Class: protocol.EntryClass_KEY, Status: "active", PublicKey: pub.DER(),
		Algorithms: []protocol.Algorithm{protocol.Algorithm_SM2_SM3}, Purposes: []string{"contract"},
	}}
	a.sign = func(r *protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
		e := r.Inputs[0].GetSm2E()
		if message := r.Inputs[0].GetMessage(); message != nil {
			e, err = algo.SM2E(pub, message)
			if err != nil {
				return nil, protocol.NewError(protocol.HSMFailed, "%v", err)
			}
		}
		signature, err := sm2.SignASN1(rand.Reader, key, e, nil)
		if err != nil {
			return nil, protocol.NewError(protocol.HSMFailed, "%v", err)
		}
		return &protocol.Signed{Signature: signature}, nil
	}
	return pub
}

// A run is what one command line gave.
type run struct {
	status   int
	out, err string
}

// ctl runs signetctl against the appliance, in the language of LANG.
func (a *appliance) ctl(lang string, args ...string) run {
	return a.ctlWith(context.Background(), lang, "", args...)
}

func (a *appliance) ctlWith(ctx context.Context, lang, input string, args ...string) run {
	var out, diagnostics bytes.Buffer
	env := map[string]string{
		"LANG": lang, "SIGNET_SIGN_SOCKET": a.socket("sign"), "SIGNET_ADMIN_SOCKET": a.socket("admin"), "SIGNET_AUDIT_SOCKET": a.socket("audit"),
	}
	p := newProgram(strings.NewReader(input), &out, &diagnostics, func(name string) string { return env[name] })
	status := p.run(ctx, args)
	return run{status, out.String(), diagnostics.String()}
}

// want checks the status, and that each text stands in what was shown.
func (r run) want(t *testing.T, status int, texts ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status is %d, want %d; it said\n%s%s", r.status, status, r.out, r.err)
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			t.Errorf("%q is missing in\n%s%s", text, r.out, r.err)
		}
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fill gives everything that has a text that one.
func (a *appliance) fill(long string) {
	entry := admin.Entry{ID: "contract", Class: "key", Status: "suspended", Title: long, KeyType: "RSA-4096", Token: long, PolicyRev: 3,
		Algorithms: []string{long}, Holds: []admin.Hold{{ID: 1, Basis: long, Authority: long}}, Origin: "ceremony", Transcript: strings.Repeat("ab", 32)}
	token := admin.Token{Name: "seals", State: "down", LastError: long, Mend: long, Module: long, URI: long, Model: long, Notices: []string{long}, Profile: long}
	a.answer[admin.PathEntries] = admin.Entries{Entries: []admin.Entry{entry}}
	a.answer[admin.PathEntries+"/contract"] = entry
	entry.Owner, entry.Custodians, entry.Proof = long, []string{long, long}, "proven"
	entry.Certificates = []admin.Certificate{{Subject: long, Issuer: long, Serial: long, CA: "egov", Licence: long}}
	a.answer[admin.PathEntries+"/contract"] = entry
	a.answer[admin.PathOfficers] = admin.Officers{Officers: []admin.Officer{{ID: "li", Name: long, Role: "auditor", Keys: []string{long}, Entries: []string{long}}}}
	a.answer[admin.PathCRLs] = admin.CRLs{CRLs: []admin.CRL{{Issuer: long, Number: "7", ThisUpdate: "2026-11-22T00:00:00Z"}}}
	a.waiting["x"] = admin.Proposal{Nonce: aHash, Kind: "key.create", Target: long, NotAfter: "2026-11-22T00:00:00Z", Signers: []string{long}, Missing: long}
	a.answer[admin.PathTokens] = admin.Tokens{Tokens: []admin.Token{token}}
	a.answer[admin.PathStatus] = admin.Status{Mode: "degraded", Reason: long, Mend: long, Name: long, Appliance: applianceID, Clock: "sane",
		Root: strings.Repeat("ab", 32), Warnings: []string{long}, Tokens: []admin.Token{token}}
	uid := uint32(20001)
	a.record(audit.Event{Kind: audit.KindSign, Entry: "contract", Result: audit.Refused, UID: &uid, Purpose: "contract", DocNo: long, Reason: "purpose"})
}
