package authority

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/stricttoml"
)

// MaxCeremony is the longest ceremony file in bytes: people review it line by
// line before they sign, and what it makes has to fit into one act.
const MaxCeremony = MaxContentBytes

// A ceremony reads a file for people into records. What a record refuses is
// said here with its line; Check of the result then finds nothing more.
type ceremony struct {
	root   *stricttoml.Table
	crypto string
	keys   map[string]string // fingerprint to the id of whose key it is
	uids   map[uint32]string
}

// ParseCeremony reads the one file that an appliance is made from: authority
// officers. The result does not depend on how the file is laid out. An error is
// stricttoml.Faults: all that is wrong, each with its line and key.
func ParseCeremony(text []byte) (Genesis, error) {
	if len(text) > MaxCeremony {
		return Genesis{}, fmt.Errorf("the ceremony has %d bytes: want at most %d", len(text), MaxCeremony)
	}
	doc := stricttoml.Parse(text)
	c := newCeremony(doc.Root())
	c.crypto = c.oneOf("crypto", GM, Mixed)
	g := Genesis{
		Appliance: c.words(c.root, "appliance", c.root.String("appliance"), maxName), Authority: Officers,
		Crypto: c.crypto, Deployment: c.oneOf("deployment", "owner", "hosting", "maker"),
		Officers: c.officers(c.root.SomeTables("officer")),
		Tokens:   c.tokens(), Backup: c.recipients(),
	}
	g.LogKey = c.logKey(g.Tokens)
	t := c.thresholds(func(t *stricttoml.Table, key string, def int) int {
		return int(t.IntOr(key, int64(def), 1, maxOfficers))
	})
	g.Thresholds = &t
	c.checkThresholds(Roll{g.Officers, t})
	if err := doc.Finish(); err != nil {
		return Genesis{}, err
	}
	if err := g.Check(); err != nil {
		return Genesis{}, err
	}
	return g, nil
}

// ParseChange reads the file of a change of officers: the same tables of
// officers, those to remove, and the thresholds, all of them if any. Whether
// the result is a roll depends on the one before: Roll.Change and Check say.
func ParseChange(text []byte) (ChangeOfficers, error) {
	if len(text) > MaxCeremony {
		return ChangeOfficers{}, fmt.Errorf("the change has %d bytes: want at most %d", len(text), MaxCeremony)
	}
	doc := stricttoml.Parse(text)
	c := newCeremony(doc.Root())
	change := ChangeOfficers{Set: c.officers(c.root.Tables("officer"))}
	change.Remove = c.removed(change.Set)
	if c.root.Has("thresholds") {
		t := c.thresholds(func(t *stricttoml.Table, key string, _ int) int { return int(t.Int(key, 1, maxOfficers)) })
		change.Thresholds = &t
	}
	if len(change.Set) == 0 && len(change.Remove) == 0 && change.Thresholds == nil {
		c.root.TableFaultf("changes nothing: want [officer.ID], remove or [thresholds]")
	}
	if err := doc.Finish(); err != nil {
		return ChangeOfficers{}, err
	}
	return change, nil
}

func newCeremony(root *stricttoml.Table) *ceremony {
	return &ceremony{root: root, keys: map[string]string{}, uids: map[uint32]string{}}
}

// oneOf reads a word of the root that must be there.
func (c *ceremony) oneOf(key string, words ...string) string {
	word := c.root.String(key)
	if word != "" && !slices.Contains(words, word) {
		c.root.Faultf(key, "%s: want %s", stricttoml.Quote(word), strings.Join(words, " or "))
	}
	return word
}

// words refuses text that could not stand in a record.
func (c *ceremony) words(t *stricttoml.Table, key, text string, most int) string {
	if fault := protocol.CheckText("", text, most); fault != nil {
		t.Faultf(key, "%s", fault.GetMessage())
	}
	return text
}

func (c *ceremony) officers(tables []*stricttoml.Table) []Officer {
	var all []Officer
	for _, t := range tables {
		all = append(all, c.officer(t))
	}
	slices.SortFunc(all, func(x, y Officer) int { return cmp.Compare(x.ID, y.ID) })
	if len(all) > maxOfficers {
		c.root.Faultf("officer", "there are %d: want at most %d", len(all), maxOfficers)
	}
	return all
}

func (c *ceremony) officer(t *stricttoml.Table) Officer {
	o := Officer{ID: t.Name(), Name: c.words(t, "name", t.String("name"), maxOfficerName), Role: roleOf(t)}
	if !validOfficerID(o.ID) {
		t.TableFaultf("%s is no id: want 1 to %d of a-z, 0-9 and -", stricttoml.Quote(o.ID), maxOfficerID)
	}
	o.UID = c.uid(t, o.ID)
	o.Keys = c.keysOf(t, o.ID)
	o.Entries = entriesOf(t)
	o.Owner = c.words(t, "owner", t.StringOr("owner", ""), maxOwner)
	keeps := t.Has("entries") || t.Has("owner")
	switch {
	case o.Role == Custodian && len(o.Entries) == 0 && o.Owner == "":
		t.Faultf("entries", "missing: a custodian keeps entries, or with owner all of an owner's")
	case o.Role.valid() && o.Role != Custodian && keeps:
		t.TableFaultf("entries and owner are for a custodian, and this is a %v", o.Role)
	}
	return o
}

func roleOf(t *stricttoml.Table) (role Role) {
	word := t.String("role")
	if word == "" {
		return role
	}
	if err := role.UnmarshalText([]byte(word)); err != nil {
		t.Faultf("role", "%s: want one of %v", stricttoml.Quote(word), Roles())
	}
	return role
}

// uid is never root's, which is nobody in particular, nor the number that the
// kernel takes for none.
func (c *ceremony) uid(t *stricttoml.Table, id string) *uint32 {
	if !t.Has("uid") {
		return nil
	}
	uid := uint32(t.Int("uid", 1, 1<<32-2))
	if other, taken := c.uids[uid]; taken && uid != 0 {
		t.Faultf("uid", "%d is that of %s too: one account is one person's", uid, other)
	}
	c.uids[uid] = id
	return &uid
}

func (c *ceremony) keysOf(t *stricttoml.Table, id string) []Key {
	var keys []Key
	values := t.Values("keys")
	if t.Has("keys") && (len(values) == 0 || len(values) > maxKeys) {
		t.Faultf("keys", "there are %d: want 1 to %d", len(values), maxKeys)
	}
	for _, v := range values {
		text, ok := v.Lines()
		if !ok {
			v.Faultf("is %s: want a string", v.Kind())
			continue
		}
		k, err := ParseKey(text)
		if err != nil {
			v.Faultf("%s", strings.TrimPrefix(err.Error(), "reading key: "))
			continue
		}
		c.checkKey(v, k, id)
		keys = append(keys, k)
	}
	return keys
}

// checkKey: one key is one person's.
func (c *ceremony) checkKey(v stricttoml.Value, k Key, id string) {
	print := k.Fingerprint()
	if other, taken := c.keys[print]; taken {
		v.Faultf("%s is a key of %s too: one key is one person's, and stands once", print, other)
	}
	c.keys[print] = id
	if c.crypto == GM && !k.GM() {
		v.Faultf(`is %s: crypto "gm" takes certificates with an SM2 key`, k.Describe())
	}
}

// entriesOf returns what a custodian keeps, in the order of the record.
func entriesOf(t *stricttoml.Table) []string {
	var ids []string
	for _, v := range t.OptionalValues("entries") {
		id, ok := v.Text()
		switch fault := protocol.CheckEntryID("", id); {
		case !ok:
			v.Faultf("is %s: want a string", v.Kind())
		case fault != nil:
			v.Faultf("%s", fault.GetMessage())
		case slices.Contains(ids, id):
			v.Faultf("%s stands twice", stricttoml.Quote(id))
		default:
			ids = append(ids, id)
		}
	}
	if len(ids) > maxKept {
		t.Faultf("entries", "there are %d: want at most %d", len(ids), maxKept)
	}
	slices.Sort(ids)
	return ids
}

func (c *ceremony) tokens() []Product {
	var all []Product
	for _, t := range c.root.SomeTables("token") {
		p := Product{
			Name:        t.Name(),
			Product:     c.words(t, "product", t.String("product"), maxBasis),
			Certificate: c.words(t, "certificate", t.StringOr("certificate", ""), maxBasis),
			Serial:      c.words(t, "serial", t.StringOr("serial", ""), maxBasis),
		}
		if fault := protocol.CheckText("", p.Name, maxBasis); fault != nil || p.Name == "" {
			t.TableFaultf("is no name: want that of a token in signetd.toml")
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(x, y Product) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

func (c *ceremony) logKey(tokens []Product) *LogKey {
	t := c.root.Table("log_key")
	k := &LogKey{Token: t.String("token"), Type: t.String("type"), Label: t.String("label")}
	typ, err := algo.ParseKeyType(k.Type)
	switch {
	case k.Type == "":
	case err != nil:
		t.Faultf("type", "%s: want one of %v", stricttoml.Quote(k.Type), algo.KeyTypes())
	case c.crypto == GM && typ != algo.KeySM2:
		t.Faultf("type", `is %v: crypto "gm" takes SM2`, typ)
	}
	if k.Label != "" && !label.MatchString(k.Label) {
		t.Faultf("label", "%s: want 1 to 64 of A-Z, a-z, 0-9, ., _ and -", stricttoml.Quote(k.Label))
	}
	if k.Token != "" && !slices.ContainsFunc(tokens, func(p Product) bool { return p.Name == k.Token }) {
		t.Faultf("token", "%s has no table: want the name of one of [token.NAME]", stricttoml.Quote(k.Token))
	}
	return k
}

// recipients are the people who can open backups. What each key can do is for
// who encrypts to it.
func (c *ceremony) recipients() []string {
	var all []string
	for _, v := range c.root.OptionalValues("backup") {
		text, ok := v.Lines()
		if !ok {
			v.Faultf("is %s: want a string", v.Kind())
			continue
		}
		switch r, gm := recipient(text); {
		case r == "":
			v.Faultf("is no recipient: want age1…, or a certificate with an SM2 key in PEM")
		case c.crypto == GM && !gm:
			v.Faultf(`is a recipient of age: crypto "gm" takes certificates with an SM2 key`)
		case slices.Contains(all, r):
			v.Faultf("stands twice")
		default:
			all = append(all, r)
		}
	}
	slices.Sort(all)
	return all
}

// recipient returns the one form of a recipient, empty if it is none.
func recipient(text string) (r string, gm bool) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "age1") && !strings.ContainsAny(text, " \n") {
		return text, false
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) != 0 || len(rest) != 0 || !strings.HasPrefix(text, "-----BEGIN ") {
		return "", false
	}
	return string(pem.EncodeToMemory(block)), true
}

func (c *ceremony) thresholds(read func(t *stricttoml.Table, key string, def int) int) Thresholds {
	t, def := c.root.OptionalTable("thresholds"), DefaultThresholds
	return Thresholds{
		Administrator: read(t, "administrator", def.Administrator), Security: read(t, "security", def.Security),
		Many: read(t, "many", def.Many), Auditor: read(t, "auditor", def.Auditor),
	}
}

// checkThresholds has the roll say what it does not bear: too few persons for
// a threshold is a fault of either. Where a role could not be read it says
// nothing: that slip is one fault.
func (c *ceremony) checkThresholds(r Roll) {
	if len(r.Officers) == 0 || slices.ContainsFunc(r.Officers, func(o Officer) bool { return !o.Role.valid() }) {
		return
	}
	for _, err := range r.checkThresholds() {
		c.root.Faultf("thresholds", "%s", strings.TrimPrefix(err.Error(), "thresholds: "))
	}
}

// removed are ids of officers, none of which is also set.
func (c *ceremony) removed(set []Officer) []string {
	var ids []string
	for _, v := range c.root.OptionalValues("remove") {
		id, ok := v.Text()
		switch {
		case !ok:
			v.Faultf("is %s: want a string", v.Kind())
		case !validOfficerID(id):
			v.Faultf("%s is no id of an officer", stricttoml.Quote(id))
		case slices.Contains(ids, id):
			v.Faultf("%s stands twice", stricttoml.Quote(id))
		case slices.ContainsFunc(set, func(o Officer) bool { return o.ID == id }):
			v.Faultf("%s is set in this file too: remove or set, not both", stricttoml.Quote(id))
		default:
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
