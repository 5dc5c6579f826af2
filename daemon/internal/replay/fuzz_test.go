package replay_test

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"testing"

	"signet/daemon/internal/replay"
)

// histories is every log that is tampered with, as it was and as it became, and
// the contents of all of them.
func histories(t testing.TB) (contents, map[string][]byte) {
	all, logs := contents{}, map[string][]byte{}
	for _, tt := range slices.Concat(tamperings, forgeries) {
		r := newRecorder(t)
		e := tt.history(r)
		maps.Copy(all, r.contents)
		tt.change(r, e)
		logs[tt.name] = bytes.Join(r.lines(), []byte("\n"))
	}
	return all, logs
}

// FuzzReplay: no log panics, every line is counted, and the same lines give the
// same differences.
func FuzzReplay(f *testing.F) {
	source, logs := histories(f)
	for _, log := range logs {
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		lines := bytes.Split(log, []byte("\n"))
		once, again := replayed(t, source, lines), replayed(t, source, lines)
		s := once.Summary()
		if !reflect.DeepEqual(once.Differences(), again.Differences()) || s != again.Summary() {
			t.Errorf("two replays differ: %+v and %+v", s, again.Summary())
		}
		if s.Events != uint64(len(lines)) || s.Differences != uint64(len(once.Differences())) {
			t.Errorf("summary %+v of %d lines and %d differences", s, len(lines), len(once.Differences()))
		}
		for _, d := range once.Differences() {
			if d.Text == "" || !slices.Contains(replay.Classes(), d.Class) {
				t.Errorf("difference %+v", d)
			}
		}
	})
}

// A line that is none is a difference, and the next one is looked at.
func TestLinesThatAreNone(t *testing.T) {
	r := newRecorder(t)
	r.entry("contract", plain)
	lines := r.lines()
	lines[3] = []byte(`{"v":1}`)
	found := replayed(t, r.contents, lines).Differences()
	if len(found) < 2 || found[0].Event != 3 || found[0].Class != replay.Log || found[1].Event != 4 {
		t.Errorf("found %s", shown(found))
	}
}
