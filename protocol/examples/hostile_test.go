package examples_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"signet/protocol"
)

// A fake is a daemon that answers ListEntries as it should and the rest as the
// test tells it to.
type fake struct {
	t      *testing.T
	socket string
	answer func(p *peer, f protocol.Frame)
	leaves bool // says goaway behind the entries, and closes

	mu    sync.Mutex
	signs []*protocol.SignRequest // as they came, over all connections
}

// A peer is one connection of a fake.
type peer struct {
	*fake
	conn net.Conn
}

const entryOfFake = "k"

func (d *fake) start(t *testing.T) *fake {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sf") // short: sun_path holds 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	d.t, d.socket = t, filepath.Join(dir, "s")
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { d.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait() // the program has ended, and with it its connections
		os.RemoveAll(dir)
	})
	return d
}

func (d *fake) serve(conn net.Conn) {
	defer conn.Close()
	p := &peer{d, conn}
	for {
		f, err := protocol.ReadRequest(conn, protocol.MaxRequest)
		if err != nil {
			return
		}
		switch {
		case f.Method == protocol.MethodListEntries:
			// In one write: who reads the answer has the goaway in hand, too.
			b, _ := protocol.AppendMessage(nil, protocol.KindReply, f.Method, f.Call, entries())
			if d.leaves {
				p.raw(protocol.AppendFrame(b, protocol.KindGoAway, 0, 0, nil))
				return
			}
			p.raw(b)
		case f.Kind == protocol.KindRequest:
			d.note(f)
			d.answer(p, f)
		}
	}
}

func entries() *protocol.ListEntriesReply {
	return &protocol.ListEntriesReply{Entries: []*protocol.EntryInfo{{
		Id: entryOfFake, Class: protocol.EntryClass_KEY, Status: "active", BatchMax: 256,
		Algorithms: []protocol.Algorithm{protocol.Algorithm_ECDSA_P256_SHA256},
	}}}
}

// note keeps what was asked to be signed, strictly parsed: what a client sends
// here a daemon takes.
func (d *fake) note(f protocol.Frame) {
	if f.Method != protocol.MethodSign {
		return
	}
	request, fault := protocol.ParseSign(f.Payload)
	if fault != nil {
		d.t.Errorf("the client sent what a daemon refuses: %v", fault)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.signs = append(d.signs, request)
}

func (d *fake) asked() []*protocol.SignRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.signs
}

func (p *peer) send(k protocol.Kind, m protocol.Method, call uint64, payload proto.Message) {
	frame, err := protocol.AppendMessage(nil, k, m, call, payload)
	if err != nil {
		p.t.Error(err)
	}
	p.raw(frame)
}

// raw ignores errors: the client may have closed for what came before.
func (p *peer) raw(b []byte) { p.conn.Write(b) }

func (p *peer) reply(f protocol.Frame, results ...*protocol.Result) {
	p.send(protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: results})
}

func (p *peer) refuse(f protocol.Frame, e *protocol.Error) {
	p.send(protocol.KindError, f.Method, f.Call, e)
}

func signed(signature string) *protocol.Result {
	return &protocol.Result{Of: &protocol.Result_Signed{Signed: &protocol.Signed{Signature: []byte(signature), Receipt: &protocol.Receipt{Event: 7}}}}
}

// frameOf is a good reply, for a test to spoil.
func frameOf(f protocol.Frame) []byte {
	b, _ := protocol.AppendMessage(nil, protocol.KindReply, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("s")}})
	return b
}

// spoil sends a good reply after a change, and closes.
func spoil(change func(b []byte) []byte) func(*peer, protocol.Frame) {
	return func(p *peer, f protocol.Frame) {
		p.raw(change(frameOf(f)))
		p.conn.Close()
	}
}

func payload(k protocol.Kind, b []byte) func(*peer, protocol.Frame) {
	return func(p *peer, f protocol.Frame) { p.raw(protocol.AppendFrame(nil, k, f.Method, f.Call, b)) }
}

// Exit statuses of the programs, as of signetctl.
const (
	exitUnexpected  = 1
	exitUsage       = 2
	exitRefused     = 3
	exitLater       = 4
	exitNotFound    = 6
	exitUnreachable = 7
)

var hostile = map[string]struct {
	answer func(*peer, protocol.Frame)
	status int
}{
	"fewer results": {func(p *peer, f protocol.Frame) { p.reply(f) }, exitUnexpected},
	"more results":  {func(p *peer, f protocol.Frame) { p.reply(f, signed("a"), signed("b")) }, exitUnexpected},
	"a result too many as part": {func(p *peer, f protocol.Frame) {
		p.send(protocol.KindPart, f.Method, f.Call, &protocol.SignReply{Results: []*protocol.Result{signed("a")}})
		p.reply(f, signed("b"))
	}, exitUnexpected},
	"a result of nothing": {payload(protocol.KindReply, []byte{0x0a, 0x00}), exitUnexpected},
	"an empty signature":  {func(p *peer, f protocol.Frame) { p.reply(f, signed("")) }, exitUnexpected},
	"a giant signature":   {func(p *peer, f protocol.Frame) { p.reply(f, signed(strings.Repeat("s", 2048))) }, exitUnexpected},
	"no receipt": {func(p *peer, f protocol.Frame) {
		p.reply(f, &protocol.Result{Of: &protocol.Result_Signed{Signed: &protocol.Signed{Signature: []byte("s")}}})
	}, exitUnexpected},
	"no protobuf":            {payload(protocol.KindReply, []byte{0xff, 0xff}), exitUnexpected},
	"a length past the end":  {spoil(func(b []byte) []byte { b[protocol.HeaderSize+1]++; return b }), exitUnexpected},
	"groups without end":     {payload(protocol.KindReply, bytes.Repeat([]byte{0x7b}, 1<<20)), exitUnexpected},
	"an error of code 0":     {payload(protocol.KindError, nil), exitUnexpected},
	"an error, not UTF-8":    {payload(protocol.KindError, []byte{0x08, 0x64, 0x1a, 0x01, 0xff}), exitUnexpected},
	"an error in year 30000": {payload(protocol.KindError, []byte{0x08, 0x64, 0x3a, 0x07, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}), exitUnexpected},
	"version 2":              {spoil(func(b []byte) []byte { b[4] = 2; return b }), exitUnexpected},
	"kind of a caller":       {spoil(func(b []byte) []byte { b[5] = 1; return b }), exitUnexpected},
	"another method":         {spoil(func(b []byte) []byte { b[7] = 1; return b }), exitUnexpected},
	"a call never made":      {spoil(func(b []byte) []byte { b[8] = 9; return b }), exitUnexpected},
	"4 GiB announced":        {spoil(func(b []byte) []byte { b[0] = 0xff; return b }), exitUnexpected},
	"1 MiB and 1 announced":  {spoil(func(b []byte) []byte { return append([]byte{0, 0x10, 0, 1}, b[4:]...) }), exitUnexpected},
	"text":                   {spoil(func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }), exitUnexpected},
	"endless parts": {func(p *peer, f protocol.Frame) {
		part := protocol.AppendFrame(nil, protocol.KindPart, f.Method, f.Call, make([]byte, protocol.MaxReply))
		for range 32 {
			p.raw(part)
		}
	}, exitUnexpected},
	"the end":          {spoil(func([]byte) []byte { return nil }), exitUnreachable},
	"half a header":    {spoil(func(b []byte) []byte { return b[:7] }), exitUnreachable},
	"half a payload":   {spoil(func(b []byte) []byte { return b[:len(b)-1] }), exitUnreachable},
	"a part, no reply": {spoil(func(b []byte) []byte { b[5] = byte(protocol.KindPart); return b }), exitUnreachable},
	"silence":          {func(*peer, protocol.Frame) {}, exitUnreachable},
	"busy for ever": {func(p *peer, f protocol.Frame) {
		p.refuse(f, protocol.NewError(protocol.Busy, "full").RetryIn(time.Hour))
	}, exitLater},
	"another code, never": {func(p *peer, f protocol.Frame) {
		p.refuse(f, &protocol.Error{Code: 999, Name: "of_a_later_version", Retry: 17})
	}, exitRefused},
}

// A daemon that breaks its promises gets no signature out of a client, and
// keeps it no longer than its timeout.
func TestBadAnswerIsNeverASignature(t *testing.T) {
	forEach(t, func(t *testing.T, run runner) {
		for name, test := range hostile {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := (&fake{answer: test.answer}).start(t)
				document := newDocument(t)
				timeout := "10"
				if name == "silence" {
					timeout = "1"
				}
				o := own(t, run("SignFile"), "--socket", d.socket, "--entry", entryOfFake, "--purpose", "contract", "--timeout", timeout, "--patience", "0", document)
				if o.status != test.status || strings.TrimSpace(o.faults) == "" || strings.Count(o.faults, "\n") != 1 {
					t.Errorf("status %d, want %d, and one line of why; got:\n%s%s", o.status, test.status, o.out, o.faults)
				}
				if exists(document + ".sig") {
					t.Error("a signature was written")
				}
				if len(d.asked()) == 0 {
					t.Error("nothing was asked to be signed: the test shows nothing")
				}
			})
		}
	})
}

func newDocument(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "contract.ofd")
	if err := os.WriteFile(file, []byte("a document"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// What passes, passes: each answer is the n-th to a Sign request.
var passing = map[string]func(n int, p *peer, f protocol.Frame){
	"busy at first": func(n int, p *peer, f protocol.Frame) {
		if n == 1 {
			p.refuse(f, protocol.NewError(protocol.Busy, "full").RetryIn(time.Millisecond))
			return
		}
		p.reply(f, signed("s"))
	},
	"lost twice": func(n int, p *peer, f protocol.Frame) {
		if n < 3 {
			p.conn.Close()
			return
		}
		p.reply(f, signed("s"))
	},
	"one input failed for now": func(n int, p *peer, f protocol.Frame) {
		if n == 1 {
			p.reply(f, &protocol.Result{Of: &protocol.Result_Error{Error: protocol.NewError(protocol.HSMFailed, "CKR_DEVICE_ERROR")}})
			return
		}
		p.reply(f, signed("s"))
	},
	"goaway before the answer": func(n int, p *peer, f protocol.Frame) {
		p.raw(protocol.AppendFrame(nil, protocol.KindGoAway, 0, 0, nil))
		p.reply(f, signed("s"))
		p.conn.Close()
	},
	"fields of a later version": func(n int, p *peer, f protocol.Frame) {
		reply, _ := proto.Marshal(&protocol.SignReply{Results: []*protocol.Result{signed("s")}})
		// A group, a fixed64, a fixed32, a number, and bytes in fields 15 to 19.
		later := []byte{0x7b, 0x7d, 1, 2, 3, 4, 0x7c, 0x81, 0x01, 1, 2, 3, 4, 5, 6, 7, 8, 0x8d, 0x01, 1, 2, 3, 4, 0x90, 0x01, 5, 0x9a, 0x01, 1, 0xff}
		p.raw(protocol.AppendFrame(nil, protocol.KindReply, f.Method, f.Call, append(later, reply...)))
	},
}

// A request is repeated as it was, under the same request_id, until it is
// answered.
func TestWhatPassesIsRepeatedUnderOneRequestID(t *testing.T) {
	forEach(t, func(t *testing.T, run runner) {
		for name, answer := range passing {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				d := (&fake{answer: func(p *peer, f protocol.Frame) { answer(len(p.asked()), p, f) }}).start(t)
				document := newDocument(t)
				o := own(t, run("SignFile"), "--socket", d.socket, "--entry", entryOfFake, "--purpose", "contract", document)
				if text, _ := os.ReadFile(document + ".sig"); o.status != 0 || string(text) != "s" {
					t.Fatalf("status %d, signature %q\n%s%s", o.status, text, o.out, o.faults)
				}
				for _, request := range d.asked() {
					if first := d.asked()[0]; request.RequestId == "" || !proto.Equal(request, first) {
						t.Errorf("asked\n%v\nand then\n%v", first, request)
					}
				}
			})
		}
	})
}

// The daemon ends a connection that was idle: goaway, then the end. The next
// call finds another.
func TestConnectionThatEndedBetweenCallsIsMadeAnew(t *testing.T) {
	forEach(t, func(t *testing.T, run runner) {
		d := (&fake{leaves: true, answer: func(p *peer, f protocol.Frame) { p.raw(frameOf(f)) }}).start(t)
		document := newDocument(t)
		patience := "10"
		if strings.HasSuffix(t.Name(), "/python") {
			patience = "0" // it looks before it sends, so nothing is lost; the reader of Java may be a moment late
		}
		o := own(t, run("SignFile"), "--socket", d.socket, "--entry", entryOfFake, "--purpose", "contract", "--patience", patience, document)
		if o.status != 0 || len(d.asked()) != 1 {
			t.Errorf("status %d, asked %d times, want 0 and once\n%s", o.status, len(d.asked()), o.faults)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	forEach(t, func(t *testing.T, run runner) {
		o := own(t, run("SignFile"), "--socket", filepath.Join(t.TempDir(), "s"), "--entry", "k", "--purpose", "p", "--patience", "0", newDocument(t))
		if o.status != exitUnreachable || !strings.Contains(o.faults, "No such file") {
			t.Errorf("status %d, want %d\n%s", o.status, exitUnreachable, o.faults)
		}
	})
}
