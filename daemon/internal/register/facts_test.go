package register_test

import (
	"reflect"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
)

// everyFact has each field set. The bytes are a promise: events bind them.
func everyFact() register.Facts {
	chosen := certificate("01")
	return register.Facts{
		Key:   &register.Key{Type: "EC-P256", Token: "seals", ID: "010203", Public: "AAAA", Origin: register.Ceremony, Transcript: hash},
		Users: users, Groups: []policy.Principal{{Name: "docs", ID: 30001}}, Certificate: &chosen, Request: hash,
		CRL:     &register.CRL{Issuer: "CN=测试 CA", Series: hash, Hash: hash, Number: "7", ThisUpdate: "2026-11-20T00:00:00Z", NextUpdate: "2026-11-27T00:00:00Z", CA: hash},
		Revoked: []register.Revocation{{Entry: "contracts", Since: "2026-11-20T00:00:00Z", Basis: "on list 7"}, {Entry: "invoices"}}, Made: hash,
	}
}

const goldenFacts = `{"certificate":{"anchor":"c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1",` +
	`"attachments":["a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"],"ca":"licensed",` +
	`"chain":["c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1"],` +
	`"hash":"0101010101010101010101010101010101010101010101010101010101010101","imported":"","issuer":"CN=测试 CA",` +
	`"licence":"ECP11010120001","not_after":"2028-12-31T23:59:59Z","not_before":"2026-01-01T00:00:00Z","serial":"01","subject":"CN=合同专用章"},` +
	`"crl":{"ca":"` + hash + `","hash":"` + hash + `","issuer":"CN=测试 CA","next_update":"2026-11-27T00:00:00Z","number":"7","series":"` + hash + `","this_update":"2026-11-20T00:00:00Z"},` +
	`"groups":[{"id":30001,"name":"docs"}],` +
	`"key":{"id":"010203","origin":"ceremony","public":"AAAA","token":"seals","transcript":"` + hash + `","type":"EC-P256"},` +
	`"made":"` + hash + `","request":"` + hash + `",` +
	`"revoked":[{"basis":"on list 7","entry":"contracts","since":"2026-11-20T00:00:00Z"},{"entry":"invoices"}],"users":[{"id":20001,"name":"oa"}]}`

func TestFactsAreTheGoldenOnes(t *testing.T) {
	for want, f := range map[string]register.Facts{goldenFacts: everyFact(), `{}`: {}} {
		data, err := f.Marshal()
		if err != nil || string(data) != want {
			t.Errorf("Marshal = %s, %v\nwant      %s", data, err, want)
		}
		again, err := register.ParseFacts([]byte(want), authority.ContentHash([]byte(want)))
		if err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("ParseFacts = %+v, %v, want %+v", again, err, f)
		}
	}
}

// TestEveryFactIsInTheGoldenOnes: a field that nobody set there would be one
// that nobody holds to its bytes.
func TestEveryFactIsInTheGoldenOnes(t *testing.T) {
	v := reflect.ValueOf(everyFact())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is not set", v.Type().Field(i).Name)
		}
	}
}

// TestFactsAreThoseOfTheirEvent: other facts under the hash of the event, and
// facts of another form under their own, are none.
func TestFactsAreThoseOfTheirEvent(t *testing.T) {
	good := authority.ContentHash([]byte(goldenFacts))
	for name, c := range map[string]struct{ text, hash string }{
		"another uid":         {strings.Replace(goldenFacts, "20001", "20002", 1), good},
		"nothing":             {"", good},
		"the empty facts":     {"{}", good},
		"no hash":             {goldenFacts, ""},
		"hash in caps":        {goldenFacts, strings.ToUpper(good)},
		"hash of another":     {goldenFacts, hash},
		"white space":         {" " + goldenFacts, authority.ContentHash([]byte(" " + goldenFacts))},
		"unknown field":       {`{"trusted":true}`, authority.ContentHash([]byte(`{"trusted":true}`))},
		"empty list, spelled": {`{"users":[]}`, authority.ContentHash([]byte(`{"users":[]}`))},
		"not JSON":            {"x", authority.ContentHash([]byte("x"))},
	} {
		if f, err := register.ParseFacts([]byte(c.text), c.hash); err == nil || !reflect.DeepEqual(f, register.Facts{}) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}
