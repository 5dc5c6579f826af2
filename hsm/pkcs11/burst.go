package pkcs11

/*
#include <stdlib.h>
#include <string.h>

typedef unsigned long ck_ulong;

typedef struct {
	ck_ulong mechanism;
	void *parameter;
	ck_ulong parameter_len;
} ck_mechanism;

// The head of CK_FUNCTION_LIST, whose layout is fixed: PKCS#11 v2.40 base,
// 3.6. C_SignInit and C_Sign are its functions number 42 and 43, from 0.
typedef struct {
	unsigned char major, minor;
	void *others[42];
	ck_ulong (*sign_init)(ck_ulong session, ck_mechanism *mechanism, ck_ulong key);
	ck_ulong (*sign)(ck_ulong session, unsigned char *data, ck_ulong data_len, unsigned char *signature, ck_ulong *signature_len);
} ck_functions;

typedef struct {
	ck_ulong key;
	ck_ulong mechanism;
	ck_ulong parameter_len;
	ck_ulong input_len;
	ck_ulong output_len;
	ck_ulong code;          // of the function that failed
	ck_ulong in_sign;       // that function was C_Sign
	unsigned char parameter[32];
	unsigned char input[128];
	unsigned char output[1024];
} order;

// sign_burst signs orders in turn and returns how many were signed. It ends
// at the first that fails: the session is in doubt then.
static int sign_burst(void *list, ck_ulong session, order *orders, int n) {
	ck_functions *f = list;
	for (int i = 0; i < n; i++) {
		order *o = &orders[i];
		ck_mechanism m = {o->mechanism, o->parameter_len ? o->parameter : NULL, o->parameter_len};
		o->in_sign = 0;
		o->code = f->sign_init(session, &m, o->key);
		if (o->code != 0)
			return i;
		o->in_sign = 1;
		o->output_len = sizeof o->output;
		o->code = f->sign(session, o->input, o->input_len, o->output, &o->output_len);
		if (o->code == 0 && o->output_len > sizeof o->output)
			o->code = 0x5; // CKR_GENERAL_ERROR: it tells of bytes that are not there
		if (o->code != 0)
			return i;
	}
	return n;
}
*/
import "C"

import (
	"context"
	"time"
	"unsafe"

	p11 "github.com/miekg/pkcs11"

	"signet/hsm"
)

// Bounds of a burst. One visit of the module makes several signatures where
// that takes little time: a Go thread that goes into C and comes back costs
// as much as a signature of a fast module does, since the scheduler takes its
// processor away meanwhile. Signatures that take long are made one at a time,
// so that no answer waits for its neighbour's.
const (
	burstMost = 16
	burstTime = 1500 * time.Microsecond
)

// An order is a signature that is asked for. It is the caller's before it is
// handed over, the worker's from then on.
type order struct {
	key  hsm.KeyRef
	m    method
	made answer // in a burst; the zero answer if it has to be made by itself
}

// An answer is what the module made of an order.
type answer struct {
	signature []byte
	took      time.Duration
	err       error
}

// order has one worker make the signatures. The error is why nothing was
// asked of the module, or is not known to have been answered.
func (t *token) order(ctx context.Context, orders []order) ([]answer, error) {
	return pay(ctx, t, visit[[]answer]{limit: t.profile.Deadlines.Sign * time.Duration(len(orders)), orders: orders, do: func(ctx context.Context, s *session) ([]answer, error) {
		answers := make([]answer, len(orders))
		for i := range orders {
			answers[i] = s.fulfil(ctx, &orders[i])
		}
		return answers, nil
	}})
}

// fulfil gives what a burst has made, or makes it now, with one more try where
// that mends a fault.
func (s *session) fulfil(ctx context.Context, o *order) answer {
	if o.made.signature != nil {
		s.pool.observe(nil)
		return o.made
	}
	start, burst := time.Now(), o.made.took
	first := o.made
	if first.err != nil && ctx.Err() != nil {
		s.pool.observe(first.err) // there will be no other try to tell of it
	}
	signature, err := task[[]byte]{do: func(s *session) ([]byte, error) {
		if err := first.err; err != nil {
			first.err = nil
			return nil, err
		}
		return s.sign(o.key, o.m)
	}}.perform(ctx, s)
	return answer{signature, burst + time.Since(start), err}
}

// A bench is the memory that a worker and the module share.
type bench struct {
	list   unsafe.Pointer // CK_FUNCTION_LIST
	orders *[burstMost]C.order
	pace   time.Duration // of one signature, lately; 0: not known
}

func newBench(list unsafe.Pointer) *bench {
	return &bench{list: list, orders: (*[burstMost]C.order)(C.calloc(burstMost, C.sizeof_order))}
}

// free wipes what was signed and signed over.
func (b *bench) free() {
	C.memset(unsafe.Pointer(b.orders), 0, burstMost*C.sizeof_order)
	C.free(unsafe.Pointer(b.orders))
	b.orders = nil
}

// most is how many signatures the next burst may have.
func (b *bench) most() int {
	if b.pace == 0 {
		return 1
	}
	return min(max(int(burstTime/b.pace), 1), burstMost)
}

// learn notes how long n signatures took: an average that forgets.
func (b *bench) learn(n int, took time.Duration) {
	each := took / time.Duration(n)
	if b.pace == 0 {
		b.pace = each
		return
	}
	b.pace += (each - b.pace) / 8
}

// fits tells whether an order can be made in a burst: a long message cannot.
func (o *order) fits() bool {
	var room C.order
	return len(o.m.input) <= len(room.input) && len(o.m.parameter) <= len(room.parameter)
}

// gather takes what waits beside first, as much as one burst may have. A job
// of another kind ends it.
func (p *pool) gather(s *session, first *job) []*job {
	first.worker.Store(s)
	s.jobs = append(s.jobs[:0], first)
	orders := len(first.orders)
	for last := first; last.orders != nil && orders < s.bench.most(); orders += len(last.orders) {
		select {
		case last = <-p.jobs:
			last.worker.Store(s)
			s.jobs = append(s.jobs, last)
		default:
			return s.jobs
		}
	}
	return s.jobs
}

// burst makes the signatures that jobs order, as far as it can without asking
// the token anything else. What it leaves, or what fails, is for the jobs
// themselves, which know how to look up a key and when to try again.
func (s *session) burst(jobs []*job) error {
	if jobs[0].orders == nil || s.ready() != nil {
		return nil
	}
	if s.choose(jobs); len(s.chosen) == 0 {
		return nil
	}
	start := time.Now()
	n := len(s.chosen)
	done := int(C.sign_burst(s.bench.list, C.ck_ulong(s.handle), &s.bench.orders[0], C.int(n)))
	took := time.Since(start)
	for i := range done {
		o := &s.bench.orders[i]
		s.chosen[i].made = answer{C.GoBytes(unsafe.Pointer(&o.output), C.int(o.output_len)), took / time.Duration(n), nil}
	}
	if done < n {
		s.chosen[done].made.err = faultOf(&s.bench.orders[done], s.chosen[done].m)
		s.stale = true // whoever asks next, it may be in the middle of something
		return nil
	}
	s.bench.learn(n, took)
	return nil
}

// choose puts on the bench what the next burst makes.
func (s *session) choose(jobs []*job) {
	s.chosen = s.chosen[:0]
	most := s.bench.most()
	for _, j := range jobs {
		for i := range j.orders {
			if n := len(s.chosen); n < most && j.ctx.Err() == nil && s.prepare(&j.orders[i], n) {
				s.chosen = append(s.chosen, &j.orders[i])
			}
		}
	}
}

// prepare copies an order to place i of the bench, false if it has to be made
// by itself.
func (s *session) prepare(o *order, i int) bool {
	if !o.fits() || s.pool.lacks(o.m.mechanism, p11.CKF_SIGN, o.key.Public.Type()) != nil {
		return false
	}
	handle, known := s.pool.keys.get(o.key)
	if !known {
		return false
	}
	to := &s.bench.orders[i]
	to.key, to.mechanism = C.ck_ulong(handle), C.ck_ulong(o.m.mechanism)
	to.parameter_len, to.input_len = C.ck_ulong(len(o.m.parameter)), C.ck_ulong(len(o.m.input))
	fill(to.parameter[:], o.m.parameter)
	fill(to.input[:], o.m.input)
	return true
}

func fill(to []C.uchar, from []byte) {
	for i, b := range from {
		to[i] = C.uchar(b)
	}
}

func faultOf(o *C.order, m method) error {
	if o.in_sign != 0 {
		return called("C_Sign", p11.Error(o.code))
	}
	return undone(m.mechanism, called("C_SignInit", p11.Error(o.code)))
}
