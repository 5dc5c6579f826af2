package authority_test

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signet/daemon/internal/authority"
	"signet/protocol/canonical"
	"signet/protocol/stricttoml"
)

// shipped is the example that people copy.
func shipped(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../../firmware-config/ceremony.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestShippedCeremonyIsRead(t *testing.T) {
	g, err := authority.ParseCeremony([]byte(shipped(t)))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, o := range g.Officers {
		ids = append(ids, o.ID+" "+o.Role.String())
	}
	want := []string{
		"admin administrator", "li security-officer", "shen auditor", "wang security-officer", "zhang custodian", "zhao security-officer",
	}
	if !slices.Equal(ids, want) {
		t.Errorf("officers are %q, want %q", ids, want)
	}
	if *g.Thresholds != authority.DefaultThresholds || g.LogKey.Label != "signet-log" || len(g.Backup) != 1 || g.Tokens[0].Name != "seals" {
		t.Errorf("genesis is %+v", g)
	}
	if zhao := g.Officers[5]; !zhao.Keys[0].GM() || g.Officers[4].Entries[1] != "official" || *g.Officers[0].UID != 2001 {
		t.Errorf("officers are %+v", g.Officers)
	}
	content, err := canonical.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := authority.ParseGenesis(content); err != nil || !reflect.DeepEqual(again, g) {
		t.Errorf("as the content of an act it is %+v, %v", again, err)
	}
}

// What is commented out in the example is the default, or what else there is.
func TestShippedCeremonyShowsTheDefaults(t *testing.T) {
	text := shipped(t)
	with := strings.ReplaceAll(text, "\n#[thresholds]", "\n[thresholds]")
	with = regexp.MustCompile(`(?m)^#(administrator|security|many|auditor) =`).ReplaceAllString(with, "$1 =")
	plain, err := authority.ParseCeremony([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if g, err := authority.ParseCeremony([]byte(with)); err != nil || !reflect.DeepEqual(g, plain) || with == text {
		t.Errorf("with the thresholds it is %+v, %v", g, err)
	}
	more := regexp.MustCompile(`(?m)^#(certificate|serial|owner) =`).ReplaceAllString(text, "$1 =")
	g, err := authority.ParseCeremony([]byte(more))
	if err != nil || g.Tokens[0].Certificate == "" || g.Tokens[0].Serial == "" || g.Officers[4].Owner == "" {
		t.Errorf("with what else there is it is %+v, %v", g, err)
	}
}

// One ceremony, as people may lay it out.
func TestCeremonyIsTheSameHoweverItIsLaidOut(t *testing.T) {
	plain, err := authority.ParseCeremony([]byte(shipped(t)))
	if err != nil {
		t.Fatal(err)
	}
	head, tables, _ := strings.Cut(shipped(t), "[log_key]")
	parts := regexp.MustCompile(`(?m)^\[`).Split("log_key]"+tables, -1)
	slices.Reverse(parts)
	for name, text := range map[string]string{
		"tables the other way round": head + "[" + strings.Join(parts, "\n["),
		"CRLF":                       strings.ReplaceAll(shipped(t), "\n", "\r\n"),
		"entries the other way":      strings.Replace(shipped(t), `["contract", "official"]`, `["official", "contract"]`, 1),
		"literal strings":            strings.ReplaceAll(shipped(t), `"""`, `'''`),
		"a comment behind a key":     strings.Replace(shipped(t), `ep42n"`, `ep42n admin@office"`, 1),
		"dotted":                     strings.Replace(shipped(t), "[log_key]\ntoken", "[log_key]\n\"token\"", 1),
	} {
		g, err := authority.ParseCeremony([]byte(text))
		if err != nil || !reflect.DeepEqual(g, plain) {
			t.Errorf("%s: %v\n%+v", name, err, g)
		}
		if text == shipped(t) {
			t.Errorf("%s: the text is the example", name)
		}
	}
}

// lineOf returns the line of the first text that begins so.
func lineOf(t *testing.T, text, begin string) int {
	t.Helper()
	before, _, found := strings.Cut("\n"+text, "\n"+begin)
	if !found {
		t.Fatalf("no line begins with %q", begin)
	}
	return 1 + strings.Count(before, "\n")
}

func TestCeremonyNamesTheFault(t *testing.T) {
	text := shipped(t)
	li := regexp.MustCompile(`(?m)^\[officer\.li\]\n(.*\n){3}`).FindString(text)
	liKey := regexp.MustCompile(`(?m)^keys.*`).FindString(li)
	for name, c := range map[string]struct {
		old, new string
		at       string // how the line at fault begins, in the text as edited
		want     string
	}{
		"no name":              {`appliance = "seal-a.example.gov.cn"`, `appliance = ""`, "appliance", "appliance: is empty"},
		"long name":            {`appliance = "seal-a.`, `appliance = "` + strings.Repeat("x", 300), "appliance", "appliance: 314 bytes of text: at most 253"},
		"other crypto":         {`crypto = "mixed"`, `crypto = "GM"`, "crypto", `crypto: "GM": want gm or mixed`},
		"other deployment":     {`"owner"`, `"cloud"`, "deployment", `deployment: "cloud": want owner or hosting or maker`},
		"authority":            {`crypto = `, "authority = \"development\"\ncrypto = ", "authority", "authority: unknown key"},
		"misspelt":             {`label = `, `lable = `, "lable", `log_key.lable: unknown key: did you mean "label"?`},
		"log key of no token":  {"[log_key]\ntoken = \"seals\"", "[log_key]\ntoken = \"log\"", "token", `log_key.token: "log" has no table: want the name of one of [token.NAME]`},
		"log key's type":       {`type = "SM2"`, `type = "SM9"`, "type", `log_key.type: "SM9": want one of`},
		"log key's label":      {`"signet-log"`, `"signet log"`, "label", `log_key.label: "signet log": want 1 to 64`},
		"no product":           {`product = "SoftHSM2, for trying only"`, ``, "[token.seals]", "token.seals.product: missing"},
		"no age recipient":     {`  "age1`, `  "age2`, `  "age2`, "backup[0]: is no recipient: want age1"},
		"officer twice":        {"[officer.wang]", "[officer.li]", "", "officer.li: duplicate table: already set on line"},
		"officer's id":         {"[officer.wang]", "[officer.Wang]", "[officer.Wang]", `officer.Wang: "Wang" is no id: want 1 to 32 of a-z, 0-9 and -`},
		"no person's name":     {`name = "李一"`, ``, "[officer.li]", "officer.li.name: missing: want a string"},
		"long person's name":   {`name = "李一"`, `name = "` + strings.Repeat("李", 30) + `"`, `name = "李李`, "officer.li.name: 90 bytes of text: at most 64"},
		"other role":           {`role = "auditor"`, `role = "audit"`, `role = "audit"`, `officer.shen.role: "audit": want one of [administrator`},
		"root":                 {`uid = 2001`, `uid = 0`, "uid = 0", "officer.admin.uid: 0 is out of bounds: want 1 to 4294967294"},
		"one account of two":   {`uid = 2002`, `uid = 2001`, "", "officer.shen.uid: 2001 is that of admin too"},
		"no keys":              {liKey, `keys = []`, "keys = []", "officer.li.keys: there are 0: want 1 to 8"},
		"keys are no list":     {liKey, `keys = "x"`, `keys = "x"`, "officer.li.keys: is a string: want an array"},
		"a key of nobody":      {liKey, `keys = [7]`, `keys = [7]`, "officer.li.keys[0]: is an integer: want a string"},
		"a key's options":      {liKey, strings.Replace(liKey, `"ssh`, `"no-pty ssh`, 1), `keys = ["no-pty`, "officer.li.keys[0]: options stand before the type"},
		"a private key":        {liKey, `keys = ["-----BEGIN OPENSSH PRIVATE KEY-----"]`, `keys = ["-----BEGIN O`, "officer.li.keys[0]: this is a private key"},
		"a key of two":         {`keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5XOk`, `keys = ["` + strings.Split(liKey, `"`)[1] + `", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5XOk`, "", " is a key of li too: one key is one person's"},
		"gm with ssh keys":     {`crypto = "mixed"`, `crypto = "gm"`, `keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKwi`, `officer.admin.keys[0]: is ssh-ed25519 SHA256:`},
		"gm with age":          {`crypto = "mixed"`, `crypto = "gm"`, `  "age1`, `backup[0]: is a recipient of age: crypto "gm" takes certificates`},
		"entries of a clerk":   {liKey, liKey + "\nentries = [\"contract\"]", "[officer.li]", "officer.li: entries and owner are for a custodian, and this is a security-officer"},
		"custodian of nothing": {`entries = ["contract", "official"]`, ``, "[officer.zhang]", "officer.zhang.entries: missing: a custodian keeps entries"},
		"entry twice":          {`["contract", "official"]`, `["contract", "contract"]`, "entries", `officer.zhang.entries[1]: "contract" stands twice`},
		"entry's id":           {`"official"]`, `"of ficial"]`, "entries", "officer.zhang.entries[1]: not an entry id"},
		"nobody to spare":      {"#[thresholds]\n", "[thresholds]\nsecurity = 3\nmany = 3\n", "[thresholds]", "thresholds: security is 3: want 2 to 2 (there are 3 security officers, and one may be ill)"},
		"too few auditors":     {"#[thresholds]\n", "[thresholds]\nauditor = 2\n", "[thresholds]", "thresholds: auditor is 2: want 1 to 1"},
		"no officers":          {text[strings.Index(text, "[officer.admin]"):], "", "", "officer: missing: want at least one [officer.NAME]"},
		"no tokens":            {"[token.seals]\nproduct = \"SoftHSM2, for trying only\"", "", "", "token: missing: want at least one [token.NAME]"},
		"an array of tables":   {"[officer.li]", "[[officer]]", "[[officer]]", "officer: array of tables: want one table, [name]"},
	} {
		t.Run(name, func(t *testing.T) {
			edited := strings.Replace(text, c.old, c.new, 1)
			g, err := authority.ParseCeremony([]byte(edited))
			var faults stricttoml.Faults
			if !errors.As(err, &faults) || !reflect.DeepEqual(g, authority.Genesis{}) {
				t.Fatalf("%+v, %v, want Faults", g, err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says\n%v\nwant %q", err, c.want)
			}
			if c.at == "" {
				return
			}
			line := lineOf(t, edited, c.at)
			if !slices.ContainsFunc(faults, func(f stricttoml.Fault) bool { return f.Line == line && strings.Contains(f.String(), c.want) }) {
				t.Errorf("it says\n%v\nwant it for line %d", err, line)
			}
		})
	}
}

func TestCeremonyTellsAllFaultsAtOnce(t *testing.T) {
	_, err := authority.ParseCeremony([]byte(`
appliance = "a"
crypto = "rsa"
[officer.A]
role = "clerk"
keys = ["x", 7]
uid = 0
`))
	for _, want := range []string{
		"line 3: crypto", "deployment: missing", "line 4: officer.A: ", "officer.A.name: missing", "line 5: officer.A.role", "line 6: officer.A.keys[0]",
		"line 6: officer.A.keys[1]", "line 7: officer.A.uid", "token: missing", "log_key: missing",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it says\n%v\nwant %q", err, want)
		}
	}
}

func TestCeremonyIsBounded(t *testing.T) {
	if _, err := authority.ParseCeremony(make([]byte, authority.MaxCeremony+1)); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("a long file: %v", err)
	}
	if _, err := authority.ParseChange(make([]byte, authority.MaxCeremony+1)); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("a long file: %v", err)
	}
}

const change = `
remove = ["wang", "li"]

[officer.qian]
name = "钱五"
role = "security-officer"
keys = ["KEY"]

[thresholds]
administrator = 1
security = 2
many = 2
auditor = 1
`

func TestChangeIsRead(t *testing.T) {
	key := authorizedKey(t, ed25519Key(9).Public())
	text := strings.Replace(change, "KEY", key, 1)
	c, err := authority.ParseChange([]byte(text))
	want := authority.ChangeOfficers{
		Set:    []authority.Officer{{ID: "qian", Name: "钱五", Role: authority.SecurityOfficer, Keys: []authority.Key{parseKey(t, key)}}},
		Remove: []string{"li", "wang"}, Thresholds: &authority.DefaultThresholds,
	}
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("ParseChange = %+v, %v, want %+v", c, err, want)
	}
	for edit, fault := range map[[2]string]string{
		{"many = 2\n", ""}:            "thresholds.many: missing",
		{`"li"]`, `"qian"]`}:          `remove[1]: "qian" is set in this file too`,
		{`"li"]`, `"wang"]`}:          `remove[1]: "wang" stands twice`,
		{`"li"]`, `"Li"]`}:            `remove[1]: "Li" is no id`,
		{"remove", "removed"}:         `removed: unknown key: did you mean "remove"?`,
		{"remove", "crypto"}:          "crypto: unknown key",
		{"[officer.qian]", "[x]"}:     "x: unknown key",
		{"security-officer", "clerk"}: `officer.qian.role: "clerk"`,
	} {
		_, err := authority.ParseChange([]byte(strings.Replace(text, edit[0], edit[1], 1)))
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v, want %q", edit, err, fault)
		}
	}
	if _, err := authority.ParseChange(nil); err == nil || !strings.Contains(err.Error(), "changes nothing") {
		t.Errorf("an empty file: %v", err)
	}
}

// FuzzParseCeremony: no text panics. What is refused has lines, so that no rule
// is told by the record alone; what is read is a genesis whose form is its own.
func FuzzParseCeremony(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 1 + strings.Count(string(text), "\n")
		g, err := authority.ParseCeremony(text)
		var faults stricttoml.Faults
		switch {
		case err != nil && !errors.As(err, &faults) && len(text) <= authority.MaxCeremony:
			t.Fatalf("refused without lines: %v", err)
		case err != nil:
			for _, fault := range faults {
				if fault.Line < 1 || fault.Line > lines {
					t.Errorf("fault %+v in a text of %d lines", fault, lines)
				}
			}
			return
		}
		content, err := canonical.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := authority.ParseGenesis(content); err != nil || !reflect.DeepEqual(again, g) {
			t.Errorf("as a content it is %+v, %v", again, err)
		}
	})
}

// FuzzParseChange: no text panics, and what is read can be the content of an
// act.
func FuzzParseChange(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := authority.ParseChange(text)
		if err != nil {
			return
		}
		content, err := canonical.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again authority.ChangeOfficers
		if err := authority.ParseContent(content, &again); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("as a content it is %+v, %v", again, err)
		}
		for _, o := range c.Set {
			if faults := o.Check(); len(faults) > 0 {
				t.Errorf("the record says %v", faults)
			}
		}
	})
}
