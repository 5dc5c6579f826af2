package daemon

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
	"signet/daemon/internal/store"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/testsoftHSM/need"
)

func openClosed(t testing.TB, path string) *store.Store {
	t.Helper()
	st, err := store.Open(path, store.Options{Now: time.Now})
	mustDo(t, err)
	return st
}

// rewritten is a body with another header.
func rewritten(t testing.TB, body []byte, change func(*backup.Header)) []byte {
	t.Helper()
	in := bytes.NewReader(body)
	h, err := backup.ReadHeader(in)
	mustDo(t, err)
	change(&h)
	text, err := h.Bytes()
	mustDo(t, err)
	rest, err := io.ReadAll(in)
	mustDo(t, err)
	return append(clearHeader(text), rest...)
}

// clearHeader is how a backup begins.
func clearHeader(text []byte) []byte {
	return append(append([]byte("signet-backup-v1\n"), 0, 0, byte(len(text)>>8), byte(len(text))), text...)
}

// What is not the whole backup of this appliance is refused before anybody
// signs, and leaves nothing behind.
func TestUploadThatIsNoBackupIsRefused(t *testing.T) {
	k := newKept(t)
	file := k.backup()
	k.lose()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	altered := bytes.Clone(k.body)
	altered[bytes.LastIndex(altered, []byte(`"epoch":1`))+len(`"epoch":`)] = '2'
	officer := bytes.Replace(k.body, []byte(`"role":"auditor"`), []byte(`"role":"xuditor"`), -1)
	for name, c := range map[string]struct {
		body []byte
		want protocol.Code
		says string
	}{
		"nothing":             {[]byte{}, protocol.Malformed, ""},
		"no backup":           {[]byte(strings.Repeat("hello ", 1000)), protocol.Malformed, "not a signet backup"},
		"newer form":          {bytes.Replace(k.body, []byte("backup-v1"), []byte("backup-v2"), 1), protocol.Malformed, "newer version"},
		"newer schema":        {rewritten(t, k.body, func(h *backup.Header) { h.Schema++ }), protocol.Malformed, "install the version"},
		"still encrypted":     {file, protocol.Malformed, ""},
		"cut in the header":   {k.body[:100], protocol.Malformed, "cut off"},
		"cut in the records":  {k.body[:len(k.body)/2], protocol.Malformed, "cut off"},
		"without its trailer": {k.body[:len(k.body)-45], protocol.Malformed, "cut off"},
		"extended":            {append(bytes.Clone(k.body), 'x'), protocol.Malformed, "behind its end"},
		"an event altered":    {altered, protocol.Malformed, ""},
		"the officers":        {officer, protocol.Malformed, ""},
		"another root":        {rewritten(t, k.body, func(h *backup.Header) { h.Root = strings.Repeat("ab", 32) }), protocol.Malformed, ""},
		"another appliance":   {rewritten(t, k.body, func(h *backup.Header) { h.Appliance = strings.Repeat("ab", 32) }), protocol.OtherAppliance, "another appliance"},
		"another's, very long": {append(rewritten(t, k.body, func(h *backup.Header) { h.Appliance = strings.Repeat("ab", 32) }),
			make([]byte, 4<<20)...), protocol.OtherAppliance, "another appliance"},
	} {
		_, fault := k.upload(c.body)
		expectFault(t, name, fault, c.want)
		if fault != nil && !strings.Contains(fault.Message, c.says) {
			t.Errorf("%s: %q does not say %q", name, fault.Message, c.says)
		}
		k.expectUnmoved(name, InRecovery, map[string]string{})
	}
	names := admin.ActContext{Appliance: k.id, LogSize: 1, LogRoot: strings.Repeat("ab", 32), Epoch: 2}
	if code, text := refusalOf(k.administrator(), k.putBackOf(names, authority.Restore, nil)); code != protocol.Conflict || !strings.Contains(text, "signetctl restore FILE") {
		t.Errorf("restore without a backup: %v %s", code, text)
	}
	t.Run("no room", k.noRoom)
	t.Run("too slow", k.tooSlow)
	t.Run("left over", k.leftOver)
}

// noRoom: what found no room is gone, and goes in when there is some.
func (k *kept) noRoom(t *testing.T) {
	need.Root(t, "mounts a file system")
	k.under(t)
	k.stop()
	state := k.path("state")
	mustDo(t, unix.Mount("signet-test", state, "tmpfs", 0, "size=64k,mode=0700"))
	t.Cleanup(func() { mustDo(t, unix.Unmount(state, unix.MNT_DETACH)) })
	k.own(state)
	k.start()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	_, fault := k.upload(k.body)
	expectFault(t, "without room", fault, protocol.StoreFull)
	k.expectUnmoved("without room", InRecovery, map[string]string{})
	mustDo(t, unix.Mount("signet-test", state, "tmpfs", unix.MS_REMOUNT, "size=8m"))
	k.restore(k.body)
}

// tooSlow: an upload that stands still ends, and while it stands it keeps
// nobody from anything but another upload.
func (k *kept) tooSlow(t *testing.T) {
	k.under(t)
	k.stop()
	k.limits.times = timeouts{}.orUsual()
	k.limits.times.upload = 500 * time.Millisecond
	k.start()
	defer func() { k.limits.times = timeouts{} }()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	body, writer := io.Pipe()
	defer writer.Close()
	answered := make(chan string, 1)
	o := k.rig.administrator()
	go func() {
		res, err := o.http.Post("http://signetd"+admin.PathRestore, "application/octet-stream", body)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answered <- res.Status + string(text)
	}()
	if _, err := writer.Write(k.body[:len(k.body)/2]); err != nil {
		t.Fatal(err)
	}
	k.waitFor(func() bool { _, err := os.Stat(k.server.stagedPath() + ".new"); return err == nil }, "the rebuilding to begin")
	if _, fault := k.upload(k.body); fault == nil || fault.Code != uint32(protocol.Conflict) || !strings.Contains(fault.Message, "being handed in") {
		t.Errorf("a second upload beside it: %+v", fault)
	}
	if status, text := k.administrator().call("GET", admin.PathActContext, ""); status != http.StatusServiceUnavailable {
		t.Errorf("act-context beside it: %d %s", status, text)
	}
	select {
	case text := <-answered:
		if !strings.Contains(text, `"code":301`) {
			t.Errorf("an upload that stands still: %s, want code 301", text)
		}
	case <-time.After(patience):
		t.Error("an upload that stands still has no end")
	}
	k.expectUnmoved("an upload that stands still", InRecovery, map[string]string{})
}

// leftOver: what was handed in waits over a restart, and goes when there is
// another store.
func (k *kept) leftOver(t *testing.T) {
	k.under(t)
	k.start()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	staged := k.mustUpload(k.body)
	mustDo(t, os.WriteFile(k.server.stagedPath()+".new", []byte("of a crash"), 0o600))
	k.stop()
	k.start()
	k.waitFor(func() bool { return strings.Contains(k.server.condition().reason, "anchor of an appliance") }, "the token's answer")
	if names := k.names(); !names.Staged || names.LogRoot != staged.Root {
		t.Errorf("act-context after a restart is %+v", names)
	}
	k.stop()
	older := fileBytes(t, k.path("state", stagedName))
	mustDo(t, os.WriteFile(k.path("state", storeName), []byte(older), 0o600))
	k.start()
	k.waitReason(InRecovery, "older than the token's anchor")
	if names := k.names(); names.Staged {
		t.Errorf("act-context beside a store is %+v, want that store's", names)
	}
	mustDo(t, os.WriteFile(k.path("state", stagedName), []byte(older), 0o600))
	if code, text := refusalOf(k.administrator(), k.putBackAct(authority.Restore, nil, "sara", "sven", "udo")); code != protocol.Conflict || !strings.Contains(text, "move it away") {
		t.Errorf("restore beside a store: %v %s", code, text)
	}
	if _, code := k.administrator().submit(k.putBackAct(authority.StoreAccept, nil, "sara", "sven", "udo")); code != 0 {
		t.Fatalf("store.accept: %v", code)
	}
	k.waitMode(Serving)
	for _, name := range []string{stagedName, stagedName + ".new"} {
		if _, err := os.Stat(k.path("state", name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}
