package daemon

import (
	"fmt"
	"slices"
	"strings"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/model"
	"signet/daemon/internal/replay"
	"signet/daemon/internal/store"
	"signet/policy"
)

// logContents are what a log names, by their SM3.
type logContents struct{ st *store.Store }

func (c logContents) Content(hash string) ([]byte, error) { return c.st.Blob(hash) }

// checkReplay has the whole log decided and counted anew, which must give no
// difference, and in a part of the worlds once more with one event changed,
// which must be found.
func (w *daemonWorld) checkReplay(lines [][]byte) error {
	r, err := replayed(w.a.store, lines)
	if err != nil {
		return err
	}
	if found := r.Differences(); len(found) > 0 {
		return fmt.Errorf("%d differences in replay, the first: %+v\n%s", len(found), found[0], lines[found[0].Event])
	}
	w.stats.add("decisions replayed", int(r.Summary().Decisions))
	for range w.IntN(3) {
		if err := w.checkTampered(lines); err != nil {
			return err
		}
	}
	return nil
}

func replayed(st *store.Store, lines [][]byte) (*replay.Replay, error) {
	r := replay.New(logContents{st})
	for _, line := range lines {
		if err := r.Line(line); err != nil {
			return nil, fmt.Errorf("replaying: %w", err)
		}
	}
	return r, nil
}

func (w *daemonWorld) checkTampered(lines [][]byte) error {
	how, seq, line, err := w.tamper(lines)
	if err != nil || line == nil {
		return err
	}
	r, err := replayed(w.a.store, slices.Concat(lines[:seq], [][]byte{line}, lines[seq+1:]))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.Differences(), func(d replay.Difference) bool { return d.Event == uint64(seq) }) {
		return fmt.Errorf("event %d was tampered with (%s), and replay finds %d differences, none of it\nwas %s\nis  %s",
			seq, how, len(r.Differences()), lines[seq], line)
	}
	w.stats.note("tampered decisions found: " + how)
	return nil
}

// tamper changes a decision of the log in a way that must show. It returns no
// line if it came upon none that can be changed so.
func (w *daemonWorld) tamper(lines [][]byte) (how string, seq int, line []byte, err error) {
	way := model.Pick(w.Chance, tamperings)
	for range 400 {
		seq = w.IntN(len(lines))
		e, err := audit.ParseEvent(lines[seq])
		if err != nil {
			return "", 0, nil, err
		}
		if e.Engine == 0 || !way.change(e) {
			continue
		}
		line, err = e.AppendLine(nil)
		return way.name, seq, line, err
	}
	return "", 0, nil, nil
}

// A tampering changes an event, or tells that it has nothing to change so.
type tampering struct {
	name   string
	change func(*audit.Event) bool
}

var tamperings = []tampering{
	{"another reason", otherReason},
	{"another rule", func(e *audit.Event) bool {
		e.Rule += ".else"
		return e.Kind == audit.KindRefuse
	}},
	{"the uid", func(e *audit.Event) bool {
		stranger := uint32(29999)
		e.UID, e.GID, e.GIDs = &stranger, &stranger, nil
		return e.Result == audit.Allowed
	}},
	{"the purpose", func(e *audit.Event) bool {
		e.Purpose = "elsewhere"
		return e.Result == audit.Allowed
	}},
	{"the offset of the zone", func(e *audit.Event) bool {
		e.Local += 3600
		return true
	}},
	{"the limit of a quota", func(e *audit.Event) bool {
		if len(e.Use) > 0 {
			e.Use[0] += "0"
		}
		return len(e.Use) > 0
	}},
	{"the window of a quota", otherYear},
	{"a refusal made a use", func(e *audit.Event) bool {
		was := e.Kind == audit.KindRefuse
		e.Kind, e.Result, e.Reason, e.Rule = audit.KindSign, audit.Allowed, "", ""
		return was
	}},
	{"a use made a refusal", func(e *audit.Event) bool {
		was := e.Result == audit.Allowed
		e.Kind, e.Result, e.Reason, e.Rule, e.Sig = audit.KindRefuse, audit.Refused, policy.PurposeRefused.String(), "purposes", ""
		return was
	}},
	{"what was approved", func(e *audit.Event) bool {
		was := e.Given
		e.Given = strings.Replace(e.Given, `"state":"granted"`, `"state":"pending"`, 1)
		return e.Result == audit.Allowed && e.Given != was
	}},
}

func otherReason(e *audit.Event) bool {
	if e.Reason = policy.PurposeRefused.String(); e.Rule == "purposes" {
		e.Reason = policy.NotActive.String()
	}
	return e.Kind == audit.KindRefuse
}

// otherYear changes when a window began.
func otherYear(e *audit.Event) bool {
	i := slices.IndexFunc(e.Use, func(use string) bool { return !strings.Contains(use, " - ") })
	if i >= 0 {
		e.Use[i] = strings.Replace(e.Use[i], " 20", " 19", 1)
	}
	return i >= 0
}
