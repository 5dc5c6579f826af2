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

	"signet/daemon/internal/authority"
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

func TestServerKeepsItsContract(t *testing.T) {
	r := newRig(t)
	r.start()
	c := newContract(r.administrator())
	c.ask("GET", admin.PathStatus, "", 200)
	c.ask("GET", admin.PathActContext, "", 200)
	c.ask("GET", admin.PathEntries, "", 503)
	c.ask("GET", admin.PathEvents+"?from=0&limit=1", "", 503)
	r.init()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	c.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "x"})
	c.ask("GET", admin.PathStatus, "", 200)
	c.ask("GET", admin.PathTokens, "", 200)
	c.ask("GET", admin.PathEntries, "", 200)
	c.ask("GET", admin.PathEntries+"/sm2", "", 200)
	c.ask("GET", admin.PathEntries+"/nobody", "", 404)
	c.ask("GET", admin.PathEntries+"/sm2/policy", "", 200)
	c.ask("GET", admin.PathActContext, "", 200)
	c.ask("GET", admin.PathEvents+"?from=0&limit=1000", "", 200)
	c.ask("GET", admin.PathEvents+"?from=0&limit=0", "", 400)
	c.ask("POST", admin.PathActs, mustJSON(t, c.act(authority.EntryResume, "sm2", authority.Resume{})), 200)
	c.ask("POST", admin.PathActs, mustJSON(t, c.act(authority.EntryResume, "sm2", authority.Resume{})), 409)
	c.ask("POST", admin.PathActs, mustJSON(t, c.act(authority.KeyDestroy, "sm2", authority.Nothing{})), 400)
	c.ask("POST", admin.PathActs, "{", 400)
	c.ask("POST", admin.PathActs, `{"act":"`+strings.Repeat("x", maxBodyBytes)+`"}`, 413)
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			if !c.seen[method+" "+path] {
				t.Errorf("the contract has %s %s, which this test did not ask", method, path)
			}
		}
	}
}

// Every path outside the contract is unsupported, in the same form.
func TestUnknownPathsAreUnsupported(t *testing.T) {
	r := newRig(t)
	r.start()
	o := r.administrator()
	for _, path := range []string{"/", "/v1", "/v1/seals", "/v1/status/x", "/v2/status"} {
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
