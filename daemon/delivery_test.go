package daemon

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"signet/daemon/internal/authority"
	"signet/protocol"
	"signet/protocol/algo"
)

// counting counts the bytes read through it.
type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// unreadBytes is what the kernel holds for the client.
func unreadBytes(t testing.TB, conn *net.UnixConn) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	mustDo(t, err)
	var n int
	var ierr error
	mustDo(t, raw.Control(func(fd uintptr) { n, ierr = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }))
	mustDo(t, ierr)
	return n
}

// A caller who does not read keeps recorded signatures waiting in the daemon.
// What is not in his socket when a suspension is answered must never get
// there: not the next answer, and not the rest of a frame that has begun.
func TestSignaturesNotReadAreWithheldFromASuspensionOn(t *testing.T) {
	t.Run("while it lasts", func(t *testing.T) { holdBack(t, func(*officer) {}) })
	t.Run("lifted before they are read", func(t *testing.T) {
		holdBack(t, func(o *officer) { o.must(authority.EntryResume, "p256", authority.Resume{}) })
	})
}

// holdBack has a caller not read, suspends, does more, and reads.
func holdBack(t *testing.T, more func(*officer)) {
	const calls, batch = 40, 50
	r := startedRig(t)
	r.entry("p256", "EC-P256")
	before := r.server.appliance().store.Position().Size
	conn := r.dial("sign", callerUID, clientsGID).(*net.UnixConn)
	for call := range uint64(calls) {
		frame, err := protocol.AppendMessage(nil, protocol.KindRequest, protocol.MethodSign, call, signRequest("p256", algo.ECDSAP256SHA256, batch))
		mustDo(t, err)
		mustWrite(t, conn, frame)
	}
	r.waitFor(func() bool { return r.server.appliance().store.Position().Size == before+calls*batch }, "every use to be recorded")
	full := func() bool {
		n := unreadBytes(t, conn)
		return n > 0 && n == unreadBytes(t, conn)
	}
	r.waitFor(full, "answers in the socket")
	o := r.administrator()
	o.must(authority.EntrySuspend, "p256", authority.Suspend{Basis: "lost"})
	mark := unreadBytes(t, conn)
	more(o)

	conn.SetReadDeadline(time.Now().Add(patience))
	in := &counting{Reader: conn}
	answered, inTime, withheldCalls := 0, 0, 0
	for answered < calls {
		f, err := protocol.ReadReply(in)
		if err != nil {
			break // cut off in the middle of a frame
		}
		switch f.Kind {
		case protocol.KindError:
			if fault := r.faultOf(f); !errors.Is(fault, protocol.Changed) {
				t.Errorf("call %d: %v, want changed", f.Call, fault)
			}
			answered, withheldCalls = answered+1, withheldCalls+1
			continue
		case protocol.KindReply:
			answered++
		}
		reply := new(protocol.SignReply)
		mustDo(t, proto.Unmarshal(f.Payload, reply))
		inTime += len(reply.Results)
		if in.n > mark {
			t.Errorf("%d signatures arrived behind the answer to the suspension", len(reply.Results))
		}
	}
	if inTime == 0 || inTime == calls*batch {
		t.Errorf("%d of %d signatures were in the socket: the test did not reach what it is about", inTime, calls*batch)
	}
	t.Logf("%d signatures in the socket before, %d calls told that theirs were withheld", inTime, withheldCalls)
}

// An answer that was recorded is not given again while its entry is suspended,
// and is again when it is resumed.
func TestRepeatedRequestGivesNothingWhileSuspended(t *testing.T) {
	r := startedRig(t)
	r.entry("sm2", "SM2")
	o, c := r.administrator(), r.caller(callerUID)
	req := signRequest("sm2", algo.SM2SM3, 1)
	req.RequestId = "once"
	first, err := c.Sign(t.Context(), req)
	mustDo(t, err)
	o.must(authority.EntrySuspend, "sm2", authority.Suspend{Basis: "lost"})
	if _, err := c.Sign(t.Context(), req); !errors.Is(err, protocol.NotActive) {
		t.Errorf("repeated while suspended: %v, want not_active", err)
	}
	o.must(authority.EntryResume, "sm2", authority.Resume{})
	again, err := c.Sign(t.Context(), req)
	mustDo(t, err)
	if !again.Results[0].GetSigned().GetRepeated() || first.Results[0].GetSigned().GetReceipt().GetEvent() != again.Results[0].GetSigned().GetReceipt().GetEvent() {
		t.Errorf("repeated after resume: %v", again.Results[0])
	}
}

// A peer that sends without reading cannot make the daemon hold answers for
// him without bound: his next frame waits.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	for name, method := range map[string]protocol.Method{"answered in line": protocol.MethodHealth, "busy": protocol.MethodSign} {
		t.Run(name, func(t *testing.T) { sendWithoutReading(t, method) })
	}
}

func sendWithoutReading(t *testing.T, method protocol.Method) {
	r := startedRig(t)
	conn := r.dial("sign", callerUID, clientsGID).(*net.UnixConn)
	var burst []byte
	for call := range uint64(20000) {
		burst = protocol.AppendFrame(burst, protocol.KindRequest, method, call, nil)
	}
	conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := conn.Write(burst); err == nil {
		t.Fatal("20,000 requests were taken from a peer that read no answer")
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	for _, l := range r.server.perUID {
		if l.unread > maxUnreadBytes {
			t.Errorf("%d bytes of answers are held", l.unread)
		}
	}
}

// An answer can wait for its reader while the store is let go of and opened
// anew. Acts turn only the new store's book then, so the old one's permits must
// not go on.
func TestPermitsEndWithTheirStore(t *testing.T) {
	r := startedRig(t)
	r.entry("p256", "EC-P256")
	a := r.server.appliance()
	p := &permit{appliance: a, entry: "p256", rev: a.book.find("p256").entry.Rev}
	if !p.holds() {
		t.Fatal("the entry is active and its permit does not hold")
	}
	r.server.enter(poisonedCondition(errors.New("the test says so")))
	mustDo(t, r.server.letGoPoisoned())
	if p.holds() {
		t.Error("a permit of a store that was let go of holds")
	}
}
