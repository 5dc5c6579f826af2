package authority_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/authority"
)

const (
	hash  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	nonce = "00112233445566778899aabbccddeeff"
	until = "2026-11-22T11:51:00Z"
)

func suspendAct() authority.Act {
	return authority.Act{
		V: authority.ActVersion, Appliance: hash, Kind: authority.EntrySuspend, Target: "contracts", ContentSHA: hash,
		Nonce: nonce, NotAfter: until, LogSize: 17, LogRoot: hash,
	}
}

// goldenAct are the bytes that an officer signs: a promise.
const goldenAct = `{"appliance":"` + hash + `","content_sha":"` + hash + `","kind":"entry.suspend","log_root":"` + hash +
	`","log_size":17,"nonce":"` + nonce + `","not_after":"2026-11-22T11:51:00Z","target":"contracts","v":1}`

func TestActIsTheGoldenOne(t *testing.T) {
	data, err := suspendAct().Bytes()
	if err != nil || string(data) != goldenAct {
		t.Errorf("Bytes = %s, %v\nwant    %s", data, err, goldenAct)
	}
	act, err := authority.ParseAct([]byte(goldenAct))
	if err != nil || act != suspendAct() {
		t.Errorf("ParseAct = %+v, %v", act, err)
	}
}

func TestInitNamesNoApplianceYet(t *testing.T) {
	act := suspendAct()
	act.Kind, act.Appliance, act.LogSize, act.LogRoot, act.Target = authority.Init, "", 0, "", ""
	data, err := act.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authority.ParseAct(data); err != nil {
		t.Errorf("init without an appliance: %v", err)
	}
}

func TestParseActNamesTheFault(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*authority.Act)
		names string
	}{
		"version 0":          {func(a *authority.Act) { a.V = 0 }, "v is 0"},
		"version 2":          {func(a *authority.Act) { a.V = 2 }, "v is 2"},
		"no kind":            {func(a *authority.Act) { a.Kind = "" }, "kind"},
		"unknown kind":       {func(a *authority.Act) { a.Kind = "key.export" }, "kind"},
		"no appliance":       {func(a *authority.Act) { a.Appliance = "" }, "appliance"},
		"appliance in caps":  {func(a *authority.Act) { a.Appliance = strings.ToUpper(hash) }, "appliance"},
		"no content_sha":     {func(a *authority.Act) { a.ContentSHA = "" }, "content_sha"},
		"content_sha cut":    {func(a *authority.Act) { a.ContentSHA = hash[2:] }, "content_sha"},
		"content_sha longer": {func(a *authority.Act) { a.ContentSHA = hash + "00" }, "content_sha"},
		"no nonce":           {func(a *authority.Act) { a.Nonce = "" }, "nonce"},
		"nonce not hex":      {func(a *authority.Act) { a.Nonce = "g" + nonce[1:] }, "nonce"},
		"nonce of 15 bytes":  {func(a *authority.Act) { a.Nonce = nonce[2:] }, "nonce"},
		"no log_root":        {func(a *authority.Act) { a.LogRoot = "" }, "log_root"},
		"no not_after":       {func(a *authority.Act) { a.NotAfter = "" }, "not_after"},
		"other zone":         {func(a *authority.Act) { a.NotAfter = "2026-11-22T19:51:00+08:00" }, "not_after"},
		"fractions":          {func(a *authority.Act) { a.NotAfter = "2026-11-22T11:51:00.5Z" }, "not_after"},
		"no such day":        {func(a *authority.Act) { a.NotAfter = "2026-02-30T11:51:00Z" }, "not_after"},
		"long target":        {func(a *authority.Act) { a.Target = strings.Repeat("x", 129) }, "target"},
		"too long": {func(a *authority.Act) {
			a.Kind, a.Appliance = authority.Init, strings.Repeat("x", authority.MaxActBytes)
		}, "at most 4096"},
		"escape in target":   {func(a *authority.Act) { a.Target = "a\x1b[2J" }, "target"},
		"override in target": {func(a *authority.Act) { a.Target = "a\u202eb" }, "target"},
	} {
		act := suspendAct()
		c.edit(&act)
		data, err := act.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, err := authority.ParseAct(data)
		if !errors.Is(err, authority.ErrMalformed) || got != (authority.Act{}) {
			t.Errorf("%s: ParseAct = %+v, %v, want ErrMalformed", name, got, err)
		} else if !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: %q does not name %q", name, err, c.names)
		}
	}
}

func TestParseActRefusesOtherForms(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"white space":    " " + goldenAct,
		"line end":       goldenAct + "\n",
		"two":            goldenAct + goldenAct,
		"unknown field":  strings.Replace(goldenAct, `"v":1`, `"v":1,"x":1`, 1),
		"missing target": strings.Replace(goldenAct, `"target":"contracts",`, "", 1),
		"target twice":   strings.Replace(goldenAct, `"target"`, `"target":"seals","target"`, 1),
		"other order":    `{"v":1,` + strings.TrimSuffix(goldenAct[1:], `,"v":1}`) + `}`,
		"null":           strings.Replace(goldenAct, `"contracts"`, `null`, 1),
		"escape":         strings.Replace(goldenAct, `"contracts"`, `"\u0063ontracts"`, 1),
	} {
		if act, err := authority.ParseAct([]byte(text)); !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("%s: ParseAct = %+v, %v, want ErrMalformed", name, act, err)
		}
	}
}

func TestActLivesAtMostSevenDays(t *testing.T) {
	act := suspendAct()
	expiry, err := act.Expiry()
	if err != nil || !expiry.Equal(time.Date(2026, 11, 22, 11, 51, 0, 0, time.UTC)) {
		t.Fatalf("Expiry = %v, %v", expiry, err)
	}
	for _, c := range []struct {
		now  time.Time
		want error
	}{
		{expiry.Add(-time.Hour), nil},
		{expiry, nil},
		{expiry.Add(time.Nanosecond), authority.ErrExpired},
		{expiry.Add(time.Hour), authority.ErrExpired},
		{expiry.Add(-authority.Lifetime), nil},
		{expiry.Add(-authority.Lifetime - time.Nanosecond), authority.ErrMalformed},
		{time.Time{}, authority.ErrMalformed},
	} {
		if err := act.CheckTime(c.now); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("CheckTime(%v) = %v, want %v", c.now, err, c.want)
		}
	}
	if err := (authority.Act{}).CheckTime(expiry); !errors.Is(err, authority.ErrMalformed) {
		t.Errorf("the zero act: %v, want ErrMalformed", err)
	}
}

func TestContentIsBound(t *testing.T) {
	content := []byte(`{"basis":"印章遗失"}`)
	act := suspendAct()
	act.ContentSHA = authority.ContentHash(content)
	if err := act.CheckContent(content); err != nil {
		t.Errorf("its own content: %v", err)
	}
	large := make([]byte, authority.MaxContentBytes+1)
	bindsLarge := act
	bindsLarge.ContentSHA = authority.ContentHash(large)
	for name, err := range map[string]error{
		"other content": act.CheckContent([]byte(`{"basis":"印章遗失 "}`)),
		"no content":    act.CheckContent(nil),
		"too large":     bindsLarge.CheckContent(large),
		"the zero act":  authority.Act{}.CheckContent(nil),
	} {
		if !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	if err := bindsLarge.CheckContent(large[1:]); err == nil {
		t.Error("other content of the largest size: accepted")
	}
	// A list of revoked certificates may be longer, and is bounded too.
	for _, kind := range []authority.Kind{authority.CRLImport, authority.OrderImport} {
		bindsLarge.Kind = kind
		if err := bindsLarge.CheckContent(large); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		list := make([]byte, authority.MaxListBytes+1)
		tooLong := bindsLarge
		tooLong.ContentSHA = authority.ContentHash(list)
		if err := tooLong.CheckContent(list); !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("%s of %d bytes: %v, want ErrMalformed", kind, len(list), err)
		}
	}
}

// TestContentHashIsSM3: GB/T 32905 annex A, "abc".
func TestContentHashIsSM3(t *testing.T) {
	if got := authority.ContentHash([]byte("abc")); got != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Errorf("ContentHash(abc) = %s", got)
	}
}

func TestNoncesAreFresh(t *testing.T) {
	a, b := authority.NewNonce(), authority.NewNonce()
	if raw, err := hex.DecodeString(a); err != nil || len(raw) != 16 || a == b {
		t.Errorf("nonces %s, %s", a, b)
	}
}
