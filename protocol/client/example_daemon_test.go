package client_test

import (
	"bufio"
	"crypto/rand"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"google.golang.org/protobuf/proto"

	"signet/protocol"
	"signet/protocol/algo"
)

// An exampleDaemon answers as signetd does, for examples that run without one:
// with one SM2 key, a busy moment, one purpose, quick custodians, and no record.
type exampleDaemon struct {
	listener net.Listener
	key      *sm2.PrivateKey
	public   algo.PublicKey
	busy     atomic.Int32  // answers of busy that are still to be given
	events   atomic.Uint64 // given out
}

// startDaemon returns the path of its socket, and what ends it.
func startDaemon(busy int32) (socket string, stop func()) {
	dir, err := os.MkdirTemp("", "se")
	if err != nil {
		log.Fatal(err)
	}
	d := &exampleDaemon{}
	d.busy.Store(busy)
	d.events.Store(16)
	socket = filepath.Join(dir, "sign.sock")
	if d.listener, err = net.Listen("unix", socket); err != nil {
		log.Fatal(err)
	}
	if d.key, err = sm2.GenerateKey(rand.Reader); err != nil {
		log.Fatal(err)
	}
	if d.public, err = algo.NewPublicKey(&d.key.PublicKey); err != nil {
		log.Fatal(err)
	}
	go d.accept()
	return socket, func() { d.listener.Close(); os.RemoveAll(dir) }
}

func (d *exampleDaemon) accept() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return
		}
		go d.serve(conn)
	}
}

func (d *exampleDaemon) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		f, err := protocol.ReadRequest(in, protocol.MaxRequest)
		if err != nil {
			return
		}
		kind, reply := d.answer(f)
		frame, err := protocol.AppendMessage(nil, kind, f.Method, f.Call, reply)
		if err != nil {
			log.Fatal(err)
		}
		conn.Write(frame)
	}
}

func (d *exampleDaemon) answer(f protocol.Frame) (protocol.Kind, proto.Message) {
	switch f.Method {
	case protocol.MethodHealth:
		return protocol.KindReply, &protocol.HealthReply{Mode: "serving", BatchMax: 256, FrameMax: protocol.MaxRequest}
	case protocol.MethodListEntries:
		return protocol.KindReply, &protocol.ListEntriesReply{Entries: []*protocol.EntryInfo{{
			Id: "contract", PublicKey: d.public.DER(), BatchMax: 2, Algorithms: []protocol.Algorithm{protocol.Algorithm_SM2_SM3},
		}}}
	}
	if f.Method == protocol.MethodRequestApproval || f.Method == protocol.MethodApprovalStatus {
		return d.answerApproval(f)
	}
	r, fault := protocol.ParseSign(f.Payload)
	switch {
	case fault != nil:
		return protocol.KindError, fault
	case d.busy.Add(-1) >= 0:
		return protocol.KindError, protocol.NewError(protocol.Busy, "64 requests of uid 20001 are in hand").RetryIn(20 * time.Millisecond)
	case r.Context.GetPurpose() != "contract":
		return protocol.KindError, protocol.NewError(protocol.PurposeRefused, "the policy does not list gift").WithRule("purposes")
	}
	return protocol.KindReply, d.sign(r)
}

// answerApproval has custodians who grant everything as soon as they are asked
// about.
func (d *exampleDaemon) answerApproval(f protocol.Frame) (protocol.Kind, proto.Message) {
	info := &protocol.ApprovalInfo{Id: "0f1e2d3c4b5a6978", Entry: "contract", State: protocol.ApprovalState_APPROVAL_PENDING, Persons: 1}
	if f.Method == protocol.MethodApprovalStatus {
		info.State, info.Granted = protocol.ApprovalState_APPROVAL_GRANTED, 1
		return protocol.KindReply, &protocol.ApprovalStatusReply{Approval: info}
	}
	if _, fault := protocol.ParseApprovalRequest(f.Payload); fault != nil {
		return protocol.KindError, fault
	}
	return protocol.KindReply, &protocol.ApprovalReply{Approval: info, Receipt: &protocol.Receipt{Event: d.events.Add(1)}}
}

func (d *exampleDaemon) sign(r *protocol.SignRequest) *protocol.SignReply {
	reply := new(protocol.SignReply)
	for _, in := range r.Inputs {
		sig, err := sm2.SignASN1(rand.Reader, d.key, in.GetSm2E(), nil)
		if err != nil {
			log.Fatal(err)
		}
		receipt := &protocol.Receipt{Event: d.events.Add(1)}
		reply.Results = append(reply.Results, &protocol.Result{Of: &protocol.Result_Signed{Signed: &protocol.Signed{Signature: sig, Receipt: receipt}}})
	}
	return reply
}
