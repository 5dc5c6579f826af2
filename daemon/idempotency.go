package daemon

import (
	"context"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/emmansun/gmsm/sm3"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/internal/audit"
	"signet/protocol"
)

// A flight is a request with a request_id that is being answered. Duplicates
// wait for it and then find its record.
type flights struct {
	mu      sync.Mutex
	running map[audit.Hash]chan struct{}
}

func newFlights() *flights { return &flights{running: map[audit.Hash]chan struct{}{}} }

// take waits until no other request of this key is in flight and returns the
// function that ends this one.
func (f *flights) take(ctx context.Context, key audit.Hash) (land func(), err error) {
	for {
		f.mu.Lock()
		other, ok := f.running[key]
		if !ok {
			mine := make(chan struct{})
			f.running[key] = mine
			f.mu.Unlock()
			return func() { f.land(key, mine) }, nil
		}
		f.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *flights) land(key audit.Hash, mine chan struct{}) {
	f.mu.Lock()
	delete(f.running, key)
	f.mu.Unlock()
	close(mine)
}

// requestKey names a request: SM3(uid || request_id). Ids of two uids never
// meet.
func requestKey(uid uint32, requestID string) audit.Hash {
	h := sm3.New()
	h.Write(binary.BigEndian.AppendUint32(nil, uid))
	h.Write([]byte(requestID))
	return audit.Hash(h.Sum(nil))
}

// contentHash covers the decoded content of a request: all that the answer
// depends on, and so neither the request_id nor how long the caller waits.
// Each field is preceded by its length: no two requests give one stream.
// Protobuf bytes would not do, they are not canonical.
func contentHash(r *protocol.SignRequest) audit.Hash {
	w := contentWriter{sm3.New()}
	w.text(r.Entry)
	w.number(uint64(r.Algorithm))
	w.number(uint64(r.Form))
	w.flag(r.Attributes)
	w.flag(r.Partial)
	w.text(r.Approval)
	w.context(r.Context)
	w.number(uint64(len(r.Inputs)))
	for _, in := range r.Inputs {
		kind, value := inputValue(in)
		w.text(kind)
		w.bytes(value)
		w.bytes(in.DocumentHash)
		w.context(in.Context)
	}
	return audit.Hash(w.h.Sum(nil))
}

// askingHash covers a request for approval, as contentHash does one to sign.
// The text before it keeps the two apart.
func askingHash(r *protocol.ApprovalRequest) audit.Hash {
	w := contentWriter{sm3.New()}
	w.text("request for approval")
	w.text(r.Entry)
	w.context(r.Context)
	w.text(r.Justification)
	w.number(uint64(r.Form))
	w.bytes(r.RefsSm3)
	w.number(uint64(len(r.Digests)))
	for _, d := range r.Digests {
		w.bytes(d)
	}
	w.number(uint64(r.Count))
	for _, at := range []*timestamppb.Timestamp{r.NotBefore, r.NotAfter} {
		w.flag(at != nil)
		w.number(uint64(at.GetSeconds()))
	}
	return audit.Hash(w.h.Sum(nil))
}

type contentWriter struct{ h hash.Hash }

func (w contentWriter) number(n uint64) {
	w.h.Write(binary.BigEndian.AppendUint64(nil, n))
}

func (w contentWriter) bytes(b []byte) {
	w.number(uint64(len(b)))
	w.h.Write(b)
}

func (w contentWriter) text(s string) { w.bytes([]byte(s)) }

func (w contentWriter) flag(b bool) {
	if b {
		w.number(1)
		return
	}
	w.number(0)
}

func (w contentWriter) context(c *protocol.Context) {
	for _, s := range []string{
		c.GetPurpose(), c.GetDocId(), c.GetDocNo(), c.GetDocTitle(), c.GetUserId(),
		c.GetUserName(), c.GetDept(), c.GetClientIp(), c.GetApprovalRef(),
	} {
		w.text(s)
	}
	w.bytes(c.GetDocSm3())
	w.number(uint64(c.GetPages()))
}

// inputValue returns the name that the event gives the input, and its bytes.
func inputValue(in *protocol.Input) (kind string, value []byte) {
	switch v := in.Value.(type) {
	case *protocol.Input_Digest:
		return "digest", v.Digest
	case *protocol.Input_Sm2E:
		return "sm2_e", v.Sm2E
	case *protocol.Input_Message:
		return "message", v.Message
	case *protocol.Input_DigestAsMessage:
		return "digest_as_message", v.DigestAsMessage
	}
	return "", nil
}
