package certificate_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"signet/daemon/internal/certificate"
)

// FuzzRead: no answer panics, neither in reading nor in judging; what is
// refused leaves nothing, what is taken reads the same again, piece by piece.
func FuzzRead(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := certificate.Read(data)
		if err != nil {
			if !errors.Is(err, certificate.ErrInvalid) || a.Certificates != nil || a.Attachments != nil {
				t.Fatalf("%v, %v", a, err)
			}
			return
		}
		var whole []byte
		for _, c := range a.Certificates {
			whole = append(whole, c.DER()...)
			use(c)
		}
		for _, attachment := range a.Attachments {
			whole = append(whole, attachment.Data...)
		}
		again, err := certificate.Read(whole)
		if err != nil || len(again.Certificates) != len(a.Certificates) || len(again.Attachments) != len(a.Attachments) {
			t.Fatalf("the pieces of an answer: %v, %v", again, err)
		}
		var trust certificate.Trust
		for _, c := range a.Certificates {
			anchor, faults := certificate.ParseAnchor(certificate.AnchorText{Name: "x", Certificate: c.DER(), Kind: "internal", From: "2000-01-01T00:00:00Z"})
			if faults == nil {
				trust, _ = certificate.NewTrust(anchor)
			}
		}
		accepted, err := certificate.Check(a, a.Certificates[0].PublicKey(), trust, a.Certificates[0].NotBefore())
		if (err == nil) != (len(accepted.Chain) > 1) {
			t.Fatalf("accepted %v, %v", accepted.Chain, err)
		}
	})
}

// use calls what reads a certificate later, and cannot fail then.
func use(c certificate.Certificate) {
	_, _, _, _ = c.Subject(), c.Issuer(), c.Serial(), c.String()
	certificate.StatusOf([]certificate.Certificate{c, c}).Valid(time.Unix(0, 0))
}

// FuzzReadCRL: no list panics, neither in reading nor in a look-up; what is
// taken is DER that reads the same again.
func FuzzReadCRL(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := certificate.ReadCRL(data)
		if err != nil {
			if !errors.Is(err, certificate.ErrCRL) || !l.IsZero() {
				t.Fatalf("%v, %v", l, err)
			}
			return
		}
		again, err := certificate.ReadCRL(l.DER())
		if err != nil || !bytes.Equal(again.DER(), l.DER()) || again.Number() != l.Number() || again.Len() != l.Len() {
			t.Fatalf("the list itself: %v", err)
		}
		if !l.NextUpdate().After(l.ThisUpdate()) || l.Number() == "" || l.Number()[0] == '-' {
			t.Fatalf("number %s from %v to %v", l.Number(), l.ThisUpdate(), l.NextUpdate())
		}
		for _, serial := range []string{"00", "07", "80", "8000000000000003"} {
			if entry, revoked := l.Revoked(serial); revoked && (entry.Serial != serial || l.Len() == 0) {
				t.Fatalf("Revoked(%s) = %+v of %d", serial, entry, l.Len())
			}
		}
	})
}

// FuzzParseSubject: no text panics, and what is accepted is written so that it
// reads as the same name.
func FuzzParseSubject(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		s, err := certificate.ParseSubject(text)
		if err != nil {
			if s.String() != "" {
				t.Fatalf("%q, %v", s, err)
			}
			return
		}
		again, err := certificate.ParseSubject(s.String())
		if err != nil || !bytes.Equal(again.DER(), s.DER()) {
			t.Fatalf("%q is written as %q: %v", text, s, err)
		}
	})
}
