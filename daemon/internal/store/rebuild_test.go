package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/backup"
)

// source hands records out as a backup's Decoder does.
func source(records []backup.Record) func() (backup.Record, error) {
	i := 0
	return func() (backup.Record, error) {
		if i == len(records) {
			return backup.Record{}, io.EOF
		}
		r := records[i]
		i++
		return backup.Record{Bucket: r.Bucket, Key: slices.Clone(r.Key), Value: slices.Clone(r.Value), More: r.More}, nil
	}
}

// A pictured store is one with records in every bucket.
func pictureOf(t testing.TB) (*rig, Position, []backup.Record) {
	t.Helper()
	r := newRig(t, Options{})
	a := newActor(r)
	a.fill(30)
	a.approvals()
	n := snapshot(t, r.Store)
	return r, n.Position, collected(t, n, func(backup.Record) {})
}

// find returns where the record of a bucket with that number is.
func find(records []backup.Record, bucket string, nth int) int {
	first := slices.IndexFunc(records, func(r backup.Record) bool { return r.Bucket == bucket })
	return first + nth
}

// TestBuilderRefusesRecords: each fault is found at the record that has it,
// not by a root that is wrong at the end.
func TestBuilderRefusesRecords(t *testing.T) {
	_, at, good := pictureOf(t)
	genesis := slices.IndexFunc(good, func(r backup.Record) bool {
		return r.Bucket == "blob" && bytes.Contains(r.Value, []byte("development"))
	})
	event := func(nth int, change func(*audit.Event)) func([]backup.Record) ([]backup.Record, int) {
		return func(rs []backup.Record) ([]backup.Record, int) {
			i := find(rs, "ev", nth)
			rs[i].Value = withEvent(t, rs[i].Value, change)
			return rs, i
		}
	}
	drop := func(i int) func([]backup.Record) ([]backup.Record, int) {
		return func(rs []backup.Record) ([]backup.Record, int) { return slices.Delete(rs, i, i+1), i }
	}
	change := func(bucket string, nth int, do func(*backup.Record)) func([]backup.Record) ([]backup.Record, int) {
		return func(rs []backup.Record) ([]backup.Record, int) {
			i := find(rs, bucket, nth)
			do(&rs[i])
			return rs, i
		}
	}
	for name, alter := range map[string]func([]backup.Record) ([]backup.Record, int){
		"no genesis event":        drop(find(good, "ev", 0)),
		"event missing":           drop(find(good, "ev", 5)),
		"event of another number": event(5, func(e *audit.Event) { e.Seq = 6 }),
		"genesis twice":           event(5, func(e *audit.Event) { e.Kind = audit.KindGenesis }),
		"genesis is no genesis":   event(0, func(e *audit.Event) { e.Kind = audit.KindAct }),
		"genesis without act":     event(0, func(e *audit.Event) { e.Act = "" }),
		"recorded before":         event(5, func(e *audit.Event) { e.Recorded = audit.At(e.Recorded.Time().AddDate(-1, 0, 0)) }),
		"epoch before":            event(5, func(e *audit.Event) { e.Epoch = 0 }),
		"act after another act":   event(4, func(e *audit.Event) { prev := uint64(2); e.PrevAct = &prev }),
		"act after itself":        event(4, func(e *audit.Event) { e.PrevAct = &e.Seq }),
		"line not canonical":      change("ev", 5, func(r *backup.Record) { r.Value = append(r.Value, ' ') }),
		"line empty":              change("ev", 5, func(r *backup.Record) { r.Value = nil }),
		"event key of 7 bytes":    change("ev", 5, func(r *backup.Record) { r.Key = r.Key[:7] }),
		"no content of init": func(rs []backup.Record) ([]backup.Record, int) {
			rs = slices.Delete(rs, genesis, genesis+1)
			return rs, find(rs, "ev", 0)
		},
		"use without an entry":      event(2, func(e *audit.Event) { e.Entry = "" }),
		"use of no approval":        event(2, func(e *audit.Event) { e.Approval = "0123456789abcdef" }),
		"use of another's approval": event(firstSpent, func(e *audit.Event) { e.UID = new(uint32) }),
		"use of a pending approval": event(firstSpent, func(e *audit.Event) { e.Approval = eventOf(t, good, firstSpent-3).Approval }),
		"request of another entry":  event(firstSpent-2, func(e *audit.Event) { e.Entry = "others" }),
		"request of no content":     event(firstSpent-2, func(e *audit.Event) { e.Value = strings.Repeat("0", 64) }),
		"request asked twice": event(firstSpent-2, func(e *audit.Event) {
			e.Value, e.Approval = eventOf(t, good, firstSpent-3).Value, eventOf(t, good, firstSpent-3).Approval
		}),
		"grant by nobody":           event(firstSpent-1, func(e *audit.Event) { e.Role = "" }),
		"grant of another kind":     event(firstSpent-1, func(e *audit.Event) { e.Op = "approval.deny" }),
		"grant of another approval": event(firstSpent-1, func(e *audit.Event) { e.Approval = eventOf(t, good, firstSpent-3).Approval }),
		"grant that was taken away": refusedAt(t, firstSpent-1, firstSpent),
		"no content of a request":   withoutBlob(t, firstSpent-2, func(e *audit.Event) string { return e.Value }),
		"no content of a grant":     withoutBlob(t, firstSpent-1, contentOfAct(t)),
		"blob of another name":      change("blob", 0, func(r *backup.Record) { r.Value = []byte("other") }),
		"nonce with a value":        change("nonce", 0, func(r *backup.Record) { r.Value = []byte{1} }),
		"nonce of an expiry":        change("nonce", 0, func(r *backup.Record) { r.Key = r.Key[:8] }),
		"private of no event":       change("private", 0, func(r *backup.Record) { r.Key = be64(at.Size) }),
		"private of a long key":     change("private", 0, func(r *backup.Record) { r.Key = append(r.Key, 0) }),
		"idem of no event":          change("idem", 0, func(r *backup.Record) { r.Key = be64(at.Size) }),
		"idem cut off":              change("idem", 0, func(r *backup.Record) { r.Value = r.Value[:len(r.Value)-1] }),
		"history of the future":     change("hist", 0, func(r *backup.Record) { r.Value = fmt.Appendf(nil, `{"proof":{"event":%d}}`, at.Size) }),
		"history without an id":     change("hist", 0, func(r *backup.Record) { r.Key = r.Key[len(r.Key)-9:] }),
		"history without a zero":    change("hist", 0, func(r *backup.Record) { r.Key[len(r.Key)-9] = 'x' }),
		"short history key":         change("hist", 0, func(r *backup.Record) { r.Key = []byte("x") }),
		"policy of no entry":        change("policy", 0, func(r *backup.Record) { r.Key = policyKey("a", 1) }),
		"policy of the future":      change("policy", 0, func(r *backup.Record) { r.Value = fmt.Appendf(nil, `{"proof":{"event":%d}}`, at.Size) }),
		"officer of the future":     change("officer", 0, func(r *backup.Record) { r.Value = fmt.Appendf(nil, `{"proof":{"event":%d}}`, at.Size) }),
		"bucket of its own":         change("blob", 1, func(r *backup.Record) { r.Bucket = "mine" }),
		"bucket that is derived":    change("blob", 1, func(r *backup.Record) { r.Bucket = "meta" }),
		"bucket entry":              change("policy", 1, func(r *backup.Record) { r.Bucket = "entry" }),
		"no bucket":                 change("blob", 1, func(r *backup.Record) { r.Bucket = "" }),
		"bucket come back":          change("idem", 1, func(r *backup.Record) { r.Bucket = "ev" }),
		"key twice":                 change("hist", 1, func(r *backup.Record) { *r = good[find(good, "hist", 0)] }),
		"keys out of order":         change("blob", 2, func(r *backup.Record) { *r = good[find(good, "blob", 0)] }),
	} {
		records, at := alter(slices.Clone(mustCollect(t, source(good))))
		if got := firstRefused(t, records); got != at {
			t.Errorf("%s: record %d is refused, want %d", name, got, at)
		}
	}
	if got := firstRefused(t, good); got != len(good) {
		t.Errorf("unharmed: record %d is refused", got)
	}
}

// firstSpent is the first event in pictureOf that spends an approval. Before it
// come its grant, its request, and the request of one that stays pending.
const firstSpent = 35

func eventOf(t testing.TB, records []backup.Record, nth int) *audit.Event {
	t.Helper()
	e, err := audit.ParseEvent(records[find(records, "ev", nth)].Value)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// refusedAt turns one event into a refusal, which shows at another.
func refusedAt(t testing.TB, nth, shows int) func([]backup.Record) ([]backup.Record, int) {
	return func(rs []backup.Record) ([]backup.Record, int) {
		i := find(rs, "ev", nth)
		rs[i].Value = withEvent(t, rs[i].Value, func(e *audit.Event) { e.Refuse("role", "act") })
		return rs, find(rs, "ev", shows)
	}
}

// withoutBlob takes away the content that an event names.
func withoutBlob(t testing.TB, nth int, named func(*audit.Event) string) func([]backup.Record) ([]backup.Record, int) {
	return func(rs []backup.Record) ([]backup.Record, int) {
		hash := named(eventOf(t, rs, nth))
		rs = slices.DeleteFunc(rs, func(r backup.Record) bool { return r.Bucket == "blob" && fmt.Sprintf("%x", r.Key) == hash })
		return rs, find(rs, "ev", nth)
	}
}

func contentOfAct(t testing.TB) func(*audit.Event) string {
	return func(e *audit.Event) string {
		act, err := authority.ParseAct([]byte(e.Act))
		if err != nil {
			t.Fatal(err)
		}
		return act.ContentSHA
	}
}

// firstRefused puts records until one is refused, and says which: their
// number if none is.
func firstRefused(t testing.TB, records []backup.Record) int {
	t.Helper()
	b, err := newBuilder(filepath.Join(t.TempDir(), "built.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	for i, r := range records {
		if b.put(r) != nil {
			return i
		}
	}
	return len(records)
}

func mustCollect(t testing.TB, next func() (backup.Record, error)) (all []backup.Record) {
	t.Helper()
	for {
		r, err := next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

func withEvent(t testing.TB, line []byte, change func(*audit.Event)) []byte {
	t.Helper()
	e, err := audit.ParseEvent(line)
	if err != nil {
		t.Fatal(err)
	}
	change(e)
	if line, err = e.AppendLine(nil); err != nil {
		t.Fatal(err)
	}
	return line
}

// What only shows at the end.
func TestRebuildRefusesAndLeavesNothing(t *testing.T) {
	r, at, good := pictureOf(t)
	header := r.headerAt(at)
	without := func(drop func(backup.Record) bool) []backup.Record {
		return slices.DeleteFunc(mustCollect(t, source(good)), drop)
	}
	broken := errors.New("the line is broken")
	for name, c := range map[string]struct {
		header func(*backup.Header)
		next   func() (backup.Record, error)
		want   error
	}{
		"no records": {next: source(nil), want: ErrDamaged},
		"no events":  {next: source(good[:find(good, "ev", 0)]), want: ErrDamaged},
		"last event missing": {next: source(without(func(r backup.Record) bool {
			return string(r.Key) == string(be64(at.Size-1)) || r.Bucket == "officer" || r.Bucket == "idem" || r.Bucket == "private"
		})), want: ErrDamaged},
		"history of an entry missing": {next: source(without(func(r backup.Record) bool {
			return (r.Bucket == "hist" || r.Bucket == "policy") && strings.HasPrefix(string(r.Key), "entry-3\x00")
		})), want: ErrDamaged},
		"other appliance":  {header: func(h *backup.Header) { h.Appliance = strings.Repeat("0", 64) }, next: source(good), want: ErrDamaged},
		"other root":       {header: func(h *backup.Header) { h.Root = strings.Repeat("0", 64) }, next: source(good), want: ErrDamaged},
		"other size":       {header: func(h *backup.Header) { h.Size++ }, next: source(good), want: ErrDamaged},
		"newer schema":     {header: func(h *backup.Header) { h.Schema = Schema + 1 }, next: source(good), want: ErrNewer},
		"broken line":      {next: func() (backup.Record, error) { return backup.Record{}, broken }, want: broken},
		"part at the end":  {next: source([]backup.Record{{Bucket: "blob", Key: []byte{1}, Value: []byte{1}, More: true}}), want: ErrDamaged},
		"part of another":  {next: source([]backup.Record{{Bucket: "blob", Key: []byte{1}, Value: []byte{1}, More: true}, {Bucket: "blob", Key: []byte{2}}}), want: ErrDamaged},
		"broken in a part": {next: once(backup.Record{Bucket: "blob", Key: []byte{1}, Value: []byte{1}, More: true}, broken), want: broken},
	} {
		h, dir := header, t.TempDir()
		if c.header != nil {
			c.header(&h)
		}
		got, err := Rebuild(filepath.Join(dir, "signet.db"), h, c.next)
		if !errors.Is(err, c.want) || got != (Position{}) {
			t.Errorf("%s: %+v, %v, want %v", name, got, err, c.want)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
	}
}

// once returns one record, then the error.
func once(r backup.Record, err error) func() (backup.Record, error) {
	first := true
	return func() (backup.Record, error) {
		if first {
			first = false
			return r, nil
		}
		return backup.Record{}, err
	}
}

// Without it, a record could be made of parts that no backup had together.
func TestPartsOfAnotherKeyAreRefused(t *testing.T) {
	first := backup.Record{Bucket: "blob", Key: []byte{1}, Value: []byte("a"), More: true}
	for name, second := range map[string]backup.Record{
		"other key":    {Bucket: "blob", Key: []byte{2}, Value: []byte("b")},
		"other bucket": {Bucket: "hist", Key: []byte{1}, Value: []byte("b")},
	} {
		if r, err := wholeRecord(source([]backup.Record{first, second})); !errors.Is(err, ErrDamaged) || r.Value != nil {
			t.Errorf("%s: %+v, %v, want ErrDamaged", name, r, err)
		}
	}
	second := backup.Record{Bucket: "blob", Key: []byte{1}, Value: []byte("b")}
	if r, err := wholeRecord(source([]backup.Record{first, second})); err != nil || r.More || string(r.Value) != "ab" {
		t.Errorf("the same key: %+v, %v", r, err)
	}
}

func TestRebuildNeverReplacesAFile(t *testing.T) {
	r, at, good := pictureOf(t)
	path := filepath.Join(t.TempDir(), "signet.db")
	if err := os.WriteFile(path, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rebuild(path, r.headerAt(at), source(good)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Rebuild over a file = %v, want fs.ErrExist", err)
	}
	if got := contentOf(t, path); string(got) != "somebody's" {
		t.Errorf("the file is now %q", got)
	}
	if _, err := os.Lstat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is left: %v", err)
	}
}

func TestRebuildAfterACrashedRebuild(t *testing.T) {
	r, at, good := pictureOf(t)
	path := filepath.Join(t.TempDir(), "signet.db")
	if err := os.WriteFile(path+".new", bytes.Repeat([]byte("half"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Rebuild(path, r.headerAt(at), source(good)); err != nil || got != at {
		t.Errorf("Rebuild = %+v, %v", got, err)
	}
}

// Memory must not grow with the log: what a transaction holds is bounded, and
// so is the heap.
func TestRebuildHoldsLittleAtOnce(t *testing.T) {
	r := newRig(t, Options{})
	r.log(30_000, 500)
	n := snapshot(t, r.Store)
	records := collected(t, n, func(backup.Record) {})
	var before, most runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	next, looked := source(records), 0
	path := filepath.Join(t.TempDir(), "rebuilt.db")
	at, err := Rebuild(path, r.headerAt(n.Position), func() (backup.Record, error) {
		if looked++; looked%5000 == 0 {
			var now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&now)
			most.HeapAlloc = max(most.HeapAlloc, now.HeapAlloc)
		}
		return next()
	})
	if err != nil || at != n.Position {
		t.Fatalf("Rebuild = %+v, %v", at, err)
	}
	if grown := int64(most.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes for a log of 15 MB", grown)
	}
	s := mustOpen(t, path)
	if err := s.view(func(tx *bolt.Tx) error {
		if tx.ID() < 30 {
			t.Errorf("%d transactions for 30,000 records", tx.ID())
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// What follows from the log is carried over from one transaction of a builder to
// the next, as from one of the committer to the next.
func TestRebuiltLedgerIsTheSame(t *testing.T) {
	r := newRig(t, Options{})
	fillLedger(r, 3*builderRecords)
	n := snapshot(t, r.Store)
	records := collected(t, n, func(backup.Record) {})
	want := bucketsOf(t, r.Store)
	if len(want["usage"]) < 200 || len(want["appr"]) < 8 {
		t.Fatalf("%d rows of usage, %d of approvals: too few to show anything", len(want["usage"]), len(want["appr"]))
	}
	for _, record := range records {
		if record.Bucket == "usage" || record.Bucket == "appr" {
			t.Fatalf("the backup has a record of bucket %s", record.Bucket)
		}
	}
	got := bucketsOf(t, r.rebuilt(n.Position, records).Store)
	for _, name := range []string{"usage", "appr"} {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("bucket %s: %d records, want the %d of the first store, byte for byte", name, len(got[name]), len(want[name]))
		}
	}
}

// fillLedger records at least n uses of two entries by three callers over two
// months, with the clock set at times, and approvals between them.
func fillLedger(r *rig, n int) {
	r.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 1))
	a, at := newActor(r), nine
	for done := 0; done < n; {
		var times []time.Time
		for range 1 + random.IntN(60) {
			at = at.Add(time.Duration(random.IntN(int(4 * 60 * 24 * time.Hour / time.Duration(n*2)))))
			times = append(times, at.Add(-time.Duration(random.IntN(int(5*time.Second)))))
		}
		if random.IntN(20) == 0 {
			at = at.Add(time.Duration(random.IntN(48)-24) * time.Hour)
		}
		r.record(usesAt(fmt.Sprintf("entry-%d", random.IntN(2)), uint32(random.IntN(3)), times...))
		if before := done; before/(n/3) != (before+len(times))/(n/3) {
			a.approvals()
		}
		done += len(times)
	}
}

// A backup of an older version counted no uses: they are counted from its log.
func TestBackupOfAnOlderSchemaIsRebuilt(t *testing.T) {
	r := newRig(t, Options{})
	newActor(r).fill(30)
	n := snapshot(t, r.Store)
	path, h := filepath.Join(t.TempDir(), "rebuilt.db"), r.headerAt(n.Position)
	h.Schema = 1
	if at, err := Rebuild(path, h, source(collected(t, n, func(backup.Record) {}))); err != nil || at != n.Position {
		t.Fatalf("Rebuild = %+v, %v", at, err)
	}
	want, got := bucketsOf(t, r.Store), bucketsOf(t, mustOpen(t, path))
	if !reflect.DeepEqual(got, want) || len(got["usage"]) == 0 {
		t.Errorf("the rebuilt store differs from the first, or counts no uses: %q", got["usage"])
	}
}

// The name comes after the content is durable, and the answer after the name.
func TestRebuildSyncsFileThenNamesItThenSyncsDirectory(t *testing.T) {
	r, at, good := pictureOf(t)
	dir := t.TempDir()
	stream, err := os.Create(filepath.Join(dir, "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	writeStream(t, stream, r.headerAt(at), good)
	path := filepath.Join(dir, "signet.db")
	said, did := traced(t, "", "rebuild", path)
	if len(said) != 1 || !strings.HasPrefix(said[0], "rebuilt ") {
		t.Fatalf("child said %q", said)
	}
	temp, before := path+".new", -1
	for _, step := range []struct {
		what string
		fits func(syscall) bool
	}{
		{"last write to the temporary file", func(c syscall) bool { return c.name == "pwrite64" && c.path == temp }},
		{"its fsync", func(c syscall) bool { return c.name == "fsync" && c.path == temp }},
		{"its name", func(c syscall) bool {
			return c.name == "renameat2" && strings.Contains(c.args, temp+`"`) && strings.HasSuffix(c.args, "RENAME_NOREPLACE")
		}},
		{"fsync of the directory", func(c syscall) bool { return c.name == "fsync" && c.path == dir }},
		{"answer", func(c syscall) bool { return c.name == "write" && strings.Contains(c.args, "rebuilt") }},
	} {
		i := last(did, step.fits)
		if i <= before {
			t.Errorf("%s is call %d, after call %d was wanted", step.what, i, before)
		} else if strings.HasPrefix(did[i].result, "-1") {
			t.Errorf("%s: %s", step.what, did[i].result)
		}
		before = max(before, i)
	}
}

// writeStream writes a header as the child wants it, and the records.
func writeStream(t testing.TB, w io.Writer, h backup.Header, records []backup.Record) {
	t.Helper()
	h.Scheme = backup.SchemeAge
	begin, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(w, "%s\n", begin); err != nil {
		t.Fatal(err)
	}
	e, err := backup.NewEncoder(w, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := e.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// childRebuild rebuilds from the file "stream" beside path.
func childRebuild(path string) error {
	data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "stream"))
	if err != nil {
		return err
	}
	begin, stream, _ := bytes.Cut(data, []byte("\n"))
	h, err := backup.ParseHeader(begin)
	if err != nil {
		return err
	}
	at, err := Rebuild(path, h, backup.NewDecoder(bytes.NewReader(stream), h).Next)
	if err != nil {
		return err
	}
	fmt.Println("rebuilt", at.Size)
	return nil
}
