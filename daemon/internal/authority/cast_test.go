package authority_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"

	"signet/daemon/internal/authority"
)

// A cast is the officers of the tests with their private keys. In what they
// sign with, "s1" is the first key of officer s1 and "s1'" his other one; "x"
// is somebody who is no officer.
type cast struct {
	testing.TB
	roll    authority.Roll
	signers map[string]func(raw string) authority.Signature
	made    map[string]authority.Signature // by key and bytes: signing is slow
}

// Whom the custodians keep: c1 the entry contracts by its id, c2 invoices, and
// c3 whatever belongs to the owner finance.
var (
	contracts = authority.Target{Entry: "contracts"}
	invoices  = authority.Target{Entry: "invoices"}
	ledgers   = authority.Target{Entry: "ledgers"} // nobody's
	receipts  = authority.Target{Entry: "receipts", Owner: "finance"}
)

// castAt is when they sign: inside the validity of the certificates.
var castAt = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)

// newCast has 2 administrators, 4 security officers, 2 auditors and 3
// custodians. s4 signs with an SM2 certificate.
func newCast(t testing.TB) *cast {
	t.Helper()
	c := &cast{TB: t, signers: map[string]func(string) authority.Signature{}, made: map[string]authority.Signature{}}
	roles := map[byte]authority.Role{
		'a': authority.Administrator, 's': authority.SecurityOfficer, 'u': authority.Auditor, 'c': authority.Custodian,
	}
	for i, id := range []string{"a1", "a2", "c1", "c2", "c3", "s1", "s2", "s3", "s4", "u1", "u2"} {
		o := authority.Officer{ID: id, Name: "officer " + id, Role: roles[id[0]]}
		first := c.sshKey(id, byte(i+1))
		if id == "s4" {
			first = c.certificate(id, byte(i+1))
		}
		o.Keys = []authority.Key{first, c.sshKey(id+"'", byte(i+101))}
		switch id {
		case "c1":
			o.Entries = []string{"contracts"}
		case "c2":
			o.Entries = []string{"invoices"}
		case "c3":
			o.Owner = "finance"
		}
		c.roll.Officers = append(c.roll.Officers, o)
	}
	c.sshKey("x", 99)
	c.roll.Thresholds = authority.DefaultThresholds
	if err := c.roll.Check(authority.Mixed); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cast) sshKey(name string, number byte) authority.Key {
	c.Helper()
	signer := signerOf(c, ed25519Key(number))
	c.signers[name] = func(raw string) authority.Signature {
		return sshSignature(sshSign(c, signer, []byte(raw), sshsig.HashSHA512, authority.Namespace))
	}
	return parseKey(c, authorizedKey(c, signer.PublicKey()))
}

func (c *cast) certificate(name string, number byte) authority.Key {
	c.Helper()
	u := newUKey(c, number)
	c.signers[name] = func(raw string) authority.Signature {
		return gmSignature(newMessage(u.certificate).sign(c, u.private, []byte(raw)))
	}
	return u.key
}

// sign has each of names, set apart by blanks, sign raw.
func (c *cast) sign(raw, names string) []authority.Signature {
	c.Helper()
	var signatures []authority.Signature
	for _, name := range strings.Fields(names) {
		key := name + " " + raw
		if _, ok := c.made[key]; !ok {
			c.made[key] = c.signers[name](raw)
		}
		signatures = append(signatures, c.made[key])
	}
	return signatures
}

// actOn is a case of that kind that nobody has signed.
func (c *cast) actOn(kind authority.Kind, on authority.Target) authority.Case {
	c.Helper()
	content := "{}"
	if kind == authority.OfficerChange {
		content = `{"remove":["a2"]}`
	}
	return c.caseOf(kind, on, content)
}

func (c *cast) caseOf(kind authority.Kind, on authority.Target, content string) authority.Case {
	c.Helper()
	act := authority.Act{
		V: authority.ActVersion, Appliance: hash, Kind: kind, Target: on.Entry, ContentSHA: authority.ContentHash([]byte(content)),
		Nonce: nonce, NotAfter: until, LogSize: 17, LogRoot: hash,
	}
	raw, err := act.Bytes()
	if err != nil {
		c.Fatal(err)
	}
	return authority.Case{Act: act, Raw: string(raw), Content: []byte(content), On: on, At: castAt, InAdminGroup: true}
}

// underOfficers is a genesis of regime officers with the cast.
func (c *cast) underOfficers() authority.Genesis {
	thresholds := c.roll.Thresholds
	return authority.Genesis{
		Appliance: "seal-a.example.org", Authority: authority.Officers, Crypto: authority.Mixed, Deployment: "owner",
		Officers: c.roll.Officers, Thresholds: &thresholds,
		LogKey: &authority.LogKey{Token: "seals", Type: "SM2", Label: "signet-log"},
		Tokens: []authority.Product{{Name: "seals", Product: "SJJ1012-A", Certificate: "GM001119920200001"}},
	}
}

// try asks whether the case is authorised if names have signed it.
func (c *cast) try(on authority.Case, names string) ([]authority.Signer, error) {
	c.Helper()
	on.Signatures = c.sign(on.Raw, names)
	return c.underOfficers().Authorise(c.roll, on)
}

// person is the officer of a name: "s1'" is s1.
func person(name string) string { return strings.TrimSuffix(name, "'") }

// signersOf is what Authorise says of names: each with his role, by id.
func (c *cast) signersOf(names string) string {
	c.Helper()
	ids := strings.Fields(names)
	for i, id := range ids {
		o, ok := c.roll.Find(person(id))
		if !ok {
			c.Fatalf("there is no officer %s", id)
		}
		ids[i] = o.Role.String() + ":" + o.ID
	}
	slices.SortFunc(ids, func(x, y string) int { return strings.Compare(x[strings.Index(x, ":"):], y[strings.Index(y, ":"):]) })
	return fmt.Sprint(ids)
}
