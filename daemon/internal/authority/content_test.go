package authority_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol/algo"
	"signet/protocol/canonical"
)

func TestContentsComeBack(t *testing.T) {
	for want, c := range map[string]struct{ content, into any }{
		`{"token":"seals","type":"SM2"}`:               {&authority.CreateKey{Type: "SM2", Token: "seals"}, new(authority.CreateKey)},
		`{"title":"合同章","token":"seals","type":"SM2"}`: {&authority.CreateKey{Type: "SM2", Token: "seals", Title: "合同章"}, new(authority.CreateKey)},
		`{"text":"batch = 1\n"}`:                       {&authority.SetPolicy{Text: "batch = 1\n"}, new(authority.SetPolicy)},
		`{"basis":"lost"}`:                             {&authority.Suspend{Basis: "lost"}, new(authority.Suspend)},
		`{"hold":0}`:                                   {&authority.Resume{}, new(authority.Resume)},
		`{"hold":3}`:                                   {&authority.Resume{Hold: 3}, new(authority.Resume)},
		`{}`:                                           {&authority.Nothing{}, new(authority.Nothing)},
	} {
		data, err := canonical.Marshal(c.content)
		if err != nil || string(data) != want {
			t.Errorf("Marshal(%+v) = %s, %v, want %s", c.content, data, err, want)
		}
		if err := authority.ParseContent([]byte(want), c.into); err != nil || !reflect.DeepEqual(c.into, c.content) {
			t.Errorf("ParseContent(%s) = %+v, %v", want, c.into, err)
		}
	}
}

func TestParseContentRefusesWhatTheKindDoesNotHave(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `{"hold":1}`, `{"basis":1}`, `{"basis":"x","from":"y"}`, ` {"basis":"x"}`, `{"basis":"x"}{}`} {
		if err := authority.ParseContent([]byte(text), new(authority.Suspend)); !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("ParseContent(%s) = %v, want ErrMalformed", text, err)
		}
	}
	if err := authority.ParseContent([]byte(`{"x":1}`), new(authority.Nothing)); !errors.Is(err, authority.ErrMalformed) {
		t.Errorf("content where none is: %v", err)
	}
}

func TestCreateKeyNamesTheKeyType(t *testing.T) {
	for _, k := range algo.KeyTypes() {
		if got, err := (authority.CreateKey{Type: k.String(), Title: "合同章"}).KeyType(); err != nil || got != k {
			t.Errorf("KeyType(%v) = %v, %v", k, got, err)
		}
	}
	for name, c := range map[string]authority.CreateKey{
		"the zero value":       {},
		"unknown type":         {Type: "RSA-1024"},
		"escape in the title":  {Type: "SM2", Title: "\x1b]0;x\a"},
		"long title":           {Type: "SM2", Title: strings.Repeat("x", 257)},
		"title is not UTF-8":   {Type: "SM2", Title: "\xff"},
		"override in the name": {Type: "SM2", Title: "a\u202eb"},
	} {
		if k, err := c.KeyType(); !errors.Is(err, authority.ErrMalformed) || k != 0 {
			t.Errorf("%s: %v, %v, want ErrMalformed", name, k, err)
		}
	}
}

func TestABasisIsWordsThatMayStandInTheLog(t *testing.T) {
	if err := authority.CheckBasis("印章遗失，2026-11-22 报案"); err != nil {
		t.Errorf("a reason: %v", err)
	}
	for _, basis := range []string{"", "a\nb", "\xff", strings.Repeat("x", 257), "a\u2028b"} {
		if err := authority.CheckBasis(basis); !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("basis %q: %v, want ErrMalformed", basis, err)
		}
	}
}

// contentOf is v as it travels beside its act.
func contentOf(t testing.TB, v any) string {
	t.Helper()
	data, err := canonical.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
