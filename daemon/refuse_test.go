package daemon

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/algo"
)

// exchange sends raw bytes and returns the first frame that comes back.
func (r *rig) exchange(conn net.Conn, raw []byte) (protocol.Frame, error) {
	r.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(raw); err != nil {
		return protocol.Frame{}, err
	}
	return protocol.ReadReply(conn)
}

func (r *rig) faultOf(f protocol.Frame) *protocol.Error {
	r.Helper()
	if f.Kind != protocol.KindError {
		r.Fatalf("frame kind %d, want an error", f.Kind)
	}
	fault := new(protocol.Error)
	if err := proto.Unmarshal(f.Payload, fault); err != nil {
		r.Fatal(err)
	}
	return fault
}

func signFrame(t testing.TB, req *protocol.SignRequest) []byte {
	t.Helper()
	frame, err := protocol.AppendMessage(nil, protocol.KindRequest, protocol.MethodSign, 7, req)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func with(change func(*protocol.SignRequest)) *protocol.SignRequest {
	req := signRequest("sm2", algo.SM2SM3, 1)
	change(req)
	return req
}

// Bad input never gets a dropped connection without a reason, and each fault
// has its code. What the design's table of happenings calls an event is one.
func TestBadInputGetsItsCode(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	r.entry("suspended", "SM2")
	r.administrator().must(authority.EntrySuspend, "suspended", authority.Suspend{Basis: "test"})
	for _, c := range []struct {
		name  string
		req   *protocol.SignRequest
		want  protocol.Code
		event bool
	}{
		{"unknown entry", with(func(q *protocol.SignRequest) { q.Entry = "nobody" }), protocol.UnknownEntry, true},
		{"entry missing", with(func(q *protocol.SignRequest) { q.Entry = "" }), protocol.Malformed, false},
		{"wrong length", with(func(q *protocol.SignRequest) {
			q.Inputs[0].Value = &protocol.Input_Sm2E{Sm2E: make([]byte, 31)}
		}), protocol.DigestLength, false},
		{"digest for SM2", with(func(q *protocol.SignRequest) {
			q.Inputs[0].Value = &protocol.Input_Digest{Digest: make([]byte, 32)}
		}), protocol.InputKindRequired, false},
		{"algorithm that the key is not", with(func(q *protocol.SignRequest) {
			q.Algorithm = protocol.Algorithm_ECDSA_P256_SHA256
			q.Inputs[0].Value = &protocol.Input_Digest{Digest: make([]byte, 32)}
		}), protocol.AlgorithmMismatch, false},
		{"unknown algorithm", with(func(q *protocol.SignRequest) { q.Algorithm = 77 }), protocol.Unsupported, false},
		{"no form", with(func(q *protocol.SignRequest) { q.Form = 0 }), protocol.Malformed, false},
		{"form not built", with(func(q *protocol.SignRequest) { q.Form = protocol.SignForm_CMS_DETACHED }), protocol.Unsupported, false},
		{"control characters", with(func(q *protocol.SignRequest) { q.Context.DocTitle = "a\x1b[2Jb" }), protocol.Malformed, false},
		{"no purpose", with(func(q *protocol.SignRequest) { q.Context = nil }), protocol.PurposeRefused, true},
		{"purpose not listed", with(func(q *protocol.SignRequest) { q.Context.Purpose = "gift" }), protocol.PurposeRefused, true},
		{"suspended entry", with(func(q *protocol.SignRequest) { q.Entry = "suspended" }), protocol.NotActive, true},
		{"too many inputs", with(func(q *protocol.SignRequest) { q.Inputs = signRequest("sm2", algo.SM2SM3, 257).Inputs }), protocol.BatchTooLarge, false},
	} {
		before := len(r.events())
		f, err := r.exchange(r.dial("sign", callerUID, clientsGID), signFrame(t, c.req))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		fault := r.faultOf(f)
		if protocol.Code(fault.Code) != c.want || f.Call != 7 {
			t.Errorf("%s: call %d, %v, want %v", c.name, f.Call, fault, c.want)
		}
		// A refusal for the same reason in the same minute is counted.
		if (fault.Event != nil) != c.event || (len(r.events()) > before) != (c.event && !fault.Counted) {
			t.Errorf("%s: event %v, counted %v, %d new events", c.name, fault.Event, fault.Counted, len(r.events())-before)
		}
	}
}

func TestBrokenFramesAreAnsweredBeforeTheConnectionEnds(t *testing.T) {
	r := startedRig(t)
	good := signFrame(t, signRequest("sm2", algo.SM2SM3, 1))
	change := func(at int, to byte) []byte {
		bad := append([]byte(nil), good...)
		bad[at] = to
		return bad
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want protocol.Code
	}{
		{"too long", change(0, 0xff), protocol.TooLarge},
		{"one byte too long", append([]byte{0, 1, 0, 1}, good[4:]...), protocol.TooLarge},
		{"version", change(4, 2), protocol.Malformed},
		{"kind", change(5, 3), protocol.Malformed},
		{"truncated header", good[:9], protocol.Malformed},
		{"truncated payload", good[:len(good)-1], protocol.Malformed},
	} {
		conn := r.dial("sign", callerUID, clientsGID).(*net.UnixConn)
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(c.raw); err != nil {
			t.Fatal(err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		f, err := protocol.ReadReply(conn)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if fault := r.faultOf(f); protocol.Code(fault.Code) != c.want {
			t.Errorf("%s: %v, want %v", c.name, fault, c.want)
		}
		if _, err := protocol.ReadReply(conn); err == nil {
			t.Errorf("%s: the connection goes on", c.name)
		}
	}
}

func TestUnknownAndUnbuiltMethodsAreUnsupported(t *testing.T) {
	r := startedRig(t)
	conn := r.dial("sign", callerUID, clientsGID)
	for _, m := range []protocol.Method{0, protocol.MethodGetSeal, protocol.MethodStatus, protocol.MethodStamp, protocol.MethodVerify, protocol.MethodProof, 999} {
		f, err := r.exchange(conn, protocol.AppendFrame(nil, protocol.KindRequest, m, 1, []byte{1, 2, 3}))
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		if fault := r.faultOf(f); protocol.Code(fault.Code) != protocol.Unsupported {
			t.Errorf("%v: %v, want unsupported", m, fault)
		}
	}
	if _, err := r.exchange(conn, protocol.AppendFrame(nil, protocol.KindRequest, protocol.MethodHealth, 2, nil)); err != nil {
		t.Errorf("the connection did not go on: %v", err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	needRoot(t)
	r := startedRig(t)
	r.entry("sm2", "SM2")

	_, err := r.caller(otherUID).Sign(context.Background(), signRequest("sm2", algo.SM2SM3, 1))
	if !errors.Is(err, protocol.NotACaller) {
		t.Errorf("a uid that the policy does not name: %v, want not_a_caller", err)
	}
	if e := r.lastEvent(); e.Kind != audit.KindRefuse || e.Reason != "not_a_caller" || *e.UID != otherUID || e.Entry != "sm2" || e.Sig != "" {
		t.Errorf("event of the refusal = %+v", e)
	}
	entries, err := r.caller(otherUID).ListEntries(context.Background())
	if err != nil || len(entries.Entries) != 0 {
		t.Errorf("ListEntries of a stranger = %v, %v, want none", entries, err)
	}
	as(otherUID, nil, func() {
		for _, socket := range []string{"sign", "admin", "audit"} {
			if conn, err := net.Dial("unix", r.path(socket, socket+".sock")); err == nil {
				conn.Close()
				t.Errorf("a uid outside the group could connect to %s.sock", socket)
			}
		}
	})
}

func TestPeersAreHeldToTheGroupWhereTheModeIsLoose(t *testing.T) {
	needRoot(t)
	r := startedRig(t)
	conn := r.dial("sign", 0, 0) // root may connect to any socket
	f, err := protocol.ReadReply(conn)
	if err != nil {
		t.Fatal(err)
	}
	if fault := r.faultOf(f); protocol.Code(fault.Code) != protocol.NotACaller {
		t.Errorf("root outside the group: %v, want not_a_caller", fault)
	}
	if status, body := r.officer("admin", 0).call("GET", "/v1/status", ""); status != 403 {
		t.Errorf("root on admin.sock: %d %s, want 403", status, body)
	}
}

// The first refusal of a uid, entry and rule in a minute is an event; the
// rest of the minute is counted and becomes one.
func TestRefusalsAreCountedByTheMinute(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	refused := with(func(q *protocol.SignRequest) { q.Context.Purpose = "gift" })
	var first uint64
	for i := range 5 {
		_, err := c.Sign(context.Background(), refused)
		var fault *protocol.Error
		if !errors.As(err, &fault) || fault.Event == nil {
			t.Fatalf("refusal %d: %v", i, err)
		}
		if i == 0 {
			first = *fault.Event
		}
		if *fault.Event != first || fault.Counted != (i > 0) {
			t.Errorf("refusal %d: event %d, counted %v, want event %d", i, *fault.Event, fault.Counted, first)
		}
	}
	r.clock.pass(time.Minute)
	r.server.appliance().tick()
	e := r.lastEvent()
	if e.Kind != audit.KindRefusedMany || e.Count != 4 || e.Reason != "purpose" || e.Rule != "purposes" || e.First == nil || e.Last == nil {
		t.Errorf("event of the counted refusals = %+v", e)
	}
}

func TestUnknownEntriesDoNotFillTheLog(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	c := r.caller(callerUID)
	before := len(r.events())
	for i := range 50 {
		req := with(func(q *protocol.SignRequest) { q.Entry = "guess-" + string(rune('a'+i%26)) + string(rune('a'+i/26)) })
		if _, err := c.Sign(context.Background(), req); !errors.Is(err, protocol.UnknownEntry) {
			t.Fatal(err)
		}
	}
	if n := len(r.events()) - before; n != 1 {
		t.Errorf("50 guesses made %d events, want 1", n)
	}
}
