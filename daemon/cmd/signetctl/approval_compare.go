package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"
	"github.com/spf13/pflag"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/ofd"
)

// evidence is the files that a custodian holds an approval against.
type evidence struct{ files, ofds []string }

func (e *evidence) addFlags(p *program, flags *pflag.FlagSet) {
	flags.StringArrayVar(&e.files, "file", nil, p.tr(flagEvidence))
	flags.StringArrayVar(&e.ofds, "ofd", nil, p.tr(flagEvidenceOFD))
}

func (e *evidence) isEmpty() bool { return len(e.files)+len(e.ofds) == 0 }

// A comparison is what one file is to what was asked for.
type comparison struct {
	File  string `json:"file"`
	Match bool   `json:"match"`
	Value string `json:"value"` // that was computed: SM3, refs_sm3, or what the key would sign

	refs ofd.Refs // of the form references only
}

// compare computes of each file what the approval is bound to.
func (p *program) compare(ctx context.Context, a asked, e evidence) ([]comparison, error) {
	form, paths := a.content.Form, slices.Concat(e.files, e.ofds)
	switch {
	case len(paths) == 0:
		return nil, nil
	case slices.Contains(paths, "-"): // it is read more than once
		return nil, usage(msgEvidenceInput)
	case form == policy.ByCount:
		return nil, usage(msgBoundToNothing, a.ID)
	case len(e.ofds) > 0 && form != policy.ByReferences:
		return nil, usage(msgNotByReferences, a.ID)
	}
	computing, err := p.computing(ctx, a)
	if err != nil {
		return nil, err
	}
	var found []comparison
	for _, path := range paths {
		one, err := computing(path)
		if err != nil {
			return nil, err
		}
		one.File = path
		found = append(found, one)
	}
	return found, nil
}

// computing is how a file is held against the form of the approval.
func (p *program) computing(ctx context.Context, a asked) (func(path string) (comparison, error), error) {
	switch a.content.Form {
	case policy.ByDocument:
		return func(path string) (comparison, error) { return p.compareDocument(ctx, a, path) }, nil
	case policy.ByReferences:
		return func(path string) (comparison, error) { return p.compareReferences(a, path) }, nil
	}
	e, err := p.askEntry(ctx, a.Entry)
	if err != nil {
		return nil, err
	}
	pub, err := algo.ParsePublicKeyPEM([]byte(e.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("reading the public key of %s: %w", a.Entry, err)
	}
	return func(path string) (comparison, error) { return p.compareDigest(ctx, a, pub, path) }, nil
}

func (p *program) compareDocument(ctx context.Context, a asked, path string) (comparison, error) {
	sum, err := p.sm3Of(ctx, path)
	return comparison{Match: err == nil && sum == a.content.DocSM3, Value: sum}, err
}

// sm3Of is the SM3 of a file in hex.
func (p *program) sm3Of(ctx context.Context, path string) (string, error) {
	h, stop := p.hash(1)
	defer stop()
	document, closed, err := h.open(ctx, path)
	if err != nil {
		return "", err
	}
	defer closed()
	sum := sm3.New()
	if _, err := io.Copy(sum, document); err != nil {
		return "", readFault(ctx, path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (p *program) compareReferences(a asked, path string) (comparison, error) {
	refs, err := readOFD(path)
	if err != nil {
		return comparison{}, err
	}
	sum := refs.SM3()
	value := hex.EncodeToString(sum[:])
	return comparison{Match: value == a.content.RefsSM3, Value: value, refs: refs}, nil
}

// readOFD reads the parts of an OFD file, signed or not.
func readOFD(path string) (ofd.Refs, error) {
	f, err := os.Open(path)
	if err != nil {
		return ofd.Refs{}, usage(msgFileRead, path, plainest(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ofd.Refs{}, usage(msgFileRead, path, plainest(err))
	}
	refs, err := ofd.FromFile(f, info.Size())
	if err != nil {
		return ofd.Refs{}, usage(msgBadOFD, path, err)
	}
	return refs, nil
}

// compareDigest tries what the key would sign of the file by each of its
// algorithms: which one the caller will use is not said.
func (p *program) compareDigest(ctx context.Context, a asked, pub algo.PublicKey, path string) (comparison, error) {
	h, stop := p.hash(1)
	defer stop()
	var one comparison
	sizes := map[int]bool{} // algorithms of one length sign the same
	for _, algorithm := range algo.All() {
		if !algorithm.Fits(pub.Type()) || sizes[algorithm.DigestSize()] {
			continue
		}
		sizes[algorithm.DigestSize()] = true
		in, err := h.input(ctx, source{kind: ofFile, path: path}, algorithm, pub)
		if err != nil {
			return comparison{}, err
		}
		one.Value = hex.EncodeToString(approvedValue(in))
		if one.Match = slices.Contains(a.content.Digests, one.Value); one.Match {
			return one, nil
		}
	}
	return one, nil
}

// approvedValue is what an approval of form digests has of an input: what the
// key signs, or SM3 of a message that is signed as it is.
func approvedValue(in *protocol.Input) []byte {
	switch v := in.GetValue().(type) {
	case *protocol.Input_Sm2E:
		return v.Sm2E
	case *protocol.Input_Digest:
		return v.Digest
	}
	sum := sm3.Sum(in.GetMessage())
	return sum[:]
}

// showComparisons shows for each file whether it is what was asked for.
func (p *program) showComparisons(a asked, found []comparison) error {
	if len(found) == 0 {
		return nil
	}
	p.blank()
	t := screen.Table{Columns: []screen.Column{{Heading: p.tr(headFile), Path: true}, {Heading: p.tr(headResult), Whole: true}, {Heading: p.tr(headComputed), Whole: true}}}
	for _, c := range found {
		result := screen.Cell{Text: p.tr(wordNoMatch), Tone: screen.Bad}
		if c.Match {
			result = screen.Cell{Text: p.tr(wordMatch), Tone: screen.Good}
		}
		t.Row(screen.Cell{Text: c.File}, result, screen.Cell{Text: c.Value})
	}
	if err := t.Write(p.out, p.outPaint); err != nil {
		return err
	}
	if left := len(a.content.Digests) - matching(found); left > 0 && a.content.Form == policy.ByDigests {
		return p.say(msgDigestsLeft, left, len(a.content.Digests))
	}
	return p.showParts(found)
}

// matching counts the values that a file was found for.
func matching(found []comparison) int {
	values := map[string]bool{}
	for _, c := range found {
		if c.Match {
			values[c.Value] = true
		}
	}
	return len(values)
}

// showParts says which parts differ between an OFD that matches and one that
// does not: the hash alone cannot tell.
func (p *program) showParts(found []comparison) error {
	right := slices.IndexFunc(found, func(c comparison) bool { return c.Match })
	for _, c := range found {
		if right < 0 || c.Match {
			continue
		}
		d := c.refs.Compare(found[right].refs)
		var list screen.List
		list.Add(p.tr(labelChanged), screen.Cell{Text: strings.Join(d.Changed, ", "), Tone: screen.Bad})
		list.Add(p.tr(labelOnlyIn, c.File), screen.Cell{Text: strings.Join(d.Here, ", "), Tone: screen.Bad})
		list.Add(p.tr(labelOnlyIn, found[right].File), screen.Cell{Text: strings.Join(d.There, ", "), Tone: screen.Bad})
		if err := list.Write(p.out, p.outPaint); err != nil {
			return err
		}
	}
	return nil
}

// verdictOn is no success if a file is not what was asked for.
func verdictOn(a asked, found []comparison) error {
	other := 0
	for _, c := range found {
		if !c.Match {
			other++
		}
	}
	if other == 0 {
		return nil
	}
	return &fault{status: exitVerification, what: msgOtherFile, args: []any{other, len(found), a.ID}, next: hintApprovalDeny, nextArgs: []any{a.ID}}
}
