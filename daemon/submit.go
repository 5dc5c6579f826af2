package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/admin"
)

// actTimeout bounds an act: the longest is a ceremony, whose own deadline is
// in the profile.
const actTimeout = 15 * time.Minute

// postAct takes an act. Once begun it is carried out whether or not the
// officer still listens: he finds its event in the log.
func (s *Server) postAct(v visit) (any, *protocol.Error) {
	sub, fault := parseSubmission(v)
	if fault != nil {
		return nil, fault
	}
	ctx, cancel := context.WithTimeout(s.calls, actTimeout)
	defer cancel()
	if fault := s.proposals.clash(sub); fault != nil {
		return nil, fault
	}
	sub = s.proposals.join(sub)
	done, fault := s.submit(ctx, &sub)
	if fault = s.proposals.settle(sub, fault); fault != nil {
		return nil, fault
	}
	if a := s.appliance(); a != nil && sub.act.Kind == authority.OfficerChange {
		s.proposals.dropStrangers(a.roster.roll())
	}
	out := admin.ActResult{
		Appliance: s.applianceID(), Event: done.event, Kind: string(sub.act.Kind), Target: sub.act.Target,
		Unsigned: len(sub.signatures) == 0, Mode: s.condition().mode.String(),
		Signers: signerTexts(sub.signers), Request: done.made.Request, Made: done.made.Made, Held: []string{},
	}
	for _, r := range done.made.Revoked {
		if r.Since != "" {
			out.Held = append(out.Held, r.Entry)
		}
	}
	if done.entry != nil {
		if a := s.appliance(); a != nil {
			e := a.describeEntry(a.book.find(done.entry.ID))
			out.Entry = &e
		}
	}
	return out, nil
}

// endsAMode tells whether an act of this kind is carried out only where no store
// serves.
func endsAMode(k authority.Kind) bool {
	return k == authority.Init || k == authority.Restore || k == authority.StoreAccept || k == authority.ModeClear
}

// submit leads an act to where its kind is carried out.
func (s *Server) submit(ctx context.Context, sub *submission) (outcome, *protocol.Error) {
	if a := s.appliance(); a != nil && endsAMode(sub.act.Kind) {
		return outcome{}, a.refuseAct(*sub, 0, fmt.Errorf("%w: mode is %v: %s is for another mode", errConflict, s.condition().mode, sub.act.Kind))
	}
	switch sub.act.Kind {
	case authority.Init:
		return s.initialise(ctx, sub)
	case authority.ModeClear:
		return s.clearPoison(sub)
	case authority.Restore, authority.StoreAccept:
		return s.putBack(sub)
	}
	a, fault := s.live()
	if fault != nil {
		return outcome{}, fault
	}
	if name := a.tokenOf(sub); !a.isHeld(name) {
		s.holdToAnchor(ctx, a, name)
		if _, fault := s.live(); fault != nil {
			return outcome{}, fault
		}
	}
	return a.apply(ctx, sub)
}

// readBody reads the body of an exchange, up to the longest there is.
func readBody(v visit) ([]byte, *protocol.Error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, v.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, protocol.NewError(protocol.TooLarge, "the body has more than %d bytes", maxBodyBytes)
	case err != nil:
		return nil, protocol.NewError(protocol.Malformed, "the body could not be read")
	}
	return body, nil
}

func parseSubmission(v visit) (submission, *protocol.Error) {
	body, fault := readBody(v)
	if fault != nil {
		return submission{}, fault
	}
	sub, fault := decodeSubmission(body)
	if fault != nil {
		return submission{}, fault
	}
	sub.who, sub.inAdmin = v.visitor.peer, v.inAdmin
	return sub, nil
}

// decodeSubmission reads the JSON of an act that was brought.
func decodeSubmission(body []byte) (submission, *protocol.Error) {
	var req admin.ActRequest
	if fault := decodeStrict(body, &req); fault != nil {
		return submission{}, fault
	}
	act, err := authority.ParseAct([]byte(req.Act))
	if err != nil {
		return submission{}, protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("act")
	}
	for _, text := range []struct{ field, value string }{{"act.target", act.Target}, {"act.appliance", act.Appliance}} {
		if fault := protocol.CheckText(text.field, text.value, 128); fault != nil {
			return submission{}, fault
		}
	}
	sub := submission{act: act, raw: req.Act, content: []byte(req.Content)}
	for _, sig := range req.Signatures {
		sub.signatures = append(sub.signatures, authority.Signature{Form: authority.Form(sig.Form), Value: sig.Value})
	}
	if err := authority.CheckSignatures(sub.signatures); err != nil {
		return submission{}, protocol.NewError(protocol.Malformed, "%s", err.Error()).WithField("signatures")
	}
	return sub, nil
}

func decodeStrict(body []byte, v any) *protocol.Error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return protocol.NewError(protocol.Malformed, "the body is not the JSON of openapi.yaml: %s", err.Error())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return protocol.NewError(protocol.Malformed, "the body goes on after its JSON value")
	}
	return nil
}
