package certificate_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"signet/daemon/internal/certificate"
	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

func TestAnchorIsReadFromPlainText(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	root := r.ca.Root.Certificate.Raw
	for name, text := range map[string][]byte{"PEM": ca.PEM(root), "DER": root, "PEM with comment": append([]byte("a root\n"), ca.PEM(root)...)} {
		a, faults := certificate.ParseAnchor(certificate.AnchorText{
			Name: "own", Certificate: text, Kind: "internal", From: "2025-01-01T00:00:00+08:00", Until: "2030-01-01T00:00:00Z",
		})
		if faults != nil || a.Name != "own" || a.Kind != certificate.Internal || a.Licence != "" || !bytes.Equal(a.Certificate.DER(), root) ||
			!a.From.Equal(time.Date(2024, 12, 31, 16, 0, 0, 0, time.UTC)) || !a.Until.Equal(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v, %v", name, a, faults)
		}
	}
}

func TestAnchorFaultsAreAllSaid(t *testing.T) {
	r := newRig(t, algo.KeySM2)
	good := r.anchorText(r.ca)
	leaf, damaged := r.issue(ca.Order{}), bytes.Clone(r.ca.Root.Certificate.Raw)
	damaged[len(damaged)-1] ^= 1
	encipher := r.issue(ca.Order{CA: true, Usage: ca.EncryptionUsage})
	for name, c := range map[string]struct {
		edit func(*certificate.AnchorText)
		want map[string]string
	}{
		"nothing set": {func(a *certificate.AnchorText) { *a = certificate.AnchorText{} }, map[string]string{
			"name": "want 1 to 64", "kind": "want egov, licensed or internal", "licence": "is missing", "from": "want a time", "certificate": "want PEM or DER",
		}},
		"unknown kind":         {func(a *certificate.AnchorText) { a.Kind = "EGOV" }, map[string]string{"kind": `"EGOV"`}},
		"licence missing":      {func(a *certificate.AnchorText) { a.Licence = "" }, map[string]string{"licence": "is missing"}},
		"licence too long":     {func(a *certificate.AnchorText) { a.Licence = strings.Repeat("证", 129) }, map[string]string{"licence": "at most 128"}},
		"licence with line":    {func(a *certificate.AnchorText) { a.Licence = "1\n2" }, map[string]string{"licence": "visible"}},
		"from without zone":    {func(a *certificate.AnchorText) { a.From = "2025-01-01T00:00:00" }, map[string]string{"from": "want a time"}},
		"until a date":         {func(a *certificate.AnchorText) { a.Until = "2030-01-01" }, map[string]string{"until": "want a time"}},
		"until before from":    {func(a *certificate.AnchorText) { a.Until = "2024-01-01T00:00:00Z" }, map[string]string{"until": "is not after from"}},
		"an owner's":           {func(a *certificate.AnchorText) { a.Certificate = leaf }, map[string]string{"certificate": "is not the certificate of a CA"}},
		"CA that may not":      {func(a *certificate.AnchorText) { a.Certificate = encipher }, map[string]string{"certificate": "keyCertSign"}},
		"damaged root":         {func(a *certificate.AnchorText) { a.Certificate = damaged }, map[string]string{"certificate": "does not verify"}},
		"two certificates":     {func(a *certificate.AnchorText) { a.Certificate = ca.PEM(r.ca.Chain()...) }, map[string]string{"certificate": "nothing behind"}},
		"request":              {func(a *certificate.AnchorText) { a.Certificate = r.csr }, map[string]string{"certificate": "want PEM or DER"}},
		"certificate and name": {func(a *certificate.AnchorText) { a.Name, a.Certificate = "", nil }, map[string]string{"name": "want 1", "certificate": "want PEM"}},
	} {
		text := good
		c.edit(&text)
		a, faults := certificate.ParseAnchor(text)
		if len(faults) != len(c.want) || a.Name != "" {
			t.Errorf("%s: %+v, %v", name, a, faults)
		}
		for _, f := range faults {
			if !strings.Contains(f.Problem, c.want[f.Field]) || c.want[f.Field] == "" {
				t.Errorf("%s: %s: %s, want %q", name, f.Field, f.Problem, c.want[f.Field])
			}
		}
	}
}

func TestTrustRefusesAnchorsThatCouldBeConfused(t *testing.T) {
	r, other := newRig(t, algo.KeySM2), newRig(t, algo.KeySM2)
	one, two := r.trust.Anchors()[0], other.trust.Anchors()[0]
	renamed := one
	renamed.Name = "again"
	for want, anchors := range map[string][]certificate.Anchor{
		`"gov" stands twice`:          {one, two},
		"the same certificate":        {one, renamed},
		"was not read by ParseAnchor": {one, {Name: "x"}},
	} {
		if _, err := certificate.NewTrust(anchors...); !says(err, want) {
			t.Errorf("NewTrust = %v, want %q", err, want)
		}
	}
	two.Name = "two"
	trust, err := certificate.NewTrust(one, two)
	if err != nil || len(trust.Anchors()) != 2 {
		t.Errorf("NewTrust = %v", err)
	}
}
