package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// quotaPolicy is the policy of the rig with more lines.
func quotaPolicy(lines string, uids ...int) string {
	return policyFor(uids...) + "zone = \"Asia/Shanghai\"\n" + lines
}

// mornings sets the clock to ten o'clock in the morning in Shanghai, some days
// ahead: no test of a day runs over its end.
func (r *rig) morning(days int) time.Time {
	now := r.clock.real()
	next := now.UTC().Truncate(24 * time.Hour).Add(time.Duration(days)*24*time.Hour + 2*time.Hour)
	if next.Before(now) {
		next = next.Add(24 * time.Hour)
	}
	r.clock.pass(next.Sub(now))
	return next
}

// quotaRig has an entry p256 under such a policy, on a morning.
func quotaRig(t *testing.T, lines string) *rig {
	t.Helper()
	r := startedRig(t)
	r.morning(1)
	r.entry("p256", "EC-P256")
	r.setPolicy(lines)
	return r
}

func (r *rig) setPolicy(lines string) {
	r.Helper()
	r.administrator().must(authority.PolicySet, "p256", authority.SetPolicy{Text: quotaPolicy(lines, myUID(callerUID), myUID(otherUID))})
}

// uses asks for so many signatures one by one and returns how many there were,
// and the last refusal.
func (r *rig) uses(uid, n int) (signed int, refused *protocol.Error) {
	r.Helper()
	c := r.caller(uid)
	for range n {
		if fault := r.use(c, 1)[0].GetError(); fault != nil {
			refused = fault
			continue
		}
		signed++
	}
	return signed, refused
}

type signer interface {
	Sign(context.Context, *protocol.SignRequest) (*protocol.SignReply, error)
}

// use asks for a batch; a refusal of the whole is the result of each item.
func (r *rig) use(c signer, n int) []*protocol.Result {
	r.Helper()
	reply, err := c.Sign(context.Background(), signRequest("p256", algo.ECDSAP256SHA256, n))
	var fault *protocol.Error
	if errors.As(err, &fault) {
		return slices.Repeat([]*protocol.Result{{Of: &protocol.Result_Error{Error: fault}}}, n)
	}
	if err != nil {
		r.Fatal(err)
	}
	return reply.Results
}

func expectQuota(t *testing.T, what string, fault *protocol.Error, rule string, after time.Time) {
	t.Helper()
	switch {
	case fault == nil:
		t.Fatalf("%s: nothing was refused, want %s", what, rule)
	case fault.Rule != rule || protocol.Code(fault.Code) != protocol.QuotaSpent:
		t.Fatalf("%s: refused with %v by rule %s, want quota by %s", what, fault, fault.Rule, rule)
	case !after.IsZero() && (fault.Retry != protocol.Retry_AFTER || !fault.After.AsTime().Equal(after)):
		t.Fatalf("%s: retry %v after %v, want after %v", what, fault.Retry, fault.After.AsTime(), after)
	case after.IsZero() && fault.Retry != protocol.Retry_NEVER:
		t.Fatalf("%s: retry %v, want never", what, fault.Retry)
	}
}

// A hundred callers at once get what the day has and not one more; the next day
// has as many again.
func TestQuotaIsNeverExceededByCallersAtOnce(t *testing.T) {
	r := quotaRig(t, "quotas = { day = 10 }\n")
	midnight := r.clock.real().UTC().Truncate(24 * time.Hour).Add(16 * time.Hour) // in Shanghai
	c := r.caller(callerUID)
	for range 2 {
		var mu sync.Mutex
		var signed int
		var wait sync.WaitGroup
		for range 60 {
			wait.Go(func() {
				fault := r.use(c, 1)[0].GetError()
				mu.Lock()
				defer mu.Unlock()
				if fault == nil {
					signed++
				} else if fault.Rule != "quotas.day" {
					t.Errorf("refused by %v", fault)
				}
			})
		}
		wait.Wait()
		if signed != 10 {
			t.Fatalf("%d uses of a day that has 10", signed)
		}
		_, refused := r.uses(callerUID, 1)
		expectQuota(t, "the eleventh", refused, "quotas.day", midnight)
		r.morning(1)
		midnight = midnight.Add(24 * time.Hour)
	}
}

func TestQuotaOfALifetimeIsNotFilledAgain(t *testing.T) {
	r := quotaRig(t, "quotas = { lifetime = 2 }\n")
	signed, refused := r.uses(callerUID, 3)
	if signed != 2 {
		t.Errorf("%d uses of a lifetime that has 2", signed)
	}
	expectQuota(t, "the third", refused, "quotas.lifetime", time.Time{})
}

func TestQuotaOfCallersCountsEachUID(t *testing.T) {
	needRoot(t)
	r := quotaRig(t, "quotas = { day = 3, per_caller = { day = 2 } }\n")
	signed, refused := r.uses(callerUID, 3)
	if signed != 2 {
		t.Errorf("%d uses of a caller who has 2", signed)
	}
	expectQuota(t, "his third", refused, "quotas.per_caller.day", refused.GetAfter().AsTime())
	signed, refused = r.uses(otherUID, 3)
	if signed != 1 {
		t.Errorf("%d uses of the other, want the one that the entry had left", signed)
	}
	expectQuota(t, "the entry's fourth", refused, "quotas.day", refused.GetAfter().AsTime())
}

func TestQuotaOfAMinuteIsARate(t *testing.T) {
	r := quotaRig(t, "quotas = { minute = 1 }\n")
	r.clock.pass(time.Minute - time.Duration(r.clock.real().Second())*time.Second) // its first second
	signed, refused := r.uses(callerUID, 2)
	if signed != 1 || !errors.Is(refused, protocol.RateExceeded) || refused.Rule != "quotas.minute" || refused.Retry != protocol.Retry_AFTER {
		t.Errorf("%d signed, then %v, want one, then rate", signed, refused)
	}
	r.clock.pass(time.Minute)
	if signed, refused = r.uses(callerUID, 1); signed != 1 {
		t.Errorf("in the next minute: %v", refused)
	}
}

func TestWhatTimeNeverMendsSaysSo(t *testing.T) {
	r := quotaRig(t, "")
	for lines, want := range map[string]protocol.Code{
		"quotas = { minute = 0 }\n": protocol.RateExceeded, "quotas = { day = 0 }\n": protocol.QuotaSpent, "hours = []\n": protocol.OutsideHours,
	} {
		r.administrator().must(authority.PolicySet, "p256", authority.SetPolicy{Text: quotaPolicy(lines, myUID(callerUID)), Nobody: true})
		if _, refused := r.uses(callerUID, 1); !errors.Is(refused, want) || refused.Retry != protocol.Retry_NEVER || refused.After != nil {
			t.Errorf("%s: %v, retry %v, want %v and never", lines, refused, refused.GetRetry(), want)
		}
	}
}

func TestBatchTakesItsQuotaWholeOrNotAtAll(t *testing.T) {
	r := quotaRig(t, "quotas = { day = 5 }\n")
	c := r.caller(callerUID)
	if fault := r.use(c, 6)[0].GetError(); !errors.Is(fault, protocol.QuotaSpent) || fault.Field != "inputs[5]" {
		t.Errorf("six of five: %v, want quota at inputs[5]", fault)
	}
	if fault := r.use(c, 3)[0].GetError(); fault != nil {
		t.Fatalf("three of five: %v", fault)
	}
	req := signRequest("p256", algo.ECDSAP256SHA256, 4)
	req.Partial = true
	reply, err := c.Sign(context.Background(), req)
	mustDo(t, err)
	for i, res := range reply.Results {
		if allowed := res.GetSigned() != nil; allowed != (i < 2) {
			t.Errorf("item %d of four, with two left: allowed %v", i, allowed)
		}
	}
}

func TestQuotaIsSpentByTheEventAndSurvivesTheProcess(t *testing.T) {
	r := quotaRig(t, "quotas = { day = 3 }\n")
	if signed, refused := r.uses(callerUID, 2); signed != 2 {
		t.Fatal(refused)
	}
	r.stop()
	r.start()
	r.waitMode(Serving)
	signed, refused := r.uses(callerUID, 2)
	if signed != 1 {
		t.Errorf("%d uses after a restart, with one left", signed)
	}
	expectQuota(t, "after a restart", refused, "quotas.day", refused.GetAfter().AsTime())
}

// A quota that is set at noon counts the uses of the morning, and one that is
// taken away and set again those between.
func TestQuotaCountsWhatWasUsedBeforeItWasSet(t *testing.T) {
	r := quotaRig(t, "")
	for _, step := range []struct {
		lines string
		left  int
	}{{"", 2}, {"quotas = { day = 5 }\n", 1}, {"", 1}, {"quotas = { day = 5 }\n", 1}, {"quotas = { hour = 5, month = 7 }\n", 0}, {"quotas = { month = 6 }\n", 1}} {
		r.setPolicy(step.lines)
		if signed, refused := r.uses(callerUID, step.left); signed != step.left {
			t.Fatalf("under %q: %d uses of %d: %v", step.lines, signed, step.left, refused)
		}
	}
	_, refused := r.uses(callerUID, 1)
	expectQuota(t, "the seventh of the month", refused, "quotas.month", refused.GetAfter().AsTime())
}

// failing is a driver that makes no signature while it is told so.
type failing struct {
	hsm.Driver
	fails atomic.Bool
}

func (f *failing) Sign(ctx context.Context, key hsm.KeyRef, a algo.Algorithm, tbs [][]byte) []hsm.Signed {
	if !f.fails.Load() {
		return f.Driver.Sign(ctx, key, a, tbs)
	}
	out := make([]hsm.Signed, len(tbs))
	for i := range out {
		out[i].Err = &hsm.Error{Class: hsm.ClassRequest, Token: key.Token, Op: "signing", Err: errors.New("on purpose")}
	}
	return out
}

func TestQuotaIsGivenBackWhenTheHSMFails(t *testing.T) {
	f, r := &failing{}, newRig(t)
	r.wrap = func(d hsm.Driver) hsm.Driver { f.Driver = d; return f }
	r.start()
	r.init()
	r.waitMode(Serving)
	r.morning(1)
	r.entry("p256", "EC-P256")
	r.setPolicy("quotas = { day = 1 }\n")
	f.fails.Store(true)
	for range 3 {
		if _, refused := r.uses(callerUID, 1); refused == nil || refused.Rule == "quotas.day" {
			t.Fatalf("with an HSM that fails: %v", refused)
		}
	}
	f.fails.Store(false)
	if signed, refused := r.uses(callerUID, 2); signed != 1 || !errors.Is(refused, protocol.QuotaSpent) {
		t.Errorf("%d signed, then %v, want the one of the day", signed, refused)
	}
}

func TestQuotaIsGivenBackByUsesThatAChangeOvertakes(t *testing.T) {
	r, g := gatedRig(t)
	r.morning(1)
	text := quotaPolicy("quotas = { day = 2 }\n", myUID(callerUID))
	r.administrator().must(authority.PolicySet, "sm2", authority.SetPolicy{Text: text})
	c := r.caller(callerUID)
	answer := make(chan *protocol.Result, 1)
	go func() {
		reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 2))
		if err != nil {
			t.Errorf("sign: %v", err)
			close(answer)
			return
		}
		answer <- reply.Results[0]
	}()
	r.waitFor(func() bool { return g.waiting.Load() == 2 }, "two signatures in flight")
	if reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1)); !errors.Is(err, protocol.QuotaSpent) {
		t.Errorf("while two of two are being signed: %v, %v, want quota", reply, err)
	}
	r.administrator().must(authority.PolicySet, "sm2", authority.SetPolicy{Text: text + "# again\n"})
	close(g.open)
	if fault := (<-answer).GetError(); !errors.Is(fault, protocol.Changed) {
		t.Fatalf("overtaken: %v, want changed", fault)
	}
	if reply, err := c.Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 2)); err != nil {
		t.Errorf("the two that were given back: %v, %v", reply, err)
	}
}

func TestUsesOutsideHoursSayWhenTheyBegin(t *testing.T) {
	r := quotaRig(t, "hours = [\"14:00-18:00\"]\n")
	_, refused := r.uses(callerUID, 1) // at 10:00
	open := r.clock.real().UTC().Truncate(24 * time.Hour).Add(6 * time.Hour)
	if !errors.Is(refused, protocol.OutsideHours) || refused.Rule != "hours" || !refused.After.AsTime().Equal(open) {
		t.Fatalf("at ten: %v, want outside_hours until %v", refused, open)
	}
	r.clock.pass(open.Sub(r.clock.real()))
	if signed, refused := r.uses(callerUID, 1); signed != 1 {
		t.Errorf("at two: %v", refused)
	}
}

func TestRequiredFieldsAreNamed(t *testing.T) {
	r := quotaRig(t, "require = [\"user_id\", \"doc_no\", \"doc_title\"]\n")
	req := signRequest("p256", algo.ECDSAP256SHA256, 1)
	req.Context.UserId = "u1"
	_, err := r.caller(callerUID).Sign(context.Background(), req)
	var fault *protocol.Error
	if !errors.As(err, &fault) || !errors.Is(fault, protocol.ContextRequired) || !strings.Contains(fault.Message, "doc_no, doc_title") {
		t.Fatalf("without two of three: %v, want context_required that names them", err)
	}
	req.Context.DocNo, req.Context.DocTitle = "n", "t"
	if _, err := r.caller(callerUID).Sign(context.Background(), req); err != nil {
		t.Errorf("with all: %v", err)
	}
}

// What the events say is enough to decide again.
func TestDecisionsAreReplayedFromTheirEvents(t *testing.T) {
	r := quotaRig(t, "quotas = { day = 2, per_caller = { hour = 9 }, lifetime = 100 }\nrequire = [\"doc_no\"]\n")
	c := r.caller(callerUID)
	for i := range 5 {
		req := signRequest("p256", algo.ECDSAP256SHA256, 1)
		if i != 1 {
			req.Context.DocNo = fmt.Sprint(i)
		}
		c.Sign(context.Background(), req)
	}
	acct := r.server.appliance().book.find("p256")
	seen := map[string]int{}
	for _, e := range r.events() {
		if e.Engine == 0 {
			continue
		}
		args, err := e.Arguments(audit.Subject{Class: policy.ClassKey, Validity: validity(acct.entry)})
		mustDo(t, err)
		d, err := args.Replay(acct.policy.Policy(), policy.Resolved{Users: acct.record.Users, Groups: acct.record.Groups})
		mustDo(t, err)
		want := e.Reason
		if e.Result == audit.Allowed {
			want = "allowed"
		}
		if d.Reason.String() != want || d.Rule != e.Rule {
			t.Errorf("event %d: %s by %q, again %v by %q", e.Seq, want, e.Rule, d.Reason, d.Rule)
		}
		seen[want]++
		if len(e.Use) != 3 {
			t.Errorf("event %d: use %q, want a count for each of three quotas", e.Seq, e.Use)
		}
	}
	if seen["allowed"] != 2 || seen["quota"] != 1 || seen["context_required"] != 1 {
		t.Errorf("events by reason: %v", seen)
	}
}

// What events that were lost had used is not known: their windows are full until
// they end, and a lifetime until officers set a policy again.
func TestQuotaWindowsAreFullAfterARestore(t *testing.T) {
	v := startedVault(t, ageKeeper(t))
	v.morning(1)
	v.activeEntry("p256", "EC-P256")
	v.must(authority.PolicySet, "p256", authority.SetPolicy{Text: quotaPolicy("quotas = { hour = 100, lifetime = 1000 }\n", callerUID)}, "sara", "sven")
	if signed, refused := v.uses(callerUID, 1); signed != 1 {
		t.Fatal(refused)
	}
	_, body := v.keeper.open(t, v.backup())
	v.lose()
	v.restore(body)
	v.one = nil
	_, refused := v.uses(callerUID, 1)
	expectQuota(t, "after the restore", refused, "quotas.lifetime", time.Time{})
	again := authority.SetPolicy{Text: quotaPolicy("quotas = { hour = 100, lifetime = 1000 } # again\n", callerUID)}
	if got := v.try(authority.PolicyNarrow, "p256", again, "sara"); got != protocol.IllegalTransition {
		t.Errorf("one officer ends what is not known: %v, want illegal_transition", got)
	}
	v.must(authority.PolicySet, "p256", again, "sara", "sven")
	_, refused = v.uses(callerUID, 1)
	expectQuota(t, "with a new policy", refused, "quotas.hour", refused.GetAfter().AsTime())
	v.clock.pass(time.Hour)
	if signed, refused := v.uses(callerUID, 1); signed != 1 {
		t.Errorf("in the next hour: %v", refused)
	}
	status, answer := v.administrator().call("GET", "/v1/entries/p256/policy", "")
	usage := fromJSON[admin.Policy](t, answer).Usage
	if status != 200 || len(usage) != 2 || usage[1].Spent != 2 || usage[1].Unknown {
		t.Errorf("usage after that: %d %+v, want a lifetime with both uses that the log has", status, usage)
	}
}

func TestPolicyThatAllowsNobodyIsRefusedUnlessItSaysSo(t *testing.T) {
	r := quotaRig(t, "")
	o := r.administrator()
	nobody := "callers = {}\n"
	if _, code := o.submit(o.act(authority.PolicySet, "p256", authority.SetPolicy{Text: nobody})); code != protocol.Malformed {
		t.Errorf("a policy that allows nobody: %v, want malformed", code)
	}
	o.must(authority.PolicySet, "p256", authority.SetPolicy{Text: nobody, Nobody: true})
	if _, refused := r.uses(callerUID, 1); !errors.Is(refused, protocol.NotACaller) {
		t.Errorf("under it: %v, want not_a_caller", refused)
	}
}

// One security officer may narrow; what widens, or means other accounts, takes
// as many as the threshold says, whatever the act calls itself.
func TestNarrowingTakesOneAndWideningTwo(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("p256", "EC-P256")
	set := func(kind authority.Kind, text string, by ...string) protocol.Code {
		return r.try(kind, "p256", authority.SetPolicy{Text: text}, by...)
	}
	base := quotaPolicy("quotas = { day = 9 }\n", callerUID)
	for _, step := range []struct {
		what string
		got  protocol.Code
		want protocol.Code
	}{
		{"adding a quota, by one", set(authority.PolicyNarrow, base, "sara"), 0},
		{"raising it, called narrow, by two", set(authority.PolicyNarrow, quotaPolicy("quotas = { day = 10 }\n", callerUID), "sara"), protocol.IllegalTransition},
		{"raising it, by one", set(authority.PolicySet, quotaPolicy("quotas = { day = 10 }\n", callerUID), "sara"), protocol.TooFew},
		{"another caller, called narrow", set(authority.PolicyNarrow, quotaPolicy("quotas = { day = 9 }\n", callerUID, otherUID), "sara"), protocol.IllegalTransition},
		{"lowering it, by one", set(authority.PolicyNarrow, quotaPolicy("quotas = { day = 1 }\n", callerUID), "sara"), 0},
		{"by an administrator", set(authority.PolicyNarrow, quotaPolicy("quotas = { day = 0 }\n", callerUID), "adam"), protocol.RoleRefused},
		{"raising it, by two", set(authority.PolicySet, base, "sara", "sven"), 0},
	} {
		if step.got != step.want {
			t.Errorf("%s: %v, want %v", step.what, step.got, step.want)
		}
	}
	r.stop()
	r.start()
	r.waitMode(Serving)
	if signed, refused := r.uses(callerUID, 1); signed != 1 {
		t.Errorf("after a restart, proven by its acts: %v", refused)
	}
}

// Root who writes a narrowing act that widens into the log finds that it is held
// to what it says.
func TestActThatNarrowsIsHeldToThatByTheRegister(t *testing.T) {
	r := startedOfficers(t)
	r.activeEntry("p256", "EC-P256")
	acct := r.server.appliance().book.find("p256")
	content := `{"text":"callers = { users = [20001, 20002, 20003] }\noperations = [\"digest\"]\nalgorithms = [\"ECDSA-P256-SHA256\"]\npurposes = [\"contract\"]\n"}`
	_, err := register.Apply(acct.entry, register.Applied{
		Act: authority.Act{Kind: authority.PolicyNarrow, Target: "p256"}, Content: []byte(content), At: r.clock.real(), Policy: &acct.record,
	})
	if !errors.Is(err, register.ErrTransition) {
		t.Errorf("a policy with other callers as policy.narrow: %v, want an illegal transition", err)
	}
}

// A request that began under a policy with quotas and was held up is decided by
// the one in force: by the older it would have the uses counted from the store
// while one that nobody reserved is under way, and that would never be counted.
func TestRequestThatWasHeldUpFillsNoMeterByAnOlderPolicy(t *testing.T) {
	r := quotaRig(t, "quotas = { day = 100 }\n")
	a := r.server.appliance()
	who := Peer{UID: uint32(myUID(callerUID)), GIDs: []uint32{uint32(myUID(callerUID))}}
	late := newUse(a, who, 1, signRequest("p256", algo.ECDSAP256SHA256, 1)) // under the quotas; stops before the lock
	r.setPolicy("")                                                         // a policy without quotas
	flying := newUse(a, who, 2, signRequest("p256", algo.ECDSAP256SHA256, 1))
	if f := flying.decide(); f != nil {
		t.Fatal(f)
	}
	flying.signAll(context.Background())
	if f := late.decide(); f != nil {
		t.Fatal(f)
	}
	late.giveBack() // its caller has hung up
	if f := flying.record(); f != nil || flying.items[0].signed == nil {
		t.Fatal(f)
	}
	flying.giveBack() // one use today
	r.setPolicy("quotas = { day = 1 }\n")
	if signed, _ := r.uses(callerUID, 1); signed != 0 {
		t.Errorf("a second use of a day that has 1 (quota over by one)")
	}
}

// Whoever is asked about is not remembered for it.
func TestPolicyTestLeavesNothingInTheMeter(t *testing.T) {
	r := quotaRig(t, "quotas = { per_caller = { day = 5 } }\n")
	r.uses(callerUID, 1)
	o := r.administrator()
	for uid := range 200 {
		if status, body := o.call("POST", "/v1/entries/p256/policy/test", fmt.Sprintf(`{"uid":%d,"carries":[]}`, 100000+uid)); status != 200 {
			t.Fatal(status, body)
		}
	}
	m := r.server.appliance().meters.find("p256")
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.callers); n > 2 {
		t.Errorf("%d counters of callers, one used the entry", n)
	}
}
