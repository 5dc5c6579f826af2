package certificate

import (
	"errors"
	"fmt"
	"time"

	"signet/protocol/algo"
)

// Accepted is a certificate that an entry may sign under, with everything a
// record of it needs.
type Accepted struct {
	// Chain leads from the signing certificate to the anchor's, which is last.
	Chain []Certificate

	// Anchor is what Chain leads to: its kind and licence are those of the CA.
	Anchor Anchor

	// Attachments are what else the CA answered.
	Attachments []Attachment
}

// Leaf returns the signing certificate.
func (a Accepted) Leaf() Certificate { return a.Chain[0] }

// Check judges a CA's answer for the entry whose key is public, at the time
// now. It returns every fault that it finds; each wraps ErrEncryption,
// ErrKeyMismatch or ErrInvalid.
//
// Extended key usages are not judged: none is laid down for seals.
func Check(answer Answer, public algo.PublicKey, trust Trust, now time.Time) (Accepted, error) {
	leaf, err := choose(answer.Certificates, public)
	if err != nil {
		return Accepted{}, err
	}
	s := search{pool: answer.Certificates, trust: trust, now: now}
	s.run(leaf)
	if faults := append(leafFaults(leaf), s.faults...); len(faults) != 0 {
		return Accepted{}, errors.Join(faults...)
	}
	return Accepted{Chain: s.path, Anchor: s.anchor, Attachments: attachments(answer)}, nil
}

// attachments are what came with the certificate, encryption certificates first.
func attachments(answer Answer) (all []Attachment) {
	for _, c := range filter(answer.Certificates, Certificate.encrypts) {
		all = append(all, Attachment{EncryptionCertificate, c.DER()})
	}
	return append(all, answer.Attachments...)
}

// choose finds the certificate of the key.
func choose(certificates []Certificate, public algo.PublicKey) (Certificate, error) {
	var owners, ours []Certificate
	for _, c := range certificates {
		if !c.isCA() {
			owners = append(owners, c)
		}
		if c.key.Equal(public) {
			ours = append(ours, c)
		}
	}
	if signing := filter(ours, Certificate.signs); len(signing) != 0 {
		ours = signing // of a pair of certificates for one key, the one that signs
	}
	switch {
	case len(ours) == 1:
		return ours[0], nil
	case len(ours) > 1:
		return Certificate{}, fmt.Errorf("%w: %v and %v are for the same key: want the answer with one of them", ErrInvalid, ours[0], ours[1])
	case len(owners) > 0 && len(filter(owners, Certificate.encrypts)) == len(owners):
		return Certificate{}, fmt.Errorf("%w: %v: want the CA's answer with the signing certificate", ErrEncryption, owners[0])
	case len(owners) > 0 && owners[0].key.IsZero():
		return Certificate{}, fmt.Errorf("%w: the key of %v cannot be used: %w", ErrKeyMismatch, owners[0], owners[0].why)
	case len(owners) > 0:
		return Certificate{}, fmt.Errorf("%w: %v: want the answer to this entry's request", ErrKeyMismatch, owners[0])
	}
	return Certificate{}, fmt.Errorf("%w: the answer has no certificate but those of CAs: want the signing certificate", ErrKeyMismatch)
}

func filter(all []Certificate, keep func(Certificate) bool) (kept []Certificate) {
	for _, c := range all {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// leafFaults judges what the signing certificate says of its own use. GM/T
// 0015 has the key usage in every certificate: one without it says nothing
// about signing, and is not taken to allow it.
func leafFaults(c Certificate) (faults []error) {
	switch {
	case c.encrypts():
		faults = append(faults, fmt.Errorf("%w: %v: want one with digitalSignature or nonRepudiation", ErrEncryption, c))
	case !c.signs():
		faults = append(faults, fmt.Errorf("%w: %v has no key usage for signing: want digitalSignature or nonRepudiation", ErrInvalid, c))
	}
	if c.isCA() {
		faults = append(faults, fmt.Errorf("%w: %v is the certificate of a CA: want one for a seal or a signing key", ErrInvalid, c))
	}
	return faults
}
