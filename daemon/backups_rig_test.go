package daemon

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

// A keeper can open backups.
type keeper struct {
	recipient string
	identity  backup.Identity
}

func ageKeeper(t testing.TB) keeper {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	mustDo(t, err)
	identity, err := backup.ParseIdentity([]byte(id.String()), nil, nil)
	mustDo(t, err)
	return keeper{id.Recipient().String(), identity}
}

// gmKeeper has a certificate for encryption.
func gmKeeper(t testing.TB) keeper {
	t.Helper()
	private, err := sm2.GenerateKey(rand.Reader)
	mustDo(t, err)
	template := &smx509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "backup"}, KeyUsage: smx509.KeyUsageKeyEncipherment,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	raw, err := smx509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	mustDo(t, err)
	key, err := smx509.MarshalPKCS8PrivateKey(private)
	mustDo(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	identity, err := backup.ParseIdentity(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), certificate, nil)
	mustDo(t, err)
	return keeper{string(certificate), identity}
}

// A vault is an appliance of officers whose backups a keeper opens.
type vault struct {
	*officers
	keeper keeper
	one    *officer // an administrator with one connection: one uid has few
}

func (v *vault) administrator() *officer {
	if v.one == nil {
		v.one = v.rig.administrator()
	}
	return v.one
}

func startedVault(t testing.TB, k keeper) *vault {
	t.Helper()
	v := &vault{officers: newOfficers(t), keeper: k}
	v.start()
	v.waitMode(Uninitialised)
	g := v.genesis()
	g.Backup = []string{k.recipient}
	v.must(authority.Init, "", g, v.all()...)
	v.waitMode(Serving)
	return v
}

func (r *officers) all() []string { return slices.Sorted(maps.Keys(r.people)) }

// under has another test own what the vault does, and stops it at its end.
func (v *vault) under(t *testing.T) {
	was := v.TB
	v.TB, v.one = t, nil
	t.Cleanup(func() { v.TB, v.one = was, nil })
}

// permit has an administrator permit a backup, and returns where it is.
func (v *vault) permit() string {
	v.Helper()
	req := v.signed(authority.Backup, "", authority.Nothing{}, "adam")
	if _, code := v.administrator().submit(req); code != 0 {
		v.Fatalf("backup: refused with %v", code)
	}
	act, err := authority.ParseAct([]byte(req.Act))
	mustDo(v, err)
	return admin.PathBackups + "/" + act.Nonce
}

// backup makes one whole backup.
func (v *vault) backup() []byte {
	v.Helper()
	status, body := v.administrator().call("GET", v.permit(), "")
	if status != http.StatusOK {
		v.Fatalf("backup: %d %s", status, body)
	}
	return []byte(body)
}

// open decrypts a backup as signetctl restore does: what it hands in.
func (k keeper) open(t testing.TB, file []byte) (backup.Header, []byte) {
	t.Helper()
	var begin bytes.Buffer
	if _, err := backup.ReadHeader(io.TeeReader(bytes.NewReader(file), &begin)); err != nil {
		t.Fatal(err)
	}
	h, in, err := backup.NewReader(bytes.NewReader(file), k.identity)
	mustDo(t, err)
	records, err := io.ReadAll(in)
	mustDo(t, err)
	return h, append(begin.Bytes(), records...)
}

// readWhole reads a backup to its end, as its opener does before he believes it.
func (k keeper) readWhole(file []byte) error {
	h, in, err := backup.NewReader(bytes.NewReader(file), k.identity)
	if err != nil {
		return err
	}
	for d := backup.NewDecoder(in, h); err == nil; {
		_, err = d.Next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// lose takes the store away with all that lies beside it; the token stays.
func (v *vault) lose() {
	v.Helper()
	v.stop()
	v.clearState()
	v.start()
}

func (v *vault) clearState() {
	v.Helper()
	mustDo(v, os.RemoveAll(v.path("state")))
	mustDo(v, os.Mkdir(v.path("state"), 0o700))
	v.own(v.path("state"))
}

// upload hands a backup in.
func (v *vault) upload(body []byte) (admin.Staged, *admin.Error) {
	v.Helper()
	status, answer := v.administrator().call("POST", admin.PathRestore, string(body))
	if status == http.StatusOK {
		return fromJSON[admin.Staged](v, answer), nil
	}
	v.Logf("backup refused: %d %s", status, answer)
	fault := fromJSON[admin.Fault](v, answer).Error
	return admin.Staged{}, &fault
}

func (v *vault) mustUpload(body []byte) admin.Staged {
	v.Helper()
	staged, fault := v.upload(body)
	if fault != nil {
		v.Fatalf("the backup was refused: %+v", fault)
	}
	return staged
}

func (v *vault) names() admin.ActContext {
	v.Helper()
	status, body := v.administrator().call("GET", admin.PathActContext, "")
	if status != http.StatusOK {
		v.Fatalf("act-context: %d %s", status, body)
	}
	return fromJSON[admin.ActContext](v, body)
}

// putBackAct is the act that puts the log in force which the daemon names.
func (v *vault) putBackAct(kind authority.Kind, change func(*authority.AcceptStore), by ...string) admin.ActRequest {
	v.Helper()
	return v.putBackOf(v.names(), kind, change, by...)
}

func (v *vault) putBackOf(names admin.ActContext, kind authority.Kind, change func(*authority.AcceptStore), by ...string) admin.ActRequest {
	v.Helper()
	content := authority.AcceptStore{Size: names.LogSize, Root: names.LogRoot, Epoch: names.Epoch, Basis: "disk lost"}
	if change != nil {
		change(&content)
	}
	data, err := canonical.Marshal(content)
	mustDo(v, err)
	req := v.administrator().request(authority.Act{
		V: authority.ActVersion, Kind: kind, ContentSHA: authority.ContentHash(data), Nonce: authority.NewNonce(),
		NotAfter:  v.clock.real().Add(time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339),
		Appliance: names.Appliance, LogSize: names.LogSize, LogRoot: names.LogRoot,
	}, data)
	return v.signAgain(req, func(*authority.Act) {}, by...)
}

// signAgain changes an act and signs what it became.
func (r *officers) signAgain(req admin.ActRequest, change func(*authority.Act), by ...string) admin.ActRequest {
	r.Helper()
	req = changed(r.administrator(), req, change)
	req.Signatures = nil
	for _, id := range by {
		req.Signatures = append(req.Signatures, r.people[id].sign(r, req.Act, 0))
	}
	return req
}

// restore puts a backup in the place of a lost store, with all signatures.
func (v *vault) restore(body []byte) admin.ActResult {
	v.Helper()
	v.mustUpload(body)
	result, code := v.administrator().submit(v.putBackAct(authority.Restore, nil, "sara", "sven", "udo"))
	if code != 0 {
		v.Fatalf("restore: refused with %v", code)
	}
	v.waitMode(Serving)
	return result
}

// files are the names and contents of the state directory, but for the lock and
// the name that a recount has for a moment.
func (v *vault) files() map[string]string {
	v.Helper()
	all := map[string]string{}
	list, err := os.ReadDir(v.path("state"))
	mustDo(v, err)
	for _, f := range list {
		if f.Name() != lockName && f.Name() != storeName+".recount" {
			all[f.Name()] = fileBytes(v, v.path("state", f.Name()))
		}
	}
	return all
}

// expectUnmoved holds mode and files to what they were.
func (v *vault) expectUnmoved(what string, mode Mode, files map[string]string) {
	v.Helper()
	if now := v.server.condition().mode; now != mode {
		v.Errorf("%s: mode is %v, was %v", what, now, mode)
	}
	if !maps.Equal(v.files(), files) {
		v.Errorf("%s: files were changed", what)
	}
}

// expectFault holds the answer to an upload.
func expectFault(t testing.TB, what string, fault *admin.Error, want protocol.Code) {
	t.Helper()
	if fault == nil || fault.Code != uint32(want) {
		t.Errorf("%s: %+v, want %v", what, fault, want)
	}
}
