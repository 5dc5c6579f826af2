package daemon

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/register"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/policy"
	"signet/protocol/algo"
)

// An account is what a decision about an entry needs, at one revision. It is
// immutable: a change makes a new one.
type account struct {
	entry  register.Entry // without the act of its proof
	key    hsm.KeyRef
	signer string // hex of SM3 over the public key's DER
	policy policy.Bound
	record register.PolicyRecord // without the act of its proof

	stored, storedPolicy [sm3.Size]byte // SM3 of the records as they are stored
	proof                *proving
	chain                *chain
}

// A book is the register in memory. The committer turns its pages, after a
// change is durable and before anybody hears of it.
type book struct {
	mu       sync.RWMutex
	accounts map[string]*account
}

// openBook reads the whole register. A record that cannot be read, or that is
// missing though there were acts on it, is an account that is not proven.
func openBook(s *store.Store, r *roster) (*book, error) {
	records, err := s.Entries()
	if err != nil {
		return nil, err
	}
	b := &book{accounts: make(map[string]*account, len(records))}
	if err := b.read(s, records); err != nil {
		return nil, err
	}
	for _, id := range r.entries() {
		if b.accounts[id] == nil {
			b.accounts[id] = unreadable(id, fmt.Errorf("%w: its record is missing from the store", register.ErrUnproven))
		}
	}
	return b, nil
}

// read makes the accounts of the records, on all processors: it is most of a
// start with ten thousand of them.
func (b *book) read(s *store.Store, records map[string][]byte) error {
	var work sync.WaitGroup
	ids := make(chan string)
	faults := make([]error, runtime.GOMAXPROCS(0))
	for i := range faults {
		work.Go(func() {
			for id := range ids {
				a, err := readAccount(s, id, records[id])
				if err != nil {
					faults[i] = err
					continue
				}
				b.turn(a)
			}
		})
	}
	for id := range records {
		ids <- id
	}
	close(ids)
	work.Wait()
	return errors.Join(faults...)
}

// unreadable is the account of a record that is no good: it refuses all.
func unreadable(id string, err error) *account {
	return &account{entry: register.Entry{ID: id}, proof: disproved(err), chain: new(chain)}
}

// readAccount fails only if the store cannot be read.
func readAccount(s *store.Store, id string, data []byte) (*account, error) {
	e, err := register.Parse(data)
	if err == nil && e.ID != id {
		err = fmt.Errorf("it says that it is the record of %s", strconv.Quote(e.ID))
	}
	if err != nil {
		return unreadable(id, fmt.Errorf("%w: %w", register.ErrUnproven, err)), nil
	}
	a, err := newAccount(e)
	if err != nil {
		return unreadable(id, fmt.Errorf("%w: %w", register.ErrUnproven, err)), nil
	}
	a.stored, a.proof = sm3.Sum(data), new(proving)
	if e.PolicyRev == 0 {
		return a, nil
	}
	if data, err = s.Policy(e.ID, e.PolicyRev); err != nil {
		return nil, err
	}
	record, p, err := register.ParsePolicyRecord(data)
	if err != nil {
		a.proof = disproved(fmt.Errorf("%w: %w", register.ErrUnproven, err))
		return a, nil
	}
	a.storedPolicy = sm3.Sum(data)
	a.bind(record, p, systemLookup)
	return a, nil
}

// newAccount is the account of an entry whose policy allows nobody yet. The
// act of its proof stays in the store: ten thousand of them are megabytes.
func newAccount(e register.Entry) (*account, error) {
	e.Proof = register.Proof{Event: e.Proof.Event}
	a := &account{entry: e, chain: new(chain)}
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
	record.Proof = register.Proof{Event: record.Proof.Event}
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
