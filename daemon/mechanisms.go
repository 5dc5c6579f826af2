package daemon

import (
	"context"
	"errors"
	"strconv"
	"time"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/store"
	"signet/hsm"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

// trialRetry is when to ask again for a trial that another one, or a ceremony,
// stands in the way of.
const trialRetry = 10 * time.Second

// opMechanisms is the op of the event of a trial.
const opMechanisms = "mechanisms"

// postMechanisms has a token show what it does. No key of an entry is touched,
// but the module signs, so there is one event that says how often: without a
// store there is no trial. Whoever hangs up ends it.
func (s *Server) postMechanisms(v visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	name := v.PathValue("name")
	tok := a.tokens.byName[name]
	if tok == nil {
		return nil, protocol.NewError(protocol.Malformed, "%v: %s", errNoToken, strconv.Quote(name)).WithField("name")
	}
	ctx, cancel := context.WithCancel(v.Context())
	defer cancel()
	defer context.AfterFunc(s.calls, cancel)()
	started := time.Now()
	found, err := tok.driver.TryMechanisms(ctx, name)
	took := time.Since(started)
	if err != nil && found.Signatures == 0 {
		return nil, trialError(err)
	}
	event, fault := a.recordTrial(v.visitor.peer, name, found, err)
	switch {
	case fault != nil:
		return nil, fault
	case err != nil:
		answer := trialError(err)
		answer.Event = &event
		return nil, answer
	}
	return describeTrial(name, event, took, found), nil
}

// recordTrial makes the count of signatures durable before anybody learns of
// them. It is not bound to the connection.
func (a *appliance) recordTrial(who Peer, token string, found hsm.Trial, err error) (uint64, *protocol.Error) {
	uid := who.UID
	e := &audit.Event{
		Kind: audit.KindSelfTest, Clock: a.clock.syncState(), UID: &uid, GID: &who.GIDs[0], GIDs: who.GIDs[1:], PID: who.PID, Unit: who.Unit,
		Op: opMechanisms, Token: token, Count: found.Signatures, Result: audit.Allowed,
	}
	if err != nil {
		e.Result, e.Reason, e.Rule = audit.Failed, trialError(err).Name, ruleHSM
	}
	c := &store.Commit{Events: []*audit.Event{e}}
	if err := a.store.Record(c); err != nil {
		a.troubles.record(err.Error())
		return 0, storeError(err)
	}
	return c.Receipts[0].Event, nil
}

// trialError tells operators all of it, as they are told of acts.
func trialError(err error) *protocol.Error {
	if hsm.ClassOf(err) == hsm.ClassBusy {
		return protocol.NewError(protocol.Busy, "%s", err.Error()).RetryIn(trialRetry)
	}
	answer := hsmError(err)
	answer.Message = err.Error()
	return answer
}

// unsupportedByToken names token and mechanism, which the caller's operator
// needs and which tell nobody anything about a key.
func unsupportedByToken(err error) *protocol.Error {
	var fault *hsm.Error
	if !errors.As(err, &fault) {
		return protocol.NewError(protocol.Unsupported, "the key's token does not do this")
	}
	return protocol.NewError(protocol.Unsupported, "token %s: %v; signetctl token status %s --mechanisms tries what it does",
		fault.Token, fault.Err, fault.Token)
}

func describeTrial(token string, event uint64, took time.Duration, found hsm.Trial) admin.Trial {
	out := admin.Trial{Token: token, Event: event, Signatures: found.Signatures, TookMS: uint64(took.Milliseconds()), Keys: []admin.KeyTrial{}}
	for _, k := range found.Keys {
		key := admin.KeyTrial{Type: k.Type.String(), Generation: describeAttempt(k.Generation), Algorithms: []admin.AlgorithmTrial{}}
		for _, tried := range k.Algorithms {
			key.Algorithms = append(key.Algorithms, admin.AlgorithmTrial{
				Algorithm: tried.Algorithm.String(), Signs: signedAs(tried.Algorithm), Signing: describeAttempt(tried.Attempt),
				Encoding: string(tried.Encoding), MaxMessage: tried.MaxMessage,
			})
		}
		out.Keys = append(out.Keys, key)
	}
	return out
}

// signedAs is what the module is given to sign.
func signedAs(a algo.Algorithm) string {
	switch {
	case a == algo.SM2SM3:
		return "e"
	case a.DigestSize() == 0:
		return "message"
	}
	return "digest"
}

func describeAttempt(a hsm.Attempt) admin.Attempt {
	return admin.Attempt{
		Mechanism: a.Mechanism, Claim: string(a.Claim), ClaimWhy: a.ClaimWhy, Finding: string(a.Finding), Why: a.Why,
		Contradicts: a.Contradicts(), TookUS: uint64(a.Took.Microseconds()),
	}
}
