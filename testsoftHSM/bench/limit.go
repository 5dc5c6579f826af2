package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	p11 "github.com/miekg/pkcs11"

	"signet/protocol/algo"
)

// mechanisms are those of SoftHSM2 and of the SM2 shim's default profile.
var mechanisms = map[algo.Algorithm]uint{
	algo.ECDSAP256SHA256: p11.CKM_ECDSA,
	algo.RSAPKCS1SHA256:  p11.CKM_RSA_PKCS,
	algo.SM2SM3:          0x80008105,
}

// limitChild calls the module in this process with nothing around it: threads
// of their own, each with a session, the key looked up once. What a signature
// costs at least is C_SignInit and C_Sign.
func limitChild(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("limit", flag.ContinueOnError)
	name := flags.String("alg", "", "algorithm")
	threads := flags.Int("threads", 1, "threads that sign")
	verify := flags.Bool("verify", false, "verify each signature, as the daemon does")
	window := flags.Duration("window", time.Second, "length of one run")
	label := flags.String("token", "", "label of the token; the PIN is the first line of standard input")
	module := flags.String("module", "", "path of the module")
	public := flags.String("public", "", "file with the public key, DER")
	if err := flags.Parse(args); err != nil {
		return err
	}
	a, err := algorithmNamed(*name)
	if err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	pin, err := in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the PIN: %w", err)
	}
	l := &limit{alg: a, lib: p11.New(*module), verify: *verify, window: *window}
	if err := l.open(*label, strings.TrimSuffix(pin, "\n"), *public); err != nil {
		return fmt.Errorf("opening the module: %w", err)
	}
	err = onCommand(in, func() (tally, error) { return l.measure(*threads) })
	return errors.Join(err, l.lib.Finalize())
}

// A limit is a module with a key in this process.
type limit struct {
	alg    algorithm
	lib    *p11.Ctx
	slot   uint
	key    p11.ObjectHandle
	public algo.PublicKey
	verify bool
	window time.Duration
}

func (l *limit) open(label, pin, public string) error {
	if l.lib == nil {
		return errors.New("the module cannot be loaded")
	}
	if err := l.lib.Initialize(); err != nil {
		return err
	}
	der, err := os.ReadFile(public)
	if err != nil {
		return err
	}
	if l.public, err = algo.ParsePublicKey(der); err != nil {
		return err
	}
	if l.slot, err = l.find(label); err != nil {
		return err
	}
	session, err := l.lib.OpenSession(l.slot, p11.CKF_SERIAL_SESSION) // stays open: it keeps the login
	if err != nil {
		return err
	}
	if err := l.lib.Login(session, p11.CKU_USER, pin); err != nil {
		return err
	}
	return l.findKey(session)
}

func (l *limit) find(label string) (uint, error) {
	slots, err := l.lib.GetSlotList(true)
	if err != nil {
		return 0, err
	}
	for _, slot := range slots {
		if info, err := l.lib.GetTokenInfo(slot); err == nil && info.Label == label {
			return slot, nil
		}
	}
	return 0, fmt.Errorf("no token %q", label)
}

// findKey looks for the entry's key: a ceremony labels it with the entry's id
// and a part of the act's nonce.
func (l *limit) findKey(session p11.SessionHandle) error {
	template := []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY)}
	if err := l.lib.FindObjectsInit(session, template); err != nil {
		return err
	}
	found, _, err := l.lib.FindObjects(session, 100)
	if err := errors.Join(err, l.lib.FindObjectsFinal(session)); err != nil {
		return err
	}
	for _, key := range found {
		attributes, err := l.lib.GetAttributeValue(session, key, []*p11.Attribute{p11.NewAttribute(p11.CKA_LABEL, nil)})
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(attributes[0].Value), l.alg.entry+".") {
			l.key = key
			return nil
		}
	}
	return fmt.Errorf("none of %d keys is that of entry %s", len(found), l.alg.entry)
}

// measure signs on so many threads for one window.
func (l *limit) measure(threads int) (tally, error) {
	var signed atomic.Int64
	var wait sync.WaitGroup
	faults := make([]error, threads)
	start := time.Now()
	end := start.Add(l.window)
	for i := range threads {
		wait.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			n, err := l.signUntil(end)
			signed.Add(int64(n))
			faults[i] = err
		})
	}
	wait.Wait()
	return tally{Signatures: int(signed.Load()), Requests: int(signed.Load()), Took: time.Since(start)}, errors.Join(faults...)
}

func (l *limit) signUntil(end time.Time) (n int, err error) {
	session, err := l.lib.OpenSession(l.slot, p11.CKF_SERIAL_SESSION)
	if err != nil {
		return 0, err
	}
	defer l.lib.CloseSession(session)
	digest := make([]byte, 32)
	for ; time.Now().Before(end); n++ {
		digest[n%32]++
		if err := l.signOnce(session, digest); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (l *limit) signOnce(session p11.SessionHandle, digest []byte) error {
	mechanism := []*p11.Mechanism{p11.NewMechanism(mechanisms[l.alg.algo], nil)}
	if err := l.lib.SignInit(session, mechanism, l.key); err != nil {
		return err
	}
	raw, err := l.lib.Sign(session, l.toSign(digest))
	if err != nil {
		return err
	}
	if !l.verify {
		return nil
	}
	sig, err := algo.Encode(l.alg.algo, l.public.Type(), algo.FormatRaw, raw)
	if err != nil {
		return err
	}
	return l.public.Verify(l.alg.algo, digest, sig)
}

// digestInfo stands in front of a SHA-256 digest for CKM_RSA_PKCS: RFC 8017
// 9.2, note 1.
const digestInfo = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"

func (l *limit) toSign(digest []byte) []byte {
	if l.alg.key == algo.KeyRSA2048 {
		return append([]byte(digestInfo), digest...)
	}
	return digest
}
