package daemon

import (
	"encoding/hex"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"

	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/policy"
	"signet/protocol/algo"
)

// An account is what a decision about an entry needs, at one revision. It is
// immutable: a change makes a new one.
type account struct {
	entry  register.Entry
	key    hsm.KeyRef
	signer string // hex of SM3 over the public key's DER
	policy policy.Bound
	record register.PolicyRecord
}

// A book is the register in memory. The committer turns its pages, after a
// change is durable and before anybody hears of it.
type book struct {
	mu       sync.RWMutex
	accounts map[string]*account
}

// openBook reads the whole register.
func openBook(s *store.Store) (*book, error) {
	entries, err := s.Entries()
	if err != nil {
		return nil, err
	}
	b := &book{accounts: make(map[string]*account, len(entries))}
	for _, e := range entries {
		a, err := readAccount(s, e)
		if err != nil {
			return nil, err
		}
		b.accounts[e.ID] = a
	}
	return b, nil
}

func readAccount(s *store.Store, e register.Entry) (*account, error) {
	a, err := newAccount(e)
	if err != nil || e.PolicyRev == 0 {
		return a, err
	}
	record, p, err := s.Policy(e.ID, e.PolicyRev)
	if err != nil {
		return nil, err
	}
	a.bind(record, p, systemLookup)
	return a, nil
}

// newAccount is the account of an entry whose policy allows nobody yet.
func newAccount(e register.Entry) (*account, error) {
	a := &account{entry: e}
	if e.Key != nil {
		id, public, err := e.Key.Parse()
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.ID, err)
		}
		a.key = hsm.KeyRef{Token: e.Key.Token, ID: id, Public: public}
		a.signer = signerOf(public)
	}
	return a, nil
}

// bind ties the policy to whom its names mean by lookup: a name that means
// another id than when the policy was set allows nobody.
func (a *account) bind(record register.PolicyRecord, p policy.Policy, lookup policy.Lookup) {
	a.record = record
	a.policy, _ = policy.Bind(p, policy.Resolved{Users: record.Users, Groups: record.Groups}, lookup)
}

func signerOf(public algo.PublicKey) string {
	h := algo.SM2SM3.NewHash()
	h.Write(public.DER())
	return hex.EncodeToString(h.Sum(nil))
}

// systemLookup resolves names as the machine's user database does.
var systemLookup = policy.Lookup{
	User: func(name string) (uint32, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return 0, err
		}
		return parseID(u.Uid)
	},
	Group: func(name string) (uint32, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return 0, err
		}
		return parseID(g.Gid)
	},
}

func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("id %q of the user database: %w", s, err)
	}
	return uint32(n), nil
}

// find returns the entry's account, nil if there is none.
func (b *book) find(id string) *account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.accounts[id]
}

// all returns every account in the order of ids.
func (b *book) all() []*account {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make([]*account, 0, len(b.accounts))
	for _, a := range b.accounts {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y *account) int { return strings.Compare(x.entry.ID, y.entry.ID) })
	return all
}

// close takes every entry out: nothing more leaves by this book.
func (b *book) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.accounts)
}

// turn makes a durable change visible.
func (b *book) turn(a *account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts[a.entry.ID] = a
}

// algorithms lists what the entry's key can sign with.
func (a *account) algorithms() []algo.Algorithm { return algo.For(a.key.Public.Type()) }
