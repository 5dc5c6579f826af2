package main

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/algo"
)

// A signatureOutput is where a signature goes and how it is written.
type signatureOutput struct {
	path   string // "-": standard output
	format string // der, base64 or hex; empty: der into a file, base64 on the screen
	force  bool
	file   *outFile
}

func (o *signatureOutput) toFile() bool { return o.path != "-" }

func (o *signatureOutput) check() error {
	if o.format == "" {
		o.format = "base64"
		if o.toFile() {
			o.format = "der"
		}
	}
	return oneOf("format", o.format, []string{"der", "base64", "hex"})
}

func (o *signatureOutput) open(p *program) (err error) {
	switch {
	case o.toFile():
		o.file, err = createFile(o.path, o.force)
		return err
	case o.format == "der" && (p.json || screen.IsTerminal(p.out)):
		return usage(msgBinary)
	}
	return nil
}

func (o *signatureOutput) discard() {
	if o.file != nil {
		o.file.discard()
	}
}

// encode writes der as it is: for RSA and Ed25519 it names the raw bytes.
func (o *signatureOutput) encode(signature []byte) []byte {
	switch o.format {
	case "base64":
		return append([]byte(base64.StdEncoding.EncodeToString(signature)), '\n')
	case "hex":
		return append([]byte(hex.EncodeToString(signature)), '\n')
	}
	return signature
}

// release writes a verified signature and its receipt. The receipt goes to
// standard error where the signature has standard output.
func (p *program) release(s *signing, a algo.Algorithm, in *protocol.Input, signed *protocol.Signed) error {
	if s.out.toFile() {
		if err := s.out.file.commit(s.out.encode(signed.Signature)); err != nil {
			return err
		}
	}
	if p.json {
		return p.printJSON(newSignatureJSON(s, a, in, signed))
	}
	list := p.receipt(s, a, signed)
	if s.out.toFile() {
		return list.Write(p.out, p.outPaint)
	}
	if _, err := p.out.Write(s.out.encode(signed.Signature)); err != nil {
		return err
	}
	return list.Write(p.err, p.errPaint)
}

func (p *program) receipt(s *signing, a algo.Algorithm, signed *protocol.Signed) screen.List {
	receipt := signed.GetReceipt()
	var list screen.List
	where := p.tr(msgOnScreen)
	if s.out.toFile() {
		where = s.out.path
	}
	list.Add(p.tr(labelSignature), screen.Cell{Text: p.tr(msgSigned, where, s.out.format, len(signed.Signature))})
	list.Add(p.tr(labelVerified), p.yes(true))
	list.Add(p.tr(headEntry), screen.Cell{Text: s.entry})
	list.Add(p.tr(labelAlgorithm), screen.Cell{Text: a.String()})
	list.Add(p.tr(labelDecided), screen.Cell{Text: clock(timeOf(signed))})
	list.Add(p.tr(labelEvent), screen.Cell{Text: strconv.FormatUint(receipt.GetEvent(), 10)})
	list.Add(p.tr(labelLog), screen.Cell{Text: p.tr(msgLogAt, receipt.GetSize(), hex.EncodeToString(receipt.GetRoot()))})
	list.Add(p.tr(labelLeaf), screen.Cell{Text: hex.EncodeToString(receipt.GetLeafHash())})
	list.Add(p.tr(labelAppliance), screen.Cell{Text: receipt.GetAppliance()})
	if signed.Repeated {
		list.Add(p.tr(labelRepeated), screen.Cell{Text: p.tr(msgRepeated, s.requestID)})
	}
	return list
}

func timeOf(signed *protocol.Signed) time.Time {
	if signed.GetDecided() == nil {
		return time.Time{}
	}
	return signed.GetDecided().AsTime()
}

// A signatureJSON is what sign answers with --json.
type signatureJSON struct {
	Entry        string      `json:"entry"`
	Algorithm    string      `json:"algorithm"`
	Input        string      `json:"input"`                   // digest, sm2_e or message
	Value        string      `json:"value,omitempty"`         // hex of the digest or e
	DocumentHash string      `json:"document_hash,omitempty"` // hex of SM3 of the file
	Signature    string      `json:"signature"`               // standard base64
	Decided      time.Time   `json:"decided"`
	Repeated     bool        `json:"repeated"`
	Written      string      `json:"written,omitempty"` // path of the file
	Receipt      receiptJSON `json:"receipt"`
}

type receiptJSON struct {
	Appliance string `json:"appliance"`
	Event     uint64 `json:"event"`
	LeafHash  string `json:"leaf_hash"`
	Size      uint64 `json:"size"`
	Root      string `json:"root"`
}

func newSignatureJSON(s *signing, a algo.Algorithm, in *protocol.Input, signed *protocol.Signed) signatureJSON {
	receipt := signed.GetReceipt()
	out := signatureJSON{
		Entry: s.entry, Algorithm: a.String(), DocumentHash: hex.EncodeToString(in.DocumentHash),
		Signature: base64.StdEncoding.EncodeToString(signed.Signature), Decided: timeOf(signed), Repeated: signed.Repeated,
		Receipt: receiptJSON{
			Appliance: receipt.GetAppliance(), Event: receipt.GetEvent(), LeafHash: hex.EncodeToString(receipt.GetLeafHash()),
			Size: receipt.GetSize(), Root: hex.EncodeToString(receipt.GetRoot()),
		},
	}
	if s.out.toFile() {
		out.Written = s.out.path
	}
	switch v := in.Value.(type) {
	case *protocol.Input_Sm2E:
		out.Input, out.Value = "sm2_e", hex.EncodeToString(v.Sm2E)
	case *protocol.Input_Digest:
		out.Input, out.Value = "digest", hex.EncodeToString(v.Digest)
	case *protocol.Input_Message:
		out.Input = "message"
	}
	return out
}
