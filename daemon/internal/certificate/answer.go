package certificate

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	// MaxAnswer is the longest answer of a CA that is read, in bytes.
	MaxAnswer = 1 << 20

	// maxPieces bounds the certificates and attachments of one answer.
	maxPieces = 64
)

// An AttachmentKind names what an attachment is. The words stand in records:
// append only.
type AttachmentKind string

const (
	EncryptionCertificate AttachmentKind = "encryption-certificate"
	SM2EnvelopedKey       AttachmentKind = "sm2-enveloped-key"  // GB/T 35276 7.4
	CFCAEnvelopedKey      AttachmentKind = "cfca-enveloped-key" // SEQUENCE { INTEGER 1, OCTET STRING C1 C3 C2 }
	EnvelopedData         AttachmentKind = "enveloped-data"     // PKCS#7 or GB/T 35275
	RevocationList        AttachmentKind = "crl"
)

// An Attachment is a part of the CA's answer that signing does not need. It
// is kept as it came, in DER, and never opened: the encryption key of a pair
// is for its owner to unwrap, with the signing key, where that is allowed.
type Attachment struct {
	Kind AttachmentKind
	Data []byte
}

// An Answer is what a CA sent, taken apart and not yet judged.
type Answer struct {
	Certificates []Certificate // each once, in the order of the answer
	Attachments  []Attachment
}

// Read takes a CA's answer apart: PEM blocks, text outside of which is
// comment; DER of certificates one after another; SignedData of PKCS#7 or
// GB/T 35275, also with indefinite lengths; the CSRResponse of GM/T 0092; or
// base64 of any of these, several of which are parted by empty lines.
// Envelopes with the encryption key are taken in any of these places. Errors
// wrap ErrInvalid and never repeat what was read.
func Read(data []byte) (Answer, error) {
	if len(data) > MaxAnswer {
		return Answer{}, fmt.Errorf("%w: the answer has %d bytes: want at most %d", ErrInvalid, len(data), MaxAnswer)
	}
	var r reader
	if err := r.read(data); err != nil {
		return Answer{}, fmt.Errorf("%w: reading the CA's answer: %w", ErrInvalid, err)
	}
	if len(r.Certificates) == 0 {
		return Answer{}, fmt.Errorf("%w: the CA's answer has no certificate: want PEM, DER, PKCS#7 or base64 of these", ErrInvalid)
	}
	return r.Answer, nil
}

type reader struct{ Answer }

func (r *reader) read(data []byte) error {
	switch {
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return r.pem(data)
	case isText(data):
		return r.base64(string(data))
	}
	return r.der(data)
}

// isText: DER of any use has octets beyond ASCII.
func isText(data []byte) bool {
	for _, b := range data {
		if b > 0x7e || b < 0x20 && b != '\n' && b != '\r' && b != '\t' {
			return false
		}
	}
	return true
}

func (r *reader) pem(data []byte) error {
	marks := bytes.Count(data, []byte("-----BEGIN "))
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		marks--
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return errPrivate
		}
		if err := r.der(block.Bytes); err != nil {
			return fmt.Errorf("PEM block %s: %w", shorten(block.Type), err)
		}
	}
	if marks != 0 {
		return errors.New("a PEM block is damaged: want each from its BEGIN to its END line")
	}
	return nil
}

var errPrivate = errors.New("it has a private key: want an answer with certificates; a key that was sent so is no secret any more")

// base64 reads paragraphs of base64.
func (r *reader) base64(text string) error {
	text = strings.ReplaceAll(text, "\r", "")
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		packed := strings.Join(strings.Fields(paragraph), "")
		if packed == "" {
			continue
		}
		der, err := base64.StdEncoding.DecodeString(cfcaPayload(packed))
		if err != nil {
			return errors.New("text is not base64: want PEM, or base64 with an empty line between two pieces")
		}
		if err := r.der(der); err != nil {
			return err
		}
	}
	return nil
}

// cfcaHeader comes before the base64 of CFCA's envelope: two numbers of 16
// digits, zeros, and then the length in 16 digits. Commas may be strewn in.
const cfcaHeader = "0000000000000001000000000000000100000000000000000000000000000000"

func cfcaPayload(packed string) string {
	if rest, ok := strings.CutPrefix(packed, cfcaHeader); ok && len(rest) > 16 {
		return strings.ReplaceAll(rest[16:], ",", "")
	}
	return packed
}

// der reads structures that stand one after another.
func (r *reader) der(data []byte) error {
	data, err := definite(data)
	if err != nil {
		return err
	}
	for in := cryptobyte.String(data); !in.Empty(); {
		var element cryptobyte.String
		if !in.ReadASN1Element(&element, cbasn1.SEQUENCE) {
			return errors.New("not DER: want a SEQUENCE and nothing behind it")
		}
		if err := r.structure(element); err != nil {
			return err
		}
	}
	return nil
}

// structure tells by its shape what one SEQUENCE is.
func (r *reader) structure(element cryptobyte.String) error {
	content := element
	content.ReadASN1(&content, cbasn1.SEQUENCE)
	switch {
	case isSigned(element):
		return r.signed(element)
	case content.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER):
		return r.contentInfo(content, element)
	case content.PeekASN1Tag(cbasn1.SET):
		return r.response(content)
	case isSM2Envelope(content):
		return r.attach(SM2EnvelopedKey, element)
	case isCFCAEnvelope(content):
		return r.attach(CFCAEnvelopedKey, element)
	case isPrivateKey(content):
		return errPrivate
	}
	return errors.New("it has a structure that signet does not know: want certificates, PKCS#7, GM/T 0092, or an enveloped key")
}

// signed takes what has the shape of a certificate.
func (r *reader) signed(element []byte) error {
	if _, err := smx509.ParseCertificateRequest(element); err == nil {
		return errors.New("it is a certificate request: want what the CA answered to it")
	}
	if _, err := smx509.ParseRevocationList(element); err == nil {
		return r.attach(RevocationList, element)
	}
	c, err := Parse(element)
	if err != nil {
		return err
	}
	if contains(r.Certificates, c) {
		return nil
	}
	if err := r.room(); err != nil {
		return err
	}
	r.Certificates = append(r.Certificates, c)
	return nil
}

func (r *reader) attach(kind AttachmentKind, data []byte) error {
	if err := r.room(); err != nil {
		return err
	}
	r.Attachments = append(r.Attachments, Attachment{kind, bytes.Clone(data)})
	return nil
}

func (r *reader) room() error {
	if len(r.Certificates)+len(r.Attachments) == maxPieces {
		return fmt.Errorf("it has more than %d pieces", maxPieces)
	}
	return nil
}

// Content types; those of GB/T 35275 have an arc of their own.
var (
	oidSignedData = []asn1.ObjectIdentifier{{1, 2, 840, 113549, 1, 7, 2}, {1, 2, 156, 10197, 6, 1, 4, 2, 2}}
	oidEnveloped  = []asn1.ObjectIdentifier{
		{1, 2, 840, 113549, 1, 7, 3}, {1, 2, 840, 113549, 1, 7, 4},
		{1, 2, 156, 10197, 6, 1, 4, 2, 3}, {1, 2, 156, 10197, 6, 1, 4, 2, 4},
	}
)

func isOneOf(oid asn1.ObjectIdentifier, all []asn1.ObjectIdentifier) bool {
	for _, o := range all {
		if oid.Equal(o) {
			return true
		}
	}
	return false
}
