package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// signing has callers sign until the function it returns is called, which says
// how many signatures they got.
func (r *rig) signing(entry string, a algo.Algorithm, callers int) (stop func() int) {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	signed := make([]int, callers)
	for i := range callers {
		c := r.caller(callerUID)
		work.Go(func() {
			for ctx.Err() == nil {
				reply, err := c.Sign(context.Background(), signRequest(entry, a, 1))
				if err != nil || reply.Results[0].GetSigned() == nil {
					r.Errorf("signing beside a backup: %v, %v", reply, err)
					return
				}
				signed[i]++
			}
		})
	}
	return func() (sum int) {
		cancel()
		work.Wait()
		for _, n := range signed {
			sum += n
		}
		return sum
	}
}

// A backup that is made while 16 callers sign holds the log as it stood at one
// moment, under either encryption.
func TestBackupWhileCallersSignIsOfOneMoment(t *testing.T) {
	for name, k := range map[string]keeper{backup.SchemeAge: ageKeeper(t), backup.SchemeGM: gmKeeper(t)} {
		t.Run(name, func(t *testing.T) {
			v := startedVault(t, k)
			v.activeEntry("p256", "EC-P256")
			at := v.permit()
			before := v.server.appliance().store.Position().Size
			stop := v.signing("p256", algo.ECDSAP256SHA256, 16)
			v.waitFor(func() bool { return v.server.appliance().store.Position().Size > before+50 }, "callers to sign")
			status, file := v.administrator().call("GET", at, "")
			if status != http.StatusOK {
				t.Fatalf("backup: %d %s", status, file)
			}
			if signed := stop(); signed < 50 {
				t.Fatalf("%d signatures beside the backup", signed)
			}
			h, body := k.open(t, []byte(file))
			if h.Scheme != name || h.Appliance != v.server.applianceID() || h.Name != "seal-a.example.org" || h.Size <= before {
				t.Errorf("header is %+v", h)
			}
			v.expectPrefix(h, body)
		})
	}
}

// expectPrefix rebuilds a store from a backup and holds it to the log.
func (v *vault) expectPrefix(h backup.Header, body []byte) {
	v.Helper()
	in := bytes.NewReader(body)
	if _, err := backup.ReadHeader(in); err != nil {
		v.Fatal(err)
	}
	path := filepath.Join(v.TempDir(), storeName)
	at, err := store.Rebuild(path, h, backup.NewDecoder(in, h).Next)
	mustDo(v, err)
	root, err := v.server.appliance().store.RootAt(h.Size)
	mustDo(v, err)
	if at.Size != h.Size || at.Root != root {
		v.Errorf("the backup has %d events with root %x, the log had %x", at.Size, at.Root, root)
	}
	st, err := store.Open(path, store.Options{Now: time.Now})
	mustDo(v, err)
	mustDo(v, errors.Join(st.Check(context.Background()), st.Close()))
}

func TestBackupIsOfAnAdministratorOnceAndSoon(t *testing.T) {
	v := startedVault(t, ageKeeper(t))
	for _, c := range []struct {
		by   []string
		want protocol.Code
	}{
		{nil, protocol.TooFew},
		{[]string{"sara"}, protocol.RoleRefused},
		{[]string{"udo"}, protocol.RoleRefused},
		{[]string{"carl"}, protocol.RoleRefused},
		{[]string{"adam", "udo"}, protocol.RoleRefused},
	} {
		if code := v.try(authority.Backup, "", authority.Nothing{}, c.by...); code != c.want {
			t.Errorf("backup by %v: %v, want %v", c.by, code, c.want)
		}
	}
	o := v.administrator()
	for _, nonce := range []string{authority.NewNonce(), "x", strings.Repeat("0", 32)} {
		if status, body := o.call("GET", admin.PathBackups+"/"+nonce, ""); status != http.StatusNotFound || !strings.Contains(body, "signetctl backup") {
			t.Errorf("a backup that no act permits: %d %s", status, body)
		}
	}
	once := v.permit()
	if status, body := v.officer("audit", auditorUID, auditGID).call("GET", once, ""); status == http.StatusOK {
		t.Errorf("a backup on audit.sock: %d %.40s", status, body)
	}
	if status, body := o.call("GET", once, ""); status != http.StatusOK {
		t.Errorf("backup: %d %s", status, body)
	}
	if status, _ := o.call("GET", once, ""); status != http.StatusNotFound {
		t.Errorf("the same backup again: %d, want 404", status)
	}
	soon, late := v.permit(), v.permit()
	v.clock.pass(backupWindow - time.Second)
	if status, body := o.call("GET", soon, ""); status != http.StatusOK {
		t.Errorf("backup within its time: %d %s", status, body)
	}
	v.clock.pass(2 * time.Second)
	if status, _ := o.call("GET", late, ""); status != http.StatusNotFound {
		t.Errorf("backup after its time: %d, want 404", status)
	}
	before := v.permit()
	v.stop()
	v.start()
	v.waitMode(Serving)
	if status, _ := v.administrator().call("GET", before, ""); status != http.StatusNotFound {
		t.Errorf("backup of an act of the process before: %d, want 404", status)
	}
}

// heavy makes the store so large that no socket holds a backup of it.
func (v *vault) heavy() {
	v.Helper()
	for range 4 {
		blob := make([]byte, 1<<20)
		rand.Read(blob)
		mustDo(v, v.server.appliance().store.Record(&store.Commit{
			Events: []*audit.Event{{Kind: audit.KindStatus}}, Change: &store.Change{Blobs: [][]byte{blob}},
		}))
	}
}

// begin fetches a backup and returns its body after the first bytes.
func (v *vault) begin() (first []byte, rest io.ReadCloser) {
	v.Helper()
	res, err := v.rig.administrator().http.Get("http://signetd" + v.permit())
	mustDo(v, err)
	first = make([]byte, 100_000)
	_, err = io.ReadFull(res.Body, first)
	mustDo(v, err)
	return first, res.Body
}

// What breaks in the middle of a backup leaves a stream that ends in a fault,
// and a file that no opener takes for whole.
func TestBackupThatBreaksOffIsRefusedByItsOpener(t *testing.T) {
	for name, k := range map[string]keeper{backup.SchemeAge: ageKeeper(t), backup.SchemeGM: gmKeeper(t)} {
		t.Run(name, func(t *testing.T) {
			v := startedVault(t, k)
			v.heavy()
			_, hung := v.begin()
			hung.Close()
			v.waitFor(func() bool { return strings.Contains(v.journal.String(), "backup-cut") }, "the journal to tell of the cut")
			if v.server.condition().mode != Serving {
				t.Errorf("mode is %v after a client hung up", v.server.condition().mode)
			}

			first, rest := v.begin()
			defer rest.Close()
			replaceByCopy(t, v.path("state", storeName))
			v.server.appliance().store.Look()
			v.waitMode(PoisonedMode)
			more, err := io.ReadAll(rest)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the stream ended with %v, want unexpected EOF", err)
			}
			if err := k.readWhole(append(first, more...)); !errors.Is(err, backup.ErrTruncated) && !errors.Is(err, backup.ErrAltered) {
				t.Errorf("opening what was left: %v", err)
			}
		})
	}
}

func TestBackupNeedsSomebodyWhoCanOpenIt(t *testing.T) {
	for name, try := range map[string]func(t *testing.T) (protocol.Code, string){
		"officers": func(t *testing.T) (protocol.Code, string) {
			r := startedOfficers(t)
			return refusalOf(r.administrator(), r.signed(authority.Backup, "", authority.Nothing{}, "adam"))
		},
		"development": func(t *testing.T) (protocol.Code, string) {
			o := startedRig(t).administrator()
			return refusalOf(o, o.act(authority.Backup, "", authority.Nothing{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, text := try(t)
			if code != protocol.Conflict || !strings.Contains(text, "no recipients") || !strings.Contains(text, "systemctl stop signetd") {
				t.Errorf("%v %s, want a conflict that says what to do instead", code, text)
			}
		})
	}
}

// refusalOf hands an act in and returns the code and text of its refusal.
func refusalOf(o *officer, req admin.ActRequest) (protocol.Code, string) {
	o.Helper()
	_, body := o.call("POST", admin.PathActs, mustJSON(o, req))
	fault := fromJSON[admin.Fault](o, body).Error
	return protocol.Code(fault.Code), fault.Message
}

// Who will open backups is fixed for ever at init, so what could not be
// encrypted to is refused there.
func TestInitRefusesRecipientsThatCouldNotBeUsed(t *testing.T) {
	a, b, gm := ageKeeper(t).recipient, ageKeeper(t).recipient, gmKeeper(t).recipient
	r := newOfficers(t)
	for _, p := range r.people { // crypto gm takes officers with SM2 keys only
		p.Keys, p.signers = nil, nil
		p.addUKey(t, time.Now().Add(time.Hour))
	}
	r.start()
	r.waitMode(Uninitialised)
	for _, c := range []struct {
		name, crypto string
		to           []string
		fault        string
	}{
		{"age with crypto gm", authority.GM, []string{a}, "backup[0]"},
		{"age beside a certificate with crypto gm", authority.GM, []string{gm, a}, "backup[1]"},
		{"two kinds", authority.Mixed, []string{a, gm}, "all of one kind"},
		{"nobody", authority.Mixed, []string{a, ""}, "backup[1]"},
		{"a secret key", authority.Mixed, []string{"AGE-SECRET-KEY-1QQ"}, "backup[0]"},
		{"one twice", authority.Mixed, []string{a, b, a}, "one key"},
		{"one certificate twice", authority.GM, []string{gm, gm}, "one key"},
	} {
		g := r.genesis()
		g.Crypto, g.Backup = c.crypto, c.to
		code, text := refusalOf(r.administrator(), r.signed(authority.Init, "", g, r.all()...))
		if code != protocol.Malformed || !strings.Contains(text, c.fault) || strings.Contains(text, "AGE-SECRET") {
			t.Errorf("%s: %v %s, want malformed at %s", c.name, code, text, c.fault)
		}
	}
	g := r.genesis()
	g.Crypto, g.Backup = authority.GM, []string{gm, gmKeeper(t).recipient}
	r.must(authority.Init, "", g, r.all()...)
}

// Backups of an appliance are made at the expense of nobody's answer: what a
// signature takes while one is made, beside what it takes alone.
func BenchmarkSignBesideBackup(b *testing.B) {
	v := startedVault(b, ageKeeper(b))
	v.activeEntry("p256", "EC-P256")
	for range 16 {
		v.heavy()
	}
	for _, beside := range []bool{false, true} {
		b.Run(fmt.Sprintf("backup=%v", beside), func(b *testing.B) {
			var work sync.WaitGroup
			done := make(chan struct{})
			if beside {
				work.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
							v.backup()
						}
					}
				})
			}
			c := v.caller(callerUID)
			for b.Loop() {
				if _, err := c.Sign(context.Background(), signRequest("p256", algo.ECDSAP256SHA256, 1)); err != nil {
					b.Fatal(err)
				}
			}
			close(done)
			work.Wait()
		})
	}
}
