package replay_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/daemon/internal/replay"
	"signet/policy"
)

const plain = `callers = { users = ["oa", 20002] }
operations = ["digest"]
algorithms = ["ECDSA-P256-SHA256"]
purposes = ["contract"]
`

const counted = plain + `zone = "Asia/Shanghai"
[quotas]
hour = 4
day = 6
lifetime = 100
[quotas.per_caller]
minute = 3
month = 50
`

const approved = plain + `
[approvals]
forms = ["document", "digests", "count"]
most = 3
`

func shown(found []replay.Difference) string {
	var b strings.Builder
	for _, d := range found {
		fmt.Fprintf(&b, "\n  event %d, %s, %q: %s", d.Event, d.Class, d.Entry, d.Text)
	}
	return b.String()
}

// A case is a log and what is done to it. history returns the event that is
// tampered with; what is done to it is change.
type tampering struct {
	name    string
	history func(*recorder) *audit.Event
	change  func(*recorder, *audit.Event)
	class   replay.Class
	text    string
	follows bool // other differences follow from it
}

// at is the recorder's clock moved on.
func (r *recorder) wait(d time.Duration) *recorder {
	r.now = r.now.Add(d)
	return r
}

// oneUse has a use that the policy plain allows.
func oneUse(r *recorder) *audit.Event {
	r.entry("contract", plain)
	return r.sign(use{})
}

// oneRefusal has a use whose purpose is refused.
func oneRefusal(r *recorder) *audit.Event {
	r.entry("contract", plain)
	return r.sign(use{purpose: "invoice"})
}

// overtaken has a use that a suspension overtook.
func overtaken(r *recorder) *audit.Event {
	r.entry("contract", plain)
	d := r.decide(use{})
	r.act(authority.EntrySuspend, "contract", authority.Suspend{Basis: "lost"}, register.Facts{})
	return r.commit(d)
}

// twoUses has a second use in every window of the policy counted.
func twoUses(r *recorder) *audit.Event {
	r.entry("contract", counted)
	r.signs(1, use{})
	d := r.wait(time.Second).decide(use{})
	e := r.wait(time.Second).sign(use{})
	r.commit(d)
	return e
}

// restored has a use after a restore, which is refused: its windows are unknown.
func restored(r *recorder) *audit.Event {
	r.entry("contract", counted)
	r.signs(2, use{})
	r.wait(time.Minute).act(authority.Restore, "", authority.RestoreStore{Size: 1, Root: document, Epoch: 2, Basis: "fire"}, register.Facts{})
	return r.wait(time.Minute).sign(use{})
}

// granted has a use under an approval.
func granted(r *recorder) *audit.Event {
	r.entry("contract", approved)
	id := r.ask(policy.ByDocument, 2)
	r.wait(time.Second).grant(id)
	return r.wait(time.Second).sign(use{approval: id, document: document})
}

// asked has the event of the request, before a grant and a use.
func asked(r *recorder) *audit.Event { granted(r); return r.events[5] }

func given(e *audit.Event, change func(*policy.Approval)) {
	a := new(policy.Approval)
	if err := json.Unmarshal([]byte(e.Given), a); err != nil {
		panic(err)
	}
	change(a)
	if err := e.Judge(policy.Arguments{Engine: int(e.Engine), Local: int(e.Local), Use: e.Use, Approval: a, Proven: true, Active: true, KeyMatches: true, Clock: "sane"}); err != nil {
		panic(err)
	}
}

// asUse makes of a refusal a use that was signed.
func asUse(e *audit.Event) {
	e.Kind, e.Result, e.Reason, e.Rule, e.Value, e.Sig = audit.KindSign, audit.Allowed, "", "", digest, "MAYCAQECAQE="
}

// asRefusal makes of a use a refusal.
func asRefusal(e *audit.Event, reason, rule string) {
	e.Kind, e.Value = audit.KindRefuse, ""
	e.Refuse(reason, rule)
}

func replaceUse(old, with string) func(*recorder, *audit.Event) {
	return func(r *recorder, e *audit.Event) {
		for i, u := range e.Use {
			if strings.Contains(u, old) {
				e.Use[i] = strings.Replace(u, old, with, 1)
				return
			}
		}
		r.Fatalf("use %v has no %q", e.Use, old)
	}
}

var tamperings = []tampering{
	// log
	{"an event is left out", oneUse, func(r *recorder, e *audit.Event) { e.Seq++ }, replay.Log, "stands where event 5", false},
	{"time goes back", oneUse, func(r *recorder, e *audit.Event) { e.Recorded = audit.At(began.Add(-time.Hour)) }, replay.Log, "after an event of", false},
	{"another epoch", oneUse, func(r *recorder, e *audit.Event) { e.Epoch = 2 }, replay.Log, "epoch 2 after epoch 1", false},
	{"a second genesis", oneUse, func(r *recorder, e *audit.Event) {
		*e = audit.Event{V: 1, Epoch: 1, Seq: e.Seq, Kind: audit.KindGenesis, Recorded: e.Recorded}
	}, replay.Log, "genesis", false},

	// decision
	{"a refusal made a use", oneRefusal, func(r *recorder, e *audit.Event) {
		asUse(e)
	}, replay.Decided, "the rules refuse: purpose, by purposes", false},
	{"a use made a refusal", oneUse, func(r *recorder, e *audit.Event) {
		asRefusal(e, "purpose", "purposes")
	}, replay.Decided, "the rules allow it", false},
	{"a use made a refusal of no decision", oneUse, func(r *recorder, e *audit.Event) {
		e.Engine, e.Use = 0, nil
		asRefusal(e, "quota", "quotas.day")
	}, replay.Decided, "by no decision", false},
	{"a request that the policy would not take", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		r.ask(policy.ByCount, 2)
		return r.events[len(r.events)-1]
	}, func(r *recorder, e *audit.Event) { uid := uint32(20003); e.UID = &uid }, replay.Register, "the content is of entry", false},
	{"a request by who may not call", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		r.ask(policy.ByCount, 2)
		return r.events[len(r.events)-1]
	}, func(r *recorder, e *audit.Event) { e.PolicyRev = 7 }, replay.Decided, "was asked for", false},
	{"another reason", oneRefusal, func(r *recorder, e *audit.Event) { e.Reason = "operation" }, replay.Decided, "the rules refuse: purpose", false},
	{"another purpose", oneUse, func(r *recorder, e *audit.Event) { e.Purpose = "invoice" }, replay.Decided, "purpose, by purposes", false},
	{"another caller", oneUse, func(r *recorder, e *audit.Event) { uid := uint32(20003); e.UID = &uid }, replay.Decided, "not_a_caller", false},
	{"a failure of what the rules refuse", oneRefusal, func(r *recorder, e *audit.Event) {
		e.Kind, e.Result, e.Reason, e.Rule = audit.KindSign, audit.Failed, "hsm_failed", "hsm"
	}, replay.Decided, "allowed, then failed: the rules refuse", false},
	{"a use by no decision", oneUse, func(r *recorder, e *audit.Event) { e.Engine = 0 }, replay.Decided, "no engine", false},
	{"no result", oneUse, func(r *recorder, e *audit.Event) { e.Result = "" }, replay.Decided, "want allowed, refused or failed", false},
	{"a refusal that allows", oneRefusal, func(r *recorder, e *audit.Event) { e.Result = audit.Allowed }, replay.Decided, "kind refuse", true},
	{"a quota that was used up", func(r *recorder) *audit.Event {
		r.entry("contract", counted)
		r.signs(3, use{})
		return r.wait(time.Second).sign(use{})
	}, func(r *recorder, e *audit.Event) {
		asUse(e)
	}, replay.Decided, "rate, by quotas.per_caller.minute", true},
	{"no approval where one is asked for", granted, func(r *recorder, e *audit.Event) { e.Approval, e.Given = "", "" }, replay.Decided, "approval_needed", false},

	// rule
	{"another rule", oneRefusal, func(r *recorder, e *audit.Event) { e.Rule = "batch" }, replay.Rule, "by batch: the rules refuse by purposes", false},
	{"overtaken by nothing", func(r *recorder) *audit.Event {
		return overtaken(r)
	}, func(r *recorder, e *audit.Event) { e.Rule = "mood" }, replay.Rule, "want entry.revision or approvals", false},

	// arguments
	{"inactive, though it was active", oneUse, func(r *recorder, e *audit.Event) {
		e.But = []string{"inactive"}
		asRefusal(e, "not_active", "entry.status")
	}, replay.Arguments, "active is false", false},
	{"active, though it was not", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		r.act(authority.EntrySuspend, "contract", authority.Suspend{Basis: "lost"}, register.Facts{})
		return r.sign(use{})
	}, func(r *recorder, e *audit.Event) {
		e.But = nil
		asUse(e)
	}, replay.Arguments, "active is true", false},
	{"another offset", twoUses, func(r *recorder, e *audit.Event) { e.Local = 0 }, replay.Arguments, "local is 0", false},
	{"a word that nobody writes", oneUse, func(r *recorder, e *audit.Event) { e.But = []string{"tired"} }, replay.Arguments, "tired", false},
	{"no uid", oneUse, func(r *recorder, e *audit.Event) { e.GID = nil }, replay.Arguments, "gid", false},
	{"an algorithm that is none", oneUse, func(r *recorder, e *audit.Event) { e.Alg = "MD5" }, replay.Arguments, "MD5", false},
	{"an engine to come", oneUse, func(r *recorder, e *audit.Event) { e.Engine = 99 }, replay.Arguments, "engine 99", false},
	{"an engine that skips the quotas", twoUses, func(r *recorder, e *audit.Event) { e.Engine, e.Use = 2, nil }, replay.Arguments, "engine 2", false},
	{"an engine of before", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		r.sign(use{})
		return r.sign(use{})
	}, func(r *recorder, e *audit.Event) { e.Engine = 2 }, replay.Arguments, "engine 2 after engine 3", false},
	{"a window of another day", twoUses, replaceUse("entry.day 2026-11-20T16:00Z", "entry.day 2026-11-19T16:00Z"), replay.Arguments, "the count of quotas.day from 2026-11-20T16:00:00Z", false},
	{"a limit that the policy has not", twoUses, replaceUse("1+1/6", "1+1/60"), replay.Arguments, "is not the count of quotas.day", true},
	{"a quota that the policy has not", twoUses, func(r *recorder, e *audit.Event) { e.Use = append(e.Use, "caller.day 2026-11-20T16:00Z 0+0/9") }, replay.Arguments, "one that the policy has a quota for", false},
	{"a quota left out", twoUses, func(r *recorder, e *audit.Event) { e.Use = e.Use[:len(e.Use)-1] }, replay.Arguments, "lacks the count of quotas.per_caller.month", true},
	{"more spent than there was", twoUses, replaceUse("1+1/100", "2+1/100"), replay.Arguments, "the log has 1 uses", false},
	{"less spent than at the start", func(r *recorder) *audit.Event {
		r.entry("contract", counted)
		r.signs(2, use{})
		r.start()
		return r.wait(time.Minute).sign(use{})
	}, replaceUse("2+0/6", "1+0/6"), replay.Arguments, "the log had 2 uses of this window when the daemon started", false},
	{"unknown without a restore", twoUses, replaceUse("1+1/100", "?+1/100"), replay.Arguments, "nothing is unknown", true},
	{"a lifetime known after a restore", restored, replaceUse("?+0/100", "2+0/100"), replay.Arguments, "put an older log in force is not known", true},
	{"known after a restore", restored, replaceUse("?+0/6", "2+0/6"), replay.Arguments, "put an older log in force is not known", false},
	{"a list that was never imported", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		r.certify("contract")
		r.importList()
		return r.sign(use{list: true})
	}, func(r *recorder, e *audit.Event) { e.CRL = document }, replay.Arguments, "no list that was imported", false},
	{"a list made younger", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		r.certify("contract")
		r.importList()
		return r.sign(use{list: true})
	}, func(r *recorder, e *audit.Event) { e.CRLMade = "2026-11-21T00:00:00Z" }, replay.Arguments, "the list is of 2026-11-20", false},
	{"a revoked certificate", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		r.certify("contract")
		r.importList(register.Revocation{Entry: "contract", Since: "2026-11-19T00:00:00Z", Basis: "list 1"})
		return r.sign(use{list: true})
	}, func(r *recorder, e *audit.Event) { e.But = []string{"inactive"} }, replay.Arguments, "not said to be revoked", false},
	{"an approval that was not granted so", granted, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.Count = 9 })
	}, replay.Arguments, "given is not what approval", true},
	{"an approval by others", granted, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.By = []string{"carl"} })
	}, replay.Arguments, "given is not what approval", false},
	{"an approval used more", granted, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.Used = 1 })
	}, replay.Arguments, "had 1 uses: the log has 0", false},
	{"an approval that does not fit", granted, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.Fits = false })
	}, replay.Arguments, "fits: false", true},
	{"an approval as it was before the start", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		id := r.ask(policy.ByCount, 2)
		r.grant(id)
		r.end(authority.ApprovalRevoke, id)
		r.start()
		return r.sign(use{approval: id})
	}, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.State = policy.Granted })
	}, replay.Arguments, "given is not what approval", true},
	{"an approval of unknown uses", granted, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.Unknown = true })
	}, replay.Arguments, "are unknown: true", true},
	{"an approval that was asked for by nobody", granted, func(r *recorder, e *audit.Event) {
		given(e, func(a *policy.Approval) { a.ID = "0123456789abcdef" })
	}, replay.Arguments, "nobody had asked for it", true},
	{"none, and more", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		return r.sign(use{approval: "0123456789abcdef"})
	}, func(r *recorder, e *audit.Event) { given(e, func(a *policy.Approval) { a.Count = 1 }) }, replay.Arguments, "none, and more", false},

	// register
	{"an entry that is not", oneUse, func(r *recorder, e *audit.Event) { e.Entry = "other" }, replay.Register, "there is no entry", false},
	{"unknown, though it was made", oneUse, func(r *recorder, e *audit.Event) {
		later := audit.At(began.Add(time.Hour))
		*e = audit.Event{V: 1, Epoch: 1, Seq: e.Seq, Kind: audit.KindRefuse, Recorded: later, Decided: &later, UID: e.UID, GID: e.GID, Entry: "contract"}
		e.Refuse("unknown_entry", "entry")
	}, replay.Register, "was made by event 2", false},
	{"a revision to come", oneUse, func(r *recorder, e *audit.Event) { e.Rev = 9 }, replay.Register, "has no revision 9 yet", false},
	{"another policy", oneUse, func(r *recorder, e *audit.Event) { e.PolicyRev = 0 }, replay.Register, "revision 1 of the policy, not 0", false},
	{"used behind its suspension", func(r *recorder) *audit.Event {
		return overtaken(r)
	}, func(r *recorder, e *audit.Event) { e.Result, e.Reason, e.Rule = audit.Allowed, "", "" }, replay.Register, "which event 5 had ended", false},
	{"overtaken by no change", oneUse, func(r *recorder, e *audit.Event) { e.Refuse("changed", "entry.revision") }, replay.Register, "revision 3 was in force", false},
	{"an act that cannot be applied", func(r *recorder) *audit.Event {
		r.entry("contract", plain)
		return r.act(authority.EntrySuspend, "contract", authority.Suspend{Basis: "lost"}, register.Facts{})
	}, func(r *recorder, e *audit.Event) { *e = *r.events[4]; e.Seq = 5 }, replay.Register, "only a pending entry is activated", false},
	{"an act on an entry that is not", func(r *recorder) *audit.Event { r.entry("contract", plain); return r.events[3] }, func(r *recorder, e *audit.Event) { r.events[2].Kind = audit.KindStatus }, replay.Register, "there is no entry \"contract\"", true},
	{"an act of other content", oneUse, func(r *recorder, e *audit.Event) {
		*e = *r.events[4]
		e.Seq, e.Op = 5, string(authority.EntryCancel)
	}, replay.Register, "its act says entry.activate", false},
	{"a content that was lost", func(r *recorder) *audit.Event { r.entry("contract", plain); return r.events[3] }, func(r *recorder, e *audit.Event) {
		act, err := authority.ParseAct([]byte(e.Act))
		r.must(err)
		delete(r.contents, act.ContentSHA)
	}, replay.Register, "there is no content", true},
	{"a content that was changed", func(r *recorder) *audit.Event { r.entry("contract", plain); return r.events[3] }, func(r *recorder, e *audit.Event) {
		act, err := authority.ParseAct([]byte(e.Act))
		r.must(err)
		r.contents[act.ContentSHA] = []byte(`{"text":"callers = { users = [1] }"}`)
	}, replay.Register, "content_sha is", true},
	{"facts that were changed", func(r *recorder) *audit.Event { r.entry("contract", plain); return r.events[3] }, func(r *recorder, e *audit.Event) {
		r.contents[e.Value] = []byte(`{"users":[{"id":20003}]}`)
	}, replay.Register, "reading facts", true},
	{"a request for another approval", asked, func(r *recorder, e *audit.Event) { e.Approval = "0123456789abcdef" }, replay.Register, "the content is that of approval", true},
	{"a request by another account", asked, func(r *recorder, e *audit.Event) { uid := uint32(20002); e.UID = &uid }, replay.Register, "uid 20001", true},
	{"a request for another entry", asked, func(r *recorder, e *audit.Event) { e.Entry = "other" }, replay.Register, "of entry \"contract\"", true},
	{"a request twice", func(r *recorder) *audit.Event {
		asked(r)
		r.ask(policy.ByDigests, 1)
		return r.events[len(r.events)-1]
	}, func(r *recorder, e *audit.Event) { *e = *r.events[5]; e.Seq = uint64(len(r.events) - 1) }, replay.Register, "it was asked for before, by event 5", true},
	{"an approval of other content", asked, func(r *recorder, e *audit.Event) { r.contents[e.Value] = []byte("{}") }, replay.Register, "the SM3 of the content", true},

	// approval
	{"an approval that was pending", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		id := r.ask(policy.ByCount, 2)
		return r.wait(time.Second).sign(use{approval: id})
	}, func(r *recorder, e *audit.Event) {
		asUse(e)
	}, replay.Approved, "which was pending", true},
	{"overtaken by an approval that allowed it", granted, func(r *recorder, e *audit.Event) { e.Refuse("changed", "approvals") }, replay.Approved, "which was granted, with 0 of 2 used", false},
	{"an approval that was revoked", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		id := r.ask(policy.ByCount, 2)
		r.grant(id)
		d := r.decide(use{approval: id})
		r.end(authority.ApprovalRevoke, id)
		return r.commit(d)
	}, func(r *recorder, e *audit.Event) { e.Result, e.Reason, e.Rule = audit.Allowed, "", "" }, replay.Approved, "which was revoked", false},
	{"an approval used too often", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		id := r.ask(policy.ByCount, 1)
		r.grant(id)
		r.careless = true
		first := r.decide(use{approval: id})
		second := r.decide(use{approval: id})
		r.commit(first)
		return r.commit(second)
	}, func(r *recorder, e *audit.Event) { e.Result, e.Reason, e.Rule = audit.Allowed, "", "" }, replay.Approved, "which was for 1", false},
	{"an approval of another document", granted, func(r *recorder, e *audit.Event) { e.DocSM3 = digest }, replay.Approved, "another document", true},
	{"an approval of another account", granted, func(r *recorder, e *audit.Event) { uid := uint32(20002); e.UID = &uid }, replay.Approved, "another account", true},
	{"an approval that had ended", func(r *recorder) *audit.Event {
		r.entry("contract", approved)
		id := r.ask(policy.ByCount, 2)
		r.grant(id)
		return r.wait(3 * time.Hour).sign(use{approval: id})
	}, func(r *recorder, e *audit.Event) {
		asUse(e)
	}, replay.Approved, "which had ended", true},
	{"an approval that nobody had asked for", granted, func(r *recorder, e *audit.Event) {
		e.Approval, e.Given = "0123456789abcdef", strings.Replace(e.Given, e.Approval, "0123456789abcdef", 1)
	}, replay.Approved, "which nobody had asked for", true},
}

// Each thing that cannot have happened is found, named, and found where it is:
// nothing before it differs.
func TestEachTamperingIsFoundWhereItIs(t *testing.T) {
	seen := map[replay.Class]int{}
	for _, tt := range slices.Concat(tamperings, forgeries) {
		t.Run(tt.name, func(t *testing.T) {
			r := newRecorder(t)
			e := tt.history(r)
			if found := replayed(t, r.contents, r.lines()).Differences(); len(found) != 0 {
				t.Fatalf("the log before it was tampered with: %s", shown(found))
			}
			seen[tt.class]++
			index := uint64(slices.Index(r.events, e))
			tt.change(r, e)
			found := replayed(t, r.contents, r.lines()).Differences()
			is := func(d replay.Difference) bool {
				return (d.Event == index || tt.class == replay.Log && d.Event == e.Seq) && d.Class == tt.class && strings.Contains(d.Text, tt.text)
			}
			if !slices.ContainsFunc(found, is) {
				t.Errorf("want %s at event %d that says %q, found %s", tt.class, index, tt.text, shown(found))
			}
			for _, d := range found {
				if d.Event < index {
					t.Errorf("differs before it: %s", shown(found))
				}
			}
		})
	}
	for _, c := range replay.Classes() {
		if seen[c] == 0 && c != replay.Count {
			t.Errorf("no tampering of class %s", c)
		}
	}
}

type brokenSource struct{}

var errDisk = errors.New("the disk is gone")

func (brokenSource) Content(string) ([]byte, error) { return nil, errDisk }

// That a content could not be read says nothing of the log.
func TestSourceThatFailsEndsTheReplay(t *testing.T) {
	r := newRecorder(t)
	r.entry("contract", plain)
	again := replay.New(brokenSource{})
	var err error
	for _, line := range r.lines() {
		if err = again.Line(line); err != nil {
			break
		}
	}
	if !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "event 0") || len(again.Differences()) != 0 {
		t.Errorf("Line = %v, %d differences; want the source's error at event 0", err, len(again.Differences()))
	}
}
