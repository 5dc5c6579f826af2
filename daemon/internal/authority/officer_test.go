package authority_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol/canonical"
)

// goldenOfficers are records as acts and the store have them: a promise.
const goldenOfficers = `{"remove":["lao"],"set":[` +
	`{"id":"admin","keys":[{"form":"ssh","value":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAGwD2nc"}],` +
	`"name":"王五","role":"administrator","uid":2001},` +
	`{"entries":["contracts","invoices"],"id":"zhang","keys":[{"form":"ssh","value":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIE5dw6oetAARokdfwmyO5wxD/+JzaG1iyZeY/nn7FpX"}],` +
	`"name":"张三","owner":"finance","role":"custodian"}],` +
	`"thresholds":{"administrator":1,"auditor":1,"many":2,"security":2}}`

func TestOfficersHaveOneForm(t *testing.T) {
	var c authority.ChangeOfficers
	if err := authority.ParseContent([]byte(goldenOfficers), &c); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, c); got != goldenOfficers {
		t.Errorf("written back as\n%s\nwant\n%s", got, goldenOfficers)
	}
	for _, o := range c.Set {
		if faults := o.Check(); faults != nil {
			t.Errorf("%s: %v", o.ID, faults)
		}
	}
	zhang := c.Set[1]
	if zhang.Role != authority.Custodian || zhang.Owner != "finance" || zhang.UID != nil || *c.Set[0].UID != 2001 || *c.Thresholds != authority.DefaultThresholds {
		t.Errorf("read as %+v", c)
	}
	for name, edit := range map[string][2]string{
		"role of no name":     {`"role":"custodian"`, `"role":""`},
		"role in caps":        {`"role":"custodian"`, `"role":"Custodian"`},
		"role of two words":   {`"role":"administrator"`, `"role":"security officer"`},
		"role as a number":    {`"role":"custodian"`, `"role":4`},
		"no role":             {`,"role":"custodian"`, ``},
		"empty owner":         {`"owner":"finance"`, `"owner":""`},
		"no entries, spelled": {`"entries":["contracts","invoices"]`, `"entries":[]`},
		"uid as text":         {`"uid":2001`, `"uid":"2001"`},
		"uid below nothing":   {`"uid":2001`, `"uid":-1`},
		"uid too large":       {`"uid":2001`, `"uid":4294967296`},
		"uid null":            {`"uid":2001`, `"uid":null`},
		"unknown field":       {`"name":"张三"`, `"name":"张三","nick":"x"`},
		"white space":         {`"name":"张三"`, `"name": "张三"`},
		"thresholds, one out": {`"many":2,`, ``},
	} {
		text := strings.Replace(goldenOfficers, edit[0], edit[1], 1)
		if text == goldenOfficers {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := authority.ParseContent([]byte(text), new(authority.ChangeOfficers)); !errors.Is(err, authority.ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestOfficerNamesEveryFault(t *testing.T) {
	c := newCast(t)
	s1, _ := c.roll.Find("s1")
	c1, _ := c.roll.Find("c1")
	many := make([]string, 257)
	for i := range many {
		many[i] = fmt.Sprintf("e%03d", i)
	}
	for name, x := range map[string]struct {
		of   authority.Officer
		edit func(*authority.Officer)
		want string
	}{
		"no id":            {s1, func(o *authority.Officer) { o.ID = "" }, `officer "": id: "": want 1 to 32 of a-z, 0-9 and -`},
		"id in caps":       {s1, func(o *authority.Officer) { o.ID = "S1" }, `officer "S1": id: "S1": want 1 to 32 of a-z, 0-9 and -`},
		"id with a dot":    {s1, func(o *authority.Officer) { o.ID = ".thresholds" }, `officer ".thresholds": id: ".thresholds": want 1 to 32 of a-z, 0-9 and -`},
		"id moves screens": {s1, func(o *authority.Officer) { o.ID = "\x1b[2J" }, `officer "\x1b[2J": id: "\x1b[2J": want 1 to 32 of a-z, 0-9 and -`},
		"long id": {s1, func(o *authority.Officer) { o.ID = strings.Repeat("a", 33) },
			`officer "` + strings.Repeat("a", 33) + `": id: "` + strings.Repeat("a", 33) + `": want 1 to 32 of a-z, 0-9 and -`},
		"no name":      {s1, func(o *authority.Officer) { o.Name = "" }, "officer s1: name: want the person's name, up to 64 bytes of printable text"},
		"long name":    {s1, func(o *authority.Officer) { o.Name = strings.Repeat("王", 22) }, "officer s1: name: want the person's name, up to 64 bytes of printable text"},
		"name, bidi":   {s1, func(o *authority.Officer) { o.Name = "a\u202eb" }, "officer s1: name: want the person's name, up to 64 bytes of printable text"},
		"no role":      {s1, func(o *authority.Officer) { o.Role = 0 }, "officer s1: role: missing: want one of [administrator security-officer auditor custodian]"},
		"another role": {s1, func(o *authority.Officer) { o.Role = 9 }, "officer s1: role: missing: want one of [administrator security-officer auditor custodian]"},
		"uid 0":        {s1, func(o *authority.Officer) { o.UID = uid(0) }, "officer s1: uid: 0 is root, which is nobody in particular: want the account of the person, or nothing"},
		"no keys":      {s1, func(o *authority.Officer) { o.Keys = nil }, "officer s1: keys: there are 0, want 1 to 8"},
		"nine keys":    {s1, func(o *authority.Officer) { o.Keys = make([]authority.Key, 9) }, "officer s1: keys: there are 9, want 1 to 8"},
		"no key": {s1, func(o *authority.Officer) { o.Keys = []authority.Key{o.Keys[0], {}} },
			`officer s1: keys[1]: key: form "": want ssh or gmt35275`},
		"keeps entries":   {s1, func(o *authority.Officer) { o.Entries = []string{"contracts"} }, "officer s1: entries, owner: only a custodian keeps entries"},
		"keeps an owner":  {s1, func(o *authority.Officer) { o.Owner = "finance" }, "officer s1: entries, owner: only a custodian keeps entries"},
		"keeps nothing":   {c1, func(o *authority.Officer) { o.Entries = nil }, "officer c1: entries: missing: a custodian keeps entries, or those of an owner"},
		"keeps too many":  {c1, func(o *authority.Officer) { o.Entries = many }, "officer c1: entries: there are 257, want at most 256"},
		"keeps one twice": {c1, func(o *authority.Officer) { o.Entries = []string{"a", "a"} }, `officer c1: entries: want each once, in order: "a" after "a"`},
		"out of order":    {c1, func(o *authority.Officer) { o.Entries = []string{"b", "a"} }, `officer c1: entries: want each once, in order: "a" after "b"`},
		"long owner":      {c1, func(o *authority.Officer) { o.Owner = strings.Repeat("x", 65) }, "officer c1: malformed (100): owner: 65 bytes of text: at most 64"},
		"two faults": {c1, func(o *authority.Officer) { o.Name, o.UID = "", uid(0) },
			"officer c1: name: want the person's name, up to 64 bytes of printable text\n" +
				"officer c1: uid: 0 is root, which is nobody in particular: want the account of the person, or nothing"},
	} {
		o := x.of
		x.edit(&o)
		if got := errors.Join(o.Check()...); got == nil || got.Error() != x.want {
			t.Errorf("%s:\n%v\nwant\n%s", name, got, x.want)
		}
	}
	c1.Entries = []string{"-x"}
	if got := errors.Join(c1.Check()...); got == nil || !strings.Contains(got.Error(), "entries[0]: not an entry id") {
		t.Errorf("no entry id: %v", got)
	}
}

// TestKeepsIsNeverEverything: what has no id, or no owner, is kept by nobody.
func TestKeepsIsNeverEverything(t *testing.T) {
	for _, o := range []authority.Officer{
		{}, {Role: authority.Custodian}, {Role: authority.Custodian, Entries: []string{""}},
		{Role: authority.SecurityOfficer, Entries: []string{"contracts"}, Owner: "finance"},
	} {
		for _, on := range []authority.Target{{}, {Owner: "finance"}, contracts, receipts, {Entry: "contracts", Owner: ""}} {
			if o.Keeps(on) {
				t.Errorf("%+v keeps %+v", o, on)
			}
		}
	}
}

func TestRolesAreTheirNames(t *testing.T) {
	for i, r := range authority.Roles() {
		name, err := r.MarshalText()
		var again authority.Role
		if err != nil || again.UnmarshalText(name) != nil || again != r || int(r) != i+1 || string(name) != r.String() {
			t.Errorf("role %d is %q, %v, and read as %v", r, name, err, again)
		}
	}
	for _, r := range []authority.Role{0, 5, 255} {
		if data, err := canonical.Marshal(struct {
			Role authority.Role `json:"role"`
		}{r}); err == nil {
			t.Errorf("role %d is written as %s", r, data)
		}
	}
}

func TestSignaturesOfEventsComeBack(t *testing.T) {
	c := newCast(t)
	signatures := c.sign(goldenAct, "s1 s4 c1")
	texts := authority.SignatureTexts(signatures)
	if again, err := authority.ParseSignatures(texts); err != nil || fmt.Sprint(again) != fmt.Sprint(signatures) || len(texts) != 3 {
		t.Errorf("ParseSignatures(%q) = %v, %v", texts, again, err)
	}
	if none, err := authority.ParseSignatures(nil); none != nil || err != nil || authority.SignatureTexts(nil) != nil {
		t.Errorf("none: %v, %v", none, err)
	}
	for _, text := range []string{"", "ssh", "c2ln"} {
		if got, err := authority.ParseSignatures([]string{texts[0], text}); !errors.Is(err, authority.ErrMalformed) || got != nil {
			t.Errorf("%q: %v, %v, want ErrMalformed", text, got, err)
		}
	}
}
