package pkcs11_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"signet/hsm"
	"signet/hsm/pkcs11"
	"signet/protocol/algo"
	testsofthsm "signet/testsoftHSM"
)

// patience bounds every wait of these tests, and what the profile gives a
// signature, which Close waits for. It is reached only by a fault, however slow
// the machine is.
const patience = 60 * time.Second

// shortly is the deadline of a caller who is not to be served in time. Where a
// test needs him to have been taken up, it tries with longer ones: abandon.
const shortly = 100 * time.Millisecond

// shimProfile says what the SM2 shim is by default.
const shimProfile = `
name = "shim"
[sm2]
key_type = 0x80000004
keygen = 0x80008001
sign_raw_e = 0x80008105
[deadlines]
sign = "60s"
[sources]
sm2.key_type = "testsoftHSM/shim"
sm2.keygen = "testsoftHSM/shim"
sm2.sign_raw_e = "testsoftHSM/shim"
`

// A rig is a token of its own and what is needed to drive it.
type rig struct {
	testing.TB
	token   *testsofthsm.Token
	config  pkcs11.Config
	changes chan struct{} // has room for one: "look again"
}

// newRig prepares a driver of the shim with some workers. The test may change
// config before it opens one.
func newRig(t testing.TB, workers int) *rig {
	t.Helper()
	k := testsofthsm.New(t)
	r := &rig{TB: t, token: k, changes: make(chan struct{}, 1)}
	latches := filepath.Join(t.TempDir(), "latch")
	if err := os.Mkdir(latches, 0o700); err != nil {
		t.Fatal(err)
	}
	r.config = pkcs11.Config{
		Name: "m", Path: k.Shim, LatchDir: latches,
		Profile: r.profile(shimProfile),
		Tokens:  []pkcs11.Token{r.tokenOf("seals", k, workers)},
		Changed: func() {
			select {
			case r.changes <- struct{}{}:
			default:
			}
		},
		Backoff: func(int) time.Duration { return time.Millisecond },
	}
	return r
}

func (r *rig) tokenOf(name string, k *testsofthsm.Token, workers int) pkcs11.Token {
	return pkcs11.Token{Name: name, URI: hsm.URI{Token: k.Label}, PIN: pinOf(k.PIN), Sessions: workers}
}

func pinOf(pin string) func() (hsm.Secret, error) {
	return func() (hsm.Secret, error) { return hsm.NewSecret([]byte(pin)), nil }
}

func (r *rig) profile(text string) hsm.Profile {
	r.Helper()
	p, err := hsm.ParseProfile(strings.NewReader(text))
	if err != nil {
		r.Fatal(err)
	}
	return p
}

// open starts the driver, which is closed when the test ends.
func (r *rig) open() *pkcs11.Driver {
	r.Helper()
	d, err := pkcs11.Open(r.config)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		r.token.Control(r) // lets go of what hangs
		if err := d.Close(); err != nil {
			r.Errorf("%v\n%s", err, goroutines())
		}
	})
	return d
}

// goroutines says where everybody is.
func goroutines() string {
	var dump strings.Builder
	pprof.Lookup("goroutine").WriteTo(&dump, 2)
	return dump.String()
}

// up opens the driver and waits until its first token is up.
func (r *rig) up() *pkcs11.Driver {
	r.Helper()
	d := r.open()
	r.await(d, hsm.StateUp)
	return d
}

// await waits for the first token to be in that state.
func (r *rig) await(d *pkcs11.Driver, want hsm.State) hsm.TokenStatus {
	r.Helper()
	return r.awaitStatus(d, want.String(), func(s hsm.TokenStatus) bool { return s.State == want })
}

func (r *rig) awaitStatus(d *pkcs11.Driver, what string, ok func(hsm.TokenStatus) bool) hsm.TokenStatus {
	r.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		s := d.Status()[0]
		if ok(s) {
			return s
		}
		select {
		case <-r.changes:
		case <-late.C:
			r.Fatalf("token is not %s after %v: %+v", what, patience, s)
		}
	}
}

// eventually looks at a condition that nobody announces until it holds.
func (r *rig) eventually(what string, ok func() bool) {
	r.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(patience); !ok(); <-look.C {
		if time.Now().After(end) {
			r.Fatalf("no %s after %v", what, patience)
		}
	}
}

// context ends with the test's patience.
func (r *rig) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.Cleanup(cancel)
	return ctx
}

// abandon calls with ever longer deadlines until the module has been asked,
// and returns the error of that call. The module has to hang.
func (r *rig) abandon(call func(context.Context) error) error {
	r.Helper()
	for deadline := shortly; deadline < patience; deadline *= 2 {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		err := call(ctx)
		cancel()
		if hsm.ClassOf(err) != hsm.ClassBusy {
			return err
		}
	}
	r.Fatalf("no worker has taken the call after %v", patience)
	return nil
}

// key makes a key of that type.
func (r *rig) key(d *pkcs11.Driver, typ algo.KeyType) hsm.KeyRef {
	r.Helper()
	ref, _, err := d.Generate(r.context(), "seals", hsm.Spec{Type: typ, Label: "key-" + strings.ToLower(rand.Text())})
	if err != nil {
		r.Fatalf("generating a %v key: %v", typ, err)
	}
	return ref
}

// signs makes the key sign a random message and verifies the signature.
func (r *rig) signs(d *pkcs11.Driver, ref hsm.KeyRef, a algo.Algorithm) {
	r.Helper()
	if err := signOnce(r.context(), d, ref, a); err != nil {
		r.Errorf("%v with %v: %v", a, ref, err)
	}
}

func signOnce(ctx context.Context, d *pkcs11.Driver, ref hsm.KeyRef, a algo.Algorithm) error {
	tbs, err := algo.ToBeSigned(a, ref.Public, []byte(rand.Text()))
	if err != nil {
		return err
	}
	sig, err := signWith(ctx, d, ref, a, tbs)
	if err != nil {
		return err
	}
	return ref.Public.Verify(a, tbs, sig)
}

// signWith has one value signed.
func signWith(ctx context.Context, d *pkcs11.Driver, ref hsm.KeyRef, a algo.Algorithm, tbs []byte) ([]byte, error) {
	signed := d.Sign(ctx, ref, a, [][]byte{tbs})
	return signed[0].Signature, signed[0].Err
}
