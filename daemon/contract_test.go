package daemon

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/admin"
)

// A contract holds answers of the server to openapi.yaml.
type contract struct {
	*officer
	router routers.Router
	doc    *openapi3.T
	seen   map[string]bool // "GET /v1/status 200"
}

func newContract(o *officer) *contract {
	o.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../protocol/openapi.yaml")
	if err != nil {
		o.Fatal(err)
	}
	doc.Servers = nil // the path decides, the socket has no host
	router, err := legacy.NewRouter(doc)
	if err != nil {
		o.Fatal(err)
	}
	return &contract{o, router, doc, map[string]bool{}}
}

// ask makes a request and checks question and answer against the contract.
func (c *contract) ask(method, path, body string, want int) {
	c.Helper()
	req, err := http.NewRequest(method, "http://signetd"+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	if res.StatusCode != want {
		c.Errorf("%s %s: %d %s, want %d", method, path, res.StatusCode, data, want)
	}
	route, params, err := c.router.FindRoute(req)
	if err != nil {
		c.Fatalf("%s %s is not in the contract: %v", method, path, err)
	}
	c.seen[method+" "+route.Path] = true
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: res.StatusCode, Header: res.Header,
		Body:    io.NopCloser(bytes.NewReader(data)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		c.Errorf("%s %s breaks the contract: %v\n%s", method, path, err, data)
	}
}

// suspendedBecauseX is the content_sha of authority.Suspend{Basis: "x"}.
var suspendedBecauseX = authority.ContentHash([]byte(`{"basis":"x"}`))

func TestServerKeepsItsContract(t *testing.T) {
	r := newRig(t)
	r.start()
	c := newContract(r.administrator())
	c.ask("GET", admin.PathStatus, "", 200)
	c.ask("GET", admin.PathMetrics, "", 200)
	c.ask("GET", admin.PathActContext, "", 200)
	c.ask("GET", admin.PathEntries, "", 503)
	c.ask("GET", admin.PathEvents+"?from=0&limit=1", "", 503)
	c.ask("GET", admin.PathContents+"/"+suspendedBecauseX, "", 503)
	c.ask("POST", admin.PathTokens+"/seals/mechanisms", "", 503)
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	c.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})
	c.ask("GET", admin.PathStatus, "", 200)
	c.ask("GET", admin.PathTokens, "", 200)
	r.token.Control(t, "undone=0") // no RSA keys, which take seconds
	c.ask("POST", admin.PathTokens+"/seals/mechanisms", "", 200)
	r.token.Control(t)
	c.ask("POST", admin.PathTokens+"/nope/mechanisms", "", 400)
	c.ask("GET", admin.PathEntries, "", 200)
	c.ask("GET", admin.PathEntries+"/sm2", "", 200)
	c.ask("GET", admin.PathEntries+"/nobody", "", 404)
	c.ask("GET", admin.PathEntries+"/sm2/policy", "", 200)
	c.ask("POST", admin.PathEntries+"/sm2/policy/test", `{"carries":[]}`, 200)
	c.ask("POST", admin.PathEntries+"/sm2/policy/test", mustJSON(t, admin.PolicyQuestion{Carries: []string{"doc_id"}, Text: quotaPolicy(approvalLines+"quotas = { day = 1, per_caller = { hour = 1 }, lifetime = 2 }\nhours = []\n", myUID(callerUID))}), 200)
	c.ask("POST", admin.PathEntries+"/sm2/policy/test", `{"carries":["nothing"]}`, 400)
	c.ask("POST", admin.PathEntries+"/nobody/policy/test", `{"carries":[]}`, 404)
	c.ask("GET", admin.PathApprovals, "", 200)
	c.ask("GET", admin.PathApprovals+"?state=unsure", "", 400)
	c.ask("GET", admin.PathApprovals+"?entry=a%20b", "", 400)
	c.ask("GET", admin.PathApprovals+"/0123456789abcdef", "", 404)
	c.ask("GET", admin.PathApprovals+"/x", "", 400)
	c.ask("GET", admin.PathActContext, "", 200)
	c.ask("GET", admin.PathEvents+"?from=0&limit=1000", "", 200)
	c.ask("GET", admin.PathEvents+"?from=0&limit=0", "", 400)
	c.ask("GET", admin.PathContents+"/"+suspendedBecauseX, "", 200)
	c.ask("GET", admin.PathContents+"/"+strings.Repeat("0", 64), "", 404)
	c.ask("GET", admin.PathContents+"/"+strings.ToUpper(suspendedBecauseX), "", 400)
	c.ask("POST", admin.PathActs, mustJSON(t, c.act(authority.EntryResume, "sm2", authority.Resume{})), 200)
	c.ask("POST", admin.PathActs, mustJSON(t, c.act(authority.EntryResume, "sm2", authority.Resume{})), 409)
	c.ask("POST", admin.PathActs, mustJSON(t, c.act(authority.KeyDestroy, "sm2", authority.Nothing{})), 400)
	c.ask("POST", admin.PathActs, "{", 400)
	c.ask("POST", admin.PathActs, `{"act":"`+strings.Repeat("x", maxBodyBytes)+`"}`, 413)
	c.ask("GET", admin.PathOfficers, "", 200)
	c.ask("GET", admin.PathCRLs, "", 200)
	c.ask("GET", admin.PathActs, "", 200)
	c.ask("GET", admin.PathActs+"/"+strings.Repeat("0", 32), "", 404)
	c.ask("GET", admin.PathBackups+"/"+strings.Repeat("0", 32), "", 404)
	c.ask("POST", admin.PathRestore, "", 409)
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			if !c.seen[method+" "+path] {
				t.Errorf("the contract has %s %s, which this test did not ask", method, path)
			}
		}
	}
}

// The same of an appliance with officers, whose answers have more in them.
func TestServerKeepsItsContractWithOfficers(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("kept", "SM2")
	c := newContract(r.administrator())
	waiting := r.signed(authority.EntryCancel, "kept", authority.Cancel{Basis: "x"}, "sara")
	c.ask("POST", admin.PathActs, mustJSON(t, waiting), 403)
	act, err := authority.ParseAct([]byte(waiting.Act))
	if err != nil {
		t.Fatal(err)
	}
	c.ask("GET", admin.PathActs, "", 200)
	c.ask("GET", admin.PathActs+"/"+act.Nonce, "", 200)
	c.ask("GET", admin.PathOfficers, "", 200)
	c.ask("GET", admin.PathStatus, "", 200)
	c.ask("GET", admin.PathActContext, "", 200)
	c.ask("GET", admin.PathEntries+"/kept", "", 200)
	r.must(authority.PolicySet, keptEntry, authority.SetPolicy{Text: quotaPolicy(approvalLines+"quotas = { day = 1, lifetime = 3 }\n", callerUID)}, "sara", "sven")
	c.ask("GET", admin.PathEntries+"/kept/policy", "", 200)
	info := r.ask(nil)
	c.ask("GET", admin.PathApprovals+"/"+info.Id, "", 403)
	c.ask("GET", admin.PathApprovals, "", 403)
	keeper := newContract(r.officer("admin", custodianUID, adminGID))
	keeper.ask("GET", admin.PathApprovals+"/"+info.Id, "", 200)
	r.must(authority.ApprovalGrant, keptEntry, granting(info), "carl")
	r.must(authority.ApprovalRevoke, keptEntry, ending(info), "carl")
	keeper.ask("GET", admin.PathApprovals, "", 200)
	keeper.ask("GET", admin.PathApprovals+"/"+info.Id, "", 200)
	c.ask("GET", admin.PathEvents+"?from=0&limit=1000", "", 403)
	c.ask("POST", admin.PathActs, mustJSON(t, r.signed(authority.EntrySuspend, "kept", authority.Suspend{Basis: "x"}, "carl")), 200)
}

// An auditor gets, on either socket, the content of every act that took
// effect and every transcript, and each hashes to what log and register name.
func TestContentOfEveryActIsReadBack(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	o := r.administrator()
	o.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "a <b> & \u202f印章 \" \\"})
	o.submit(o.act(authority.EntryActivate, "sm2", authority.Nothing{})) // refused
	o.submit(o.act(authority.EntrySuspend, "nobody", authority.Suspend{Basis: "refused"}))
	hashes := []string{r.server.appliance().book.find("sm2").entry.Key.Transcript}
	for _, e := range r.events() {
		if e.Act == "" || e.Result != audit.Allowed {
			continue
		}
		act, err := authority.ParseAct([]byte(e.Act))
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, act.ContentSHA)
	}
	if len(hashes) != 6 {
		t.Errorf("%d contents, want a transcript, and those of init, create, policy, activate and suspend", len(hashes))
	}
	for _, reader := range []*officer{o, r.officer("audit", daemonUID+11, auditGID)} {
		for _, hash := range hashes {
			status, body := reader.call("GET", admin.PathContents+"/"+hash, "")
			if status != 200 {
				t.Errorf("content %s: %d %s", hash, status, body)
				continue
			}
			got := fromJSON[admin.Content](t, body)
			if got.Hash != hash || authority.ContentHash([]byte(got.Content)) != hash {
				t.Errorf("content %s is %+v", hash, got)
			}
		}
	}
	refused := authority.ContentHash([]byte(`{"basis":"refused"}`))
	if status, body := o.call("GET", admin.PathContents+"/"+refused, ""); status != 404 {
		t.Errorf("content of a refused act: %d %s", status, body)
	}
}

func TestContentIsAskedForByItsHash(t *testing.T) {
	r := startedRig(t)
	o := r.administrator()
	notText := []byte{0x30, 0x82, 0xff}
	if err := r.server.appliance().store.Record(&store.Commit{
		Events: []*audit.Event{{Kind: audit.KindStatus}}, Change: &store.Change{Blobs: [][]byte{notText}},
	}); err != nil {
		t.Fatal(err)
	}
	for hash, want := range map[string]struct {
		status int
		code   protocol.Code
	}{
		strings.Repeat("0", 64):          {404, protocol.UnknownEntry},
		authority.ContentHash(notText):   {400, protocol.Unsupported},
		strings.Repeat("0", 63):          {400, protocol.Malformed},
		strings.Repeat("0", 66):          {400, protocol.Malformed},
		strings.Repeat("g", 64):          {400, protocol.Malformed},
		strings.Repeat("A", 64):          {400, protocol.Malformed},
		strings.Repeat("0", 63) + "%00":  {400, protocol.Malformed},
		strings.Repeat("0", 62) + "%2F0": {400, protocol.Malformed},
		"sm2":                            {400, protocol.Malformed},
	} {
		status, body := o.call("GET", admin.PathContents+"/"+hash, "")
		fault := fromJSON[admin.Fault](t, body).Error
		if status != want.status || fault.Code != uint32(want.code) || fault.Field != "sm3" || fault.Message == "" {
			t.Errorf("content %s: %d %s, want %d, code %d, field sm3", hash, status, body, want.status, want.code)
		}
	}
}

// Who reads contents is in the log before he has read: one event for each
// connection, and none for what was not read.
func TestContentReadIsAnEvent(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.administrator().must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})
	reads := func() (n int) {
		for _, e := range r.events() {
			if e.Kind == audit.KindRead && e.Op == "content" {
				n++
			}
		}
		return n
	}
	for i, socket := range []string{"audit", "admin"} {
		reader := r.officer(socket, daemonUID+11, auditGID, adminGID)
		reader.call("GET", admin.PathContents+"/nonsense", "")
		if got := reads(); got != i {
			t.Errorf("%d reads after a question that was none, want %d", got, i)
		}
		for range 3 {
			reader.call("GET", admin.PathContents+"/"+suspendedBecauseX, "")
		}
		if got := reads(); got != i+1 {
			t.Errorf("%d reads after those of %s, want %d", got, socket, i+1)
		}
		if e := r.lastEvent(); *e.UID != uint32(myUID(daemonUID+11)) {
			t.Errorf("the event names uid %d", *e.UID)
		}
	}
}

// Every path outside the contract is unsupported, in the same form.
func TestUnknownPathsAreUnsupported(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	for _, path := range []string{"/", "/v1", "/v1/seals", "/v1/status/x", "/v2/status", "/v1/contents", "/v1/contents/", "/v1/contents/a/b"} {
		status, body := o.call("GET", path, "")
		if fault := fromJSON[admin.Fault](t, body); status != 400 || fault.Error.Name != "unsupported" {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if status, body := o.call("DELETE", admin.PathStatus, ""); status != 400 {
		t.Errorf("DELETE status: %d %s", status, body)
	}
}

func FuzzDecodeSubmission(f *testing.F) {
	f.Add([]byte(`{"act":"{}","content":"{}","signatures":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sub, fault := decodeSubmission(body)
		if fault != nil {
			if fault.Code == 0 || fault.Message == "" {
				t.Fatalf("refused without saying why: %v", fault)
			}
			return
		}
		if raw, err := sub.act.Bytes(); err != nil || string(raw) != sub.raw {
			t.Fatalf("accepted an act that is not written back: %q, %q, %v", sub.raw, raw, err)
		}
	})
}
