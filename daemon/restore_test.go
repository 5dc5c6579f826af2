package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/store"
	"signet/daemon/internal/store/storetest"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// lines are the log as it is stored.
func (r *rig) lines() []string {
	r.Helper()
	lines, err := r.server.appliance().store.Events(0, 1000)
	mustDo(r, err)
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = string(line)
	}
	return texts
}

// signOnce asks for a signature under a request_id, with the same content each
// time.
func (r *rig) signOnce(id string) *protocol.Signed {
	r.Helper()
	req := signRequest("p256", algo.ECDSAP256SHA256, 1)
	req.RequestId = id
	req.Inputs[0] = &protocol.Input{Value: &protocol.Input_Digest{Digest: []byte(strings.Repeat("d", 32))}}
	reply, err := r.caller(callerUID).Sign(context.Background(), req)
	if err != nil || reply.Results[0].GetSigned() == nil {
		r.Fatalf("sign: %v, %v", reply, err)
	}
	return reply.Results[0].GetSigned()
}

// anchorNow is what the token has.
func (r *rig) anchorNow() anchor {
	r.Helper()
	found, err := r.server.tokens.readAnchor(r.Context(), "seals")
	mustDo(r, err)
	if found == nil {
		return anchor{}
	}
	return *found
}

// epochs are those of the events from one on.
func (r *rig) epochs(from int) []uint64 {
	r.Helper()
	var all []uint64
	for _, e := range r.events()[from:] {
		all = append(all, e.Epoch)
	}
	return slices.Compact(all)
}

// A backup that was made of an appliance with one entry, and what it held.
type kept struct {
	*vault
	id    string // of the appliance
	body  []byte
	lines []string         // of the log in the backup
	known *protocol.Signed // of request "known", which the backup remembers
	lost  *protocol.Signed // of request "lost", made after it

	used admin.ActRequest // the act of the first restore
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{vault: startedVault(t, ageKeeper(t))}
	k.id = k.server.applianceID()
	k.activeEntry("p256", "EC-P256")
	k.known = k.signOnce("known")
	file := k.backup()
	k.lines = k.vault.lines()
	_, k.body = k.keeper.open(t, file)
	k.lost = k.signOnce("lost")
	return k
}

// A store that is lost is put back from a backup by the officers of the backup,
// and all that it held is there: log, entries, requests. What was answered
// after it is never taken for what is answered now.
func TestRestore(t *testing.T) {
	k := newKept(t)
	_ = t.Run("by officers", k.restoredByOfficers) && // each begins with what the one before left
		t.Run("again, by an act of its own", k.restoredAgain) &&
		t.Run("finished after a fault", k.restoreIsFinished) &&
		t.Run("not durable", k.restoreIsNotDurable) &&
		t.Run("on a new token", k.restoredOnANewToken)
}

func (k *kept) restoredByOfficers(t *testing.T) {
	k.under(t)
	k.lose()
	k.waitMode(InRecovery)
	k.waitFor(func() bool { return strings.Contains(k.server.condition().mend, "signetctl restore") }, "the token to tell of its anchor")
	k.expectMode(InRecovery, protocol.Recovery, "anchor of an appliance")
	if status, body := k.administrator().call("GET", admin.PathActContext, ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "signetctl restore") {
		t.Errorf("act-context without a store: %d %s", status, body)
	}
	staged := k.mustUpload(k.body)
	if size := uint64(len(k.lines)); staged.Size != size || staged.Entries != 1 {
		t.Errorf("handed in: %+v, want %d events and one entry", staged, size)
	}
	names := k.names()
	if !names.Staged || names.LogSize != staged.Size || names.LogRoot != staged.Root || names.Appliance != staged.Appliance || names.Authority != "officers" || names.Epoch != 2 {
		t.Errorf("act-context is %+v, want what was handed in, to go on in epoch 2", names)
	}
	k.refusesPutBack(authority.Restore)
	waits := k.putBackAct(authority.Restore, nil, "sara", "sven")
	if _, code := k.administrator().submit(waits); code != protocol.TooFew {
		t.Fatalf("restore without an auditor: %v, want too few", code)
	}
	result := k.addSignature(waits, "udo")
	k.waitMode(Serving)
	copyFile(t, k.path("state", storeName), k.path("restored.db")) // the act is its last event
	if result.Event != staged.Size || len(result.Signers) != 3 {
		t.Errorf("result is %+v, want event %d signed by three", result, staged.Size)
	}
	k.expectRestored(2)
	if _, fault := k.upload(k.body); fault == nil || fault.Code != uint32(protocol.Conflict) {
		t.Errorf("a backup handed in while serving: %+v, want a conflict", fault)
	}
	k.stop()
	k.start()
	k.waitMode(Serving)
}

// refusesPutBack tries an act in every wrong way.
func (k *kept) refusesPutBack(kind authority.Kind) {
	k.Helper()
	stranger := newSignatory(k, "stan", authority.SecurityOfficer, 1)
	k.people["stan"] = stranger
	defer delete(k.people, "stan")
	three := []string{"sara", "sven", "udo"}
	mode, files := k.server.condition().mode, k.files()
	content := func(change func(*authority.AcceptStore), by ...string) func() admin.ActRequest {
		return func() admin.ActRequest { return k.putBackAct(kind, change, by...) }
	}
	act := func(change func(*authority.Act), by ...string) func() admin.ActRequest {
		return func() admin.ActRequest { return k.signAgain(k.putBackAct(kind, nil), change, by...) }
	}
	for _, c := range []struct {
		name string
		req  func() admin.ActRequest
		want protocol.Code
	}{
		{"unsigned", content(nil), protocol.TooFew},
		{"one security officer", content(nil, "sara", "udo"), protocol.TooFew},
		{"no auditor", content(nil, "sara", "sven", "sun"), protocol.TooFew},
		{"one twice", content(nil, "sara", "sara", "udo"), protocol.DuplicateSigner},
		{"an administrator too", content(nil, "sara", "sven", "udo", "adam"), protocol.RoleRefused},
		{"a stranger", content(nil, "sara", "stan", "udo"), protocol.BadActSignature},
		{"larger", content(func(c *authority.AcceptStore) { c.Size++ }, three...), protocol.OtherAppliance},
		{"another root", content(func(c *authority.AcceptStore) { c.Root = strings.Repeat("ab", 32) }, three...), protocol.OtherAppliance},
		{"the epoch of the backup", content(func(c *authority.AcceptStore) { c.Epoch-- }, three...), protocol.Malformed},
		{"an epoch left out", content(func(c *authority.AcceptStore) { c.Epoch++ }, three...), protocol.Malformed},
		{"no reason", content(func(c *authority.AcceptStore) { c.Basis = "" }, three...), protocol.Malformed},
		{"another appliance", act(func(a *authority.Act) { a.Appliance = strings.Repeat("ab", 32) }, three...), protocol.OtherAppliance},
		{"another history", act(func(a *authority.Act) { a.LogRoot = strings.Repeat("ab", 32) }, three...), protocol.OtherAppliance},
		{"expired", act(func(a *authority.Act) { a.NotAfter = "2020-01-01T00:00:00Z" }, three...), protocol.ActExpired},
		{"altered", func() admin.ActRequest {
			req := k.putBackAct(kind, nil, three...)
			req.Content = strings.Replace(req.Content, "disk lost", "disk found", 1)
			return req
		}, protocol.Malformed},
	} {
		if _, code := k.administrator().submit(c.req()); code != c.want {
			k.Errorf("%s: %v, want %v", c.name, code, c.want)
		}
		k.expectUnmoved(c.name, mode, files)
	}
}

// addSignature has another officer find the act that waits and add his.
func (k *kept) addSignature(waits admin.ActRequest, id string) admin.ActResult {
	k.Helper()
	act, err := authority.ParseAct([]byte(waits.Act))
	mustDo(k, err)
	status, body := k.administrator().call("GET", admin.PathActs+"/"+act.Nonce, "")
	if status != http.StatusOK {
		k.Fatalf("the act that waits: %d %s", status, body)
	}
	p := fromJSON[admin.Proposal](k, body)
	if p.Act != waits.Act || p.Content != waits.Content || len(p.Signers) != 2 {
		k.Errorf("what waits is %+v", p)
	}
	result, code := k.administrator().submit(admin.ActRequest{Act: p.Act, Content: p.Content, Signatures: []admin.Signature{k.people[id].sign(k, p.Act, 0)}})
	if code != 0 {
		k.Fatalf("with the signature of %s: %v", id, code)
	}
	return result
}

// expectRestored holds what is there to what the backup had.
func (k *kept) expectRestored(epoch uint64) {
	k.Helper()
	at := len(k.lines)
	if now := k.vault.lines(); len(now) <= at || !slices.Equal(now[:at], k.lines) {
		k.Fatalf("the log has %d lines, want the %d of before and more", len(now), at)
	}
	e := k.events()[at]
	if e.Op != string(authority.Restore) || e.Epoch != epoch || e.PrevAct == nil || strings.Count(e.Role, ",")+strings.Count(e.Role, " ") < 2 {
		k.Errorf("event %d is %+v, want the restore, signed by three, of epoch %d", at, e, epoch)
	}
	if got := k.epochs(at); !slices.Equal(got, []uint64{epoch}) {
		k.Errorf("epochs of what follows are %d, want %d", got, epoch)
	}
	if a := k.anchorNow(); a.Appliance != k.server.applianceID() || a.Epoch != epoch || a.Size <= uint64(at) {
		k.Errorf("the token's anchor is %+v", a)
	}
	if m, err := readMarker(k.path("state")); err != nil || m == nil || m.Epoch != epoch {
		k.Errorf("the marker is %+v, %v", m, err)
	}
	if names := slices.Sorted(maps.Keys(k.files())); !slices.Equal(names, []string{markerName, storeName}) {
		k.Errorf("the state directory has %v", names)
	}
	k.expectUses(at)
}

func (k *kept) expectUses(at int) {
	k.Helper()
	if again := k.signOnce("known"); again.Receipt.Event != k.known.Receipt.Event || string(again.Signature) != string(k.known.Signature) {
		k.Errorf("a request of before the backup was answered anew, with event %d", again.Receipt.Event)
	}
	if anew := k.signOnce("lost"); anew.Receipt.Event <= uint64(at) || string(anew.Receipt.LeafHash) == string(k.lost.Receipt.LeafHash) {
		k.Errorf("a lost request was answered with event %d", anew.Receipt.Event)
	}
	_, leaf, err := k.server.appliance().store.Event(k.lost.Receipt.Event)
	mustDo(k, err)
	if string(leaf[:]) == string(k.lost.Receipt.LeafHash) {
		k.Errorf("the receipt of lost event %d fits another", k.lost.Receipt.Event)
	}
	acct := k.server.appliance().book.find("p256")
	k.waitFor(func() bool { word, _ := acct.proof.describe(); return word == "proven" }, "the entry to be proven")
}

// restoredAgain: the act of the first time is worth nothing for the second, or
// whoever has a copy could take away all that came after it.
func (k *kept) restoredAgain(t *testing.T) {
	k.under(t)
	k.start()
	k.waitMode(Serving)
	used := k.events()[len(k.lines)]
	content, err := k.server.appliance().store.Blob(mustAct(t, used.Act).ContentSHA)
	mustDo(t, err)
	sigs, err := authority.ParseSignatures(used.ActSigs)
	mustDo(t, err)
	k.used = admin.ActRequest{Act: used.Act, Content: string(content)}
	for _, s := range sigs {
		k.used.Signatures = append(k.used.Signatures, admin.Signature{Form: string(s.Form), Value: s.Value})
	}
	k.lose()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	k.mustUpload(k.body)
	files := k.files()
	if _, code := k.administrator().submit(k.used); code != protocol.Malformed {
		t.Errorf("the act of the first restore: %v, want malformed for its epoch", code)
	}
	k.expectUnmoved("the act of the first restore", InRecovery, files)
	k.restore(k.body) // hands in a second time, which replaces the first
	k.expectRestored(3)
}

func mustAct(t testing.TB, raw string) authority.Act {
	t.Helper()
	act, err := authority.ParseAct([]byte(raw))
	mustDo(t, err)
	return act
}

// A meddler does something before the daemon is told of the anchor, which is
// after it has looked at its files.
type meddler struct {
	hsm.Driver
	before *atomic.Pointer[func()]
}

func (m meddler) Data(ctx context.Context, token, label string) ([][]byte, error) {
	if f := m.before.Swap(nil); f != nil {
		(*f)()
	}
	return m.Driver.Data(ctx, token, label)
}

// An act that is recorded has taken effect: what comes after it is done by the
// same act, handed in again, or by the next start.
func (k *kept) restoreIsFinished(t *testing.T) {
	k.under(t)
	var before atomic.Pointer[func()]
	k.wrap = func(d hsm.Driver) hsm.Driver { return meddler{d, &before} }
	defer func() { k.wrap = nil }()
	epoch := uint64(3)
	for _, finish := range []struct {
		name string
		do   func(admin.ActRequest)
	}{
		{"by the same act", func(req admin.ActRequest) {
			if result, code := k.administrator().submit(req); code != 0 || result.Event != uint64(len(k.lines)) {
				t.Errorf("the act again: %+v, %v", result, code)
			}
		}},
		{"by the next start", func(admin.ActRequest) { k.stop(); k.start() }},
	} {
		epoch++
		k.stop()
		k.clearState()
		k.start()
		k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
		k.mustUpload(k.body)
		req := k.putBackAct(authority.Restore, nil, "sara", "sven", "udo")
		block := func() { mustDo(t, os.Mkdir(k.path("state", storeName), 0o700)) }
		before.Store(&block)
		if _, code := k.administrator().submit(req); code != protocol.Internal {
			t.Fatalf("%s: a restore whose store could not be named: %v, want internal", finish.name, code)
		}
		if k.server.condition().mode != InRecovery {
			t.Fatalf("%s: mode is %v", finish.name, k.server.condition().mode)
		}
		mustDo(t, os.Remove(k.path("state", storeName)))
		finish.do(req)
		k.waitMode(Serving)
		k.waitFor(func() bool { return k.anchorNow().Epoch == epoch }, "the anchor to move")
		k.expectRestored(epoch)
	}
}

// restoreIsNotDurable: a write to what was handed in that may be lost is no
// fault of the daemon's store. What was handed in goes, and comes again.
func (k *kept) restoreIsNotDurable(t *testing.T) {
	k.under(t)
	var before atomic.Pointer[func()]
	k.wrap = func(d hsm.Driver) hsm.Driver { return meddler{d, &before} }
	defer func() { k.wrap = nil }()
	k.lose()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	k.mustUpload(k.body)
	req := k.putBackAct(authority.Restore, nil, "sara", "sven", "udo")
	replace := func() { replaceByCopy(t, k.server.stagedPath()) }
	before.Store(&replace)
	if code, text := refusalOf(k.administrator(), req); code != protocol.Conflict || !strings.Contains(text, "hand the backup in again") {
		t.Errorf("%v %s, want a conflict that says what to do", code, text)
	}
	k.expectUnmoved("a write that is not durable", InRecovery, map[string]string{})
	if _, err := os.Stat(k.path("run", poisonName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("poison mark: %v", err)
	}
	k.restore(k.body)
	k.stop()

	copyFile(t, k.path("state", storeName), k.path("older.db"))
	k.start()
	k.waitMode(Serving)
	k.stop()
	k.putStore(k.path("older.db"), fileBytes(t, k.path("state", markerName)))
	k.waitReason(InRecovery, "older than its marker")
	req = k.putBackAct(authority.StoreAccept, nil, "sara", "sven", "udo")
	replace = func() { replaceByCopy(t, k.path("state", storeName)) }
	before.Store(&replace)
	if _, code := k.administrator().submit(req); code != protocol.Poisoned || k.server.condition().mode != PoisonedMode {
		t.Errorf("store.accept that is not durable: %v, mode %v, want poisoned", code, k.server.condition().mode)
	}
	mustDo(t, os.Remove(k.path("run", poisonName)))
}

// restoredOnANewToken: a token that answers that it has no anchor is one that
// holds the log to nothing, and is given one. The keys are where they were.
func (k *kept) restoredOnANewToken(t *testing.T) {
	k.stop()
	fresh := newOfficers(t)
	fresh.people = k.people
	n := &kept{&vault{officers: fresh, keeper: k.keeper}, k.id, k.body, k.lines, k.known, k.lost, k.used}

	n.logToken = ""
	n.start()
	n.waitMode(Uninitialised)
	_, fault := n.upload(n.body)
	expectFault(t, "without [log]", fault, protocol.Recovery)
	if fault != nil && !strings.Contains(fault.Message, "[log] of signetd.toml") {
		t.Errorf("the refusal does not say what to do: %s", fault.Message)
	}
	n.expectUnmoved("without [log]", Uninitialised, map[string]string{})
	n.stop()

	n.logToken = "seals"
	n.start()
	n.waitMode(Uninitialised)
	n.refusesCutOff(k.path("restored.db"))
	n.restore(n.body)
	if a := n.anchorNow(); a.Epoch != 2 || a.Appliance != n.server.applianceID() {
		t.Errorf("the new token's anchor is %+v", a)
	}
	reply, err := n.caller(callerUID).Sign(context.Background(), signRequest("p256", algo.ECDSAP256SHA256, 1))
	if err != nil || !errors.Is(reply.Results[0].GetError(), protocol.HSMUnavailable) {
		t.Errorf("sign with a key of another token = %v, %v", reply, err)
	}
}

// refusesCutOff: what was cut off where a restore was recorded is no restore,
// neither by its old act nor by a start, also where nothing else is known and a
// crash came before anybody looked at it.
func (k *kept) refusesCutOff(file string) {
	k.Helper()
	_, fault := k.upload(k.bodyOf(file))
	expectFault(k, "a backup that ends with a restore", fault, protocol.Malformed)
	k.expectUnmoved("a backup that ends with a restore", Uninitialised, map[string]string{})
	copyFile(k, file, k.server.stagedPath())
	for range 2 {
		files := k.files()
		if _, code := k.administrator().submit(k.used); code != protocol.OtherAppliance {
			k.Errorf("the act that the backup ends with: %v, want it to be for another log", code)
		}
		k.expectUnmoved("the act that the backup ends with", Uninitialised, files)
		k.stop()
		k.start()
		k.waitMode(Uninitialised)
		k.expectUnmoved("a start beside such a backup", Uninitialised, files)
		mustDo(k, os.WriteFile(k.server.judgedPath(), []byte("another act"), 0o600))
	}
}

// bodyOf is what somebody hands in who has a store's file.
func (k *kept) bodyOf(path string) []byte {
	k.Helper()
	st := openClosed(k, path)
	defer st.Close()
	picture, err := st.Snapshot()
	mustDo(k, err)
	h := backup.Header{
		Appliance: k.id, Name: "x", Created: "2026-11-22T10:51:00Z", Schema: store.Schema, Scheme: backup.SchemeAge,
		Size: picture.Size, Root: hex.EncodeToString(picture.Root[:]),
	}
	var body bytes.Buffer
	text, err := h.Bytes()
	mustDo(k, err)
	body.Write(clearHeader(text))
	records, err := backup.NewEncoder(&body, h)
	mustDo(k, err)
	mustDo(k, errors.Join(picture.Records(k.Context(), records.Put, func(uint64) {}), records.Close()))
	return body.Bytes()
}

// waitReason waits until the daemon has said why.
func (r *rig) waitReason(mode Mode, reason string) {
	r.Helper()
	r.waitFor(func() bool {
		cond := r.server.condition()
		return cond.mode == mode && strings.Contains(cond.reason, reason)
	}, mode.String()+": "+reason)
}

// putStore has a copy take the place of the store, with the marker or without.
func (v *vault) putStore(copy string, marker string) {
	v.Helper()
	v.stop()
	v.clearState()
	copyFile(v, copy, v.path("state", storeName))
	if marker != "" {
		mustDo(v, os.WriteFile(v.path("state", markerName), []byte(marker), 0o600))
	}
	v.start()
}

// A store that is older than what marker or token know is used when officers
// accept what is lost, and not before. The log goes on in an epoch of its own,
// and what was known before fights it no more.
func TestOlderStoreIsForOfficersToAccept(t *testing.T) {
	k := newKept(t)
	k.stop()
	copyFile(t, k.path("state", storeName), k.path("older.db"))
	k.start()
	k.waitMode(Serving)
	k.signOnce("more")
	k.stop()
	marker := fileBytes(t, k.path("state", markerName))
	size := len(readStored(t, k.path("older.db")))

	k.putStore(k.path("older.db"), marker)
	k.waitReason(InRecovery, "older than its marker")
	k.expectMode(InRecovery, protocol.Recovery, "older than its marker")
	if mend := k.status().Mend; !strings.Contains(mend, "signetctl mode clear --accept-older") {
		t.Errorf("mend is %q", mend)
	}
	if _, fault := k.upload(k.body); fault == nil || fault.Code != uint32(protocol.Conflict) || !strings.Contains(fault.Message, "move it away") {
		t.Errorf("a backup beside a store: %+v, want a conflict that says what to do", fault)
	}
	k.refusesPutBack(authority.StoreAccept)
	accept := k.putBackAct(authority.StoreAccept, nil, "sara", "sven", "udo")
	if _, code := k.administrator().submit(accept); code != 0 {
		t.Fatalf("store.accept: %v", code)
	}
	k.waitMode(Serving)
	if e := k.events()[size]; e.Op != string(authority.StoreAccept) || e.Epoch != 2 || e.Role == "unsigned" {
		t.Errorf("event %d is %+v", size, e)
	}
	copyFile(t, k.path("state", storeName), k.path("accepted.db")) // the act is its last event
	k.signOnce("after")
	if a := k.anchorNow(); a.Epoch != 2 || a.Size != uint64(size+1) {
		t.Errorf("anchor is %+v", a)
	}

	t.Run("the marker of before does not fight", func(t *testing.T) {
		k.under(t)
		k.stop()
		mustDo(t, os.WriteFile(k.path("state", markerName), []byte(marker), 0o600))
		k.start()
		k.waitMode(Serving)
		k.stop()
	})
	after := fileBytes(t, k.path("state", markerName))
	t.Run("the act is worth nothing a second time", func(t *testing.T) {
		k.under(t)
		k.putStore(k.path("older.db"), marker)
		k.waitReason(InRecovery, "older than its marker")
		files := k.files()
		if _, code := k.administrator().submit(accept); code != protocol.Malformed {
			t.Errorf("the act again: %v, want malformed for its epoch", code)
		}
		k.expectUnmoved("the act again", InRecovery, files)

		k.putStore(k.path("accepted.db"), after)
		k.waitReason(InRecovery, "older than its marker")
		files = k.files()
		if _, code := k.administrator().submit(accept); code != protocol.OtherAppliance {
			t.Errorf("the act that the store ends with: %v, want it to be for another log", code)
		}
		k.expectUnmoved("the act that the store ends with", InRecovery, files)
	})
	t.Run("the token knows where there is no marker", func(t *testing.T) {
		k.under(t)
		k.putStore(k.path("older.db"), "")
		k.waitReason(InRecovery, "older than the token's anchor")
		if mend := k.status().Mend; !strings.Contains(mend, "signetctl mode clear --accept-older") {
			t.Errorf("mend is %q", mend)
		}
		if _, code := k.administrator().submit(k.putBackAct(authority.StoreAccept, nil, "sara", "sven", "udo")); code != 0 {
			t.Fatalf("another act: %v", code)
		}
		k.waitMode(Serving)
		if a := k.anchorNow(); a.Epoch != 3 {
			t.Errorf("anchor is %+v", a)
		}
		k.signOnce("after")
	})
	t.Run("an anchor that was not moved", func(t *testing.T) {
		k.under(t)
		k.start()
		k.waitMode(Serving)
		old := k.anchorNow()
		old.Epoch, old.Size = 2, 1000
		mustDo(t, k.server.tokens.writeAnchor(t.Context(), "seals", old))
		k.stop()
		k.start()
		k.waitFor(func() bool { return k.anchorNow().Epoch == 3 }, "the anchor to move")
		if k.server.condition().mode != Serving {
			t.Errorf("mode is %v", k.server.condition().mode)
		}
	})
	t.Run("not while the token is out", func(t *testing.T) {
		k.under(t)
		k.putStore(k.path("older.db"), marker)
		k.waitReason(InRecovery, "older than its marker")
		req := k.putBackAct(authority.StoreAccept, nil, "sara", "sven", "udo")
		files := k.files()
		k.token.Control(t, "C_FindObjectsInit=0x30", "C_OpenSession=0x30") // CKR_DEVICE_ERROR
		code, text := refusalOf(k.administrator(), req)
		if code != protocol.HSMUnavailable || !strings.Contains(text, "signetctl token status") {
			t.Errorf("%v %s, want hsm_unavailable that says where to look", code, text)
		}
		k.expectUnmoved("with the token out", InRecovery, files)
		k.token.Control(t)
	})
	t.Run("an act is worth nothing where it was not signed for", func(t *testing.T) {
		k.under(t)
		k.stop()
		for name, forge := range map[string]func(*forgery){
			"later in the log": func(f *forgery) { f.record(&audit.Event{Kind: audit.KindStatus}, nil) },
			"a later epoch":    func(f *forgery) { f.change.Epoch = 9 },
			"another history":  func(f *forgery) { f.rewriteUse() },
		} {
			f := newForgery(k, accept)
			forge(f)
			f.record(f.act, f.change)
			mustDo(t, f.store.Close())
			k.clearState()
			copyFile(t, f.path, k.path("state", storeName))
			k.start()
			if cond := k.server.condition(); cond.mode != InRecovery || !strings.Contains(cond.reason, "it is for a log") || !strings.Contains(cond.mend, "signetctl restore") {
				t.Errorf("%s: mode %v: %s; %s", name, cond.mode, cond.reason, cond.mend)
			}
			k.stop()
		}
		k.clearState()
	})
}

// A forgery is a store into which somebody writes the event of an act that was
// signed for it, as root can.
type forgery struct {
	*kept
	path   string
	store  *store.Store
	act    *audit.Event
	change *store.Change
}

func newForgery(k *kept, req admin.ActRequest) *forgery {
	k.Helper()
	f := &forgery{kept: k, path: k.path("forged.db")}
	copyFile(k, k.path("older.db"), f.path)
	f.store = openClosed(k, f.path)
	sub, fault := decodeSubmission([]byte(mustJSON(k, req)))
	if fault != nil {
		k.Fatal(fault)
	}
	content, err := readPutBack(sub.act.Kind, sub.content)
	mustDo(k, err)
	expiry, err := sub.act.Expiry()
	mustDo(k, err)
	decided := audit.At(k.clock.real())
	f.act = &audit.Event{
		Kind: audit.KindAct, Op: string(sub.act.Kind), Decided: &decided, Act: sub.raw, ActSigs: authority.SignatureTexts(sub.signatures), Result: audit.Allowed,
	}
	f.change = &store.Change{Nonce: sub.act.Nonce, Expiry: expiry, Blobs: [][]byte{sub.content}, Epoch: content.Epoch}
	return f
}

func (f *forgery) record(e *audit.Event, change *store.Change) {
	f.Helper()
	mustDo(f, f.store.Record(&store.Commit{Events: []*audit.Event{e}, Change: change}))
}

// rewriteUse alters a use of before, and all that is hashed over it.
func (f *forgery) rewriteUse() {
	f.Helper()
	mustDo(f, f.store.Close())
	storetest.Edit(f, f.path, func(file *storetest.File) {
		file.Replace("ev", storetest.Seq(f.known.Receipt.Event), `"purpose":"contract"`, `"purpose":"xontract"`)
		file.Rehash()
	})
	f.store = openClosed(f, f.path)
}

// readStored returns the lines of a store that is closed.
func readStored(t testing.TB, path string) []string {
	t.Helper()
	st := openClosed(t, path)
	defer st.Close()
	lines, err := st.Events(0, 1000)
	mustDo(t, err)
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = string(line)
	}
	return texts
}

// Under development the group accepts, and the event says that nobody signed.
func TestOlderStoreUnderDevelopment(t *testing.T) {
	r := startedRig(t)
	r.stop()
	copyFile(t, r.path("state", storeName), r.path("older.db"))
	r.start()
	r.waitMode(Serving)
	r.entry("sm2", "SM2")
	r.stop()
	mustDo(t, os.Rename(r.path("older.db"), r.path("state", storeName)))
	r.start()
	r.waitMode(InRecovery)
	o := r.administrator()
	_, body := o.call("GET", admin.PathActContext, "")
	names := fromJSON[admin.ActContext](t, body)
	req := o.act(authority.StoreAccept, "", authority.AcceptStore{Size: names.LogSize, Root: names.LogRoot, Epoch: names.Epoch, Basis: "trying"})
	req = changed(o, req, func(a *authority.Act) { a.LogSize, a.LogRoot = names.LogSize, names.LogRoot })
	m, err := readMarker(r.path("state"))
	mustDo(t, err)
	other := *m
	other.Appliance = strings.Repeat("ab", 32)
	mustDo(t, other.write(r.path("state")))
	if _, code := o.submit(req); code != protocol.OtherAppliance {
		t.Errorf("store.accept beside the marker of another appliance: %v", code)
	}
	mustDo(t, m.write(r.path("state")))
	if _, code := o.submit(req); code != 0 {
		t.Fatalf("store.accept: %v", code)
	}
	r.waitMode(Serving)
	if e := r.lastEvent(); e.Op != string(authority.StoreAccept) || e.Role != "unsigned" || e.Epoch != 2 {
		t.Errorf("last event is %+v", e)
	}
	if _, code := o.submit(req); code != protocol.Conflict {
		t.Errorf("store.accept while serving: %v, want conflict", code)
	}
	r.entry("sm2", "SM2") // its key is another one: that of before is on the token, and nobody knows it
}

func TestClockAndPoisonAreForTheirOfficers(t *testing.T) {
	r := startedOfficers(t)
	r.clock.jump(90 * time.Second)
	for _, by := range [][]string{nil, {"sara", "sven"}, {"sara", "udo"}, {"adam", "anna", "udo"}} {
		if code := r.try(authority.ClockAccept, "", authority.Nothing{}, by...); code != protocol.TooFew && code != protocol.RoleRefused {
			t.Errorf("clock.accept by %v: %v", by, code)
		}
	}
	r.must(authority.ClockAccept, "", authority.Nothing{}, "sara", "sven", "uma")

	r.server.poison(errors.New("input/output error"))
	r.expectMode(PoisonedMode, protocol.Poisoned, "input/output error")
	if mend := r.status().Mend; !strings.Contains(mend, "signetctl mode clear") {
		t.Errorf("mend is %q", mend)
	}
	for _, by := range [][]string{nil, {"sara", "sven", "udo"}, {"carl"}} {
		if code := r.try(authority.ModeClear, "", authority.Nothing{}, by...); code != protocol.TooFew && code != protocol.RoleRefused {
			t.Errorf("mode.clear by %v: %v", by, code)
		}
		r.waitMode(PoisonedMode)
	}
	r.must(authority.ModeClear, "", authority.Nothing{}, "anna")
	r.waitMode(Serving)
	if e := r.lastEvent(); e.Kind != audit.KindAct || e.Op != string(authority.ModeClear) || !strings.Contains(e.Role, "anna") {
		t.Errorf("last event is %+v", e)
	}
}
