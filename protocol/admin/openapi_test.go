package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"google.golang.org/protobuf/proto"

	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
)

func contract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestContractIsValidOpenAPI(t *testing.T) {
	doc := contract(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	if doc.OpenAPI != "3.0.3" {
		t.Errorf("openapi %s, want 3.0.3", doc.OpenAPI)
	}
}

// TestContractHasThePathsOfTheCode: and which of them change something.
func TestContractHasThePathsOfTheCode(t *testing.T) {
	want := map[string]string{
		admin.PathStatus: "GET read 200 403 500", admin.PathTokens: "GET read 200 403 500",
		admin.PathMetrics:                       "GET read 200 403 500",
		admin.PathTokens + "/{name}/mechanisms": "POST try 200 400 403 429 500 503",
		admin.PathEntries:                       "GET read 200 403 500 503",
		admin.PathEntries + "/{id}":             "GET read 200 403 404 500 503",
		admin.PathEntries + "/{id}/policy":      "GET read 200 403 404 500 503",
		admin.PathEntries + "/{id}/policy/test": "POST try 200 400 403 404 413 500 503",
		admin.PathApprovals:                     "GET read 200 400 403 500 503",
		admin.PathApprovals + "/{id}":           "GET read 200 400 403 404 500 503",
		admin.PathEvents:                        "GET read 200 400 403 500 503",
		admin.PathContents + "/{sm3}":           "GET read 200 400 403 404 500 503",
		admin.PathActContext:                    "GET read 200 403 500 503",
		admin.PathOfficers:                      "GET read 200 403 500 503",
		admin.PathCRLs:                          "GET read 200 403 500 503",
		admin.PathActs:                          "GET act 200 403 500, POST act 200 400 403 404 409 413 429 500 503",
		admin.PathActs + "/{nonce}":             "GET act 200 403 404 500",
		admin.PathBackups + "/{nonce}":          "GET act 200 403 404 500 503",
		admin.PathRestore:                       "POST act 200 400 403 409 500 503",
	}
	paths := contract(t).Paths.Map()
	if len(paths) != len(want) {
		t.Errorf("%d paths, want %d", len(paths), len(want))
	}
	for path, item := range paths {
		var operations []string
		for method, op := range item.Operations() {
			statuses := op.Responses.Keys()
			slices.Sort(statuses)
			operations = append(operations, method+" "+strings.Join(append(op.Tags, statuses...), " "))
			for status, response := range op.Responses.Map() {
				if form := otherForms[path]; form != "" && status == "200" {
					if _, ok := response.Value.Content[form]; !ok {
						t.Errorf("%s is not %s", path, form)
					}
					continue
				}
				schema := response.Value.Content.Get("application/json").Schema.Ref
				if fault := strings.HasSuffix(schema, "/Fault"); schema == "" || fault == (status == "200") {
					t.Errorf("%s %s: body %s", path, status, schema)
				}
			}
		}
		slices.Sort(operations)
		if got := strings.Join(operations, ", "); got != want[path] {
			t.Errorf("%s: %q, want %q", path, got, want[path])
		}
	}
}

// otherForms are the answers that are no JSON.
var otherForms = map[string]string{admin.PathMetrics: "text/plain", admin.PathBackups + "/{nonce}": "application/octet-stream"}

func TestContractOfEventsHasTheLimitOfTheCode(t *testing.T) {
	limit := contract(t).Paths.Value(admin.PathEvents).GetOperation(http.MethodGet).Parameters.GetByInAndName("query", "limit")
	if limit == nil || !limit.Required || limit.Schema.Value.Max == nil || *limit.Schema.Value.Max != admin.MaxEvents {
		t.Errorf("limit is %+v, want a maximum of %d", limit, admin.MaxEvents)
	}
}

// messages are the types that cross the sockets, each with the schema of its
// name.
var messages = []any{
	admin.Status{}, admin.Count{}, admin.Token{}, admin.Tokens{}, admin.Entry{}, admin.Hold{}, admin.Entries{}, admin.Policy{},
	admin.Principal{}, admin.ActContext{}, admin.ActRequest{}, admin.Signature{}, admin.ActResult{}, admin.Events{},
	admin.Content{}, admin.Fault{}, admin.Error{},
	admin.Certificate{}, admin.CRL{}, admin.CRLs{}, admin.Officer{}, admin.Officers{}, admin.Proposal{}, admin.Proposals{}, admin.Staged{},
	admin.UsageItem{}, admin.PolicyQuestion{}, admin.PolicyAnswer{}, admin.RuleVerdict{},
	admin.Approval{}, admin.ApprovalGrant{}, admin.ApprovalEnd{}, admin.Approvals{},
	admin.Trial{}, admin.KeyTrial{}, admin.AlgorithmTrial{}, admin.Attempt{},
}

// TestContractHasTheFieldsOfTheCode: names, types, and which may be absent.
func TestContractHasTheFieldsOfTheCode(t *testing.T) {
	schemas := contract(t).Components.Schemas
	if len(schemas) != len(messages) {
		t.Errorf("%d schemas, want %d", len(schemas), len(messages))
	}
	for _, m := range messages {
		typ := reflect.TypeOf(m)
		schema := schemas[typ.Name()]
		if schema == nil {
			t.Errorf("no schema %s", typ.Name())
			continue
		}
		if got, want := len(schema.Value.Properties), typ.NumField(); got != want {
			t.Errorf("%s: %d properties, want %d", typ.Name(), got, want)
		}
		for i := range typ.NumField() {
			name, options, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			property := schema.Value.Properties[name]
			if property == nil {
				t.Errorf("%s: no property %s", typ.Name(), name)
				continue
			}
			if got, want := describe(property), describeGo(typ.Field(i).Type); got != want {
				t.Errorf("%s.%s is %q, want %q", typ.Name(), name, got, want)
			}
			if required := slices.Contains(schema.Value.Required, name); required == strings.Contains(options, "omit") {
				t.Errorf("%s.%s: required is %v, the code says %q", typ.Name(), name, required, options)
			}
		}
		for _, name := range schema.Value.Required {
			if schema.Value.Properties[name] == nil {
				t.Errorf("%s: %s is required and no property", typ.Name(), name)
			}
		}
	}
}

// describe writes a schema as describeGo writes a type.
func describe(s *openapi3.SchemaRef) string {
	if s.Ref != "" {
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	}
	switch {
	case s.Value.Type.Is("object") && s.Value.AdditionalProperties.Schema != nil:
		return "object of " + describe(s.Value.AdditionalProperties.Schema)
	case s.Value.Type.Is("array"):
		return "[]" + describe(s.Value.Items)
	case s.Value.Type.Is("string") && s.Value.Format == "date-time":
		return "date-time"
	case s.Value.Type.Is("integer") && s.Value.Format == "int64" && s.Value.Min != nil && *s.Value.Min == 0:
		if s.Value.Max != nil && *s.Value.Max == 1<<32-1 {
			return "uint32"
		}
		return "uint64"
	}
	return strings.Join(s.Value.Type.Slice(), " ")
}

func describeGo(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "date-time"
	case t.Kind() == reflect.Pointer:
		return describeGo(t.Elem())
	case t.Kind() == reflect.Slice:
		return "[]" + describeGo(t.Elem())
	case t.Kind() == reflect.Struct:
		return t.Name()
	case t.Kind() == reflect.Map:
		return "object of " + describeGo(t.Elem())
	case t.Kind() == reflect.Int:
		return "integer"
	case t.Kind() == reflect.Bool:
		return "boolean"
	}
	return t.Kind().String()
}

// TestContractHasTheWordsOfThePolicy: its closed lists are those of the code.
func TestContractHasTheWordsOfThePolicy(t *testing.T) {
	schemas := contract(t).Components.Schemas
	for _, list := range []struct {
		schema, property string
		want             []any
	}{
		{"UsageItem", "scope", words(policy.OfEntry, policy.OfCaller)},
		{"UsageItem", "period", words(policy.Periods()...)},
		{"Approval", "form", words(policy.Forms()...)},
		// What is expired is none of the policy's states: the clock makes it.
		{"Approval", "state", append(words(policy.Pending, policy.Granted, policy.Denied, policy.Revoked), "expired")},
	} {
		if got := schemas[list.schema].Value.Properties[list.property].Value.Enum; !slices.Equal(got, list.want) {
			t.Errorf("%s.%s is one of %v, want %v", list.schema, list.property, got, list.want)
		}
	}
	states := schemas["Approval"].Value.Properties["state"].Value.Enum
	asked := contract(t).Paths.Value(admin.PathApprovals).GetOperation(http.MethodGet).Parameters.GetByInAndName("query", "state")
	if asked == nil || asked.Required || !slices.Equal(asked.Schema.Value.Enum, states) {
		t.Errorf("approvals are asked for by %+v, want one of %v", asked, states)
	}
}

func words[T fmt.Stringer](values ...T) []any {
	var all []any
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}

// TestRequestsAreReadStrictly: what the daemon refuses, the contract refuses.
func TestRequestsAreReadStrictly(t *testing.T) {
	schemas := contract(t).Components.Schemas
	for _, name := range []string{"ActRequest", "Signature", "PolicyQuestion"} {
		if has := schemas[name].Value.AdditionalProperties.Has; has == nil || *has {
			t.Errorf("%s takes fields that the daemon refuses", name)
		}
	}
}

// TestErrorsComeBack: what an error says on sign.sock it says here, and a
// client of Go compares the same codes.
func TestErrorsComeBack(t *testing.T) {
	event := uint64(0)
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, e := range []*protocol.Error{
		protocol.NewError(protocol.Malformed, "want %%d").WithField("from"),
		protocol.NewError(protocol.QuotaSpent, "spent").WithRule("quota.day").RetryAt(at),
		protocol.NewError(protocol.Busy, "full").RetryIn(20 * time.Millisecond),
		protocol.NewError(protocol.Internal, ""),
		{Code: 201, Name: "not_a_caller", Message: "no", Retry: protocol.Retry_NEVER, Event: &event, Counted: true},
	} {
		again := admin.NewError(e).Protocol()
		if !proto.Equal(again, e) {
			t.Errorf("%v comes back as %v", e, again)
		}
	}
}

func TestRetryWordsAreThoseOfTheContract(t *testing.T) {
	words := contract(t).Components.Schemas["Error"].Value.Properties["retry"].Value.Enum
	for i, c := range []protocol.Code{protocol.Malformed, protocol.Busy, protocol.Changed} {
		if got := admin.NewError(protocol.NewError(c, "")).Retry; i >= len(words) || got != words[i] {
			t.Errorf("retry of %v is %q, the contract has %v", c, got, words)
		}
	}
}
