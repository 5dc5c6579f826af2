package authority_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"signet/daemon/internal/authority"
)

// sshSign returns the SSHSIG blob of signer over content.
func sshSign(t testing.TB, signer ssh.Signer, content []byte, hash sshsig.HashAlgorithm, namespace string) []byte {
	t.Helper()
	s, err := sshsig.Sign(bytes.NewReader(content), signer, hash, namespace)
	if err != nil {
		t.Fatal(err)
	}
	return s.Marshal()
}

func signAct(t testing.TB, signer ssh.Signer) []byte {
	t.Helper()
	return sshSign(t, signer, theAct, sshsig.HashSHA512, authority.Namespace)
}

func sshSignature(blob []byte) authority.Signature {
	return authority.Signature{Form: authority.SSH, Value: base64.StdEncoding.EncodeToString(blob)}
}

func signerOf(t testing.TB, private any) ssh.Signer {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestSSHSIGOfEveryTypeVerifies(t *testing.T) {
	for name, signer := range map[string]ssh.Signer{
		"ed25519":     signerOf(t, ed25519Key(1)),
		"ecdsa P-256": signerOf(t, ecdsaKey(t, elliptic.P256(), 1)),
		"ecdsa P-384": signerOf(t, ecdsaKey(t, elliptic.P384(), 1)),
		"ecdsa P-521": signerOf(t, ecdsaKey(t, elliptic.P521(), 1)),
		"RSA 2048":    signerOf(t, rsaKey(t, 2048)),
		"sk ed25519":  newToken(t, ssh.KeyAlgoSKED25519),
		"sk ecdsa":    newToken(t, ssh.KeyAlgoSKECDSA256),
	} {
		k := parseKey(t, authorizedKey(t, signer.PublicKey()))
		for _, hash := range sshsig.SupportedHashAlgorithms() {
			s := sshSignature(sshSign(t, signer, theAct, hash, authority.Namespace))
			if err := k.Verify(theAct, s); err != nil || !k.Made(s) {
				t.Errorf("%s with %s: Verify %v, Made %v", name, hash, err, k.Made(s))
			}
			wantRefused(t, name+", other act", k, append([]byte(" "), theAct...), s)
		}
	}
}

// TestTouchIsRequired: a FIDO2 signature counts when its token says that
// somebody touched it, whatever else it says.
func TestTouchIsRequired(t *testing.T) {
	for _, typ := range []string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256} {
		fido := newToken(t, typ)
		k := parseKey(t, authorizedKey(t, fido.PublicKey()))
		for flags, touched := range map[byte]bool{flagUP: true, flagUP | flagUV: true, 0xff: true, 0: false, flagUV: false, 0xfe: false} {
			fido.flags = flags
			s := sshSignature(signAct(t, fido))
			if !k.Made(s) {
				t.Errorf("%s, flags %#02x: Made = false", typ, flags)
			}
			if touched {
				if err := k.Verify(theAct, s); err != nil {
					t.Errorf("%s, flags %#02x: %v", typ, flags, err)
				}
			} else if err := wantRefused(t, typ, k, theAct, s); !strings.Contains(err.Error(), "user presence") {
				t.Errorf("%s, flags %#02x: %q does not say why", typ, flags, err)
			}
		}
	}
}

// TestFlagsAreSigned: nobody adds the touch afterwards.
func TestFlagsAreSigned(t *testing.T) {
	for _, typ := range []string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256} {
		fido := newToken(t, typ)
		fido.flags = 0
		k := parseKey(t, authorizedKey(t, fido.PublicKey()))
		blob := signAct(t, fido)
		blob[len(blob)-5] = flagUP
		wantRefused(t, typ, k, theAct, sshSignature(blob))
	}
}

// wrongRest signs and leaves other bytes after the signature.
type wrongRest struct {
	ssh.Signer
	rest []byte
}

func (w wrongRest) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	s, err := w.Signer.Sign(rand, data)
	if err == nil {
		s.Rest = w.rest
	}
	return s, err
}

func TestSSHSIGIsRefused(t *testing.T) {
	mine, other := signerOf(t, ed25519Key(1)), signerOf(t, ed25519Key(2))
	fido := newToken(t, ssh.KeyAlgoSKED25519)
	k, sk := parseKey(t, authorizedKey(t, mine.PublicKey())), parseKey(t, authorizedKey(t, fido.PublicKey()))
	good := signAct(t, mine)
	for name, c := range map[string]struct {
		key  authority.Key
		blob []byte
		says string
	}{
		"namespace file":         {k, sshSign(t, mine, theAct, sshsig.HashSHA512, "file"), "ssh-keygen -Y sign -n signet-act"},
		"namespace git":          {k, sshSign(t, mine, theAct, sshsig.HashSHA512, "git"), "namespace"},
		"another key":            {k, signAct(t, other), "public key does not match"},
		"his signature, my key":  {k, grafted(t, signAct(t, other), mine.PublicKey()), "did not verify"},
		"a byte after it":        {k, append(slices.Clone(good), 0), "SSHSIG"},
		"bytes after its value":  {k, signAct(t, wrongRest{mine, []byte("xyz")}), "bytes after the signature"},
		"reserved field":         {k, reserved(t, good), "canonical"},
		"token without flags":    {sk, signAct(t, wrongRest{fido, nil}), "SSHSIG"},
		"token with more":        {sk, signAct(t, wrongRest{fido, []byte{1, 0, 0, 0, 7, 0}}), "SSHSIG"},
		"a key that is no token": {sk, grafted(t, good, fido.PublicKey()), "SSHSIG"},
		"empty":                  {k, nil, "SSHSIG"},
		"another preamble":       {k, append([]byte("SSHSIX"), good[6:]...), "preamble"},
		"version 2":              {k, append([]byte("SSHSIG\x00\x00\x00\x02"), good[10:]...), "version"},
		"hash sha1":              {k, bytes.Replace(good, []byte("sha512"), []byte("sha1\x00\x00"), 1), "hash"},
		"hash md5":               {k, bytes.Replace(good, []byte("sha512"), []byte("sha-md"), 1), "hash"},
		"other hash than signed": {k, reHashed(t, good), "did not verify"},
		"too long":               {k, append(slices.Clone(good), make([]byte, 8<<10)...), "at most"},
	} {
		err := wantRefused(t, name, c.key, theAct, sshSignature(c.blob))
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q does not say %q", name, err, c.says)
		}
	}
	for cut := range good {
		wantRefused(t, "cut", k, theAct, sshSignature(good[:cut]))
	}
	for at := range good {
		blob := slices.Clone(good)
		blob[at] ^= 1
		wantRefused(t, "one bit", k, theAct, sshSignature(blob))
	}
}

// grafted claims that another key made the signature.
func grafted(t *testing.T, blob []byte, by ssh.PublicKey) []byte {
	t.Helper()
	s, err := sshsig.ParseSignature(blob)
	if err != nil {
		t.Fatal(err)
	}
	s.PublicKey = by
	if by.Type() != s.Signature.Format {
		s.Signature.Format = by.Type()
	}
	return s.Marshal()
}

func reHashed(t *testing.T, blob []byte) []byte {
	t.Helper()
	s, err := sshsig.ParseSignature(blob)
	if err != nil {
		t.Fatal(err)
	}
	s.HashAlgorithm = sshsig.HashSHA256
	return s.Marshal()
}

// reserved fills in the field that OpenSSH leaves empty and nobody signs.
func reserved(t *testing.T, blob []byte) []byte {
	t.Helper()
	at := bytes.Index(blob, []byte(authority.Namespace)) + len(authority.Namespace)
	if binary.BigEndian.Uint32(blob[at:]) != 0 {
		t.Fatal("no reserved field behind the namespace")
	}
	return slices.Concat(blob[:at], []byte{0, 0, 0, 1, 'x'}, blob[at+4:])
}

// TestRSASignsWithSHA2Only: ssh-rsa as a signature is SHA-1.
func TestRSASignsWithSHA2Only(t *testing.T) {
	private := rsaKey(t, 2048)
	signer := signerOf(t, private).(ssh.AlgorithmSigner)
	k := parseKey(t, authorizedKey(t, signer.PublicKey()))
	for format, ok := range map[string]bool{ssh.KeyAlgoRSASHA512: true, ssh.KeyAlgoRSASHA256: true, ssh.KeyAlgoRSA: false} {
		s := sshSignature(signAct(t, asAlgorithm{signer, format}))
		if err := k.Verify(theAct, s); (err == nil) != ok {
			t.Errorf("%s: Verify = %v", format, err)
		}
	}
}

type asAlgorithm struct {
	ssh.AlgorithmSigner
	format string
}

func (a asAlgorithm) SignWithAlgorithm(rand io.Reader, data []byte, _ string) (*ssh.Signature, error) {
	return a.AlgorithmSigner.SignWithAlgorithm(rand, data, a.format)
}

// TestFormsDoNotMix: a signature of one form is none of the other's keys.
func TestFormsDoNotMix(t *testing.T) {
	signer, u := signerOf(t, ed25519Key(1)), newUKey(t, 1)
	k := parseKey(t, authorizedKey(t, signer.PublicKey()))
	ssh, gm := sshSignature(signAct(t, signer)), gmSignature(newMessage(u.certificate).sign(t, u.private, theAct))
	for name, c := range map[string]struct {
		key authority.Key
		s   authority.Signature
	}{
		"ssh key, SignedData":       {k, gm},
		"certificate, SSHSIG":       {u.key, ssh},
		"SignedData called ssh":     {k, authority.Signature{Form: authority.SSH, Value: gm.Value}},
		"SSHSIG called SignedData":  {u.key, authority.Signature{Form: authority.GMT35275, Value: ssh.Value}},
		"no form":                   {k, authority.Signature{Value: ssh.Value}},
		"no form, no key":           {authority.Key{}, authority.Signature{Value: ssh.Value}},
		"zero":                      {authority.Key{}, authority.Signature{}},
		"value with a line end":     {k, authority.Signature{Form: authority.SSH, Value: ssh.Value + "\n"}},
		"value with a line end, GM": {u.key, authority.Signature{Form: authority.GMT35275, Value: gm.Value[:64] + "\n" + gm.Value[64:]}},
	} {
		if err := wantRefused(t, name, c.key, theAct, c.s); c.key.Form != c.s.Form && !strings.Contains(err.Error(), "form") {
			t.Errorf("%s: %q does not say which form", name, err)
		}
		if c.key.Made(c.s) {
			t.Errorf("%s: Made = true", name)
		}
	}
}
