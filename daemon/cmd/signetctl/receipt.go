package main

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"time"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/admin"
)

// release shows the signatures that have come, with their receipts. A
// receipt goes to standard error where its signature has standard output.
func (p *program) release(r *round) error {
	switch {
	case r.done == 0 && !r.run.partial:
		return nil
	case p.json:
		return p.releaseJSON(r)
	case len(r.items) > 1:
		return p.releaseTable(r)
	case r.done == 0:
		return nil
	}
	it, list := r.items[0], p.receipt(r, r.items[0])
	if it.out != nil {
		return list.Write(p.out, p.outPaint)
	}
	if _, err := p.out.Write(r.run.out.encode(it.signed.Signature)); err != nil {
		return err
	}
	return list.Write(p.err, p.errPaint)
}

// releaseJSON writes one line for each signature, and for each refusal of a
// run that was granted in part.
func (p *program) releaseJSON(r *round) error {
	for _, it := range r.items {
		var line any
		switch {
		case it.signed != nil:
			line = newSignatureJSON(r, it)
		case it.refused != nil:
			line = refusalJSON{r.run.entry, it.path, admin.NewError(it.refused)}
		default:
			continue
		}
		if err := p.printJSON(line); err != nil {
			return err
		}
	}
	return nil
}

// A refusalJSON stands where the signature of a file would.
type refusalJSON struct {
	Entry string      `json:"entry"`
	File  string      `json:"file"`
	Error admin.Error `json:"error"`
}

// releaseTable shows what all signatures have in common, then one line for
// each.
func (p *program) releaseTable(r *round) error {
	var list screen.List
	list.Add(p.tr(headEntry), screen.Cell{Text: r.run.entry})
	list.Add(p.tr(labelAlgorithm), screen.Cell{Text: r.algorithm.String()})
	list.Add(p.tr(labelVerified), screen.Cell{Text: p.tr(msgOf, r.done, len(r.items))})
	if err := list.Write(p.out, p.outPaint); err != nil {
		return err
	}
	p.blank()
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headFile), Path: true}, {Heading: p.tr(labelSignature), Path: true}, {Heading: p.tr(labelEvent), Whole: true}, {Heading: p.tr(headNote)},
	}}
	for _, it := range r.items {
		switch {
		case it.signed != nil:
			t.Row(screen.Cell{Text: it.path}, screen.Cell{Text: it.output}, screen.Cell{Text: eventOf(it.signed)}, p.repeated(it.signed))
		case it.refused != nil:
			t.Row(screen.Cell{Text: it.path}, screen.Cell{}, screen.Cell{Text: eventOfRefusal(it.refused)}, p.refusal(it.refused))
		}
	}
	return t.Write(p.out, p.outPaint)
}

func (p *program) repeated(signed *protocol.Signed) screen.Cell {
	if !signed.Repeated {
		return screen.Cell{}
	}
	return screen.Cell{Text: p.tr(labelRepeated), Tone: screen.Warn}
}

func eventOfRefusal(said *protocol.Error) string {
	if said.Event == nil {
		return ""
	}
	return strconv.FormatUint(said.GetEvent(), 10)
}

// refusal is the code of a refusal, and its rule.
func (p *program) refusal(said *protocol.Error) screen.Cell {
	code := p.tr(aboutCode, said.GetCode(), said.GetName())
	if said.GetRule() != "" {
		code += ", " + p.tr(aboutRule, said.GetRule())
	}
	return screen.Cell{Text: code, Tone: screen.Bad}
}

func (p *program) receipt(r *round, it *item) screen.List {
	receipt := it.signed.GetReceipt()
	var list screen.List
	where := p.tr(msgOnScreen)
	if it.out != nil {
		where = it.output
	}
	list.Add(p.tr(labelSignature), screen.Cell{Text: p.tr(msgSigned, where, r.run.out.format, len(it.signed.Signature))})
	list.Add(p.tr(labelVerified), p.yes(true))
	list.Add(p.tr(headEntry), screen.Cell{Text: r.run.entry})
	list.Add(p.tr(labelAlgorithm), screen.Cell{Text: r.algorithm.String()})
	list.Add(p.tr(labelDecided), screen.Cell{Text: clock(timeOf(it.signed))})
	list.Add(p.tr(labelEvent), screen.Cell{Text: eventOf(it.signed)})
	list.Add(p.tr(labelLog), screen.Cell{Text: p.tr(msgLogAt, receipt.GetSize(), hex.EncodeToString(receipt.GetRoot()))})
	list.Add(p.tr(labelLeaf), screen.Cell{Text: hex.EncodeToString(receipt.GetLeafHash())})
	list.Add(p.tr(labelAppliance), screen.Cell{Text: receipt.GetAppliance()})
	if it.signed.Repeated {
		list.Add(p.tr(labelRepeated), screen.Cell{Text: p.tr(msgRepeated, r.run.requestID)})
	}
	return list
}

func eventOf(signed *protocol.Signed) string {
	return strconv.FormatUint(signed.GetReceipt().GetEvent(), 10)
}

func timeOf(signed *protocol.Signed) time.Time {
	if signed.GetDecided() == nil {
		return time.Time{}
	}
	return signed.GetDecided().AsTime()
}

// A signatureJSON is what sign answers with --json, one for each signature.
type signatureJSON struct {
	Entry        string      `json:"entry"`
	File         string      `json:"file,omitempty"` // path of the document, - for standard input
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

func newSignatureJSON(r *round, it *item) signatureJSON {
	receipt := it.signed.GetReceipt()
	out := signatureJSON{
		Entry: r.run.entry, File: it.path, Algorithm: r.algorithm.String(), DocumentHash: hex.EncodeToString(it.in.DocumentHash),
		Signature: base64.StdEncoding.EncodeToString(it.signed.Signature), Decided: timeOf(it.signed), Repeated: it.signed.Repeated,
		Receipt: receiptJSON{
			Appliance: receipt.GetAppliance(), Event: receipt.GetEvent(), LeafHash: hex.EncodeToString(receipt.GetLeafHash()),
			Size: receipt.GetSize(), Root: hex.EncodeToString(receipt.GetRoot()),
		},
	}
	if it.out != nil {
		out.Written = it.output
	}
	switch v := it.in.Value.(type) {
	case *protocol.Input_Sm2E:
		out.Input, out.Value = "sm2_e", hex.EncodeToString(v.Sm2E)
	case *protocol.Input_Digest:
		out.Input, out.Value = "digest", hex.EncodeToString(v.Digest)
	case *protocol.Input_Message:
		out.Input = "message"
	}
	return out
}
