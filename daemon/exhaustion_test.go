package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/testsoftHSM/stage"
)

// A process is the real signetd on a stage, with an entry p256 that callerUID
// may use.
type process struct {
	testing.TB
	*stage.Stage
}

func startedProcess(t *testing.T) *process {
	t.Helper()
	needRoot(t)
	s, err := stage.NewBuilt(t.Context(), "")
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, s.Close()) })
	p := &process{t, s}
	mustDo(t, s.Start(t.Context()))
	p.signetctl("init", "--crypto", "mixed")
	_, err = s.WaitMode(t.Context(), "serving")
	mustDo(t, err)
	mustDo(t, os.WriteFile(filepath.Join(s.Dir, "p.toml"), fmt.Appendf(nil, policyText, callerUID), 0o644))
	p.signetctl("key", "create", "p256", "--token", stage.TokenName, "--type", "EC-P256")
	p.signetctl("policy", "set", "p256", "p.toml")
	p.signetctl("key", "activate", "p256")
	return p
}

func (p *process) signetctl(args ...string) {
	p.Helper()
	out, err := p.Command(p.Context(), stage.AdminUID, []uint32{adminGID}, "signetctl", args...).CombinedOutput()
	if err != nil {
		p.Fatalf("signetctl %v: %v\n%s", args, err, out)
	}
}

// dial connects as a caller, and asks for Health.
func (p *process) dial(uid uint32) net.Conn {
	p.Helper()
	var conn net.Conn
	var err error
	stage.As(uid, []uint32{clientsGID}, func() { conn, err = net.Dial("unix", p.Socket("sign")) })
	mustDo(p, err)
	p.Cleanup(func() { conn.Close() })
	mustWrite(p, conn, protocol.AppendFrame(nil, protocol.KindRequest, protocol.MethodHealth, 1, nil))
	return conn
}

// answered tells whether an answer comes at once, which it does where the
// connection was accepted.
func (p *process) answered(conn net.Conn, within time.Duration) bool {
	p.Helper()
	conn.SetReadDeadline(time.Now().Add(within))
	f, err := protocol.ReadReply(conn)
	if err != nil && !isTimeout(err) {
		p.Fatalf("reading an answer: %v", err)
	}
	return err == nil && f.Kind == protocol.KindReply
}

func (p *process) sign(conn net.Conn) {
	p.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	mustWrite(p, conn, signFrame(p, signRequest("p256", algo.ECDSAP256SHA256, 1)))
	f, err := protocol.ReadReply(conn)
	mustDo(p, err)
	if f.Kind != protocol.KindReply {
		p.Fatalf("sign: frame kind %d", f.Kind)
	}
}

func (p *process) descriptors() int {
	p.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	mustDo(p, err)
	return len(list)
}

// limitDescriptors sets what the running daemon may have open.
func (p *process) limitDescriptors(n int) {
	p.Helper()
	var err error
	stage.As(stage.DaemonUID, nil, func() { // root may only with CAP_SYS_RESOURCE
		err = unix.Prlimit(p.PID(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(n), Max: uint64(n)}, nil)
	})
	mustDo(p, err)
}

// cpu is the time that the daemon has run, user and system.
func (p *process) cpu() time.Duration {
	p.Helper()
	text := fileBytes(p, fmt.Sprintf("/proc/%d/stat", p.PID()))
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	var ticks int
	for _, f := range fields[11:13] { // utime, stime: fields 14 and 15 of proc(5)
		n, err := strconv.Atoi(f)
		mustDo(p, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

// Out of descriptors, the daemon serves those that are connected, does not spin,
// says so once, and takes those that waited when there is room again.
func TestDaemonOutlivesTheLackOfDescriptors(t *testing.T) {
	const room = 20
	p := startedProcess(t)
	first := p.dial(callerUID)
	if !p.answered(first, patience) {
		t.Fatal("no answer before the limit")
	}
	p.sign(first)
	p.limitDescriptors(p.descriptors() + room)

	var served []net.Conn
	waiting := p.dial(otherUID)
	for p.answered(waiting, time.Second) {
		served = append(served, waiting)
		if len(served) > 2*room { // others may have closed theirs meanwhile
			t.Fatalf("%d connections were taken with room for %d", len(served), room)
		}
		waiting = p.dial(otherUID)
	}
	ran, began := p.cpu(), time.Now()
	if p.answered(waiting, 2*time.Second) {
		t.Fatal("a connection was taken without a descriptor for it")
	}
	if ran = p.cpu() - ran; ran > time.Since(began)/10 {
		t.Errorf("the daemon ran for %v of %v with nothing to do", ran, time.Since(began))
	}
	for _, conn := range served {
		mustWrite(t, conn, protocol.AppendFrame(nil, protocol.KindRequest, protocol.MethodHealth, 2, nil))
		if !p.answered(conn, patience) {
			t.Error("a connection that was taken is not served")
		}
	}
	p.sign(first)

	for _, conn := range served {
		conn.Close()
	}
	if !p.answered(waiting, patience) {
		t.Error("who waited was not taken when there was room again")
	}
	_, err := p.WaitMode(context.Background(), "serving")
	mustDo(t, err)
	said, err := p.Said()
	mustDo(t, err)
	if n := strings.Count(said, "out of descriptors"); n != 1 {
		t.Errorf("the journal says %d times that descriptors are out, want once:\n%s", n, said)
	}
}
